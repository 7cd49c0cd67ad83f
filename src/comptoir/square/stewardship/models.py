"""Tables of the square's stewardship: reports, decisions with their reasons, appeals."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose
from comptoir.square.community.models import WRITTEN_BY_COUNTER

#: Who reports is protected: the square, where authors are, does not see who did.
_FOR_THE_QUEUE = Access.only(COUNTER).and_for(VAULT, "SELECT").and_for(OFFICE, "SELECT")


class Flag(models.Model):
    """A member asks somebody to look at a post; ``reason`` is of a short list."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "post": "public", "persona": "persona", "reason": "public", "words": "persona", "position": "mechanical",
            "said_at": "time",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = _FOR_THE_QUEUE

    pk = CompositePrimaryKey("post", "persona")
    post = models.UUIDField()
    persona = models.UUIDField(db_index=True)
    reason = models.TextField()
    words = models.TextField(null=True)
    position = models.UUIDField()
    said_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


class Notice(models.Model):
    """Somebody says that a post is illegal; nobody knows who. ``receipt`` is a digest of the number they ask by."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("Who gives notice is neither asked nor known.")
    access: ClassVar[Access] = _FOR_THE_QUEUE

    position = models.UUIDField(primary_key=True)
    id = models.UUIDField(unique=True)
    post = models.UUIDField(db_index=True)
    kind = models.TextField()
    words = models.TextField()
    receipt = models.TextField(unique=True)
    said_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return what kind of law it is about."""
        return self.kind


class Receipt(models.Model):
    """What whoever holds a receipt may know: which post, since when, and what was decided after it. A view."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("A view of notices, without what they say.")
    access: ClassVar[Access] = Access.everyone("SELECT")

    receipt = models.TextField(primary_key=True)
    post = models.UUIDField()
    said_at = models.DateTimeField()
    action = models.TextField(null=True)
    ground = models.TextField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        managed = False

    def __str__(self) -> str:
        """Return the digest."""
        return self.receipt


class Decision(models.Model):
    """What somebody of the shop has decided on a post, and why: the statement of reasons to its author.

    ``is_automated``: a machine had held the post. ``appeal`` is the decision to whose appeal this is the answer.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "position": "mechanical", "id": "mechanical", "post": "public", "persona": "persona", "action": "public",
            "ground": "public", "rule": "public", "facts": "persona", "is_automated": "public", "staff": "public",
            "name": "public", "appeal": "public", "said_at": "time",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("the author is forgotten; that something was decided stays in the public record"),
    )  # fmt: skip
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    position = models.UUIDField(primary_key=True)
    id = models.UUIDField(unique=True)
    post = models.UUIDField(db_index=True)
    persona = models.UUIDField(null=True, db_index=True)
    action = models.TextField()
    ground = models.TextField()
    rule = models.TextField(null=True)
    facts = models.TextField()
    is_automated = models.BooleanField()
    staff = models.TextField()
    name = models.TextField()
    appeal = models.UUIDField(null=True, unique=True)
    said_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return what was decided."""
        return self.action


class Appeal(models.Model):
    """An author objects to a decision, once; the answer is a decision of somebody else that names this one."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "decision": "public", "post": "public", "persona": "persona", "words": "persona", "position": "mechanical",
            "said_at": "time",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its author is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    decision = models.UUIDField(primary_key=True)
    post = models.UUIDField(db_index=True)
    persona = models.UUIDField(db_index=True)
    words = models.TextField()
    position = models.UUIDField()
    said_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the decision that it is about."""
        return str(self.decision)


class FilterChange(models.Model):
    """What the filter for spam does from then on, and a digest of its weights; none: those that come with the house."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What a machine does, said of no post and of nobody.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    position = models.UUIDField(primary_key=True)
    mode = models.TextField()
    weights = models.TextField(null=True)
    said_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return what it does."""
        return self.mode
