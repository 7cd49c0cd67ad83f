"""The log of everything that happened, and the one transaction that everything goes through.

Owns the append-only log, the identity of events (CloudEvents 1.0: source and id), the transactional outbox with
its relay, and the live stream. *Event*: a fact or a decided request in the log. *Position*: an event's place in the
log, a UUIDv7. *Outcome*: what the sender was answered. *Decision*: what the packages decided about it, as data.
*Destination*: another system that hears of every decided event, in order (``destinations``); the ``relay`` brings it
there, as signed ``webhooks`` or through a ``broker``. ``live`` is for pages that are being looked at, ``streams`` tells
them. ``rebuilding`` reads the log from its beginning, for whoever derives tables from it.

Always true: an outcome is sent only after its commit; one identity has one event; a repeat is answered with the
first outcome, byte for byte; nothing in the log is ever changed.
"""
