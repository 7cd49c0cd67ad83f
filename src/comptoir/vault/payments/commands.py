"""Writes: a session is begun, a report is heard, money is asked back, a purpose is closed.

A row is committed before the provider is asked, and the provider is asked outside of every transaction: whatever dies
in between is found by the clock (``jobs.py``) and repeated under the same number. Django has to be set up; the time is
the caller's. Every function enters the vault itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Mapping
from typing import Final

import msgspec
from django.db import transaction

from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import applying, ports, queries, refunding, rules
from comptoir.vault.payments.contracts import Asked, Begun, PurposeState, RefundAsked
from comptoir.vault.payments.errors import (
    AttemptsEnough,
    PaymentDone,
    PaymentInvalid,
    PaymentOver,
    PaymentRefused,
    PaymentUnclear,
    RefundAskedDifferently,
    RefundTooLarge,
)
from comptoir.vault.payments.listening import listener
from comptoir.vault.payments.models import LIVE, Inbox, Purpose, Refund, Session

_log = logging.getLogger("comptoir.payments")
#: A page that is loaded again and again asks the provider no oftener.
_LOOK_EVERY: Final = dt.timedelta(seconds=5)


def begin(
    purpose: uuid.UUID,
    *,
    amount: int,
    currency: str,
    title: str,
    return_url: str,
    cancel_url: str,
    expires_at: dt.datetime,
    language: str,
    now: dt.datetime,
) -> Begun:
    """Return a page on which a purpose can be paid; asked again, the same one as long as the amount is the same.

    An open session with another amount is closed at the provider first. Raises :class:`PaymentsNotOffered`,
    :class:`PaymentInvalid`, :class:`PaymentDone`, :class:`PaymentOver`, :class:`AttemptsEnough`,
    :class:`PaymentRefused`, and :class:`PaymentUnclear` if the provider does not answer: then ask again.
    """
    name = ports.port().name
    asked = Asked(
        key=IDS.new(), purpose=purpose, amount=amount, currency=currency, title=title, return_url=return_url,
        cancel_url=cancel_url, expires_at=expires_at, language=language,
    )  # fmt: skip
    rules.check(asked, now=now)
    session = _begun(asked, name, now=now)
    if not _is_same(session, asked, name, now=now):
        _end_for_another(session, now=now)
        session = _begun(asked, name, now=now)
        if not _is_same(session, asked, name, now=now):
            raise PaymentUnclear
    if session.state == "open":
        return Begun(session.id, session.url, session.expires_at)
    return open_begun(session, now=now)


def open_begun(session: Session, *, now: dt.datetime) -> Begun:
    """Ask the provider for the page of a session that is written down: also once more, under the same number.

    Raises :class:`PaymentOver`, :class:`PaymentRefused`, :class:`PaymentUnclear`.
    """
    port = ports.port_of(session.provider)
    answer = port.open(_asked(session))
    if answer.word == "refused":
        applying.end_begun(session.id, why="failed", now=now)
        _log.warning("payments: %s refuses to open a session (%s)", session.provider, answer.why)
        raise PaymentRefused
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        Purpose.objects.select_for_update().get(pk=session.purpose_id)
        session.refresh_from_db()
        if answer.word == "open" and session.state == "begun":
            session.reference, session.url, session.state = answer.reference, answer.url, "open"
            session.look_at = rules.look_again(tries=0, now=now, expires_at=session.expires_at)
            session.tries, session.unknown_since = 0, None
            session.save(update_fields=["reference", "url", "state", "look_at", "tries", "unknown_since"])
        elif answer.word == "unknown" and session.state == "begun":
            session.tries += 1
            session.look_at = rules.ask_again(tries=session.tries, now=now)
            session.unknown_since = session.unknown_since or now
            session.save(update_fields=["tries", "look_at", "unknown_since"])
    if session.state == "open":
        return Begun(session.id, session.url, session.expires_at)
    if session.state == "begun":
        raise PaymentUnclear
    if session.state == "paid":
        raise PaymentDone
    # It was ended while the provider was asked: nobody gets this page, and it need not stay open.
    if answer.reference:
        port.close(answer.reference)
    raise PaymentOver


def hear(provider: str, *, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> bool:
    """Take a provider's report: verify, keep, commit, and only then let follow what it tells.

    ``headers`` have small letters. Returns whether it was new. What goes wrong after it was kept is tried again by the
    clock, and is no reason for the provider to send it once more. Raises :class:`ProviderNotHere`,
    :class:`ReportForged`, :class:`ReportStale`, :class:`ReportUnreadable`.
    """
    report = ports.port_of(provider).report(headers, body, now=now)
    said = msgspec.to_builtins(report)
    del said["kept"]
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        inbox, is_new = Inbox.objects.get_or_create(
            provider=provider, event=report.event,
            defaults={
                "id": IDS.new(), "said": said, "body": report.kept, "digest": hashlib.sha256(body).digest(),
                "received_at": now, "apply_at": now,
            },
        )  # fmt: skip
    try:
        applying.apply_report(inbox.id, now=now)
    except Exception as error:  # noqa: BLE001 - it is kept, and tried again by the clock
        _log.error("payments: a report of %s waits (%s)", provider, type(error).__name__)
    return is_new


def look(purpose: uuid.UUID, *, now: dt.datetime) -> PurposeState:
    """Ask the provider how the open session of a purpose stands, for the page to which its payer came back."""
    with entered(VAULT):
        session = Session.objects.filter(purpose=purpose, state="open").first()
        if session is not None and (session.looked_at is None or now - session.looked_at >= _LOOK_EVERY):
            Session.objects.filter(pk=session.id).update(looked_at=now)
            applying.apply_state(session.id, ports.port_of(session.provider).look(session.reference), now=now)
    return queries.state_of(purpose)


def close(purpose: uuid.UUID, *, now: dt.datetime) -> PurposeState:
    """Let no money come any more, and say how it stands: ``over``, ``paid``, or ``closing`` if nobody knows yet.

    The provider is asked to end the session first; only its word makes the purpose over. While it is ``closing`` the
    clock goes on asking, and whoever listens hears ``on_over`` or ``on_paid`` in the end.
    """
    with entered(VAULT):
        with transaction.atomic(using=VAULT.name):
            row = _purpose(purpose)
            if row.paid_by is None and row.closing_at is None:
                row.closing_at = now
                row.save(update_fields=["closing_at"])
            applying.is_over(row, now=now, heard=listener())
            live = list(row.sessions.filter(state__in=LIVE)) if row.over_at is None else []
        for session in live:
            end(session, now=now)
    return queries.state_of(purpose)


def end(session: Session, *, now: dt.datetime, is_told: bool = True) -> None:
    """End a live session: at the provider, unless nobody was ever sent to its page."""
    if session.reference:
        state = ports.port_of(session.provider).close(session.reference)
        applying.apply_state(session.id, state, now=now, is_told=is_told)
    else:
        applying.end_begun(session.id, why="closed", now=now, is_told=is_told)


def want_refund(purpose: uuid.UUID, *, amount: int, key: str, now: dt.datetime) -> RefundAsked:
    """Ask for money back, once for each key; the clock does it at the provider, and whoever listens hears of it.

    Raises :class:`PaymentInvalid`, :class:`RefundTooLarge` if more would go back than was paid, and
    :class:`RefundAskedDifferently`.
    """
    if not 0 < len(key) <= rules.KEY_CHARACTERS_MAX or key.startswith(("own:", "provider:", "again:")):
        raise PaymentInvalid(f"A key has 1 to {rules.KEY_CHARACTERS_MAX} characters.", field="key")
    if not 0 < amount <= rules.AMOUNT_MAX:
        raise PaymentInvalid(f"An amount is from 1 to {rules.AMOUNT_MAX:,} minor units.", field="amount")
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        row = _purpose(purpose)
        before = Refund.objects.select_related("capture").filter(key=key).first()
        if before is not None:
            if before.amount != amount or before.capture.purpose_id != purpose:
                raise RefundAskedDifferently(field="key")
            return RefundAsked(before.id, before.amount, before.state)
        capture = row.captures.filter(wanted__gt=0).first()
        left = 0 if capture is None else capture.amount - capture.given_back
        if capture is None or amount > left:
            raise RefundTooLarge(f"At most {left} minor units are left.", field="amount", left=left)
        refund = Refund.objects.create(
            id=IDS.new(), capture=capture, key=key, reason=refunding.ASKED, amount=amount, wanted_at=now, ask_at=now
        )
        return RefundAsked(refund.id, refund.amount, refund.state)


def _purpose(purpose: uuid.UUID) -> Purpose:
    """Return the row of a purpose, locked; made if it is missing."""
    Purpose.objects.get_or_create(purpose=purpose)
    return Purpose.objects.select_for_update().get(purpose=purpose)


def _begun(asked: Asked, provider: str, *, now: dt.datetime) -> Session:
    """Return the live session of a purpose, or write one down; committed when this returns."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        row = _purpose(asked.purpose)
        if row.paid_by is not None:
            raise PaymentDone
        if row.closing_at is not None:
            raise PaymentOver
        live = row.sessions.filter(state__in=LIVE).first()
        if live is not None:
            return live
        attempt = row.sessions.count() + 1
        if attempt > rules.ATTEMPTS_MAX:
            raise AttemptsEnough(f"At most {rules.ATTEMPTS_MAX} times.")
        return Session.objects.create(
            id=asked.key, purpose=row, attempt=attempt, provider=provider, amount=asked.amount,
            currency=asked.currency, title=asked.title, return_url=asked.return_url, cancel_url=asked.cancel_url,
            language=asked.language, begun_at=now, expires_at=asked.expires_at, look_at=now + rules.OPENING,
        )  # fmt: skip


