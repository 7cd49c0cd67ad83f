"""What makes two events the same. Pure."""

from __future__ import annotations

import datetime as dt

from comptoir.foundation.kernel import codec


def content_fingerprint(event_type: str, occurred_at: dt.datetime, written: bytes) -> bytes:
    """Return 16 bytes that tell an event's content from another: type, moment, and data as the log keeps them."""
    moment = occurred_at.astimezone(dt.UTC).isoformat().encode()
    return codec.fingerprint(b"\n".join((event_type.encode(), moment, written)))
