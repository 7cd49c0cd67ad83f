"""What each room remembers of its visitors: sessions, and the tickets that were used to come in.

One table of each kind for every room, which only that room's role may touch: whoever takes over one room finds
nobody's session of another. Not here: what a session may hold (``visits.py``).
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT, Access


class _Session(models.Model):
    """A visit by one browser. The cookie's value is not kept, only its digest."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    content = models.TextField()
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True


class SquareSession(_Session):
    """A session of the square."""

    access: ClassVar[Access] = Access.only(SQUARE)


class CounterSession(_Session):
    """A session of the counter."""

    access: ClassVar[Access] = Access.only(COUNTER)


class VaultSession(_Session):
    """A session of the vault."""

    access: ClassVar[Access] = Access.only(VAULT)


class OfficeSession(_Session):
    """A session of the office."""

    access: ClassVar[Access] = Access.only(OFFICE)


class _Admission(models.Model):
    """A ticket that was used; its number can never be used again. Kept until the ticket would have expired anyway."""

    ticket = models.BinaryField(primary_key=True, max_length=32)
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True


class SquareAdmission(_Admission):
    """A ticket into the square."""

    access: ClassVar[Access] = Access.only(SQUARE, "SELECT", "INSERT", "DELETE")


class CounterAdmission(_Admission):
    """A ticket into the counter."""

    access: ClassVar[Access] = Access.only(COUNTER, "SELECT", "INSERT", "DELETE")


class OfficeAdmission(_Admission):
    """A ticket into the office."""

    access: ClassVar[Access] = Access.only(OFFICE, "SELECT", "INSERT", "DELETE")


SESSIONS: dict[str, type[_Session]] = {
    "square": SquareSession,
    "counter": CounterSession,
    "vault": VaultSession,
    "office": OfficeSession,
}

ADMISSIONS: dict[str, type[_Admission]] = {
    "square": SquareAdmission,
    "counter": CounterAdmission,
    "office": OfficeAdmission,
}
