"""Inviting the first fifty: who of the customers is asked to begin the square with the shop, and that they were.

Owns: who was invited, by which invitation, and when.

Words: an *invitation* is what staff wrote (``square/programme``): a text, for how many, in which order.

Invariants: only whoever allows marketing by mail at that moment is invited, as the database answers it; nobody is
invited twice, by whichever invitation, and reminded at most once; who takes part already is not asked. Staff see how
many, never who; how many of them have a public name by now is told once a week and only of five or more, so that
nobody can be recognised by when it changes.
"""
