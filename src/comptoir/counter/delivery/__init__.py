"""What bringing goods to an address costs, as data: by country and currency, flat, and free from an amount on.

*Delivery price*: what the shop takes for delivery to a country, in one currency. It is a line of its own in a quote, an
order, a receipt and at the returns desk, and part of every total; no promotion, no coupon and no point hangs on it.
The shop's own file (``delivery.toml``, or ``COMPTOIR_DELIVERY``) says what it is; which tax is on it, the country's
rules say (``counter/taxes``). A pick-up costs nothing.

Always true: goods, tax on top and delivery add up to what is paid. When everything of an order has come back, delivery
is given back with the last piece, unless the shop's file keeps it: a consumer who withdraws gets the standard delivery
back (Directive 2011/83/EU, article 13, paragraphs 1 and 2). A part that comes back gives back none of it.

Files of its own: ``reading.py`` (the shop's file). Nothing here is about anybody.
"""
