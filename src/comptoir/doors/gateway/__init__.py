"""The door for channels and devices: events come in, outcomes go out, balances are read and followed.

A small ASGI application without Django. Requests that arrive while a batch is being committed are gathered into the
next one, so that a single-event till and a batch import share the same path. No business rule stands in here.

Files of its own, in the order in which a request meets them: ``application.py`` (HTTP), ``asking.py`` (what an address
asks), ``limits.py``, ``pace.py`` (how often a key may guess), ``reading.py`` (bytes to events), ``intake.py`` (requests
to transactions), ``streams.py`` (live changes), ``openapi.py`` and ``describing.py`` (what it says of itself),
``metrics.py``, ``process.py`` (how its process runs), and ``service.py``, which puts them together.
"""
