"""Changes by which somebody could be robbed: cooling after each, notices to the old address, the freeze link, the thaw.

After a passkey or the address of a customer has changed, points are earned and not spent for a while. Whoever had the
address before is told, with a link that stops everything without a sign-in. The counter refuses to spend; that it was
told comes first, so that no change counts while the counter knows nothing of it. Not here: HTTP.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.db import connections, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comptoir.counter.loyalty.contracts import COOLED, FROZEN, THAWED
from comptoir.counter.loyalty.cooling import cooling
from comptoir.foundation.events import audit
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.announcements import commands as announcements
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import delivery
from comptoir.vault.contacts.contracts import FormerAddress, Hidden
from comptoir.vault.contacts.queries import is_known
from comptoir.vault.credentials.errors import CoolingOn, FreezeLinkRefused, NotFrozen, SpendingHeld
from comptoir.vault.credentials.models import Change, Freeze, FreezeLink, User
from comptoir.vault.credentials.rules import cools_until

_SECRET_BYTES: Final = 32
#: A notice that is read after the holidays still stops what has not cooled, and ends every sign-in.
FREEZE_LINK_LIFE: Final = dt.timedelta(days=30)
#: What a notice says of each change.
NOTICES: Final[Mapping[str, Any]] = {
    "passkey_added": gettext_lazy("A passkey was added."),
    "passkey_removed": gettext_lazy("A passkey was removed."),
    "email_changed": gettext_lazy("The e-mail address was changed."),
    "email_removed": gettext_lazy("The e-mail address was removed."),
    "stepped_back": gettext_lazy("The contact data were destroyed, and this address with them."),
    "recovered": gettext_lazy("A passkey was added with a code by e-mail."),
    "recovered_in_person": gettext_lazy(
        "A passkey was added at the counter, with the help of somebody who works here."
    ),
}


def note(
    action: str, *, user: uuid.UUID | None, at: dt.datetime, purpose: str, kind: str = "customer", actor: str = "",
    **detail: str,
) -> None:  # fmt: skip
    """Put something that happened to a user's way of signing in into the audit chain; in the caller's transaction.

    Whoever does it is the user, unless there is another ``actor``.
    """
    actor = actor or (f"{kind}:{user}" if user else "stranger")
    audit.append(
        connections[VAULT.name], room=VAULT, actor=actor, action=action, subject=user, purpose=purpose, at=at,
        detail=detail,
    )  # fmt: skip


def cooling_until(user: User, *, now: dt.datetime) -> dt.datetime | None:
    """Return until when a customer's spending cools, or ``None``."""
    with entered(VAULT):
        return cools_until(Change.objects.filter(user=user).values_list("cools_until", flat=True), now=now)


def is_frozen(user: User) -> bool:
    """Tell whether spending is stopped."""
    with entered(VAULT):
        return Freeze.objects.filter(user=user, thawed_at=None).exists()


def insist_on_spending(user: User, *, now: dt.datetime) -> None:
    """Raise :class:`SpendingHeld` while spending cools or is stopped; the counter refuses as well, on every channel."""
    if is_frozen(user):
        raise SpendingHeld("spending_frozen")
    if cooling_until(user, now=now) is not None:
        raise SpendingHeld("spending_cooling")


def insist_on_calm(user: User, *, now: dt.datetime) -> None:
    """Raise :class:`CoolingOn` while something cools or is stopped: whoever was robbed keeps what is left."""
    if is_frozen(user) or cooling_until(user, now=now) is not None:
        raise CoolingOn


def change(
    user: User,
    what: str,
    *,
    now: dt.datetime,
    make: Callable[[], FormerAddress | None],
    purpose: str,
    notice_to: Hidden[str] | None = None,
) -> None:
    """Make a change by which a customer could be robbed: the counter is told, then it is made, then its notice sent.

    ``make`` makes it, in a transaction, and returns the address that it replaced, if it replaced one. ``notice_to`` is
    an address that is gone afterwards, and so cannot be looked up for the notice. Raises what
    the house's client raises when the counter cannot be told (nothing is changed then), and what ``make`` does.
    """
    until = now + cooling()
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        told = announcements.announce(user.pk, COOLED, at=now, said={"until": until.isoformat()})
    try:
        answer = announcements.send(told)
    except Problem:
        announcements.take_back(told)
        raise
    assert answer.problem is None, f"the counter refused to cool: {answer.problem}"
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        User.objects.select_for_update().get(pk=user.pk)
        former = make()
        changed = Change.objects.create(user=user, what=what, at=now, cools_until=until)
        FreezeLink.objects.create(
            digest=digest_of(secret), change=changed, user=user, expires_at=now + FREEZE_LINK_LIFE
        )
        note(f"credentials.{what}", user=user.pk, at=now, purpose=purpose)
    _tell(user, what, secret=secret, until=until, to=notice_to or former, now=now)


