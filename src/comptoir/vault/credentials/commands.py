"""What is done with users: staff are taken on and let go, customers make themselves; and how a sign-in begins and ends.

Every command enters the vault itself. Django has to be set up. Not here: pages (``views.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from comptoir.counter.customers.contracts import CUSTOMER_KIND, LINKED, USER_KIND
from comptoir.counter.customers.queries import person_of
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT
from comptoir.foundation.rooms.models import Presence, Standing
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer
from comptoir.vault.announcements.commands import AT_ONCE, send_waiting
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.contacts.queries import kept_pieces, read
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.errors import (
    CardOfAnother,
    CardShownLongAgo,
    LastPasskey,
    LinkRefused,
    NoSuchSignIn,
    NoSuchStaffMember,
    PasskeyReplayed,
    PasskeysMany,
    PasskeyUnknown,
)
from comptoir.vault.credentials.models import Kind, OneTimeLink, SignIn, User
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.devices import commands as devices

LINK_LIFE = dt.timedelta(minutes=10)
#: No room's session lasts longer than this.
SIGN_IN_LIFE = dt.timedelta(seconds=max(room.session_absolute_seconds for room in ROOMS.values()))
_SECRET_BYTES = 32
#: How long the proof counts that a browser was opened with a card link.
PROOF_LIFE = dt.timedelta(minutes=10)
_PASSKEY_NAME_LENGTH_MAX = 60


def take_on(*, name: str, email: str, now: dt.datetime) -> uuid.UUID:
    """Have a staff member with this e-mail address; returns the id. One who was let go comes back.

    The operator vouches for the address: it counts as verified.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = User.objects.filter(kind=Kind.STAFF, email__iexact=email).first()
        if member is None:
            member = User(kind=Kind.STAFF, name=name, email=email.lower(), joined_at=now)
            member.set_unusable_password()
            member.save()
            EmailAddress.objects.create(user=member, email=email.lower(), verified=True, primary=True)
        elif not member.is_active:
            member.is_active = True
            member.save(update_fields=["is_active"])
        return member.id


def let_go(*, email: str) -> None:
    """Sign a staff member out for good: no link, no code and no passkey works any more, and visits end in every room.

    Raises :class:`NoSuchStaffMember`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = member_of(email)
        member.is_active = False
        member.save(update_fields=["is_active"])
        member.one_time_links.all().delete()
        end_sign_ins(SignIn.objects.filter(user=member))


def forget_factors(*, email: str) -> int:
    """Forget a staff member's passkeys, authenticator app and recovery codes; returns how many there were.

    For whoever has lost them: with a one-time link they enrol new ones. Raises :class:`NoSuchStaffMember`.
    """
    with entered(VAULT):
        deleted: int = Authenticator.objects.filter(user=member_of(email)).delete()[0]
        return deleted


def one_time_link(*, email: str, now: dt.datetime) -> str:
    """Return a link that signs a staff member in once, within ten minutes. Links made before stop working.

    The link is shown to whoever stands at the operator's machine, and only its digest is kept. It takes the place of
    the code by e-mail, and of a second factor as long as the staff member has none. Raises
    :class:`NoSuchStaffMember`.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        member = member_of(email)
        member.one_time_links.all().delete()
        OneTimeLink.objects.create(
            digest=digest_of(secret), staff_member=member, issued_at=now, expires_at=now + LINK_LIFE
        )
    return addresses.url_of(VAULT, f"/enter/{secret}/")


def who_is_let_in(*, secret: str, now: dt.datetime) -> User:
    """Return whom a link would sign in, without using it. Raises :class:`LinkRefused`."""
    with entered(VAULT):
        link = _usable(secret, now).select_related("staff_member").first()
    if link is None:
        raise LinkRefused
    return link.staff_member


def use_one_time_link(*, secret: str, now: dt.datetime) -> User:
    """Use a link up and return whom it signs in. Raises :class:`LinkRefused`, also for the second of two at once."""
    with entered(VAULT):
        member = who_is_let_in(secret=secret, now=now)
        # Conditions on this row alone: with a join they would stand in a subquery, which PostgreSQL does not ask again
        # after waiting for the other one of two, and both would be let in.
        if OneTimeLink.objects.filter(digest=digest_of(secret), used_at=None).update(used_at=now) != 1:
            raise LinkRefused
    return member


