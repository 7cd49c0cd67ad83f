"""The map of personal data: for every table of the house, what it says about whom, and what becomes of it.

A model carries ``personal: ClassVar[Personal]``, or ``personal = NOTHING_PERSONAL``; tables of libraries stand at the
end of this file. What a person is given as a copy, what forgetting them does, what is dropped by the clock and what has
to be sealed all follow from it, so that none of these can know a table that another one has missed. ``comptoir doctor``
holds it against the database. Not here: the fields of events, which the touchpoint map declares; what the
classes of data mean (``foundation/touchpoints/classes.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import msgspec
from django.apps import apps


class Whose(enum.StrEnum):
    """What the subject's column holds, and so how a person's rows are found."""

    #: The vault's own id of a user.
    USER = "user"
    #: The opaque id of one identifier; a person may have several.
    CUSTOMER = "customer"
    #: A position in the log, or several: whose the event is, the log says.
    EVENT = "event"
    #: A receipt's number, with its source in the column that ``beside`` names: whose the sale is, the sale says.
    RECEIPT = "receipt"
    #: A public name on the square: whose it is, the counter says.
    PERSONA = "persona"
    #: A room's session: its content says who is in it.
    VISIT = "visit"


class Export(enum.StrEnum):
    """How a person gets these rows in the copy of everything."""

    #: As rows: every column that says something about the person.
    ROWS = "rows"
    #: A section tells them, together with others, in a form that people and other systems understand.
    TOLD = "told"
    #: Not at all, for a reason that is given.
    WITHHELD = "withheld"


class Erasure(enum.StrEnum):
    """What forgetting a person does to these rows."""

    #: The key is destroyed with which they were sealed, and they are deleted as well.
    SHREDDED = "shredded"
    DELETED = "deleted"
    #: They stay, and lead to nobody any more: the subject is replaced by a fresh random id.
    SEVERED = "severed"
    #: They stay as they are, for a reason that is given.
    KEPT = "kept"


#: Classes that only columns have: of these, no system outside ever sends anything. What each means, and which of the
#: classes that a room declares it counts as.
COLUMN_CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "mechanical": ("Nothing about anybody: a number, a version, a state of the software", "public"),
    "session": ("What a room has to remember of a visit while it lasts", "public"),
    "declared": ("An event's content: the touchpoint map gives each of its fields a class", "opaque"),
    "factor": ("By what kind of thing somebody signs in", "credential"),
    "credential": ("What opens something: a key, a secret, a digest of one", "credential"),
}


class Kept(msgspec.Struct, frozen=True):
    """How long rows stay: in words, and, where a clock drops them, how many days after the moment in which column."""

    until: str
    days: int | None = None
    since: str = ""


class Personal(msgspec.Struct, frozen=True, kw_only=True):
    """What a table says about people.

    ``columns`` gives every column's class of data; ``subject`` is the column by which a person's rows are found,
    ``also`` further ones that may name a person, ``mentions`` those of JSON that do so inside. ``section`` is the part
    of a copy in which the rows are told. ``sealed`` are the columns that nobody can read without the person's key.
    ``because`` gives the reason for what is withheld or kept.
    """

    columns: Mapping[str, str]
    subject: str
    whose: Whose
    exported: Export
    erased: Erasure
    kept: Kept
    section: str = ""
    also: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    beside: str = ""
    sealed: frozenset[str] = frozenset()
    because: str = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        named = {self.subject, *self.also, *self.mentions, *self.sealed}
        named |= {name for name in (self.beside, self.kept.since) if name}
        if missing := named - set(self.columns):
            raise ValueError(f"columns that are named and not declared: {', '.join(sorted(missing))}")
        if (self.exported is Export.WITHHELD or self.erased is Erasure.KEPT) and not self.because:
            raise ValueError("what is withheld or kept needs a reason")
        if (self.exported is Export.TOLD) != bool(self.section):
            raise ValueError("what is told needs the section that tells it, and nothing else has one")
        if (self.kept.days is None) != (not self.kept.since):
            raise ValueError("days are counted from a column")
        if self.erased is Erasure.SHREDDED and not self.sealed:
            raise ValueError("what was not sealed cannot be shredded")

    def shown(self) -> list[str]:
        """Return the columns that a copy shows as they are: what is about the person, and opens nothing."""
        hidden = {"mechanical", "session", "declared", "credential"}
        return [name for name, each in self.columns.items() if each not in hidden and name not in self.sealed]

    def names(self) -> tuple[str, ...]:
        """Return every column that may name a person."""
        return (self.subject, *self.also)


class NothingPersonal(msgspec.Struct, frozen=True):
    """A table that says nothing about anybody, ``because`` of what it is for.

    Where the clock drops the rows, ``kept`` says after how long.
    """

    because: str
    kept: Kept | None = None


#: For tables of the software's own: nothing in them is about a person, and nothing in them leads to one.
NOTHING_PERSONAL: Final = NothingPersonal("It is about the shop or the software, and leads to nobody.")

#: Tables of libraries, whose models are not ours to write in.
LIBRARY_TABLES: Final[Mapping[str, Personal | NothingPersonal]] = {
    "account_emailaddress": Personal(
        columns={
            "id": "mechanical",
            "user_id": "pseudonym",
            "email": "contact",
            "verified": "mechanical",
            "primary": "mechanical",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the member of staff leaves; customers have no row here"),
    ),
    "account_emailconfirmation": NothingPersonal("Nothing is ever written here: addresses are confirmed by a code."),
    "mfa_authenticator": Personal(
        columns={
            "id": "mechanical",
            "user_id": "pseudonym",
            "type": "factor",
            "data": "credential",
            "created_at": "time",
            "last_used_at": "time",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the factor is removed, or its user"),
    ),
    "allauth_idp_oidc_client": NothingPersonal("Devices of the shop. Nobody owns one: that column stays empty."),
    "allauth_idp_oidc_token": Personal(
        columns={
            "id": "mechanical",
            "type": "mechanical",
            "hash": "credential",
            "client_id": "mechanical",
            "user_id": "pseudonym",
            "data": "mechanical",
            "created_at": "time",
            "expires_at": "time",
            "scopes": "mechanical",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("it is over or revoked", days=1, since="expires_at"),
        because="Digests of keys that a device holds; what it may read with them is in the copy.",
    ),
    "auth_group": NOTHING_PERSONAL,
    "auth_group_permissions": NOTHING_PERSONAL,
    "auth_permission": NOTHING_PERSONAL,
    "django_content_type": NOTHING_PERSONAL,
    "django_migrations": NOTHING_PERSONAL,
    "procrastinate_events": NOTHING_PERSONAL,
    "procrastinate_jobs": NothingPersonal("Jobs are given the time, and never anything about a person."),
    "procrastinate_periodic_defers": NOTHING_PERSONAL,
    "procrastinate_workers": NOTHING_PERSONAL,
}


def declared_tables() -> dict[str, Personal | NothingPersonal | None]:
    """Return what every table of a model or a library says about people; ``None`` where nobody has declared it."""
    tables: dict[str, Personal | NothingPersonal | None] = dict(LIBRARY_TABLES)
    for model in apps.get_models(include_auto_created=True):
        name = model._meta.db_table
        if name not in tables:
            declared = getattr(model, "personal", None)
            tables[name] = declared if isinstance(declared, Personal | NothingPersonal) else None
    return tables


def personal_tables() -> dict[str, Personal]:
    """Return the tables that say something about people, in the order of their names."""
    return {name: each for name, each in sorted(declared_tables().items()) if isinstance(each, Personal)}


def dropped_by_the_clock() -> dict[str, Kept]:
    """Return the tables whose rows are dropped after so many days, and from which column on these count."""
    return {
        name: each.kept
        for name, each in sorted(declared_tables().items())
        if each is not None and each.kept is not None and each.kept.days is not None
    }
