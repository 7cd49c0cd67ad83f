"""Tables of what members want to hear of, and how far they have heard. What is new is kept nowhere."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, Personal, Whose

#: The pages that a member sees read it, and the copy that they are given.
_ONES_OWN = Access.only(COUNTER).and_for(SQUARE, "SELECT").and_for(VAULT, "SELECT")


class Follow(models.Model):
    """A member follows a thread, a topic or a person, mutes it, or has said neither since the event at ``position``."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "persona": "persona", "kind": "public", "target": "persona", "how": "persona", "position": "mechanical",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = _ONES_OWN

    pk = CompositePrimaryKey("persona", "kind", "target")
    persona = models.UUIDField()
    kind = models.TextField()
    target = models.TextField(db_collation="C")
    how = models.TextField()
    position = models.UUIDField()

    class Meta:
        """Whom a person who is forgotten was followed by is found by their name."""

        indexes = (models.Index(fields=["target"], name="follow_of_member", condition=models.Q(kind="member")),)

    def __str__(self) -> str:
        """Return what it is about."""
        return f"{self.how} {self.kind}"


class Mention(models.Model):
    """A post names a member."""

    personal: ClassVar[Personal] = Personal(
        columns={"post": "public", "persona": "persona", "position": "mechanical"},
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member is forgotten"),
    )
    access: ClassVar[Access] = _ONES_OWN

    pk = CompositePrimaryKey("post", "persona")
    post = models.UUIDField()
    persona = models.UUIDField()
    position = models.UUIDField()

    class Meta:
        """A member's are read, the latest first."""

        indexes = (models.Index(fields=["persona", "position"], name="mention_of_member"),)

    def __str__(self) -> str:
        """Return the post."""
        return str(self.post)


class Seen(models.Model):
    """Up to which event a member knows their news: of one thread, or of everything (the thread of zeros)."""

    personal: ClassVar[Personal] = Personal(
        columns={"persona": "persona", "thread": "persona", "until": "mechanical"},
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member knows more, or is forgotten"),
    )
    access: ClassVar[Access] = _ONES_OWN

    pk = CompositePrimaryKey("persona", "thread")
    persona = models.UUIDField()
    thread = models.UUIDField()
    until = models.UUIDField()

    def __str__(self) -> str:
        """Return the thread."""
        return str(self.thread)


class Choice(models.Model):
    """Of which kinds a member hears on the page and in letters, and whether whoever writes in a thread follows it."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "persona": "persona", "page": "persona", "letters": "persona", "is_following": "persona",
            "position": "mechanical",
        },
        subject="persona",
        whose=Whose.PERSONA,
        exported=Export.ROWS,
        erased=Erasure.SEVERED,
        kept=Kept("its member is forgotten"),
    )  # fmt: skip
    access: ClassVar[Access] = _ONES_OWN

    persona = models.UUIDField(primary_key=True)
    page = ArrayField(models.TextField())
    letters = ArrayField(models.TextField())
    is_following = models.BooleanField()
    position = models.UUIDField()

    def __str__(self) -> str:
        """Return the kinds."""
        return ", ".join(self.page)
