"""Tables of the charter: sections with their versions, proposals, ballots."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose
from comptoir.square.community.models import WRITTEN_BY_COUNTER


class Section(models.Model):
    """A version of a section, in force from ``since`` until the next one. ``wording`` is title and text by language.

    The shop's own has a ``name``; one that was adopted has its ``proposal`` and the votes for and against it.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("What the community has agreed on; it is nobody's any more.")
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("section", "version")
    section = models.TextField(db_collation="C")
    version = models.IntegerField()
    wording = models.JSONField()
    since = models.DateTimeField()
    name = models.TextField(null=True)
    proposal = models.UUIDField(null=True)
    up = models.IntegerField()
    down = models.IntegerField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return which version it is."""
        return f"{self.section}/{self.version}"


class Proposal(models.Model):
    """The whole new text of a section, which members vote on. ``state``: open, adopted, rejected, vetoed, gone."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "section": "public", "base": "public", "persona": "persona", "wording": "persona",
            "reason": "persona", "days": "public", "veto_days": "public", "quorum": "public", "thread": "public",
            "proposed_at": "time", "state": "public", "why": "public", "name": "public", "settled_at": "time",
            "position": "mechanical", "said_at": "mechanical",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its author is forgotten; what was adopted is the community's"),
    )  # fmt: skip
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    id = models.UUIDField(primary_key=True)
    section = models.TextField(db_collation="C")
    base = models.IntegerField()
    persona = models.UUIDField(db_index=True)
    wording = models.JSONField()
    reason = models.TextField()
    days = models.IntegerField()
    veto_days = models.IntegerField()
    quorum = models.IntegerField()
    thread = models.UUIDField(null=True)
    proposed_at = models.DateTimeField()
    state = models.TextField()
    why = models.TextField(null=True)
    name = models.TextField(null=True)
    settled_at = models.DateTimeField(null=True)
    position = models.UUIDField()
    said_at = models.UUIDField()

    def __str__(self) -> str:
        """Return its section."""
        return self.section


class Ballot(models.Model):
    """How a member voted on a proposal: 1, -1, or 0 once it was taken back."""

    personal: ClassVar[Personal] = Personal(
        columns={"proposal": "public", "persona": "persona", "value": "public", "position": "mechanical"},
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member is forgotten"),
    )
    access: ClassVar[Access] = WRITTEN_BY_COUNTER

    pk = CompositePrimaryKey("proposal", "persona")
    proposal = models.UUIDField()
    persona = models.UUIDField(db_index=True)
    value = models.SmallIntegerField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the vote."""
        return f"{self.value:+d}"
