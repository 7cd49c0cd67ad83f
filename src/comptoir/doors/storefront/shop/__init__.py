"""The shop window on the square: what is sold, by category and by words; a product's page; the stores and their hours.

Reading needs no account and sets no cookie. Not here: what is asked and said about a product
(``doors/storefront/community``), a basket (``counter/sales``).
"""
