"""The points ledger and the rules by which points are earned.

*Account*: one of a customer's (available, held, owed) or the programme's (issued, redeemed, expired, adjusted,
claims). *Transfer*: points from one account to another, with its cause and its reason; mistakes are corrected by
further transfers. *Lot*: available points that expire on one day; the first to expire are the first spent.
*Reservation*: points held while a till or a checkout takes the money; later posted or voided.
*Programme*: the earning rules, held as data, in versions. ``rebuilding`` derives the ledger from the log anew.

Always true: no balance is negative; every account is the sum of its transfers; the available points are the sum of
the lots; what was earned by a sale is what its kept goods earn under the rules of its day.
"""
