"""Money on its way back: what goes back by itself, what was asked for, what the provider says of it.

Every function is called with the purpose's row locked, in a transaction of the vault's. Not here: the provider.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from comptoir.foundation.kernel.ids import IDS
from comptoir.vault.payments import rules
from comptoir.vault.payments.contracts import RefundState
from comptoir.vault.payments.listening import Listener
from comptoir.vault.payments.models import Capture, Refund

#: Reasons for which money that was wanted goes back; of all others nobody is told, since it was never counted.
ASKED: Final = "asked"
AT_PROVIDER: Final = "provider"
#: Why a refund is not asked for: the one whose place it took was done after all.
NOT_NEEDED: Final = "not_needed"
_TOLD: Final = frozenset({ASKED, AT_PROVIDER})


def queue_surplus(capture: Capture, *, now: dt.datetime) -> None:
    """Send back what of a capture is not wanted and does not go back yet."""
    capture.refresh_from_db()
    # A refused one that another one took the place of is not counted beside it.
    automatic = list(capture.refunds.filter(again=None).exclude(reason__in=_TOLD).values_list("amount", flat=True))
    amount = rules.going_back(
        captured=capture.amount, wanted=capture.wanted, given_back=capture.given_back, automatic=automatic
    )
    if amount:
        reason = "surplus" if capture.wanted else capture.verdict
        number = IDS.new()
        Refund.objects.create(
            id=number, capture=capture, key=f"own:{number}", reason=reason, amount=amount, wanted_at=now, ask_at=now
        )


def settle(refund: Refund, state: RefundState, *, at: dt.datetime | None, listener: Listener, now: dt.datetime) -> None:
    """Write down what the provider says of a refund, as of a moment; the later word counts, and a no before a yes.

    Without a moment it is the answer to a call: it counts only while nothing was reported.
    """
    refund.refresh_from_db()
    if state.reference and not refund.reference:
        refund.reference = state.reference
        refund.save(update_fields=["reference"])
    if state.word in {"unknown", "pending"} or _is_older(refund, state, at):
        return
    if state.word == "done":
        _done(refund, at=at, listener=listener, now=now)
    elif refund.state != "refused":
        was_done = refund.state == "done"
        refund.state, refund.why, refund.said_at = "refused", state.why, at
        refund.save(update_fields=["state", "why", "said_at"])
        if _is_told(refund):
            listener.on_refund_refused(
                refund.capture.purpose_id, key=_key(refund), amount=refund.amount, currency=refund.capture.currency,
                at=at or now, was_told=was_done,
            )  # fmt: skip
        promote(refund.capture, now=now, listener=listener)


def note(capture: Capture, *, reference: str, amount: int, at: dt.datetime, listener: Listener) -> None:
    """Write down a refund that was made at the provider itself."""
    number = IDS.new()
    Refund.objects.create(
        id=number, capture=capture, key=f"provider:{capture.provider}:{reference}", reason=AT_PROVIDER, amount=amount,
        state="noted", reference=reference, wanted_at=at, said_at=at, ask_at=at,
    )  # fmt: skip
    promote(capture, now=at, listener=listener)


def promote(capture: Capture, *, now: dt.datetime, listener: Listener) -> None:
    """Count what was made at the provider, as far as what is under way leaves room: the provider will refuse that."""
    for refund in capture.refunds.filter(state="noted").order_by("wanted_at", "id"):
        _done(refund, at=refund.said_at, listener=listener, now=now)


def find(capture: Capture | None, *, ours: uuid.UUID | None, provider: str, reference: str) -> Refund | None:
    """Return the refund that a report means: by our number of it, else by the provider's."""
    if ours is not None and (found := Refund.objects.filter(pk=ours, capture__provider=provider).first()):
        return found
    if not reference:
        return None
    known = Refund.objects.filter(reference=reference, capture__provider=provider)
    return (known.filter(capture=capture) if capture is not None else known).first()


def given_twice() -> QuerySet[Refund]:
    """Return refunds that were done after all, though others took their place or staff gave the money back."""
    instead = Refund.objects.filter(pk=OuterRef("again"), state="done")
    return Refund.objects.select_related("capture").filter(
        ~Q(by_hand="") | Q(Exists(instead)), state__in=("done", "noted"), settled=""
    )


def _done(refund: Refund, *, at: dt.datetime | None, listener: Listener, now: dt.datetime) -> None:
    if refund.state == "done":
        return
    _end_replacement(refund)
    capture = Capture.objects.get(pk=refund.capture_id)
    if refund.state in {"refused", "noted"} and capture.given_back + refund.amount > capture.amount:
        refund.state = "noted"
        refund.save(update_fields=["state"])
        return
    refund.state, refund.said_at = "done", at
    refund.save(update_fields=["state", "said_at"])
    if _is_told(refund):
        listener.on_refunded(
            capture.purpose_id, key=_key(refund), amount=refund.amount, currency=capture.currency, at=at or now
        )


def _end_replacement(refund: Refund) -> None:
    """End what took a refund's place, unless the provider was asked for it already: then a person sees to both."""
    if refund.again is None:
        return
    waits = Refund.objects.filter(pk=refund.again, state="queued", tries=0)
    if waits.update(state="refused", why=NOT_NEEDED, again=refund.id):
        refund.again = None
        refund.save(update_fields=["again"])


def _is_older(refund: Refund, state: RefundState, at: dt.datetime | None) -> bool:
    if at is None:
        return refund.state not in {"queued", "asked"}
    if refund.said_at is None or at > refund.said_at:
        return False
    # Of two words of one moment the no is the later one: what failed was thought to be done before.
    return at < refund.said_at or state.word == "done"


def _is_told(refund: Refund) -> bool:
    return refund.reason in _TOLD and refund.capture.wanted > 0


def _key(refund: Refund) -> str:
    return refund.key if refund.reason == ASKED else ""
