"""What a person may ask of the shop about their own data, across all packages: a copy of it, and to be forgotten.

Driven by the map of personal data (``foundation/rooms/personal.py``): a table that somebody adds is in the copy as
soon as it is declared. ``copying`` makes the copy; ``sections`` tell what is told and not just printed: sales with
barcodes and promotions, points with their reasons, contact data, accesses. ``holders`` says who is meant,
``retention`` ends what was kept long enough, ``telling`` says in words who looked, ``forgetting`` forgets somebody
step by step, ``pieces`` one card or one purchase of theirs, and ``receipts`` say that it was done.

Words: a *copy* is a file with everything about one person, as JSON and as CSV. A *holder* is that person: a user of the
vault with the customers at the counter that are theirs. A *wish* is that somebody asked to be forgotten, until it is
done.

Always true: a copy holds nothing of anybody else and nothing that opens anything; whoever makes one leaves an entry in
the audit chain; no cell of it is a formula. A wish is done, whatever breaks meanwhile, and nothing leads back.
"""
