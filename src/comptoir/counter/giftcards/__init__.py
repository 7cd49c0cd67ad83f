"""Gift cards: money that the shop owes to whoever shows a code, in a ledger of its own.

*Gift card*: a sum that was paid beforehand, in one currency, and is spent in parts or as a whole. *Card code*: the
secret that is shown to spend it; whoever has it has the money. *Card number*: under which people speak of a card; it is
no secret and lets nobody spend. *Blank*: a code that the house has made and that is worth nothing until a card is
issued under it. *Draw*: so much of a card that was held for an order or spent at a till, under an id or a name; what
comes back goes back to its draw. *Owed total*: what all cards together can still be spent for.

Always true: no card is below zero, whoever races for it, and the database refuses it too; every movement takes from one
account and gives to another; a card's balance is the sum of its transfers; what is owed is what was sold and given,
less what was spent and did not come back, was taken off, or has run out; no code is kept anywhere, only its keyed
digest; whatever is wrong with a code that is shown, the refusal is the same. A card belongs to nobody: nothing here
says who bought it or who spends it, so nobody is forgotten here.

Files of its own: ``codes.py`` (codes from chance, with a seal and a check character), ``terms.py`` (how soon a card may
run out, by country, as data), ``guessing.py`` (how often somebody may type a wrong code into a page). ``rebuilding``
derives the tables from the log anew.
"""
