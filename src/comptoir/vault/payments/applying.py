"""What follows from an answer of a provider or a report of it: in one transaction, once, in any order.

The purpose's row is locked first, then everything about it is decided. Whoever listens is told in the same transaction.
No network in here. Every function enters the vault itself.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from typing import Final, get_args

import msgspec
from django.db import transaction

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import refunding, rules
from comptoir.vault.payments.contracts import RefundState, Report, State
from comptoir.vault.payments.listening import Ended, Listener, listener
from comptoir.vault.payments.models import LIVE, Capture, Chargeback, Inbox, Purpose, Refund, Session

_log = logging.getLogger("comptoir.payments")
_ENDS: Final = frozenset(get_args(Ended))


def apply_state(session_id: uuid.UUID, state: State, *, now: dt.datetime, is_told: bool = True) -> None:
    """Write down what a provider says of a session, and when it is asked again.

    ``is_told`` is false where another session takes its place: that it ended is no news then.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        purpose, session = _locked(session_id)
        if state.word == "paid":
            _paid(purpose, session, state, now=now)
        elif state.word in {"expired", "failed"}:
            _ended(purpose, session, state.word, at=state.at or now, now=now, is_told=is_told)
        if session.state not in LIVE:
            return
        session.tries += 1
        session.why = state.why
        session.unknown_since = (session.unknown_since or now) if state.word == "unknown" else None
        is_closing = purpose.closing_at is not None
        session.looked_at = now
        session.look_at = (
            rules.ask_again(tries=session.tries, now=now)
            if is_closing or state.word == "unknown"
            else rules.look_again(tries=session.tries, now=now, expires_at=session.expires_at)
        )
        session.save(update_fields=["tries", "why", "unknown_since", "look_at", "looked_at"])


def apply_report(number: uuid.UUID, *, now: dt.datetime) -> bool:
    """Let follow what a report tells, once; ``False`` if it has to wait for what it is about."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        inbox = Inbox.objects.select_for_update().get(pk=number)
        if inbox.applied_at is not None:
            return True
        note = _apply(inbox, msgspec.convert(inbox.said | {"kept": b""}, Report), now=now)
        if note is None and now - inbox.received_at < rules.FOREIGN_AFTER:
            inbox.tries += 1
            inbox.apply_at = rules.ask_again(tries=inbox.tries, now=now)
            inbox.save(update_fields=["tries", "apply_at"])
            return False
        inbox.applied_at, inbox.note = now, "about nothing of ours" if note is None else note
        inbox.save(update_fields=["applied_at", "note"])
        return True


def apply_refund(refund_id: uuid.UUID, state: RefundState, *, now: dt.datetime) -> None:
    """Write down what a provider answers to a refund."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        refund = Refund.objects.select_related("capture").get(pk=refund_id)
        _lock(refund.capture.purpose_id)
        refunding.settle(refund, state, at=None, listener=listener(), now=now)


def end_begun(session_id: uuid.UUID, *, why: Ended, now: dt.datetime, is_told: bool = True) -> None:
    """End a session to whose page nobody was ever sent. One that was opened meanwhile stays as it is."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        purpose, session = _locked(session_id)
        if session.state == "begun":
            word = "failed" if why == "failed" else "expired"
            _ended(purpose, session, word, at=now, now=now, is_told=is_told)


def is_over(purpose: Purpose, *, now: dt.datetime, heard: Listener) -> bool:
    """Write down that no money comes any more, once no session is open; the purpose's row is locked."""
    if purpose.over_at is not None or purpose.paid_by is not None or purpose.closing_at is None:
        return purpose.over_at is not None
    if purpose.sessions.filter(state__in=LIVE).exists():
        return False
    purpose.over_at = now
    purpose.save(update_fields=["over_at"])
    heard.on_over(purpose.purpose, why="closed", at=now)
    return True


def _locked(session_id: uuid.UUID) -> tuple[Purpose, Session]:
    session = Session.objects.get(pk=session_id)
    purpose = _lock(session.purpose_id)
    session.refresh_from_db()
    return purpose, session


def _lock(purpose: uuid.UUID) -> Purpose:
    return Purpose.objects.select_for_update().get(pk=purpose)


# -- a session ---------------------------------------------------------------------------------------------------------


def _paid(purpose: Purpose, session: Session, state: State, *, now: dt.datetime) -> None:
    """Money came through a session: it pays the purpose, or goes back whole."""
    at, heard = state.at or now, listener()
    capture, is_new = Capture.objects.get_or_create(
        provider=session.provider, payment=state.payment,
        defaults={
            "id": IDS.new(), "purpose": purpose, "session": session, "amount": state.amount,
            "currency": state.currency, "captured_at": at,
        },
    )  # fmt: skip
    if capture.session_id != session.id:
        _log.error("payments: one payment of %s is told for two sessions", session.provider)
        return
    if not is_new and state.amount > capture.amount:
        capture.amount = state.amount
        capture.save(update_fields=["amount"])
    was_live = session.state in LIVE
    if session.state != "paid":
        session.state, session.ended_at, session.unknown_since = "paid", at, None
        session.save(update_fields=["state", "ended_at", "unknown_since"])
    if not capture.verdict:
        _judge(purpose, session, capture, at=at, heard=heard)
        if was_live and capture.verdict in _ENDS:
            _tell_end(purpose, capture.verdict, at=at, now=now, heard=heard)  # type: ignore[arg-type]
    refunding.queue_surplus(capture, now=now)
    is_over(purpose, now=now, heard=heard)


