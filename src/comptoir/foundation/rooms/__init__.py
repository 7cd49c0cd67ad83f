"""The rooms of the house: declared values from which grants, addresses, headers and sessions follow.

Owns: the declaration (``declaration.py``, no Django), where each room answers (``addresses.py``, no Django), how much
may be sent to it (``bodies.py``, no Django), the current room and the database router (``current.py``, ``router.py``,
``backend/``), roles and grants (``grants.py``, ``commands.py``), and the web half (``web.py``, ``sessions.py``,
``visits.py``, ``tickets.py``, ``headers.py``; ``uploads.py`` for files that come, ``static_files.py`` for those of the
house), the secret of a page's forms (``forms.py``), reads for pages (``reading.py``) and a room's connection for those
who know no Django (``borrowing.py``), and threads that stay for rooms
of plain views (``staying.py``). Owns the map of personal data as well (``personal.py``): what each table says about
whom, how a person gets it, how it is erased, how long it is kept.

Words: a *room* is a place with a database role, an origin and a session of its own; rooms with a higher *order* lie
further in. *Access* says which room's role may do what with a table. A *visit* is what a room knows of who is in it.
A *ticket* takes somebody from the vault into another room, once. A *sign-in* is one signing in by one browser; the
visits that came out of it end with it, in every room.

Invariants: a role reads its own tables and those further out, never further in; rooms of one order do not see each
other; a cookie of one room is worthless in another; every view belongs to exactly one room.
"""