def make_customer(*, user: uuid.UUID, passkey: Mapping[str, Any], name: str, now: dt.datetime) -> Authenticator:
    """Have a customer who is recognised by a passkey and by nothing else; ``name`` is what the passkey is called.

    ``user`` is the id for which the passkey was made.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        customer = User(id=user, kind=Kind.CUSTOMER, joined_at=now)
        customer.set_unusable_password()
        customer.save(force_insert=True)
        safety.note("credentials.passkey_made", user=user, at=now, purpose="the customer wanted it")
        return passkeys.keep(customer, name=name, credential=passkey)


def add_passkey(
    *,
    user: User,
    made_for: uuid.UUID,
    passkey: Mapping[str, Any],
    name: str,
    now: dt.datetime,
    is_recovery: bool = False,
) -> None:
    """Keep a further passkey of a customer; spending cools. ``is_recovery``: by a code by e-mail, and no passkey.

    Raises :class:`PasskeyReplayed` for one made for somebody else, :class:`PasskeysMany`, and see ``safety.change``.
    """
    if made_for != user.pk:
        raise PasskeyReplayed(field="credential")

    def make() -> None:
        if Authenticator.objects.filter(user=user).count() >= passkeys.PASSKEYS_MAX:
            raise PasskeysMany(f"At most {passkeys.PASSKEYS_MAX}.")
        passkeys.keep(user, name=name[:_PASSKEY_NAME_LENGTH_MAX], credential=passkey)

    what = "recovered" if is_recovery else "passkey_added"
    purpose = "code by e-mail" if is_recovery else "confirmed with a passkey"
    safety.change(user, what, now=now, make=make, purpose=purpose)


def remove_passkey(*, user: User, number: int, now: dt.datetime) -> None:
    """Remove one of a customer's passkeys; spending cools.

    Raises :class:`PasskeyUnknown`, :class:`LastPasskey`, :class:`CoolingOn`, and see ``safety.change``.
    """
    mine = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    with entered(VAULT):
        if not mine.filter(pk=number).exists():
            raise PasskeyUnknown(field="passkey")
        if mine.count() == 1:
            raise LastPasskey(field="passkey")
    safety.insist_on_calm(user, now=now)

    def make() -> None:
        if mine.count() == 1:
            raise LastPasskey(field="passkey")
        if not mine.filter(pk=number).delete()[0]:
            raise PasskeyUnknown(field="passkey")

    safety.change(user, "passkey_removed", now=now, make=make, purpose="confirmed with a passkey")


def step_back(user_id: uuid.UUID, now: dt.datetime) -> None:
    """Step back from known to recognised: the contact data are destroyed, with their key. Points and passkeys stay.

    An e-mail address that goes with them is told; see :func:`remove_address`.
    """
    destroy = functools.partial(contacts.destroy, user_id, actor=f"customer:{user_id}", at=now)
    if _has_proven_address(user_id):
        _take_address(user_id, "stepped_back", make=destroy, now=now)
    else:
        destroy()
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            safety.note("credentials.stepped_back", user=user_id, at=now, purpose="the customer wanted it")
    send_waiting(stop_at=AT_ONCE)


def remove_address(user_id: uuid.UUID, now: dt.datetime) -> None:
    """Take away the e-mail address of a customer. One that was proven is a factor: spending cools, and it is told.

    Raises :class:`CoolingOn`, and see ``safety.change``.
    """
    remove = functools.partial(contacts.remove, user_id, fields=["email"], actor=f"customer:{user_id}", at=now)
    if _has_proven_address(user_id):
        _take_address(user_id, "email_removed", make=remove, now=now)
    else:
        remove()


def _take_address(user_id: uuid.UUID, what: str, *, make: Callable[[], object], now: dt.datetime) -> None:
    """Take a proven address away. It is read before: afterwards nothing opens it, and its holder has to hear of it."""
    with entered(VAULT):
        user = User.objects.get(pk=user_id)
    safety.insist_on_calm(user, now=now)
    address = read(user_id, fields=["email"], purpose="notice of a change", actor="house", at=now).email

    def take() -> None:
        make()

    safety.change(user, what, now=now, make=take, purpose="confirmed with a passkey", notice_to=address)


def _has_proven_address(user: uuid.UUID) -> bool:
    return any(piece.field == "email" and piece.is_proven for piece in kept_pieces(user))


def become_unknown(*, user: User, now: dt.datetime) -> None:
    """Step back from recognised to unknown: every sign-in ends, in every room. The passkey finds the points again."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        devices.end_all(user=user.pk, now=now)
        end_sign_ins(SignIn.objects.filter(user=user))
        safety.note("credentials.became_unknown", user=user.pk, at=now, purpose="the customer wanted it")


