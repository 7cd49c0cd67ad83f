"""What a person does about a payment for which nobody can answer: has it asked again now, or gave the money back.

Not here: who may do that, and whose payment it is (``vault/checkout``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db import transaction

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import applying, jobs, refunding
from comptoir.vault.payments.contracts import UnresolvedKind
from comptoir.vault.payments.errors import PaymentInvalid, RefundTooLarge
from comptoir.vault.payments.models import LIVE, Inbox, Purpose, Refund, Session

NOTE_CHARACTERS_MAX: Final = 200
_NOTE_CHARACTERS_MIN: Final = 3


def ask_now(what: UnresolvedKind, number: uuid.UUID, *, now: dt.datetime) -> None:
    """Ask the provider now, and not when the clock does; what is settled meanwhile stays as it is.

    A refused refund is asked for once more, under a number of its own. Raises :class:`RefundTooLarge` if so much is
    not there any more, and what asking the provider raises.
    """
    if what == "session":
        with entered(VAULT):
            session = Session.objects.filter(pk=number, state__in=LIVE).first()
        if session is not None:
            jobs.look_at(session, now=now)
    elif what == "report":
        with entered(VAULT):
            is_there = Inbox.objects.filter(pk=number).exists()
        if is_there:
            applying.apply_report(number, now=now)
    else:
        refund = _again(number, now=now) if what == "refused" else number
        with entered(VAULT):
            Refund.objects.filter(pk=refund, state__in=("queued", "asked")).update(ask_at=now)
        jobs.send_refunds(now=now, only=refund)


def gave_back(number: uuid.UUID, *, how: str, now: dt.datetime) -> bool:
    """Write down how a person has given money back that the provider refuses to; ``False`` if somebody was quicker.

    Of money that went back twice, it is how they have seen to that. ``how`` is one line. Raises
    :class:`PaymentInvalid`.
    """
    if not _NOTE_CHARACTERS_MIN <= len(how) <= NOTE_CHARACTERS_MAX or not how.isprintable():
        raise PaymentInvalid(f"Between {_NOTE_CHARACTERS_MIN} and {NOTE_CHARACTERS_MAX} characters.", field="how")
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        refund = _locked(number)
        if refunding.given_twice().filter(pk=number).exists():
            return bool(Refund.objects.filter(pk=number).update(settled=how))
        if refund is None or refund.state != "refused" or refund.again is not None or refund.by_hand:
            return False
        refund.by_hand, refund.said_at = how, refund.said_at or now
        refund.save(update_fields=["by_hand", "said_at"])
    return True


def _again(number: uuid.UUID, *, now: dt.datetime) -> uuid.UUID:
    """Return the refund that takes the place of a refused one: the same for whoever asks twice."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        refund = _locked(number)
        if refund is None or refund.state != "refused" or refund.by_hand:
            return number
        if refund.again is not None:
            return refund.again
        capture = refund.capture
        capture.refresh_from_db()
        left = capture.amount - capture.given_back
        if refund.amount > left:
            raise RefundTooLarge(f"At most {left} minor units are left.", field="amount", left=left)
        refund.again = IDS.new()
        refund.save(update_fields=["again"])
        Refund.objects.create(
            id=refund.again, capture=capture, key=f"again:{refund.again}", reason=refund.reason, amount=refund.amount,
            wanted_at=now, ask_at=now,
        )  # fmt: skip
        return refund.again


def _locked(number: uuid.UUID) -> Refund | None:
    refund = Refund.objects.select_related("capture").filter(pk=number).first()
    if refund is not None:
        Purpose.objects.select_for_update().get(pk=refund.capture.purpose_id)
        refund.refresh_from_db()
    return refund
