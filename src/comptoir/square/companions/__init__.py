"""What goes with what: products that the same people bought, and what is bought by many; facts about nobody.

*Companion*: a product that people bought who also bought another one. Its *weight* is the cosine of the two products'
buyers: how many bought both, by the square root of how many bought the one times how many bought the other. *Popular*:
bought by many at a store, or anywhere, in the last month. *Making*: when and out of how much this was made.

Always true: behind every pair, and behind everything that is called popular, stand at least five different people; no
row leads to anybody; what is shown is sold at this moment, and not known to be gone everywhere; to strangers nothing is
shown that is sold from an age on only. What members say is better elsewhere is said beside it.

Not here: out of what it is made, and what somebody is shown who agreed to it (``counter/recommendations``).
"""
