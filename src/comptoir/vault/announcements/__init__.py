"""What the vault has to tell the counter, until the gateway has taken it.

Owns: announcements. One is written down in the transaction of what it tells of, sent afterwards over HTTP as every
touchpoint's event is, and deleted once the gateway has answered. What could not be sent is sent again by the clock
under the same number, so that it happens once.

Words: an *announcement* is one event that waits: of which user, which type, and what it says beside who it is about.

Invariants: what was changed and what is told of it are written together, or neither is; the oldest goes first; an
announcement that the gateway refuses for good is dropped, and its problem is in the log.

Not here: what the counter makes of it, and who decides that something is to be told.
"""
