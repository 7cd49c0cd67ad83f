"""Reads: how a purpose stands, what nobody can answer for, where a payer may be sent. They enter the vault."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db.models import F, Q, Sum

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import ports, refunding, rules
from comptoir.vault.payments.contracts import PurposeState, Standing, Unresolved
from comptoir.vault.payments.models import LIVE, Chargeback, Inbox, Purpose, Refund, Session

_SHOWN_MAX: Final = 500


def state_of(purpose: uuid.UUID) -> PurposeState:
    """Return how a purpose stands, and what became of its money."""
    with entered(VAULT):
        row = Purpose.objects.filter(purpose=purpose).first()
        if row is None:
            return PurposeState(standing="none")
        captured = _sum(row.captures)
        refunded = _sum(Refund.objects.filter(capture__purpose=row, state="done"))
        refunding = _sum(Refund.objects.filter(capture__purpose=row, state__in=("queued", "asked")))
        taken = _sum(Chargeback.objects.filter(capture__purpose=row, state="taken"))
        first = row.sessions.order_by("attempt").first()
        return PurposeState(
            standing=_standing(row), currency=first.currency if first else "", captured=captured, refunded=refunded,
            refunding=refunding, charged_back=taken, kept=captured - refunded - taken,
        )  # fmt: skip


def unresolved(now: dt.datetime, *, after: dt.timedelta = rules.SHOWN_AFTER) -> list[Unresolved]:
    """Return what nobody could answer for so long, and what was refused, the oldest first.

    Sessions of which the provider does not say how they stand, refunds that are not answered, reports about something
    that is not there; refunds that were refused, until they are asked for once more or somebody gives them back; and
    those that were done after that all the same.
    """
    since = now - after
    with entered(VAULT):
        sessions = Session.objects.filter(state__in=LIVE, unknown_since__lt=since).order_by("unknown_since")
        found = [
            Unresolved(
                what="session", number=one.id, since=one.unknown_since or one.begun_at, why=one.why or "no_answer",
                provider=one.provider, purpose=one.purpose_id, reference=one.reference, amount=one.amount,
                currency=one.currency,
            )
            for one in sessions[:_SHOWN_MAX]
        ]  # fmt: skip
        refunds = Refund.objects.select_related("capture").filter(_is_stuck(since))
        found += [
            Unresolved(
                what="refused" if one.state == "refused" else "refund", number=one.id, since=one.wanted_at, why=one.why,
                provider=one.capture.provider, purpose=one.capture.purpose_id, reference=one.capture.payment,
                amount=one.amount, currency=one.capture.currency,
            )
            for one in refunds.order_by("wanted_at")[:_SHOWN_MAX]
        ]  # fmt: skip
        found += [
            Unresolved(
                what="twice", number=one.id, since=one.said_at or one.wanted_at, why=one.why,
                provider=one.capture.provider, purpose=one.capture.purpose_id, reference=one.capture.payment,
                amount=one.amount, currency=one.capture.currency,
            )
            for one in refunding.given_twice().order_by("wanted_at")[:_SHOWN_MAX]
        ]  # fmt: skip
        reports = Inbox.objects.filter(applied_at=None, received_at__lt=since).order_by("received_at")
        found += [
            Unresolved(
                what="report", number=one.id, since=one.received_at, why="waits", provider=one.provider,
                reference=one.event,
            )
            for one in reports[:_SHOWN_MAX]
        ]  # fmt: skip
    return sorted(found, key=lambda one: one.since)[:_SHOWN_MAX]


def is_settled(purpose: uuid.UUID, *, now: dt.datetime) -> bool:
    """Tell whether no money of a purpose is still to go back, as far as anybody here knows."""
    with entered(VAULT):
        waits = Refund.objects.filter(_is_stuck(now), capture__purpose=purpose)
        return not waits.exists() and not refunding.given_twice().filter(capture__purpose=purpose).exists()


def _is_stuck(since: dt.datetime) -> Q:
    """Tell which refunds a person has to look at: refused ones at once. A bank takes its days over what it promised."""
    # What was refused may have gone back since, at the provider itself.
    left = F("capture__amount") - F("capture__given_back")
    is_kept = Q(reason=refunding.ASKED, amount__lte=left) | Q(
        ~Q(reason=refunding.ASKED), capture__given_back__lt=F("capture__amount") - F("capture__wanted")
    )
    is_refused = Q(is_kept, state="refused", again=None, by_hand="")
    return Q(state__in=("queued", "asked"), reference="", wanted_at__lt=since) | is_refused


def page_origins() -> tuple[str, ...]:
    """Return the origins of the provider's pages, to which a form of the vault may lead; none without a provider."""
    try:
        return ports.port().origins()
    except Problem:
        return ()


def is_offered() -> bool:
    """Tell whether this shop takes payments on a page. Raises :class:`PaymentsInvalid`."""
    return bool(ports.provider())


def _standing(row: Purpose) -> Standing:
    if row.paid_by is not None:
        return "paid"
    if row.over_at is not None:
        return "over"
    return "closing" if row.closing_at is not None else "open"


def _sum(rows: object) -> int:
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)  # type: ignore[attr-defined]
