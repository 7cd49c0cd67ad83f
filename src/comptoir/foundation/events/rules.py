"""What makes two events the same. Pure."""

from __future__ import annotations

from comptoir.foundation.kernel import codec


def content_fingerprint(event_type: str, occurred_at: str, written: bytes) -> bytes:
    """Return 16 bytes that tell an event's content from another: type, moment (UTC, ISO 8601), data as it is kept."""
    return codec.fingerprint(f"{event_type}\n{occurred_at}\n".encode() + written)
