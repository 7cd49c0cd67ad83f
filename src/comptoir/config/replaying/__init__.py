"""Recorded and imported events, and the client that sends them through the gateway as the shop's channels would.

Words: a *recording* is a file of events, one a line, in the order of their time. A *sender* takes a recording to
the gateway over HTTP. An *export* is what another system wrote about a shop's sales, and a *mapping* says what its
columns mean. Invariants: nothing here opens the database, and nothing of the counter is used but what customers'
telephones do by themselves (``phone``), so whatever arrives has passed the same door as a till's event; every row that
is read ends in an event or in the report of refused rows; sending the same recording again changes nothing, since ids
are made from what the events are about.
"""
