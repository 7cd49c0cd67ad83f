"""Short links: an address of the shop's own for each post on another network, and how often it was followed.

*Short link*: ``/go/CODE``, which leads to a page of the shop's. *Username*: the name of a social account on a
*network*; each post under it has a short link of its own, so that what comes of it can be told. *Visit*: that a short
link was followed.

Always true: a short link leads where staff said, for ever; it is never changed, since it stands in posts that nobody
can take back. Visits are counted by day and not by person: no cookie is set, and nothing of whoever follows is kept.

Not here: the sales that came of it (``counter/sales`` keeps which sale named which short link), and what they are worth
(``office/attribution``).
"""