def _tell(
    user: User, what: str, *, secret: str, until: dt.datetime, to: FormerAddress | Hidden[str] | None, now: dt.datetime
) -> None:
    """Send the notice of a change to the address that counted before it; who has none cannot be told."""
    if to is None and not is_known(user.pk):
        return
    link = addresses.url_of(VAULT, f"/freeze/{secret}/")
    text = "\n\n".join(
        (
            str(NOTICES[what]),
            _("Until %(moment)s points are earned and not spent.") % {"moment": f"{until:%Y-%m-%d %H:%M} UTC"},
            _("If it was not you, open this link. It stops all spending at once and signs everybody out:"),
            link,
            _("If it was you, there is nothing to do."),
        )
    )
    with contextlib.suppress(Problem):  # a mail server that is away undoes no change, and the points cool anyway
        subject = _("Something was changed in how you sign in")
        if isinstance(to, Hidden):
            delivery.send(to, subject=subject, text=text)
        else:
            delivery.deliver(
                user.pk, subject=subject, text=text, purpose="notice of a change", at=now, address=to,
            )  # fmt: skip


def link_of(*, secret: str, now: dt.datetime) -> FreezeLink:
    """Return what a freeze link would stop, without using it. Raises :class:`FreezeLinkRefused`."""
    with entered(VAULT):
        found = FreezeLink.objects.filter(digest=digest_of(secret), used_at=None, expires_at__gt=now)
        link = found.select_related("change", "user").first()
    if link is None:
        raise FreezeLinkRefused
    return link


def freeze(*, secret: str, now: dt.datetime) -> None:
    """Stop all spending of whoever a link was sent to, sign everybody out, and take back what came with the change.

    Passkeys that were made since the change are removed, and an address that came with it; those from before stay, and
    only they thaw. Works once. Raises :class:`FreezeLinkRefused`.
    """
    from comptoir.vault.credentials.commands import end_all_sign_ins  # noqa: PLC0415 - it stands on this file

    link = link_of(secret=secret, now=now)
    user = link.user
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        User.objects.select_for_update().get(pk=user.pk)
        if FreezeLink.objects.filter(digest=link.digest, used_at=None).update(used_at=now) != 1:
            raise FreezeLinkRefused
        since = link.change.at
        Authenticator.objects.filter(user=user, created_at__gte=since).delete()
        Freeze.objects.get_or_create(user=user, thawed_at=None, defaults={"frozen_at": now})
        Change.objects.create(user=user, what="frozen", at=now, cools_until=now + cooling())
        end_all_sign_ins(user=user)
        told = announcements.announce(user.pk, FROZEN, at=now)
        note("credentials.frozen", user=user.pk, at=now, purpose="freeze link of a notice")
        is_address_new = Change.objects.filter(user=user, what="email_changed", at__gte=since).exists()
    if is_address_new:
        contacts.remove(user.pk, fields=["email"], actor=f"customer:{user.pk}", at=now)
    with contextlib.suppress(Problem):  # it is sent again by the clock
        announcements.send(told)


def thaw(*, user: User, now: dt.datetime) -> None:
    """Let spending on again. Raises :class:`NotFrozen`, and :class:`CoolingOn` before it has cooled."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        User.objects.select_for_update().get(pk=user.pk)
        if not Freeze.objects.filter(user=user, thawed_at=None).exists():
            raise NotFrozen
        if cooling_until(user, now=now) is not None:
            raise CoolingOn
        Freeze.objects.filter(user=user, thawed_at=None).update(thawed_at=now)
        told = announcements.announce(user.pk, THAWED, at=now)
        note("credentials.thawed", user=user.pk, at=now, purpose="confirmed with a passkey")
    with contextlib.suppress(Problem):
        announcements.send(told)
