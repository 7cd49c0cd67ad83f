"""The pseudonymous customer: opaque ids, the identifiers behind them, and the links between them.

*Identifier*: what a channel knows somebody by (a loyalty card, a web account, a device). *Customer*: the opaque id
that belongs to one identifier; it is derived from it with the shop's key, and the identifier itself is kept nowhere.
*Link*: an explicit event says that two customers are one person, another may undo it. *Person*: the customers
joined by active links, named after the smallest of their ids. *Choice*: what a customer last said on one matter, such
as how close they come. ``rebuilding`` derives all of them from the log anew; ``forgetting`` puts
random ids in the place of a person's.

Always true: nothing personal is in here; links are made and undone by events only, never guessed; nothing is moved
by a link, so undoing one loses nothing; whichever order the events arrive in, the links end the same.

Files of its own: ``choices.py`` (what happens when a batch holds choices), ``matters.py`` (what can be chosen),
``purposes.py`` (what data may be wanted for, and the roster of terms), ``permissions.py`` (what is allowed, by all that
was chosen), ``policy.py`` (which terms the shop accepts), ``personas.py`` (public names, and who is behind them),
``records.py`` (signed agreements and
receipts), ``signatures.py`` (what a customer's passkey signs).
"""
