"""Recommendations: what somebody is shown because of what they bought, if they agreed to that, and why.

*Recommendation*: a product that is shown to somebody, with its *reason*: something that they bought, something that
lies in their basket, or that many buy it. *Neighbours*: products whose buyers are the same people; made out of what
everybody bought whom the shop may count, and kept as sums (``square/companions``). *Hidden*: what a customer does not
want to be shown again. *Drawn*: that a customer is shown recommendations of their own, or, by chance, what everybody
is shown.

Always true: nobody's purchases are looked at for it without their consent to being shown things by what they bought, as
the database answers at that moment; nothing of what somebody is like is kept, since their recommendations are found
when a page is opened; the reason names what they really bought. What they bought in the past year, what they hid, what
is sold from an age on that they have not shown, what is gone everywhere and what is not sold any more are never
recommended.

Files of its own: ``neighbours.py`` (the arithmetic; needs scipy), ``making.py`` (out of the sales, into the square's
tables), ``rebuilding.py`` (as in ``sales``). Not here: who is drawn, and what it changed
(``office/recommendations``).
"""
