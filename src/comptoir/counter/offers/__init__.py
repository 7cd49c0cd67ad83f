"""Promotions, coupons, and what a basket costs after them.

*Promotion*: what exists for everybody to get under its conditions, as data: what it gives, on which goods, where, when,
to whom, with what else, and out of which budget. *Coupon*: one customer's right to a promotion, so many times, shown as
a code. *Code*: what is shown at a till or typed into a web shop; one for everybody, or one for each coupon.
*Redemption*: that a promotion was given to one basket: held while the money is taken, then redeemed or released.
*Series*: what several promotions belong to, in words of the staff; *targeting*: that another system has told a customer
of the promotions of a series. *Honey code*: a code that nobody was given; whoever shows it has it from where it was
planted.

Always true: a coupon is redeemed at most as often as it allows, whichever channels race for it, and so is a promotion
with a budget; a released redemption frees what it had taken, and nothing else; no code of a coupon is kept anywhere,
only its keyed digest; what was in a basket is not kept; whatever is wrong with a code, the refusal is the same; every
deduction says why it is there.

Files of its own: ``pricing.py`` (what a basket costs, pure), ``quoting.py`` (the same, read for somebody who asks),
``multiplying.py`` (sales that earn more points), ``codes.py`` (codes from keys), ``wording.py`` (promotions and
refusals in words, in every language of the house). ``rebuilding`` derives the tables from the log anew; ``forgetting``
severs coupons and redemptions from somebody who is forgotten.
"""
