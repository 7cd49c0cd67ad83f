"""What each room remembers of its visitors: sessions, and the tickets that were used to come in.

One table of each kind for every room, which only that room's role may touch: whoever takes over one room finds
nobody's session of another. What a few tables say of sign-ins is for several rooms: random numbers, and no person.
Not here: what a session may hold (``visits.py``).
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from django.db import models

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT, Access, Privilege
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose

_WRITES_PRESENCE: Final[tuple[Privilege, ...]] = ("SELECT", "INSERT", "UPDATE")


class _Session(models.Model):
    """A visit by one browser. The cookie's value is not kept, only its digest."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "digest": "session",
            "content": "session",
            "begun_at": "time",
            "seen_at": "time",
        },
        subject="content",
        whose=Whose.VISIT,
        exported=Export.TOLD,
        section="visits",
        erased=Erasure.DELETED,
        kept=Kept("the visit is over, by the ages that the room declares"),
    )

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

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "The number of a ticket; it says nothing of who came with it.",
        kept=Kept("the ticket would have expired anyway", days=0, since="expires_at"),
    )

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


class VaultAdmission(_Admission):
    """A ticket into the vault."""

    access: ClassVar[Access] = Access.only(VAULT, "SELECT", "INSERT", "DELETE")


class OfficeAdmission(_Admission):
    """A ticket into the office."""

    access: ClassVar[Access] = Access.only(OFFICE, "SELECT", "INSERT", "DELETE")


class Standing(models.Model):
    """A sign-in that still holds. The vault begins and ends it; every room that got a ticket from it asks for it.

    Whose it is stands in the vault alone. A row that is gone ends the visits in all rooms at once, though no room can
    touch another one's sessions.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "The random number of a sign-in; whose it is the vault knows."
    )

    sign_in = models.UUIDField(primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT).and_for(COUNTER, "SELECT").and_for(OFFICE, "SELECT")
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Outing(models.Model):
    """A visit of the square that somebody who is signed in has begun, under a random number that leads to no sign-in.

    The square is told the number alone, through :class:`OutingThatHolds`: two public names that one sign-in has brought
    there have nothing in common. The database drops the row together with the sign-in's own.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "The random number of a visit, and that of a sign-in; whose it is the vault knows."
    )

    number = models.UUIDField(primary_key=True)
    sign_in = models.UUIDField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT).and_for(COUNTER, "SELECT", "INSERT")
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class OutingThatHolds(models.Model):
    """What the square may know of outings: which numbers there are, in their random order. A view."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("A view of random numbers.")

    number = models.UUIDField(primary_key=True)

    access: ClassVar[Access] = Access.only(SQUARE, "SELECT").and_for(COUNTER, "SELECT").and_for(VAULT, "SELECT")
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        managed = False


class Presence(models.Model):
    """On which day a sign-in was last seen in a room; the room says it once a day, and the vault shows it."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "The random number of a sign-in; whose it is the vault knows."
    )

    pk = models.CompositePrimaryKey("sign_in", "room")
    sign_in = models.UUIDField()
    room = models.CharField(max_length=20)
    seen_on = models.DateField()

    access: ClassVar[Access] = Access.only(VAULT).and_for(COUNTER, *_WRITES_PRESENCE).and_for(OFFICE, *_WRITES_PRESENCE)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


SESSIONS: dict[str, type[_Session]] = {
    "square": SquareSession,
    "counter": CounterSession,
    "vault": VaultSession,
    "office": OfficeSession,
}

ADMISSIONS: dict[str, type[_Admission]] = {
    "square": SquareAdmission,
    "counter": CounterAdmission,
    "vault": VaultAdmission,
    "office": OfficeAdmission,
}
