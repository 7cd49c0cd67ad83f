"""What is done with staff members: taken on, let go, given a one-time link; and how a link is used.

Every command enters the vault itself. Django has to be set up. Not here: pages (``views.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.credentials.errors import LinkRefused, NoSuchStaffMember
from comptoir.vault.credentials.models import OneTimeLink, StaffMember

LINK_LIFE = dt.timedelta(minutes=10)
_SECRET_BYTES = 32


def take_on(*, name: str, email: str, now: dt.datetime) -> uuid.UUID:
    """Have a staff member with this e-mail address; returns the id. One who was let go comes back.

    The operator vouches for the address: it counts as verified.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = StaffMember.objects.filter(email__iexact=email).first()
        if member is None:
            member = StaffMember(name=name, email=email.lower(), joined_at=now)
            member.set_unusable_password()
            member.save()
            EmailAddress.objects.create(user=member, email=member.email, verified=True, primary=True)
        elif not member.is_active:
            member.is_active = True
            member.save(update_fields=["is_active"])
        return member.id


def let_go(*, email: str) -> None:
    """Sign a staff member out for good: no link, no code and no passkey works any more.

    A visit in the office that has begun lasts at most as long as the office's sessions do. Raises
    :class:`NoSuchStaffMember`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = _member(email)
        member.is_active = False
        member.save(update_fields=["is_active"])
        member.one_time_links.all().delete()


def forget_factors(*, email: str) -> int:
    """Forget a staff member's passkeys, authenticator app and recovery codes; returns how many there were.

    For whoever has lost them: with a one-time link they enrol new ones. Raises :class:`NoSuchStaffMember`.
    """
    with entered(VAULT):
        deleted: int = Authenticator.objects.filter(user=_member(email)).delete()[0]
        return deleted


def one_time_link(*, email: str, now: dt.datetime) -> str:
    """Return a link that signs a staff member in once, within ten minutes. Links made before stop working.

    The link is shown to whoever stands at the operator's machine, and only its digest is kept. It takes the place of
    the code by e-mail, and of a second factor as long as the staff member has none. Raises
    :class:`NoSuchStaffMember`.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = _member(email)
        member.one_time_links.all().delete()
        OneTimeLink.objects.create(
            digest=_digest(secret), staff_member=member, issued_at=now, expires_at=now + LINK_LIFE
        )
    return addresses.url_of(VAULT, f"/enter/{secret}/")


def who_is_let_in(*, secret: str, now: dt.datetime) -> StaffMember:
    """Return whom a link would sign in, without using it. Raises :class:`LinkRefused`."""
    with entered(VAULT):
        link = _usable(secret, now).select_related("staff_member").first()
    if link is None:
        raise LinkRefused
    return link.staff_member


def use_one_time_link(*, secret: str, now: dt.datetime) -> StaffMember:
    """Use a link up and return whom it signs in. Raises :class:`LinkRefused`, also for the second of two at once."""
    with entered(VAULT):
        member = who_is_let_in(secret=secret, now=now)
        # Conditions on this row alone: with a join they would stand in a subquery, which PostgreSQL does not ask again
        # after waiting for the other one of two, and both would be let in.
        if OneTimeLink.objects.filter(digest=_digest(secret), used_at=None).update(used_at=now) != 1:
            raise LinkRefused
    return member


def _member(email: str) -> StaffMember:
    member = StaffMember.objects.filter(email__iexact=email, is_active=True).first()
    if member is None:
        raise NoSuchStaffMember
    return member


def _usable(secret: str, now: dt.datetime) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.filter(
        digest=_digest(secret), used_at=None, expires_at__gt=now, issued_at__lte=now, staff_member__is_active=True
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
