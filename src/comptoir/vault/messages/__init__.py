"""Messages to people: what was decided is taken up, the address opened, the text made, handed over, and answered for.

Owns: which contact points a campaign has reached, which get nothing any more, the ports of each channel.

Words: a *port* hands one message to a network: a mail server, a provider of text messages, a browser's push service; a
*block* says that a contact point is dead, or wants nothing.

Always true: what is about to leave is written down first, and asked once more whether it may; of marketing nothing is
handed over twice, whatever dies meanwhile; a receipt comes at least once, with the same number; every decision ends in
one outcome. Two people with one address get one message of a campaign. No address, and nothing that a server said, is
in a row, a log or an error.

Files of its own: ``directory.py`` (which user a customer is, in memory), ``preparing.py`` (from a decision to what
one reader gets), ``sending.py`` (the senders), ``ports.py`` (what a port is, and which there are), ``mail.py``,
``texts.py``, ``smpp.py``, ``pushing.py`` (the ports), ``stopping.py`` (STOP in every language), ``envelopes.py`` (an
envelope sender for each message), ``bounces.py`` (mails that came back, complaints), ``statuses.py`` (what a
mail server's answer says of an address), ``providers.py`` (what mail providers call a bounce), ``webhooks.py`` and
``reporting.py`` (what providers tell), ``trials.py`` (tests that staff send to themselves), ``viewing.py`` (the demo's
mail), ``zones.py`` (whose evening it is).
"""
