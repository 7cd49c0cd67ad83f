"""The points ledger and the rules by which points are earned.

*Account*: one of a customer's (available, held, owed) or the programme's (issued, redeemed, expired, adjusted,
claims). *Transfer*: points from one account to another, with its cause and its reason; mistakes are corrected by
further transfers. *Lot*: available points that expire on one day; the first to expire are the first spent.
*Reservation*: points held while a till or a checkout takes the money; later posted or voided.
*Lease*: points held for one till, which may let them be spent while it is cut off, and tells of it later (``leases``
has the rules, ``leasing`` a batch's).
*Programme*: the earning rules, held as data, in versions. ``rebuilding`` derives the ledger from the log anew.
*Code*: what a customer shows to spend, good for a minute and once (``codes``). *Standing*: what was said about a
customer's spending: their own limits, a time of cooling, a freeze. ``spending`` says whether these let somebody spend,
``wording`` says limits in words. Limits that let more be spent wait (``cooling``), or come with a *confirmation* of
the vault's (``confirming``). ``forgetting`` severs all of it from somebody who is forgotten.
``leased`` tells staff what tills have set aside.

Always true: nothing is spent without a code, or at a touchpoint that has signed the customer in; no code is good
twice; what a customer forbids holds at once; no balance is negative; every account is the sum of its transfers; the
available points are the sum of the lots; what was earned by a sale is what its kept goods earn under the rules of its
day.
"""
