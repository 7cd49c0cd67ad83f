"""Stock: how much of what is on the shelves of which store, what of it is held, and where it lies.

*Article*: a SKU at one store. *Count*: how many of it somebody found there, and when. *Movement*: what came or went
since, by a sale, a return, a delivery or a loss. *On hand*: the count and its movements. *Hold*: articles set aside
under an id that the sender chose, until a moment. *Available*: on hand and not held. *Short*: held, and no longer
covered by what is on hand. *Shelf place*: the aisle and shelf where an article lies.

Always true: on hand is the last count, by when it was taken, and every movement since, in whichever order and however
often they arrive; nothing is held that was not available; a hold has all of its lines or none; what was counted nowhere
is not known, which is neither none nor enough, and is never held; a sale is never refused for want of stock. What is
paid for and waits for its customer is counted no more: it left with its sale. All of it comes out of the log again.

Movements are brought by whoever knows sales (``counter/sales``), behind the gateway, within a second. Files of its
own: ``rebuilding.py`` (the same from the log).
"""
