"""Tables of customer lists: entries, opaque ids, keyed digests, proposals, decisions. The vault's alone.

Whatever belongs to an entry goes with it, by the database itself: the migrations make the foreign keys.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import VAULT, Access
from comptoir.foundation.rooms.personal import NOTHING_PERSONAL, Erasure, Export, Kept, NothingPersonal, Personal, Whose

_UNTIL = "the person is forgotten or steps back; a year after it was taken, where nobody who signs in is linked with it"


class Entry(models.Model):
    """A row of a list. Contact data are sealed under ``id``, which is random; ``customer`` is whom the row is about.

    ``told_at``: the counter knows of it; ``kept_at``: its contact data are sealed; ``compared_at``: it was compared
    with the other entries. ``fingerprint`` is a keyed digest of what the row said, so that a change is noticed.
    ``family_words`` and ``family_first`` say how the kept name falls into given and family name.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "pseudonym",
            "list": "activity",
            "kind": "activity",
            "customer": "pseudonym",
            "fingerprint": "contact",
            "family_words": "mechanical",
            "family_first": "mechanical",
            "taken_at": "time",
            "told_at": "time",
            "kept_at": "time",
            "changed_at": "time",
            "compared_at": "time",
        },
        subject="customer",
        also=("id",),
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        sealed=frozenset({"fingerprint"}),
        erased=Erasure.DELETED,
        kept=Kept(_UNTIL),
    )

    id = models.UUIDField(primary_key=True)
    list = models.TextField()
    kind = models.TextField()
    customer = models.UUIDField(db_index=True)
    fingerprint = models.BinaryField(max_length=32, default=b"")
    family_words = models.PositiveSmallIntegerField(default=0)
    family_first = models.BooleanField(default=False)
    taken_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    kept_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)
    compared_at = models.DateTimeField(null=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("list", "customer"), name="lists_entry_customer"),)
        indexes = (
            models.Index(
                fields=("id",),
                condition=models.Q(kept_at__isnull=False, compared_at=None),
                name="lists_entry_not_compared",
            ),
        )


class Further(models.Model):
    """A further identifier of an entry, as the opaque customer that it is."""

    personal: ClassVar[Personal] = Personal(
        columns={"entry_id": "pseudonym", "customer": "pseudonym", "kind": "activity"},
        subject="customer",
        whose=Whose.CUSTOMER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept(_UNTIL),
    )

    pk = CompositePrimaryKey("entry", "customer")
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, db_constraint=False, related_name="further")
    customer = models.UUIDField(db_index=True)
    kind = models.TextField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class Key(models.Model):
    """A keyed digest of something that entries of one person have in common: only such entries are compared."""

    personal: ClassVar[Personal] = Personal(
        columns={"entry_id": "pseudonym", "name": "mechanical", "digest": "contact"},
        subject="entry_id",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        sealed=frozenset({"digest"}),
        erased=Erasure.DELETED,
        kept=Kept(_UNTIL),
        because="Digests by which an entry is found; the copy holds what they were made of.",
    )

    pk = CompositePrimaryKey("entry", "name")
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, db_constraint=False, related_name="keys")
    name = models.TextField()
    digest = models.BinaryField(max_length=16)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        indexes = (models.Index(fields=("digest", "name"), name="lists_key_digest"),)


class Proposal(models.Model):
    """Two customers that may be one person (``low`` < ``high``), with the entries that say so.

    ``basis`` is ``row`` (one row of one list names both) or ``details`` (what two entries say agrees). The weight is in
    bits; ``agreements`` and ``differences`` are codes, explained in words by the pages.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "low": "pseudonym",
            "high": "pseudonym",
            "entry_of_low_id": "pseudonym",
            "entry_of_high_id": "pseudonym",
            "basis": "mechanical",
            "weight": "mechanical",
            "agreements": "mechanical",
            "differences": "mechanical",
            "proposed_at": "time",
        },
        subject="low",
        also=("high",),
        whose=Whose.CUSTOMER,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept(_UNTIL),
        because="It names two customers, and one of them may be somebody else.",
    )

    id = models.UUIDField(primary_key=True)
    low = models.UUIDField()
    high = models.UUIDField(db_index=True)
    entry_of_low = models.ForeignKey(Entry, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    entry_of_high = models.ForeignKey(Entry, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    basis = models.TextField()
    weight = models.FloatField()
    agreements = models.JSONField()
    differences = models.JSONField()
    proposed_at = models.DateTimeField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("low", "high"), name="lists_proposal_pair"),
            models.CheckConstraint(condition=models.Q(low__lt=models.F("high")), name="lists_proposal_ordered"),
        )


class Decision(models.Model):
    """What a member of the staff said on a proposal, and why. The latest one holds; none is changed.

    ``told_at`` is empty until the gateway has heard of a link or its undoing. A decision goes with its proposal, when
    one of the two persons is forgotten.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical",
            "proposal_id": "mechanical",
            "answer": "mechanical",
            "reason": "reason",
            "decided_by": "pseudonym",
            "decided_at": "time",
            "told_at": "time",
        },
        subject="decided_by",
        whose=Whose.USER,
        exported=Export.WITHHELD,
        erased=Erasure.SEVERED,
        kept=Kept("the proposal goes"),
        because="It is about two customers, and not about the member of the staff who decided.",
    )

    id = models.UUIDField(primary_key=True)
    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, db_constraint=False, related_name="decisions")
    answer = models.TextField()
    reason = models.TextField()
    decided_by = models.UUIDField()
    decided_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()


class OwnKind(models.Model):
    """A kind of identifier that is an e-mail address: it belongs to one list, so that equal addresses join nobody."""

    personal: ClassVar[NothingPersonal] = NOTHING_PERSONAL

    kind = models.TextField(primary_key=True)
    list = models.TextField()

    access: ClassVar[Access] = Access.only(VAULT)
    objects: ClassVar[models.Manager[Self]] = models.Manager()
