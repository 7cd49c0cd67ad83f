"""Mails that came back, as they came: bounces of all kinds of servers (flufl.bounce), and complaints (ARF, RFC 5965).

A mail that comes back to its own envelope's sender (``envelopes.py``), or holds the original with its sealed link,
tells which message it was, so that nobody else can say it; one that names an address only is believed of whoever was
written to lately, a complaint if it names one alone. A full mailbox and a server that takes nothing from this shop make
no address a dead one. Automatic answers and delays change nothing. Not here: what follows (``reporting.py``).
"""

from __future__ import annotations

import datetime as dt
import email
import email.header
import email.message
import email.policy
import email.utils
import logging
import mailbox
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import flufl.bounce
import msgspec

from comptoir.counter.messages.leaving import LeaveLinkInvalid, decision_of
from comptoir.vault.messages import envelopes, reporting, statuses

BYTES_MAX: Final = 2 << 20
_LINK: Final = re.compile(rb"/messages/why/([A-Za-z0-9_-]{40,100})")
_ADDRESSES_MAX: Final = 20
#: Where servers write down to whom a mail came: its own header, and those of Postfix, Exim, qmail and others.
_CAME_TO: Final = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To")
_BY_MACHINES: Final = re.compile(r"(?:mailer-?daemon|mail-daemon|postmaster|microsoftexchange[0-9a-f]*)(?:\+.*)?")
#: What a machine calls its answer for somebody who is away, where no header says so.
_AWAY: Final = re.compile(
    r"out of (?:the )?office|automatic reply|auto(?:mated)?[ -]?(?:reply|response)|abwesen|automatische antwort|"
    r"r[ée]ponse automatique|absence du bureau|respuesta autom[áa]tica|fuera de la oficina|risposta automatica|"
    r"不在|自動(?:応答|返信)|自动(?:回复|答复)|자동 ?회신|автоответ",
    re.IGNORECASE,
)
_TOLD_BYTES_MAX: Final = 20_000
#: What a reader complains of (RFC 5965 and its registry); ``not-spam`` is the opposite, others speak of signatures.
_COMPLAINTS: Final = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
_log = logging.getLogger("comptoir.messages")

Kind = Literal["bounced", "complained", "delayed", "answered", "unclear"]


class Returned(msgspec.Struct, frozen=True):
    """What a mail that came back says: of which message or of which addresses, and what kind it is of.

    ``why``: in a word of the house's own why an address that bounced is not dead all the same, or nothing: it is.
    """

    kind: Kind
    decision: uuid.UUID | None = None
    addresses: tuple[str, ...] = ()
    why: str = ""

    def __repr__(self) -> str:
        """Say nothing of whom it names."""
        return f"Returned({self.kind})"


def read(raw: bytes, *, to: str = "") -> Returned:
    """Read a mail that came back, ``to`` the address to which it was brought where that is known.

    What is none is unclear. Nothing is raised, whatever it is.
    """
    try:
        return _read(raw[:BYTES_MAX], to=to)
    except Exception:  # noqa: BLE001 - a parser of what anybody may send trips over anything
        return Returned("unclear")


def _read(raw: bytes, *, to: str) -> Returned:
    message = email.message_from_bytes(raw)
    came_to, report = _came_to(message, to=to), _report_type(message)
    if report == "feedback-report":
        named = tuple(dict.fromkeys(_complained(message)))
        if _fields_of(message, "message/feedback-report", "feedback-type").isdisjoint(_COMPLAINTS):
            return Returned("unclear")
        # Anybody can write such a mail: without a number of ours it is believed of one address, and of no more.
        known = _decision(message, raw) or came_to
        return Returned("complained", known, named if len(named) == 1 else ())
    if report == "disposition-notification":
        return Returned("answered")  # somebody's program has shown it, or thrown it away
    if report != "delivery-status" and not _is_by_machine(message) and _is_answer(message):
        return Returned("answered")  # whatever it quotes
    delayed, failed = flufl.bounce.all_failures(message)
    if failed:
        # What was returned says which message it was, and only where one reader is named; an envelope has one reader.
        named = tuple(sorted(_text(each) for each in failed))[:_ADDRESSES_MAX]
        decision = came_to or (_decision(message, raw) if len(named) == 1 else None)
        return Returned("bounced", decision, named, _why_not_dead(message))
    if delayed:
        return Returned("delayed")
    if came_to is not None and _is_failure(message, report):
        return Returned("bounced", came_to, (), _why_not_dead(message))
    return Returned("answered" if _is_answer(message) else "unclear")


def take(raw: bytes, *, at: dt.datetime, to: str = "") -> Kind:
    """Read a mail that came back and note what follows; returns its kind. Raises :class:`VaultClosed`."""
    found = read(raw, to=to)
    if found.kind in {"bounced", "complained"}:
        word: reporting.Word = "bounced" if found.kind == "bounced" else "complained"
        if found.decision is not None:
            reporting.report(word, found.decision, at=at, why=found.why)
        else:
            for address in found.addresses:
                reporting.report_of(word, address, field="email", at=at, why=found.why)
    return found.kind


