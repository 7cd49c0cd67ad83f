"""The log of everything that happened, and the one transaction that everything goes through.

Owns the append-only log, the identity of events (CloudEvents 1.0: source and id), the transactional outbox with
its relay, and the live stream. *Event*: a fact or a decided request in the log. *Position*: an event's place in the
log, a UUIDv7. *Outcome*: what the sender was answered. *Decision*: what the packages decided about it, as data.
*Destination*: another system that hears of every decided event, in order (``destinations``); the ``relay`` brings it
there, as signed ``webhooks`` or through a ``broker``. A follower (``following``) hears of every batch inside the house.
``live`` is for pages that are being looked at, ``sealing`` for what it tells inside the database, ``streams`` tells the
pages. ``rebuilding`` reads the log from its beginning, for whoever derives tables from it.

Owns the audit chain as well: who did what to whose data and why (``audit``), over which a ``merkle`` tree grows whose
roots are signed and kept outside the database (``checkpoints``); ``verifying`` names the first entry that is not as it
was written. *Audit chain*: append-only entries, each with a hash over the one before. *Checkpoint*: a signed root of
its entries. *Subject*: whose data an entry concerns, by the vault's own random id of the person.

Always true: an outcome is sent only after its commit; one identity has one event; a repeat is answered with the
first outcome, byte for byte; nothing in the log or the audit chain is ever changed, but that in the log a random id
takes the place of somebody who was forgotten (ADR 0016).
"""