def keep_address(*, user: User, email: str, now: dt.datetime) -> None:
    """Keep an e-mail address that a customer has just proven to hold: they are known from now on.

    The first one cools nothing: it takes nothing away. One that replaces another does, and the other is told. Raises
    :class:`CoolingOn`, and what ``contacts.commands.keep`` does.
    """
    values = ContactValues.of(email=email)
    keep = functools.partial(
        contacts.keep, user.pk, values=values, purpose="signing in and notices", actor=f"customer:{user.pk}", at=now,
        proven=["email"],
    )  # fmt: skip
    if _has_proven_address(user.pk):
        safety.insist_on_calm(user, now=now)
        until = now + safety.FREEZE_LINK_LIFE
        safety.change(
            user, "email_changed", now=now, make=lambda: keep(former_kept_until=until).former,
            purpose="confirmed with a passkey",
        )  # fmt: skip
        return
    keep()
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        safety.note("credentials.email_added", user=user.pk, at=now, purpose="confirmed with a passkey")
    send_waiting(stop_at=AT_ONCE)


def link_card(*, user: User, card: uuid.UUID, shown_at: dt.datetime, now: dt.datetime) -> Answer:
    """Say that a card and a customer's passkey are one person, on the evidence that the card was shown just now.

    Raises :class:`CardShownLongAgo`, :class:`CardOfAnother`, and what the house's client does without an answer.
    """
    if not dt.timedelta(0) <= now - shown_at < PROOF_LIFE:
        raise CardShownLongAgo(field="card")
    with entered(VAULT):
        person = person_of(card)
    mine = customer_of(user)
    if person is not None and any(each.kind == USER_KIND and each.customer != mine for each in person.members):
        raise CardOfAnother(field="card")
    data = {
        "identifier": {"kind": CUSTOMER_KIND, "value": str(card)},
        "customer": {"kind": USER_KIND, "value": str(user.pk)},
        "evidence": "card_link+passkey",
    }
    answer = house.send(LINKED, data, touchpoint=house.VAULT, request=uuid.uuid4(), at=now)
    if answer.problem is None:
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            safety.note("credentials.card_linked", user=user.pk, at=now, purpose="card link and passkey")
    return answer


def begin_sign_in(
    *, user: User, means: Sequence[str], browser: str, now: dt.datetime, provider_session: bytes | None = None
) -> uuid.UUID:
    """Begin a sign-in and return its number, on which visits in every room may hang.

    ``provider_session`` is what is kept of the identity provider's session, so that it can be ended from there.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        begun = SignIn.objects.create(
            user=user, begun_at=now, browser=browser[:60], means=" ".join(means)[:100],
            provider_session=provider_session,
        )  # fmt: skip
        Standing.objects.create(sign_in=begun.id, expires_at=now + SIGN_IN_LIFE)
        return begun.id


def end_sign_in(*, user: User, sign_in: uuid.UUID) -> None:
    """End one of a user's sign-ins: its visits are over in every room, from the next request on.

    Raises :class:`NoSuchSignIn` for one that is over, or somebody else's.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if not end_sign_ins(SignIn.objects.filter(user=user, id=sign_in)):
            raise NoSuchSignIn(field="sign_in")


def end_all_sign_ins(*, user: User) -> int:
    """End all of a user's sign-ins, in every room, and what devices may read; returns how many sign-ins there were."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        devices.end_all(user=user.pk, now=timezone.now())
        return end_sign_ins(SignIn.objects.filter(user=user))


def end_sign_ins(sign_ins: QuerySet[SignIn]) -> int:
    """End some sign-ins, in every room; returns how many there were. In the caller's transaction, as the vault."""
    ended = list(sign_ins.values_list("id", flat=True))
    Standing.objects.filter(sign_in__in=ended).delete()
    Presence.objects.filter(sign_in__in=ended).delete()
    SignIn.objects.filter(id__in=ended).delete()
    return len(ended)


def member_of(email: str) -> User:
    """Return the staff member with that address, as the vault. Raises :class:`NoSuchStaffMember`."""
    member = User.objects.filter(kind=Kind.STAFF, email__iexact=email, is_active=True).first()
    if member is None:
        raise NoSuchStaffMember
    return member


def _usable(secret: str, now: dt.datetime) -> QuerySet[OneTimeLink]:
    return OneTimeLink.objects.filter(
        digest=digest_of(secret), used_at=None, expires_at__gt=now, issued_at__lte=now, staff_member__is_active=True
    )
