"""Letters and notifications of what concerns a person on the square: who wants them how often, and what one says.

A *letter* is made in memory and handed to the vault, which knows the address and not the names; it stands in no table
and no log; a *notification* is the same for a device, and shorter. A *rhythm* is how often somebody wants one: never,
weekly, daily, at once. A *round* is all letters, or all notifications, of a rhythm that are due at the same moment.

Always true: the rhythm is said by a customer at the counter, and the square never hears of it; no row and no event
names a public name beside a customer; a round is written down once for everybody in it, before the first letter is
sent, so that nobody gets the same twice. Nothing is sent where nothing is new.

Files of its own: ``composing.py`` (what a letter says), ``stopping.py`` (the link that ends letters without signing
in).

Not here: where they go and sending (``vault/contacts/letters.py``, ``vault/contacts/notifications.py``), what is new
(``square/hearing``).
"""
