"""Under which key attempts are counted: one that says neither whose address was tried nor from where.

django-allauth counts by a digest of the address, which whoever holds the table finds by guessing. The shop's own key
makes guessing useless without it. No Django, no database.
"""

from __future__ import annotations

import hashlib
import hmac

from comptoir.foundation.kernel import shop


def key_of(key: str, key_prefix: str, version: int) -> str:
    """Return where a count stands in the table of attempts; Django's ``KEY_FUNCTION``."""
    text = f"{key_prefix}:{version}:{key}"
    return hmac.digest(shop.secret("attempts"), text.encode(), hashlib.sha256).hex()
