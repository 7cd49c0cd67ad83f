"""What shoppers see: the square's front page, and the counter's card page, whose balance moves while one looks.

Owns card links (``links.py``). *Card*: a customer's page on one browser, opened by a link that the shop gave out.
No business rules, and nothing is written here except the session of the browser.

Files of its own: ``links.py`` (card links), ``cards.py`` (what a card shows).
"""
