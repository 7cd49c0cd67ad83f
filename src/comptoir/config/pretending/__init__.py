"""The provider simulator: a payment provider that takes no real money, for the demo and the tests.

Owns: a hosted payment page in three languages, an interface for the shop (open, look, end, refund, each under its
idempotency key), signed reports to the shop, and every misbehaviour on request. It runs as a process of its own, under
an origin of its own, and keeps what it knows in a small file, which is not the shop's truth. It knows no Django.

Words: a *mood* is how the simulator misbehaves: its reports, its card, its answers.

Files: ``application.py`` (addresses), ``moods.py`` (misbehaviours), ``keeping.py`` (the file), ``acting.py`` (what
happens to sessions, refunds and reports), ``telling.py`` (sending reports), ``pages.py`` and ``words.py`` (the page).
"""
