"""The pseudonymous customer: opaque ids, the identifiers behind them, and the links between them.

*Identifier*: what a channel knows somebody by (a loyalty card, a web account, a device). *Customer*: the opaque id
that belongs to one identifier; it is derived from it with the shop's key, and the identifier itself is kept nowhere.
*Link*: an explicit event says that two customers are one person, another may undo it. *Person*: the customers
joined by active links, named after the smallest of their ids. ``rebuilding`` derives all of them from the log anew.

Always true: nothing personal is in here; links are made and undone by events only, never guessed; nothing is moved
by a link, so undoing one loses nothing; whichever order the events arrive in, the links end the same.
"""
