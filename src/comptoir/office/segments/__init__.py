"""Segments: customers named by a boolean expression over documented facts, and who is in them.

*Fact*: what an expression may ask of a customer, such as ``spend(90)``; each has its kind, its family and its formula
(``docs/segments.md``). *Family*: facts that come from the same doings and stand under the same permission. *Segment*: a
named expression with its versions. *Member*: a person for whom the expression is true. *Verdict*: what the expression
says of one person, and why.

Always true: no text of an expression ever reaches an engine, only the tree that it was read into; a fact that somebody
does not allow is unknown, unknown stays unknown under NOT, and who is unknown at the root is no member; the same tree
has the same members in PostgreSQL, in DuckDB, in Spark and in Python, since numbers are whole numbers and fractions of
them, days are the shop's, and today is an argument.

Files of its own: ``facts.py`` (the facts), ``language.py`` (from an expression to the tree), ``writing.py`` (and
back), ``wording.py`` (conditions in words), ``evaluating.py`` (the tree for one person, in Python), ``compiling.py``
(the tree as an Ibis expression), ``engines.py`` (where that runs), ``lake.py`` (what lies in the lake),
``spark_source.py`` (how Spark reads it in object storage), ``telling.py`` (how exactly numbers of people are told).

Not here: what is known of a customer, and the rows of members (``counter/audiences``).
"""
