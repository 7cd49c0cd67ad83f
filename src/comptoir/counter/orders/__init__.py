"""Orders: what was bought from a distance, from its placing until somebody has it in hand.

*Order*: goods that are promised to somebody, and what they cost, under a *number* that people read to each other; it is
placed, paid, packed, handed over, or cancelled; and *returned* once every piece of it came back. *Delivery*: it is
brought to an address, which is not known here. *Pick-up*: it waits at a store; whoever shows its *pick-up code* gets
it.

Always true: an order goes only forward, and ends once; it is handed over once, and whoever comes second is told when
and where; what is handed over was paid; a cancelled order is never handed over; of what was handed over, exactly that
is returned of which all came back, in whichever order it is heard. No address and no name is kept here, and no code,
only its keyed digest. Money, stock and coupons are moved by whoever places orders (the checkout, in the vault), each by
an event of its own.

Files of its own: ``codes.py`` (numbers and pick-up codes), ``telling.py`` (an order as a till reads it).
``rebuilding`` derives the table from the log anew.
"""
