"""What is to be said to whom, and what became of it: the records by which the office and the vault speak to each other.

Owns: templates in their versions, dispatches, send decisions, the queue of what waits to be sent, outcomes, stops.

Words: a *template* is what a message says, in Liquid, a version for each change, in several languages; a *dispatch* is
what all messages of one variant of one campaign share; a *send decision* says of one customer and one campaign that
they are written to, held out, or suppressed with a reason; a *message outcome* is what became of it, by a name.

Always true: nothing in here says where anybody is reached, and no value of a decision is contact data. One campaign
decides once about a customer and an occurrence. What was decided is never changed; it is answered by outcomes, each
kind at most once. Only the office decides, only the vault sends. A campaign that was stopped is never sent again.

Files of its own: ``rendering.py`` (Liquid, with limits; in memory), ``footing.py`` (what stands below every message),
``leaving.py`` (the link there), ``ending.py`` (whoever wants no more), ``testing.py`` (the test persons of a
preview), ``telling.py`` (what became of messages, told to the log), ``forgetting.py`` (whoever is forgotten is written
to no more).

Not here: who is on a list and why (``office/campaigns``), addresses, sending (``vault/messages``).
"""
