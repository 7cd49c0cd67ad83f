"""What staff have said of campaigns: versions, launches, frozen lists, caps. Rows are added and never changed.

Nobody is named here: what was decided about whom stands at the counter (``counter/messages``), where it is forgotten
with its person, and so does a stop, which the vault has to hear.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CompositePrimaryKey

from comptoir.foundation.rooms.declaration import OFFICE, Access
from comptoir.foundation.rooms.personal import NothingPersonal

_WRITTEN: NothingPersonal = NothingPersonal("What staff plan and do; of customers, numbers at the most.")
_APPENDED: Access = Access.only(OFFICE, "SELECT", "INSERT")


class CampaignVersion(models.Model):
    """A version of a campaign, from 1 on: ``definition`` is a ``contracts.Version``, ``hash`` a SHA-256 of it."""

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    pk = CompositePrimaryKey("campaign", "number")
    campaign = models.UUIDField()
    number = models.IntegerField()
    definition = models.JSONField()
    hash = models.TextField()
    written_at = models.DateTimeField()
    written_by = models.TextField()

    class Meta:
        """Campaigns are listed by when they were written."""

        indexes = (models.Index(fields=["-written_at"], name="campaign_written"),)

    def __str__(self) -> str:
        """Return the campaign and the version."""
        return f"{self.campaign} {self.number}"


class Launch(models.Model):
    """That a version is to be sent: its list is frozen at ``starts_at``, or at once. The latest launch holds."""

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    pk = CompositePrimaryKey("campaign", "version")
    campaign = models.UUIDField()
    version = models.IntegerField()
    starts_at = models.DateTimeField()
    launched_at = models.DateTimeField()
    launched_by = models.TextField()

    def __str__(self) -> str:
        """Return the campaign and the version."""
        return f"{self.campaign} {self.version}"


class TargetList(models.Model):
    """A frozen target list: which segment by which definition, when, how many, and hashes of who.

    ``counts`` is a ``contracts.Counts``; ``members_hash`` is one of everybody on it and what was decided about them.
    """

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    pk = CompositePrimaryKey("campaign", "version")
    campaign = models.UUIDField()
    version = models.IntegerField()
    segment = models.TextField()
    segment_hash = models.TextField()
    frozen_at = models.DateTimeField()
    members = models.IntegerField()
    members_hash = models.TextField()
    counts = models.JSONField()

    def __str__(self) -> str:
        """Return the campaign and the version."""
        return f"{self.campaign} {self.version}"


class CapsSet(models.Model):
    """What all campaigns together may send to one person; ``caps`` is a list of ``contracts.Cap``. The latest holds."""

    personal: ClassVar[NothingPersonal] = _WRITTEN
    access: ClassVar[Access] = _APPENDED

    number = models.BigAutoField(primary_key=True)
    caps = models.JSONField()
    set_at = models.DateTimeField()
    set_by = models.TextField()

    def __str__(self) -> str:
        """Return the number."""
        return str(self.number)
