"""The catalog as files: lists of products in, from a spreadsheet, another web shop or a page's data; and out again.

A list is a file of products, in one of three forms: ``csv`` (a row for each variant), ``shopify`` (the product CSV of
that web shop), ``jsonld`` (what pages tell search engines, as schema.org says it). What is read becomes events, like
everything that is listed; what cannot be read is refused by row and named.

Files: ``contracts.py`` (what a list is made of), ``tables.py`` (the two that are tables), ``graphs.py`` (JSON-LD),
``reading.py`` (from a list to events), ``writing.py`` (from the catalog to a list), ``counting.py`` (counts and shelf
places, in and out).
"""
