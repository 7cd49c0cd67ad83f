"""Tables of contact data: sealed pieces, wrapped keys, blind indexes. Nobody but the vault's role reaches them."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose


class KeyVersion(models.Model):
    """A version of the key keeper's key: which back end has it, under which number, and a value that proves it.

    ``check_value`` is a known value wrapped with that key: it tells the right key from another one. A version that is
    ``retired`` wraps nothing any more that this database still has.
    """

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    number = models.PositiveIntegerField(primary_key=True)
    keeper = models.TextField()
    keeper_number = models.PositiveIntegerField()
    check_value = models.BinaryField()
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class DataKey(models.Model):
    """The wrapped key of one person's face (the person itself: ``face`` is the person's id). Deleting it shreds.

    A table of its own, so that it can be kept out of ordinary backups.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "person": "pseudonym",
            "face": "pseudonym",
            "wrapped": "credential",
            "version": "mechanical",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("the person steps back or is forgotten"),
        because="It opens what is sealed; the copy holds that itself.",
    )

    id = models.UUIDField(primary_key=True)
    person = models.UUIDField()
    face = models.UUIDField()
    wrapped = models.BinaryField()
    version = models.PositiveIntegerField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "contacts_key"
        constraints = (models.UniqueConstraint(fields=("person", "face"), name="contacts_key_person_face"),)


class IndexKey(models.Model):
    """The wrapped key of one blind index: what finds an e-mail address finds no telephone number."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    field = models.TextField(primary_key=True)
    wrapped = models.BinaryField()
    version = models.PositiveIntegerField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Piece(models.Model):
    """A sealed piece of one face's contact data; ``version`` counts how often it was written."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "person": "pseudonym",
            "face": "pseudonym",
            "field": "mechanical",
            "version": "mechanical",
            "sealed": "contact",
            "purpose": "reason",
            "given_at": "time",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.TOLD,
        section="contact",
        sealed=frozenset({"sealed"}),
        erased=Erasure.SHREDDED,
        kept=Kept("the person steps back or is forgotten, or nobody heard of them for too long"),
    )

    pk = CompositePrimaryKey("person", "face", "field")
    person = models.UUIDField()
    face = models.UUIDField()
    field = models.TextField()
    version = models.PositiveIntegerField()
    sealed = models.BinaryField()
    purpose = models.TextField()
    given_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Index(models.Model):
    """By what a person is found again: a keyed digest of a value. ``is_proven``: the person has shown to hold it."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "person": "pseudonym",
            "field": "mechanical",
            "digest": "contact",
            "is_proven": "mechanical",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        sealed=frozenset({"digest"}),
        erased=Erasure.DELETED,
        kept=Kept("the value it finds goes"),
        because="A digest that finds the value again; the copy holds the value itself.",
    )

    pk = CompositePrimaryKey("person", "field")
    person = models.UUIDField()
    field = models.TextField()
    digest = models.BinaryField(max_length=32)
    is_proven = models.BooleanField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=("field", "digest"), name="contacts_index_digest"),)
        constraints = (
            models.UniqueConstraint(
                fields=("field", "digest"), condition=models.Q(is_proven=True), name="contacts_index_proven"
            ),
        )


class StoppedNumber(models.Model):
    """A telephone number from which STOP came, and when last, whoever has it: by a keyed digest, and about nobody."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A keyed digest of a number whose holder wants no offers: it names nobody, and finds only who has that number.",
        kept=Kept("a list as old as that proves no consent", days=1_095, since="at"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    at = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "contacts_stopped"


class Former(models.Model):
    """An e-mail address that was replaced, sealed, kept for a few days so that its holder can be told."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "person": "pseudonym",
            "sealed": "contact",
            "kept_until": "time",
        },
        subject="person",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        sealed=frozenset({"sealed"}),
        erased=Erasure.SHREDDED,
        kept=Kept("its holder could object for long enough", days=0, since="kept_until"),
        because="It is there to warn its holder of whoever may have taken over, and so not to be shown to them.",
    )

    id = models.UUIDField(primary_key=True)
    person = models.UUIDField(db_index=True)
    sealed = models.BinaryField()
    kept_until = models.DateTimeField(db_index=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Subscription(models.Model):
    """Where a device is reached that shows what is new; ``version`` counts how often it was written."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "pseudonym",
            "customer": "pseudonym",
            "version": "mechanical",
            "sealed": "contact",
            "given_at": "time",
        },
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.TOLD,
        section="contact",
        sealed=frozenset({"sealed"}),
        erased=Erasure.SHREDDED,
        kept=Kept("the device is ended, its service says that it is gone, or the person is forgotten"),
    )

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField(db_index=True)
    version = models.PositiveIntegerField()
    sealed = models.BinaryField()
    given_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class TreatRound(models.Model):
    """A month for which the days of those who want a treat were opened, and when last."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("That the worker has looked, and at nobody.")

    month = models.DateField(primary_key=True)
    looked_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Tombstone(models.Model):
    """A data key that was destroyed. It names the key and not the person: nothing leads back."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("It names a key that is gone, and no person.")

    key = models.UUIDField(primary_key=True)
    shredded_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()
