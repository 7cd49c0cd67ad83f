"""Contact data of entries, opened again for a comparison or for staff.

Every opening is in the audit chain with its purpose, for the person whose it is. Not here: how it is sealed
(``vault/contacts``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from comptoir.vault.contacts import queries as contacts
from comptoir.vault.contacts.contracts import Field
from comptoir.vault.lists.contracts import Details
from comptoir.vault.lists.models import Entry
from comptoir.vault.lists.rules import FIELDS


def opened(entry: Entry, *, purpose: str, actor: str, at: dt.datetime, fields: Collection[Field] = FIELDS) -> Details:
    """Return an entry's details as they are kept; the opening goes into the audit chain."""
    values = contacts.read(entry.id, fields=fields, purpose=purpose, actor=actor, at=at)
    words = values.name.reveal().split(" ") if values.name else []
    count = entry.family_words
    given, family = (words[count:], words[:count]) if entry.family_first else _ending(words, count)
    address = next(iter(values.addresses.reveal()), None) if values.addresses else None
    return Details(
        given_name=" ".join(given),
        family_name=" ".join(family),
        family_first=entry.family_first,
        email=values.email.reveal() if values.email else "",
        phone=values.phone.reveal() if values.phone else "",
        lines=address.lines if address else (),
        postcode=address.postcode if address else "",
        city=address.city if address else "",
        region=address.region if address else "",
        country=address.country if address else "",
    )


def _ending(words: list[str], count: int) -> tuple[list[str], list[str]]:
    cut = len(words) - count
    return words[:cut], words[cut:]
