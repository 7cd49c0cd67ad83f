"""One basket for every channel: begun on the phone, scanned on in the store, paid at the till or in the checkout.

*Basket*: what somebody thinks of buying, under an opaque id that nobody can guess; it belongs to nobody, or to one
customer who has it by a *claim*. *Put*: so many pieces of a product laid into a basket, by one event of a channel.
*Quote*: what a basket costs at a moment, line by line and with every reason, under a digest of its content. A basket
holds nothing: no stock, no coupon, no points; its quote is a forecast until somebody pays.

Always true: whichever order a basket's operations come in, and however often, they end in the same basket; a removal
takes away what whoever removed had seen, and nothing else; a sale that names a basket takes out what was sold and
leaves the rest. A basket is claimed once; a person's basket is what all baskets of their customers hold together, so
linking adds nothing and loses nothing, and parting gives back. Prices come from the catalog. A basket that nobody has
touched for longer than its keeping time is gone, and so is one out of which a purchase came that is forgotten.

Not in ``counter/sales``: a basket asks offers and loyalty what it costs and brings, and both stand above sales.

Files of its own: ``folding.py`` (from operations to what is in a basket, pure), ``pricing.py`` (what that costs, pure,
the same for page, till and checkout), ``quoting.py`` (the same, read from the database for somebody who asks),
``policy.py`` (how long a basket is kept). ``rebuilding`` derives the table from the log anew; ``forgetting`` severs
baskets from somebody who is forgotten.
"""