def _judge(purpose: Purpose, session: Session, capture: Capture, *, at: dt.datetime, heard: Listener) -> None:
    verdict: str = rules.judge(
        is_paid=purpose.paid_by is not None,
        asked=(session.amount, session.currency),
        came=(capture.amount, capture.currency),
    )
    if verdict == "offer":
        is_wanted = heard.on_paid(purpose.purpose, amount=session.amount, currency=session.currency, at=at)
        verdict = "wanted" if is_wanted else "late"
    capture.verdict = verdict
    capture.wanted = session.amount if verdict == "wanted" else 0
    capture.save(update_fields=["verdict", "wanted"])
    if verdict == "wanted":
        purpose.paid_by = session.id
        purpose.save(update_fields=["paid_by"])


def _ended(
    purpose: Purpose, session: Session, word: str, *, at: dt.datetime, now: dt.datetime, is_told: bool = True
) -> None:
    """A session can no longer be paid. Whoever says so of one that was paid speaks of an earlier moment."""
    if session.state not in LIVE:
        return
    session.state, session.ended_at, session.unknown_since = word, at, None
    session.save(update_fields=["state", "ended_at", "unknown_since"])
    if is_told:
        _tell_end(purpose, "failed" if word == "failed" else "expired", at=at, now=now, heard=listener())


def _tell_end(purpose: Purpose, why: Ended, *, at: dt.datetime, now: dt.datetime, heard: Listener) -> None:
    """Tell that nothing is under way any more. One that was to be closed is over, and that is what is told."""
    if purpose.paid_by is None and purpose.over_at is None and not is_over(purpose, now=now, heard=heard):
        heard.on_over(purpose.purpose, why=why, at=at)


# -- a report ----------------------------------------------------------------------------------------------------------


def _apply(inbox: Inbox, report: Report, *, now: dt.datetime) -> str | None:
    """Let follow what a report tells; returns why nothing followed, ``None`` if what it is about is missing."""
    if report.kind == "other":
        return "nothing follows from it"
    if report.kind in {"paid", "expired", "failed"}:
        return _apply_to_session(inbox, report, now=now)
    capture = Capture.objects.filter(provider=inbox.provider, payment=report.payment).first()
    if report.kind in {"refund_done", "refund_failed"}:
        return _apply_to_refund(inbox, report, capture, now=now)
    if capture is None:
        return None
    purpose = _lock(capture.purpose_id)
    _charge_back(purpose, capture, report)
    return ""


def _apply_to_session(inbox: Inbox, report: Report, *, now: dt.datetime) -> str | None:
    sessions = Session.objects.filter(provider=inbox.provider)
    session = sessions.filter(reference=report.session).first() if report.session else None
    # A report may be there before the answer to the call that opened its session.
    if session is None and report.ours is not None:
        session = sessions.filter(pk=report.ours, reference="").first()
    if session is None:
        return None
    purpose, session = _locked(session.id)
    if report.session and not session.reference:
        session.reference = report.session
        session.save(update_fields=["reference"])
    if report.kind == "paid":
        if not report.payment or report.amount <= 0:
            return "it names no payment"
        _paid(purpose, session, State("paid", report.payment, report.amount, report.currency, report.at), now=now)
    else:
        _ended(purpose, session, report.kind, at=report.at, now=now)
    return ""


def _apply_to_refund(inbox: Inbox, report: Report, capture: Capture | None, *, now: dt.datetime) -> str | None:
    if capture is not None:
        _lock(capture.purpose_id)
    refund = refunding.find(capture, ours=report.ours, provider=inbox.provider, reference=report.refund)
    if refund is None:
        if capture is None:
            return None
        if report.kind == "refund_failed" or not report.refund or report.amount <= 0:
            return "a refund that was never made"
        refunding.note(capture, reference=report.refund, amount=report.amount, at=report.at, listener=listener())
        return ""
    if capture is None:
        _lock(refund.capture.purpose_id)
    state = RefundState("done" if report.kind == "refund_done" else "refused", report.refund)
    refunding.settle(refund, state, at=report.at, listener=listener(), now=now)
    return ""


def _charge_back(purpose: Purpose, capture: Capture, report: Report) -> None:
    """Record that a bank took money, or gave it back: in whichever order the two are told."""
    is_returned = report.kind == "chargeback_won"
    row, is_new = Chargeback.objects.get_or_create(
        capture=capture, reference=report.refund,
        defaults={
            "id": IDS.new(), "amount": report.amount, "currency": report.currency, "at": report.at,
            "state": "returned" if is_returned else "taken",
        },
    )  # fmt: skip
    if is_new and is_returned:
        return  # that it was taken is told later, and is over by then
    if not is_new:
        if not is_returned or row.state == "returned":
            return
        row.state = "returned"
        row.save(update_fields=["state"])
    listener().on_charged_back(
        purpose.purpose, amount=row.amount, currency=row.currency, at=report.at, is_returned=is_returned
    )
