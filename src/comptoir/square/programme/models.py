"""What was done in the start-up programme: a row for each step, as the log tells it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from comptoir.foundation.rooms.declaration import COUNTER, Access
from comptoir.foundation.rooms.personal import NothingPersonal


class Step(models.Model):
    """A step: ``kind`` is ``done``, ``phase`` or ``switched``; ``item`` the task, the phase or the element.

    ``how``: ``done`` or ``passed_over``; ``on`` or ``off``; for a phase nothing.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("What staff did for the square, said of no customer.")
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    position = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    kind = models.TextField()
    item = models.TextField(db_collation="C")
    how = models.TextField(null=True)
    post = models.UUIDField(null=True)
    name = models.TextField()
    reason = models.TextField(null=True)

    class Meta:
        """A task is done once; every batch of posts asks whether the square is closed."""

        constraints = (
            models.UniqueConstraint(fields=["item"], condition=models.Q(kind="done"), name="step_done_once"),
        )
        indexes = (
            models.Index(fields=["item", "-position"], name="step_switched", condition=models.Q(kind="switched")),
        )

    def __str__(self) -> str:
        """Return what it was about."""
        return f"{self.kind} {self.item}"


class Experiment(models.Model):
    """An experiment: what was registered last before it began, when it ran, and why it was stopped.

    ``experiment`` is its name; ``name`` who registered it. The other fields are those of ``experiment.registered``.
    """

    personal: ClassVar[NothingPersonal] = NothingPersonal("What staff try out on the square, said of no customer.")
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    experiment = models.TextField(primary_key=True, db_collation="C")
    hypothesis = models.TextField()
    element = models.TextField()
    unit = models.TextField()
    kind = models.TextField()
    language = models.TextField()
    title_a = models.TextField(null=True)
    text_a = models.TextField()
    title_b = models.TextField(null=True)
    text_b = models.TextField()
    topic = models.TextField(null=True)
    seed = models.TextField()
    outcome = models.TextField()
    days = models.SmallIntegerField()
    cap = models.IntegerField()
    smallest = models.FloatField()
    expected = models.FloatField()
    weeks_max = models.SmallIntegerField()
    name = models.TextField()
    registered_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    planned_units = models.IntegerField(null=True)
    planned_weeks = models.IntegerField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.TextField(null=True)
    reason = models.TextField(null=True)

    def __str__(self) -> str:
        """Return its name."""
        return self.experiment


class Invitation(models.Model):
    """An invitation: its text, for how many and in which order, and how many there were. Nobody is named."""

    personal: ClassVar[NothingPersonal] = NothingPersonal("What was written, to how many; to whom, the vault knows.")
    access: ClassVar[Access] = Access.everyone("SELECT").and_for(COUNTER, "INSERT", "UPDATE", "DELETE")

    invitation = models.TextField(primary_key=True, db_collation="C")
    order = models.TextField()
    limit = models.SmallIntegerField()
    language = models.TextField()
    subject = models.TextField()
    text = models.TextField()
    name = models.TextField()
    written_at = models.DateTimeField()
    reminder = models.TextField(null=True)
    reminded_at = models.DateTimeField(null=True)
    sent = models.SmallIntegerField()
    reminded = models.SmallIntegerField()
    joined = models.SmallIntegerField(null=True)
    joined_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Return its name."""
        return self.invitation
