"""The catalog: what the shop sells, for how much, and where its stores are. Open to everybody.

*Product*: what is described once (``Product`` and ``ProductGroup`` of schema.org); *variant*: one kind of it that can
be bought, with a *SKU* of its own, which is what a sale's line calls its product. *Price*: what a variant costs in one
currency, its tax included or not. *Category*: where a product stands in the shop window, within another one or on
top. *Store*: a place with opening hours. *Listed*: said to be there, as a whole; *delisted*: said to be there no more.

Always true: the last word holds, by when it was said and not by when it arrived. A SKU belongs to one product. What was
delisted keeps its page, which says so, since receipts and conversations lead to it. Amounts are whole minor units.
Nothing here is about anybody. All of it comes out of the log again.

*Showing*: which pictures of a product staff have chosen, in place of those that its listing names. A picture is drawn
anew like one of a post, and nothing of the file is kept; what was fetched and kept comes from no log.

Files of its own: ``rules.py`` (what a listing may be), ``effects.py`` (the last word on each thing), ``hours.py`` (when
a store is open, past midnight too), ``composing.py`` (somebody's own shop window, as sentences),
``describing.py`` (a product, a store as schema.org says it), ``rebuilding.py`` (the same from the log).
"""
