"""A customer's own shop window: what they want to see of the shop, in plain sentences, at every channel.

*Window*: the rules that a customer has composed, in the language of ``square/catalog/composing.py``. *Guess*: what the
shop thinks of somebody by what they bought; it is shown as a guess with its reason, and changes nothing until they
keep it; they may also say what is true instead, in the same sentences, or have it forgotten. A guess that was answered
is not made again.

Always true: the last word holds, by when it was said and not by when it arrived. Nothing is guessed of whom the shop
may not choose for by what they bought (the purpose ``personalisation``), and no guess is kept: it is made when it is
looked at. What somebody never wants to see is shown by no page, list, recommendation or message in which the house
chooses. Whoever is asked for a person's window takes the last one of all their customers.

Not here: which products that leaves (``square/catalog/queries.py``), the browser that carries a window to the square,
where nobody is known (``doors/storefront/shop/windows.py``). Files of its own:
``effects.py`` (the last word of each customer), ``guessing.py`` (what is guessed of whoever looks at their page).
``rebuilding.py`` derives both tables from the log anew.
"""
