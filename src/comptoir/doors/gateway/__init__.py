"""The door for channels and devices: events come in, outcomes go out, balances are read and followed.

A small ASGI application without Django. Requests that arrive while a batch is being committed are gathered into the
next one, so that a single-event till and a batch import share the same path. No business rule stands in here.
"""