def mails_in(path: Path) -> Iterator[bytes]:
    """Give the mails of a file, an mbox or a Maildir."""
    if path.is_dir():
        yield from (each.as_bytes() for each in mailbox.Maildir(path, create=False))
    else:
        with path.open("rb") as file:
            is_mbox = file.read(5) == b"From "
        if is_mbox:
            yield from (each.as_bytes() for each in mailbox.mbox(path, create=False))
        else:
            yield path.read_bytes()[:BYTES_MAX]


def _came_to(message: email.message.Message, *, to: str) -> uuid.UUID | None:
    """Return whose envelope's sender a mail came back to."""
    said = (str(value) for name in _CAME_TO for value in message.get_all(name, []))
    return envelopes.decision_in("\n".join((f"{to}\n", *said)))


def _decision(message: email.message.Message, raw: bytes) -> uuid.UUID | None:
    """Return the message that was returned, by its own link or its envelope; the parts may be encoded."""
    texts = [raw]
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            texts.append(payload)
        texts.extend(str(value).encode(errors="replace") for value in part.get_all("List-Unsubscribe", []))
    for text in texts:
        for match in _LINK.finditer(text):
            try:
                return decision_of(match[1].decode())
            except LeaveLinkInvalid:
                continue
    return envelopes.decision_in("\n".join(text.decode("ascii", errors="replace") for text in texts))


# -- what became of it ------------------------------------------------------------------------------------------------


def _is_failure(message: email.message.Message, report: str) -> bool:
    """Tell whether a mail that names nobody says for good that a message did not arrive."""
    if report == "delivery-status":
        return any(each.startswith("fail") for each in _fields_of(message, "message/delivery-status", "action"))
    if not _is_by_machine(message):
        return False
    told = _told(message)
    return "X-Failed-Recipients" in message or bool(statuses.ANSWER.search(told)) or any(
        found[1] == "5" for found in statuses.STATUS.finditer(told)
    )  # fmt: skip


def _why_not_dead(message: email.message.Message) -> str:
    """Return why an address is not dead although a message did not arrive there; nothing if it is."""
    return statuses.why_not_dead(_statuses(message), _told(message))


def _statuses(message: email.message.Message) -> list[str]:
    """Return the statuses of what failed: of a report its own fields, else the first that its text names."""
    found = []
    for status, answer in _failed_of(message):
        # A general status stands above what the other server said in particular.
        better = statuses.STATUS.search(answer) if status.endswith(".0.0") or not status else None
        found.append(better[0] if better is not None else status)
    if not found and (told := statuses.STATUS.search(_told(message))) is not None:
        found.append(told[0])
    return [each for each in found if each]


def _failed_of(message: email.message.Message) -> Iterator[tuple[str, str]]:
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status" or not isinstance(part.get_payload(), list):
            continue
        for block in part.get_payload():
            assert isinstance(block, email.message.Message)
            if str(block.get("Action", "")).strip().lower().startswith(("fail", "error")):
                said = statuses.STATUS.search(str(block.get("Status", "")))
                yield "" if said is None else said[0], str(block.get("Diagnostic-Code", ""))


def _fields_of(message: email.message.Message, kind: str, name: str) -> set[str]:
    """Return what the blocks of a report say in a field, in small letters."""
    found: set[str] = set()
    for part in message.walk():
        if part.get_content_type() == kind:
            payload = part.get_payload()
            text = "\n".join(map(str, payload)) if isinstance(payload, list) else str(payload)
            for line in text.splitlines():
                field, _, value = line.partition(":")
                if field.strip().lower() == name:
                    found.add(value.strip().lower())
    return found


def _told(message: email.message.Message) -> str:
    """Return what a mail says to people: its first text, not what it quotes of a message that it returns."""
    for part in message.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            return payload[:_TOLD_BYTES_MAX].decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
    return ""


def _is_by_machine(message: email.message.Message) -> bool:
    """Tell whether a mail server speaks, not somebody's mailbox."""
    address = email.utils.parseaddr(str(message.get("From", "")))[1]
    return _BY_MACHINES.fullmatch(address.partition("@")[0].lower()) is not None


def _report_type(message: email.message.Message) -> str:
    kind = message.get_param("report-type")
    return kind.lower() if message.get_content_type() == "multipart/report" and isinstance(kind, str) else ""


def _complained(message: email.message.Message) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            payload = part.get_payload()
            text = "".join(map(str, payload)) if isinstance(payload, list) else str(payload)
            for line in text.splitlines():
                name, _, value = line.partition(":")
                if name.strip().lower() in {"original-rcpt-to", "removal-recipient"}:
                    yield value.strip().strip("<>")


def _is_answer(message: email.message.Message) -> bool:
    automatic = str(message.get("Auto-Submitted", "no")).strip().lower()
    if automatic not in {"no", ""} or any(each in message for each in ("X-Autoreply", "X-Autorespond")):
        return True
    if str(message.get("Precedence", "")).strip().lower() == "auto_reply":
        return True
    subject = str(email.header.make_header(email.header.decode_header(str(message.get("Subject", "")))))
    return _AWAY.search(subject) is not None


def _text(address: bytes | str) -> str:
    return address.decode("ascii", errors="replace") if isinstance(address, bytes) else address
