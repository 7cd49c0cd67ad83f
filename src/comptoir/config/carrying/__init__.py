"""A community on its way in from another place, and on its way out: what was said there, under which names and licence.

A *place* is where something was said before, by its host's name. What is carried is what its licence lets everybody
read: posts, the public names under which they were written, votes in sums, the answers that helped. Invariants: of a
person nothing is taken but the public name, and that only of whoever has written something; ids are made of the place
and of its own numbers, so that carrying the same again changes nothing; nothing here opens the database, and everything
goes through the gateway as the touchpoint ``carried``; every file is read as a stream, with a limit for each piece.

Files: ``contracts.py`` (what is carried, and its events), ``tables.py`` (XML, row by row), ``stackexchange.py`` and
``discourse.py`` (two formats of others), ``archive.py`` (our own, written and read), ``markdown.py`` (from HTML),
``languages.py`` (in which language something is), ``taking.py`` (sends it, and says what came of it).
"""
