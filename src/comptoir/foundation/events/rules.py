"""What makes two events the same, and what an id of nobody looks like. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from comptoir.foundation.kernel.ids import Id

#: Stands where somebody was named and nobody is any more.
NOBODY: Final[Id] = "00000000-0000-0000-0000-000000000000"
_FINGERPRINT_BYTES: Final = 16

#: What was shown to be allowed something, as the log has it: a kind and a digest.
_PROOF: Final = re.compile(rb',"proof":\{"kind":"[a-z]+","value":"[0-9a-f-]+"\}')


def content_fingerprint(event_type: str, occurred_at: str, written: bytes) -> bytes:
    """Return 16 bytes that tell an event's content from another: type, moment (UTC, ISO 8601), data as it is kept.

    SHA-256, cut: the database computes the same by itself when it takes a customer out of the log.
    """
    content = f"{event_type}\n{occurred_at}\n".encode() + written
    return hashlib.sha256(content).digest()[:_FINGERPRINT_BYTES]


def without_proof(written: bytes) -> bytes:
    """Return an event's data without the proof in it, which is no part of what was said: a repeat may bring another.

    In a text that somebody wrote, quotes are escaped, so only a field that is built so can look like this.
    """
    return _PROOF.sub(b"", written, count=1) if b'"proof":{' in written else written


def is_severed(customer: Id) -> bool:
    """Tell whether a customer's id is a random one, made when the person was forgotten: it leads back to nobody.

    Ids of customers are derived from identifiers and are of version 8 (RFC 9562); a random one is of version 4.
    """
    return customer[14] == "4"