def _is_same(session: Session, asked: Asked, provider: str, *, now: dt.datetime) -> bool:
    wanted = (asked.amount, asked.currency, provider)
    return (
        (session.amount, session.currency, session.provider) == wanted and session.expires_at - now > rules.LEFT_MIN
    )  # fmt: skip


def _end_for_another(session: Session, *, now: dt.datetime) -> None:
    """End a session, so that another one can take its place. Raises :class:`PaymentDone`, :class:`PaymentUnclear`."""
    end(session, now=now, is_told=False)
    with entered(VAULT):
        session.refresh_from_db()
    if session.state == "paid":
        raise PaymentDone
    if session.state in LIVE:
        raise PaymentUnclear


def _asked(session: Session) -> Asked:
    return Asked(
        key=session.id, purpose=session.purpose_id, amount=session.amount, currency=session.currency,
        title=session.title, return_url=session.return_url, cancel_url=session.cancel_url,
        expires_at=session.expires_at, language=session.language,
    )  # fmt: skip


def ask_refund(refund: Refund, *, now: dt.datetime) -> bool:
    """Have the provider give money back, once for each refund; ``False`` if it does not answer."""
    capture = refund.capture
    state = ports.port_of(capture.provider).refund(
        key=refund.id, payment=capture.payment, amount=refund.amount, currency=capture.currency,
        reference=refund.reference, is_repeated=refund.tries > 1,
    )  # fmt: skip
    applying.apply_refund(refund.id, state, now=now)
    return state.word != "unknown"
