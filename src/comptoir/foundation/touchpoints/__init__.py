"""The touchpoint map: which touchpoint sends what, what it needs, from where, how fast; and how well that is met.

Words. A *touchpoint* is a place where the shop and a customer meet, together with the system behind it (a till, the
web shop, the newsletter tool). Its *contract* is what it may send and read. A *link* leads from what one touchpoint
sends to what another needs, and has a *timing*, which is a promise. A *breach* is a record that a promise was not kept.

Invariants. A map that contradicts itself is never loaded. What a touchpoint did not declare never passes the door.
A key is kept as a hash only.

Knows no Django, except in ``models.py``, ``queries.py``, ``commands.py``, ``apps.py`` and ``migrations/``.

Files of its own: a map is read (``reading.py``, with ``positions.py`` for the lines), its types and classes of data
are looked up (``declared.py``, ``classes.py``), it is made fast for the door (``compiling.py``), measured and held to
its word (``freshness.py``, ``promises.py``), and shown (``picture.py``, ``terminal.py``, ``asyncapi.py``). What the
house's own pages send goes through ``house.py``, what its clock says is made in ``clock.py``.
"""
