"""Letters to the first fifty: who of the customers is asked to begin the square with the shop, and that they were.

Owns: who was sent a letter of which round, and when.

Words: a *round* is what staff wrote (``square/programme``): a letter, how many, in which order. A *letter* is one
person's.

Invariants: only whoever allows marketing by mail at that moment gets one, as the database answers it; nobody gets two
of a round, or of two rounds, and a reminder at most once; who takes part already is not asked. Staff see how many,
never who; how many of them have a public name by now is told once a week and only of five or more, so that nobody
can be recognised by when it changes.
"""
