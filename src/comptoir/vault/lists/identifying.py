"""Identifiers become opaque customers, and what entries have in common becomes digests. No Django."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable

from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop
from comptoir.vault.lists.contracts import Identifier


def opaque_customers() -> Callable[[Identifier], uuid.UUID]:
    """Return what turns an identifier into its opaque customer, as the gateway does."""
    key = shop.secret("identifiers")
    return lambda identifier: uuid.UUID(customer_id(key, identifier.kind, identifier.value))


def digest_of(key: bytes, name: str, text: str) -> bytes:
    """Return the keyed digest by which entries that share a key are found."""
    return hmac.digest(key, f"{name}\0{text}".encode(), hashlib.sha256)[:16]
