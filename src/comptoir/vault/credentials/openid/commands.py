"""Provider links are made and undone; whom one signs in; whom a logout token signs out.

Every command enters the vault itself and writes into the audit chain. Not here: HTTP.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import Final

from django.db import IntegrityError, transaction

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.credentials import safety
from comptoir.vault.credentials.commands import end_sign_ins, member_of
from comptoir.vault.credentials.models import Kind, ProviderLink, SignIn, SpentToken, User
from comptoir.vault.credentials.openid.declared import Provider
from comptoir.vault.credentials.openid.errors import (
    LogoutTokenReplayed,
    OpenidLinkedAlready,
    OpenidNotLinked,
    OpenidTokenWrong,
)
from comptoir.vault.credentials.openid.tokens import SignedOut

#: As long as a logout token could be sent again and still be taken.
_SPENT_FOR: Final = dt.timedelta(hours=1)
_SUBJECT_LENGTH_MAX: Final = 255
_KEY: Final = "provider-subjects"


def link(*, user: User, provider: Provider, subject: str, now: dt.datetime, actor: str = "") -> None:
    """Say that one subject of a provider is one staff member. Raises :class:`OpenidLinkedAlready`."""
    if not 0 < len(subject) <= _SUBJECT_LENGTH_MAX:
        raise OpenidTokenWrong(field="sub")
    assert user.kind == Kind.STAFF, "customers have passkeys"
    digest = digest_of(provider.issuer, subject)
    with entered(VAULT):
        try:
            with transaction.atomic(using=VAULT.name):
                ProviderLink.objects.create(digest=digest, user=user, issuer=provider.issuer, linked_at=now)
                _note("credentials.provider_linked", user, provider, now=now, actor=actor)
        except IntegrityError:
            raise OpenidLinkedAlready from None


def link_member(*, email: str, provider: Provider, subject: str, now: dt.datetime) -> None:
    """Link a staff member as the operator. Raises :class:`NoSuchStaffMember`, :class:`OpenidLinkedAlready`."""
    with entered(VAULT):
        member = member_of(email)
    link(user=member, provider=provider, subject=subject, now=now, actor="operator")


def unlink_member(*, email: str, now: dt.datetime) -> int:
    """Undo every link of a staff member as the operator, and sign them out; returns how many there were.

    Raises :class:`NoSuchStaffMember`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = member_of(email)
        undone: int = ProviderLink.objects.filter(user=member).delete()[0]
        if undone:
            end_sign_ins(SignIn.objects.filter(user=member))
            safety.note(
                "credentials.provider_unlinked", user=member.pk, at=now, purpose="identity provider", actor="operator"
            )
        return undone


def member_for(*, provider: Provider, subject: str) -> User:
    """Return whom a subject of a provider is. Raises :class:`OpenidNotLinked`, also for who was let go."""
    with entered(VAULT):
        found = ProviderLink.objects.filter(digest=digest_of(provider.issuer, subject)).select_related("user").first()
    if found is None or not found.user.is_active or found.user.kind != Kind.STAFF:
        raise OpenidNotLinked
    return found.user


def issuers_of(user: User) -> frozenset[str]:
    """Return the issuers with which somebody is linked."""
    with entered(VAULT):
        return frozenset(ProviderLink.objects.filter(user=user).values_list("issuer", flat=True))


def sign_out(*, provider: Provider, told: SignedOut, now: dt.datetime) -> int:
    """Sign out whom a logout token names, in every room; returns how many sign-ins there were.

    One that names a subject ends everything of theirs: whoever was dismissed there has nothing open here. One that
    names a session alone ends what was begun with it. Raises :class:`LogoutTokenReplayed`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        spent = SpentToken(digest=digest_of(provider.issuer, told.number), expires=now + _SPENT_FOR)
        if SpentToken.objects.filter(digest=spent.digest).exists():
            raise LogoutTokenReplayed
        try:
            with transaction.atomic(using=VAULT.name):
                spent.save(force_insert=True)
        except IntegrityError:
            raise LogoutTokenReplayed from None
        if told.subject:
            digest = digest_of(provider.issuer, told.subject)
            users = list(ProviderLink.objects.filter(digest=digest).values_list("user_id", flat=True))
            sign_ins = SignIn.objects.filter(user__in=users)
        else:
            sign_ins = SignIn.objects.filter(provider_session=digest_of(provider.issuer, told.session))
            users = list(sign_ins.values_list("user_id", flat=True).distinct())
        ended = end_sign_ins(sign_ins)
        for user in users:
            safety.note(
                "credentials.signed_out_by_provider", user=user, at=now, purpose="identity provider",
                actor="provider", provider=provider.name,
            )  # fmt: skip
        return ended


def note_sign_in(*, user: User, provider: Provider, now: dt.datetime) -> None:
    """Put it into the audit chain that a provider vouched for somebody who signs in."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        _note("credentials.provider_vouched", user, provider, now=now, actor="")


def digest_of(issuer: str, text: str) -> bytes:
    """Return what is kept of a subject, a session or a number of a provider: a keyed digest."""
    key = shop.secret(_KEY)
    return hmac.digest(key, f"{len(issuer)}:{issuer}{text}".encode(), hashlib.sha256)


def _note(action: str, user: User, provider: Provider, *, now: dt.datetime, actor: str) -> None:
    safety.note(action, user=user.pk, at=now, purpose="identity provider", kind=user.kind, actor=actor,
        provider=provider.name)  # fmt: skip
