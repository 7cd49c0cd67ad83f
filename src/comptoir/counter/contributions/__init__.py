"""What the counter says of reviews and gives for contributions to the square, without saying whose they are.

*Confirmed review*: whoever wrote it had bought the product here; the event names the review alone. *Thanks*: a customer
gets the points that an earning rule had promised for a review, or for a vote for an idea that was done; the event names
the customer and not the contribution. *Company*: the people who could be meant as well, by everything that is known
outside the counter; nothing is said of anybody who has not enough of it.

Always true: a review is confirmed only if five people had bought, before its day, everything that its public name is
confirmed for; points come to five people at once or to nobody, once for each contribution, and only where the public
contributions of five people could have earned all that a customer then has. Nothing says when something was bought, or
where. Both are done by the clock, days after the fact (``jobs.py``); no table is kept. Not here: what becomes of the
events (``square/community``, ``loyalty``).

Files of its own: ``purchases.py`` (who has bought what, from the log), ``comparing.py`` (whether people who were sent
elsewhere go on buying, in sums of at least twenty).
"""
