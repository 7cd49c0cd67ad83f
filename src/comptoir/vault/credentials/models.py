"""Staff members and the one-time links that were printed for them. Factors are kept by django-allauth."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from comptoir.foundation.kernel.ids import IDS


def new_id() -> uuid.UUID:
    """Return a new id for a staff member (UUIDv7)."""
    return IDS.new()


class StaffMembers(BaseUserManager["StaffMember"]):
    """Finds staff members."""

    def get_by_natural_key(self, username: str | None) -> StaffMember:
        """Return the one with that e-mail address, in any spelling of its letters."""
        return self.get(email__iexact=username)


class StaffMember(AbstractBaseUser):
    """A person who works for the shop. There are no passwords: the field that Django wants is unusable."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail address"), unique=True)
    joined_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[StaffMembers] = StaffMembers()

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="credentials_staffmember_email"),)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def get_full_name(self) -> str:
        """Return the name, as Django's parts ask for it."""
        return self.name


class OneTimeLink(models.Model):
    """A link printed by the operator's machine. Only the digest of its secret is kept."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    staff_member = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="one_time_links")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class Attempt(models.Model):
    """A counter of attempts to sign in, written by Django's database cache."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "credentials_attempts"
