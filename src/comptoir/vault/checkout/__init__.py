"""From a basket to a paid order: quoted, held, placed, paid, settled, or over, each step once, whatever dies.

*Checkout*: how far somebody's order has come in here: who gets it, sealed, and what is still to be done about it. It
has the order's id. *Recipient*: a name, an address and an e-mail address of one order, under a key of its own. *Order
key*: the secret in the address of a guest's order page.

Always true: what is charged is what was shown, or nothing is; coupons and goods are held before anybody is asked for
money, and are free again when no money comes; either an order is paid and its sale booked, or it is over and all money
given back; every step can be done again without doing anything twice, since its requests carry ids that follow from
the order's. No number of a card is ever here. A guest has no account, and the recipient's key is destroyed when the law
of sale needs it no more.

*Receipt* (``receipts.py``): what was bought, paid, taxed and earned, by e-mail, once the sale is booked.

The counter is told by events of the touchpoint ``vault``; what came of them is read there. Files of its own:
``quoted.py`` (what is made of a quote), ``telling.py`` (those events), ``recipients.py`` (sealing), ``paying.py``
(money for orders, and what follows from it), ``staffed.py`` (pages of the staff who pack).
"""
