"""Mails that came back, as they came: bounces of all kinds of servers (flufl.bounce), and complaints (ARF, RFC 5965).

A returned mail that holds the original tells by its sealed link which message it was, so that nobody else can say it;
one that names an address only is believed of whoever was written to lately, a complaint if it names one alone.
Automatic answers and delays change nothing. Not here: what follows (``reporting.py``).
"""

from __future__ import annotations

import datetime as dt
import email
import email.message
import email.policy
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
from comptoir.vault.messages import reporting

BYTES_MAX: Final = 2 << 20
_LINK: Final = re.compile(rb"/messages/why/([A-Za-z0-9_-]{40,100})")
_ADDRESSES_MAX: Final = 20
_log = logging.getLogger("comptoir.messages")

Kind = Literal["bounced", "complained", "delayed", "answered", "unclear"]


class Returned(msgspec.Struct, frozen=True):
    """What a mail that came back says: of which message or of which addresses, and what kind it is of."""

    kind: Kind
    decision: uuid.UUID | None = None
    addresses: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say nothing of whom it names."""
        return f"Returned({self.kind})"


def read(raw: bytes) -> Returned:
    """Read a mail that came back; what is none is unclear. Nothing is raised, whatever it is."""
    try:
        message = email.message_from_bytes(raw[:BYTES_MAX])
        decision = _decision(message, raw[:BYTES_MAX])
        if _report_type(message) == "feedback-report":
            # Anybody can write such a mail: without a link of ours it is believed of one address, and of no more.
            named = tuple(dict.fromkeys(_complained(message)))
            return Returned("complained", decision, named if len(named) == 1 else ())
        delayed, failed = flufl.bounce.all_failures(message)
    except Exception:  # noqa: BLE001 - a parser of what anybody may send trips over anything
        return Returned("unclear")
    if failed:
        # The link says which message it was, and only where one reader is named.
        named = tuple(sorted(_text(each) for each in failed))[:_ADDRESSES_MAX]
        return Returned("bounced", decision if len(named) == 1 else None, named)
    if delayed:
        return Returned("delayed")
    return Returned("answered" if _is_answer(message) else "unclear")


def take(raw: bytes, *, at: dt.datetime) -> Kind:
    """Read a mail that came back and note what follows; returns its kind. Raises :class:`VaultClosed`."""
    found = read(raw)
    if found.kind in {"bounced", "complained"}:
        word: reporting.Word = "bounced" if found.kind == "bounced" else "complained"
        if found.decision is not None:
            reporting.report(word, found.decision, at=at)
        else:
            for address in found.addresses:
                reporting.report_of(word, address, field="email", at=at)
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


def _decision(message: email.message.Message, raw: bytes) -> uuid.UUID | None:
    """Return the message that was returned, by its own link; the parts are decoded, since they may be encoded."""
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
    return None


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
    return automatic not in {"no", ""} or "X-Autoreply" in message or message.get("Precedence") == "auto_reply"


def _text(address: bytes | str) -> str:
    return address.decode("ascii", errors="replace") if isinstance(address, bytes) else address
