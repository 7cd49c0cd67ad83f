"""What the shop knew of a review, said in its own archive: signed by its key, so that no other archive can say it.

The signature is over the review's words, stars and author as well as its marks (Ed25519, RFC 8032): it holds for this
review and for no other. Without the key there is none, and none is believed. Not here: how a review gets its marks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from comptoir.foundation.kernel import codec, shop
from comptoir.square.community.writing import without_unseen

#: What is signed begins with this, so that the key's signature means nothing else.
_MEANING: Final = "comptoir: marks of a review in an archive, 1"
_KEY: Final = "archive"
_FIELDS: Final = ("post", "kind", "language", "persona", "topic", "product", "rating", "place")


def sign(data: Any, marks: Collection[str]) -> str:
    """Return the signature of a review's marks, in hexadecimal digits. ``data`` has the fields of ``post.imported``."""
    key = Ed25519PrivateKey.from_private_bytes(shop.secret(_KEY))
    return key.sign(_said(data, marks)).hex()


def is_ours(data: Any, marks: Collection[str], signature: str) -> bool:
    """Tell whether this shop's key has signed these marks of this review. Where there is no key, it has not."""
    seed = shop.kept_secret(_KEY)
    if seed is None:
        return False
    try:
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        public.verify(bytes.fromhex(signature), _said(data, marks))
    except (InvalidSignature, ValueError):
        return False
    return True


def _said(data: Any, marks: Collection[str]) -> bytes:
    told = {name: getattr(data, name) for name in _FIELDS}
    told["title"] = " ".join(without_unseen(data.title or "", is_line=True).split())
    told["text"] = without_unseen(data.text).strip()
    return codec.canonical({"meaning": _MEANING, "marks": sorted(set(marks)), **told})
