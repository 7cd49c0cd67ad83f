"""From a basket to a paid order: quoted, held, placed, paid, settled, or over, each step once, whatever dies.

*Checkout*: how far somebody's order has come in here: who gets it, sealed, and what is still to be done about it. It
has the order's id. *Recipient*: a name, an address and an e-mail address of one order, under a key of its own. *Order
key*: the secret in the address of a guest's order page.

Always true: what is charged is what was shown, or nothing is; coupons and goods are held before anybody is asked for
money, and are free again when no money comes; either an order is paid and its sale booked, or it is over and all money
given back; every step can be done again without doing anything twice, since its requests carry ids that follow from
the order's. No number of a card is ever here. A guest has no account, and the recipient's key is destroyed when the law
of sale needs it no more.

*Gift* (``gifts.py``): what a friend buys off a wish list and has sent to its owner, whose address they never see.

*Receipt* (``receipts.py``): what was bought, paid, taxed and earned, by e-mail, once the sale is booked. *Letter about
an order* (``letters.py``): that, where a pick-up waits that is paid in the store, and that the shop has cancelled it.

*Paying in the store* (``waiting.py``): a pick-up that is held for nobody's money yet, within limits.

The counter is told by events of the touchpoint ``vault``; what came of them is read there. Files of its own:
``quoted.py`` (what is made of a quote), ``telling.py`` (those events), ``recipients.py`` (sealing), ``paying.py``
(money for orders, and what follows from it), ``cards.py`` (gift cards), ``returning.py`` (money for goods that came
back), ``tenders.py`` (with what an order is paid), ``delivering.py`` (where parcels go, and for how much),
``numbering.py`` (by what number its carrier knows a parcel), ``ways.py``
(what each way costs), ``gifts.py`` (where a gift goes), ``staffed.py`` (pages of the staff who pack),
``unanswered.py`` (payments that wait for a person), ``visiting.py`` (whose orders a browser has),
``forgetting.py`` (the right to be forgotten), ``stepping.py`` (when the passkey is asked for once more).
"""
