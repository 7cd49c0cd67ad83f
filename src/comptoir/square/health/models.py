"""The tables of the figures: a row for each post that counts, and sums of these. All can be made anew at any time."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import COUNTER, Access
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


class Counted(models.Model):
    """A post that everybody sees, as far as it counts. ``id`` is the post's.

    ``origin``: ``member``; ``staff``; ``seeded``, by staff to start something; ``imported``. ``week`` is the Monday of
    the week in UTC. ``is_self``: it answers what the same person said. ``answers`` is the person whom it answers: of
    the same origin, and somebody else. ``replied_at`` is when somebody else answered first, ``replied_by`` the origin
    of that answer.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "mechanical", "thread": "mechanical", "kind": "public", "origin": "public", "author": "persona",
            "at": "time", "week": "time", "is_opening": "public", "is_self": "public", "answers": "persona",
            "replied_at": "time", "replied_by": "public",
        },
        subject="author",
        also=("answers",),
        whose=Whose.PERSONA,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("the post is taken back, or its author is forgotten"),
        because="It repeats of each post what the copy has with the post itself.",
    )  # fmt: skip
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    id = models.UUIDField(primary_key=True)
    thread = models.UUIDField(db_index=True)
    kind = models.TextField()
    origin = models.TextField()
    author = models.UUIDField(null=True)
    at = models.DateTimeField()
    week = models.DateField()
    is_opening = models.BooleanField()
    is_self = models.BooleanField()
    answers = models.UUIDField(null=True)
    replied_at = models.DateTimeField(null=True)
    replied_by = models.TextField(null=True)

    class Meta:
        """Figures read a span of time; whoever comes back, and who is forgotten, is found by the author."""

        indexes = (
            models.Index(fields=["at"], name="counted_at"),
            models.Index(fields=["author", "at"], name="counted_of_author", condition=models.Q(author__isnull=False)),
            models.Index(fields=["answers"], name="counted_answers", condition=models.Q(answers__isnull=False)),
            models.Index(fields=["at"], name="counted_waiting", condition=models.Q(origin="member", replied_at=None)),
        )

    def __str__(self) -> str:
        """Return what kind of post it is."""
        return f"{self.kind} {self.id}"


class Day(models.Model):
    """What was said on a day (UTC), of one origin, about a matter (questions, ideas) or in company.

    Self-replies are in none but ``answers``, which are answers to questions.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("How much was said on a day, and not by whom.")
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    pk = CompositePrimaryKey("day", "origin", "is_matter")
    day = models.DateField()
    origin = models.TextField()
    is_matter = models.BooleanField()
    posts = models.IntegerField()
    openings = models.IntegerField()
    answers = models.IntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        """Return the day."""
        return f"{self.day} {self.origin}"


class Person(models.Model):
    """When somebody contributed first and a second time, and when somebody else answered the first; no self-replies.

    ``is_stale`` only within a batch: it is to be looked at anew.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "author": "persona", "origin": "public", "first": "mechanical", "first_at": "time",
            "first_replied_at": "time", "second_at": "time", "is_stale": "mechanical",
        },
        subject="author",
        whose=Whose.PERSONA,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("everything its author has said is taken back, or its author is forgotten"),
        because="It repeats of each post what the copy has with the post itself.",
    )  # fmt: skip
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    pk = CompositePrimaryKey("author", "origin")
    author = models.UUIDField()
    origin = models.TextField()
    first = models.UUIDField(null=True)
    first_at = models.DateTimeField(null=True)
    first_replied_at = models.DateTimeField(null=True)
    second_at = models.DateTimeField(null=True)
    is_stale = models.BooleanField()

    class Meta:
        """Newcomers are found by their first contribution; what is to be looked at anew, at once."""

        indexes = (
            models.Index(fields=["first_at"], name="person_first_at"),
            models.Index(fields=["author"], name="person_stale", condition=models.Q(is_stale=True)),
        )

    def __str__(self) -> str:
        """Return whom."""
        return str(self.author)


class PersonWeek(models.Model):
    """How much somebody contributed in a week, which its Monday names; self-replies left out."""

    personal: ClassVar[Personal] = Personal(
        columns={"author": "persona", "origin": "public", "week": "time", "posts": "public"},
        subject="author",
        whose=Whose.PERSONA,
        exported=Export.WITHHELD,
        erased=Erasure.DELETED,
        kept=Kept("everything its author has said is taken back, or its author is forgotten"),
        because="It repeats of each post what the copy has with the post itself.",
    )  # fmt: skip
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    pk = CompositePrimaryKey("author", "week", "origin")
    author = models.UUIDField()
    origin = models.TextField()
    week = models.DateField()
    posts = models.IntegerField()

    class Meta:
        """Weeks are read over everybody; what has come to nothing is dropped."""

        indexes = (
            models.Index(fields=["week"], name="personweek_week"),
            models.Index(fields=["week"], name="personweek_nothing", condition=models.Q(posts=0)),
        )

    def __str__(self) -> str:
        """Return whom, and when."""
        return f"{self.author} {self.week}"
