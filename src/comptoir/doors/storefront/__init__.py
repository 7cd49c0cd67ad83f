"""What shoppers see: the square's pages, and the counter's card page, whose balance moves while one looks.

Owns card links (``links.py``). *Card*: a customer's page on one browser, opened by a link that the shop gave out.
No business rules, and nothing is written here except the session of the browser.

Files of its own: ``links.py`` (card links), ``cards.py`` (what a card shows), ``showing.py`` (the card, to the
vault), ``baskets.py`` (the basket), ``orders.py`` (what was ordered), ``wishes.py`` (an owner's wish lists),
``wished.py`` (what a friend sees of one), ``coupons.py`` (a customer's coupons), ``giftcards.py`` (what is left
on a gift card),
``spending.py`` (where and how much a customer lets be spent), ``me.py`` (terms and consents, and who somebody is
here), ``remembered.py`` (what the counter holds of somebody, and where it came from), ``privacy.py`` (Global Privacy
Control), ``letters.py`` (how often a letter comes), ``devices.py`` (which devices show what is new), ``messages.py``
(what the shop sent, and why), ``till.py`` (the web till, for staff at a counter), ``groups.py`` (the segments that
somebody is in), ``windows.py`` (a customer's own shop window), ``fitting.py`` (what fits a customer),
``refused.py`` (why the counter did not take something, in words),
``community/`` (the square's pages).
"""
