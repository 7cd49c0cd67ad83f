"""Users, how each of them is signed in, what was changed lately, and links. Factors are kept by django-allauth."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.personal import Erasure, Export, Kept, NothingPersonal, Personal, Whose


def new_id() -> uuid.UUID:
    """Return a new id for a user (UUIDv7)."""
    return IDS.new()


#: Who is looked for where somebody could be known and is not, so that it takes as long.
NOBODY: Final = uuid.UUID(int=0)


class Kind(models.TextChoices):
    """Who a user is to the shop: somebody who works for it, or a customer."""

    STAFF = "staff"
    CUSTOMER = "customer"


class Users(BaseUserManager["User"]):
    """Finds users."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the member of staff with that e-mail address, in any spelling of its letters."""
        return self.get(kind=Kind.STAFF, email__iexact=username)


class User(AbstractBaseUser):
    """Somebody who can sign in. There are no passwords: the field that Django wants is unusable.

    Staff have a name and an e-mail address. A customer has neither here: what they told the shop lies sealed
    elsewhere in the vault, and most have told nothing.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "password": "credential",
            "last_login": "time",
            "id": "pseudonym",
            "kind": "mechanical",
            "name": "identity",
            "email": "contact",
            "joined_at": "time",
            "is_active": "mechanical",
        },
        subject="id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the user is forgotten, or leaves the shop"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=100, blank=True, default="")
    email = models.EmailField(_("e-mail address"), unique=True, null=True, blank=True)
    joined_at = models.DateTimeField()
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[Users] = Users()

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="credentials_user_email"),
            models.CheckConstraint(
                condition=(Q(kind=Kind.STAFF) & ~Q(name="") & Q(email__isnull=False))
                | Q(kind=Kind.CUSTOMER, name="", email__isnull=True),
                name="credentials_user_kind",
            ),
        )

    @property
    def is_customer(self) -> bool:
        """Tell whether this is a customer of the shop."""
        return self.kind == Kind.CUSTOMER

    def __str__(self) -> str:
        """Return the name; a customer has none."""
        return self.name

    def get_full_name(self) -> str:
        """Return the name, as Django's parts ask for it."""
        return self.name


class OneTimeLink(models.Model):
    """A link printed by the operator's machine. Only the digest of its secret is kept."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "digest": "credential",
            "staff_member_id": "pseudonym",
            "issued_at": "time",
            "expires_at": "time",
            "used_at": "time",
        },
        subject="staff_member_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("a month after it expired", days=30, since="expires_at"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    staff_member = models.ForeignKey(User, on_delete=models.CASCADE, related_name="one_time_links")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class SignIn(models.Model):
    """One signing in by one browser: since when, by what, and what kind of browser it is.

    Whether it still holds is said by ``rooms.Standing``, in which every room looks. ``browser`` is coarse on purpose.
    ``provider_session`` is a keyed digest of the identity provider's session with which it was begun.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "id": "session",
            "user_id": "pseudonym",
            "begun_at": "time",
            "browser": "factor",
            "means": "factor",
            "provider_session": "session",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("it is over, or as long as the longest session of any room", days=90, since="begun_at"),
    )

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    begun_at = models.DateTimeField()
    browser = models.CharField(max_length=60)
    means = models.CharField(max_length=100)
    provider_session = models.BinaryField(max_length=32, null=True, db_index=True)


class Recovery(models.Model):
    """A link that somebody who works here made for a customer who lost every passkey. Of it only a digest is kept.

    Why it was made stands in the audit chain, where the customer reads it.
    """

    personal: ClassVar[Personal] = Personal(
        columns={
            "digest": "credential",
            "user_id": "pseudonym",
            "staff_member": "mechanical",
            "issued_at": "time",
            "expires_at": "time",
            "used_at": "time",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("a month after it expired", days=30, since="expires_at"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recoveries")
    staff_member = models.UUIDField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("staff_member", "issued_at"), name="credentials_recovery_staff"),)


class ProviderLink(models.Model):
    """That one subject of an identity provider is one staff member. Of the subject only a keyed digest is kept."""

    personal: ClassVar[Personal] = Personal(
        columns={"digest": "credential", "user_id": "pseudonym", "issuer": "factor", "linked_at": "time"},
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the user is forgotten, leaves the shop, or the operator undoes it"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="provider_links")
    issuer = models.CharField(max_length=200)
    linked_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "issuer"), name="credentials_provider_link_one"),)


class SpentToken(models.Model):
    """A logout token that was taken, for as long as it could be sent again. Names nobody."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "A keyed digest of a token's number; each is gone within a day.",
        kept=Kept("the token would be refused for its age", days=0, since="expires"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    expires = models.DateTimeField(db_index=True)


class Change(models.Model):
    """Something by which a customer signs in was changed; spending cools until the latest of these moments.

    ``what`` is ``passkey_added``, ``passkey_removed``, ``email_changed``, ``email_removed``, ``stepped_back``,
    ``recovered``, ``recovered_in_person`` or ``frozen``.
    """

    personal: ClassVar[Personal] = Personal(
        columns={"id": "mechanical", "user_id": "pseudonym", "what": "factor", "at": "time", "cools_until": "time"},
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the user is forgotten"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="changes")
    what = models.CharField(max_length=20)
    at = models.DateTimeField()
    cools_until = models.DateTimeField()


class Freeze(models.Model):
    """Spending was stopped by somebody who holds a freeze link, and may be let on again; a record, not a flag."""

    personal: ClassVar[Personal] = Personal(
        columns={"id": "mechanical", "user_id": "pseudonym", "frozen_at": "time", "thawed_at": "time"},
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("the user is forgotten"),
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="freezes")
    frozen_at = models.DateTimeField()
    thawed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user",), condition=Q(thawed_at__isnull=True), name="credentials_freeze_one"
            ),
        )


class FreezeLink(models.Model):
    """A link in a notice of a change, which stops spending without a sign-in. Only the digest of its secret is kept."""

    personal: ClassVar[Personal] = Personal(
        columns={
            "digest": "credential",
            "change_id": "mechanical",
            "user_id": "pseudonym",
            "expires_at": "time",
            "used_at": "time",
        },
        subject="user_id",
        whose=Whose.USER,
        exported=Export.ROWS,
        erased=Erasure.DELETED,
        kept=Kept("a month after it expired", days=30, since="expires_at"),
    )

    digest = models.BinaryField(primary_key=True, max_length=32)
    change = models.ForeignKey(Change, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class Attempt(models.Model):
    """A counter of attempts to sign in, written by Django's database cache."""

    personal: ClassVar[NothingPersonal] = NothingPersonal(
        "Counters by the hash of an address; each is gone within a day.",
        kept=Kept("the time that it counts for is over", days=0, since="expires"),
    )

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "credentials_attempts"
