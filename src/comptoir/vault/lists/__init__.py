"""Customer lists of a shop's earlier systems: who is on them, and which two of them may be one person.

Owns: entries of lists, their identifiers as opaque ids, keyed digests by which entries are found again, proposals, and
what staff decided on them.

Words: an *entry* is a row of a list; it is a person pending, whose contact data ``vault/contacts`` seals under the
entry's own random id, until the customer takes it in hand. A *proposal* says that two customers may be one person, and
what agrees. A *decision* is what staff said on it, with a reason.

Invariants: an import joins nobody, and neither does an equal address; a link is made by a decision of staff, or by the
customer who proves both identifiers, and can be undone; no identifier and no contact value stands in a table here; what
is compared in clear is in memory alone.

Files of its own: ``matching.py`` with ``matching.toml`` (Splink's comparison, and its weights as data),
``comparing.py`` (which entries are compared, and what is proposed), ``opening.py`` (contact data opened for that or for
staff), ``deciding.py`` (what staff say on a proposal),
``choosing.py`` and ``choosing_views.py`` (what the customer says is right), ``identifying.py``
(opaque customers and digests).
"""
