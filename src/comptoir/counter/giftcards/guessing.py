"""How often wrong codes may be typed into a page of the counter's: a few in an hour from one address, some more in all.

A try is counted before anybody looks, and taken back if the code was right; so twenty at once are twenty. Whoever has
tried too often is told the same, right or wrong, until the hour is over. An address is kept as a keyed digest. Not
here: the gateway's own budget, by key (``doors/gateway/pace.py``), and the vault's (``vault/checkout/cards.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from typing import Final

from comptoir.counter.giftcards import store
from comptoir.counter.giftcards.codes import KEY_NAME
from comptoir.counter.giftcards.models import Guess
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.borrowing import borrowed

#: So many wrong codes in an hour, from one address and from everywhere.
ADDRESS_MAX: Final = 10
ALL_MAX: Final = 300
_ALL: Final = "everybody"


def try_once(address: str, *, now: dt.datetime) -> bool:
    """Count a try, from an address; returns whether it may look. In the counter's room."""
    counts = store.count_guess(borrowed(Guess), [_key(address), _key(_ALL)], hour=_hour(now))
    return counts[_key(address)] <= ADDRESS_MAX and counts[_key(_ALL)] <= ALL_MAX


def was_right(address: str, *, now: dt.datetime) -> None:
    """Take a try back: it was none."""
    store.uncount_guess(borrowed(Guess), [_key(address), _key(_ALL)], hour=_hour(now))


def _hour(now: dt.datetime) -> dt.datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def _key(whose: str) -> Id:
    key = hashlib.blake2b(shop.remembered_secret(KEY_NAME), digest_size=32, person=b"comptoir guesses").digest()
    return str(uuid.UUID(bytes=hmac.digest(key, whose.encode(), "sha256")[:16]))
