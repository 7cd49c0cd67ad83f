"""Who gets what: drawn by a hash, so that the same unit always gets the same arm, and nothing has to be kept. Pure.

An exponential race (weighted rendezvous; Thaler and Ravishankar 1998, IEEE/ACM Trans. Netw. 6:1; Efraimidis and
Spirakis 2006, Inf. Process. Lett. 97:181): each arm draws a waiting time for the unit from a hash of its own, faster
the greater its share, and the first one has it. What is promised when shares change: a unit moves only from an arm
that lost against another one to that other one. So of two arms only one gains, an arm that is taken away leaves
everybody else where they are, and the order in which arms are named means nothing. Not promised: that nobody moves.
What a campaign has decided is kept with the decision.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Final

from comptoir.office.experiments.errors import SharesInvalid

ARMS_MAX: Final = 20
SALT_BYTES_MIN: Final = 8
SALT_BYTES_MAX: Final = 64
_STEPS: Final = 2**53


def assign(unit: str, *, experiment: str, salt: bytes, shares: Mapping[str, float]) -> str:
    """Return the arm of a unit. ``shares`` are weights; an arm with the weight 0 gets nobody.

    Another experiment or another salt draws independently. Refuses shares that are not positive and finite, or too
    many.
    """
    judge_shares(shares)
    racing = sorted(name for name, share in shares.items() if share > 0)
    waits = {name: -math.log(_draw(salt, "arm", experiment, unit, name)) / shares[name] for name in racing}
    return min(racing, key=waits.__getitem__)


def is_held_out(unit: str, *, holdout: str, salt: bytes, share: float) -> bool:
    """Tell whether a unit is held out, of everybody such a share between 0 and 1.

    A greater share holds out the same units and more. ``holdout`` names it: one for each year, say, drawn anew.
    """
    if not 0 <= share <= 1:
        raise SharesInvalid("A holdout is a share between 0 and 1.", field="share")
    return _draw(salt, "holdout", holdout, unit, "") <= share


def judge_shares(shares: Mapping[str, float]) -> None:
    """Refuse shares by which nobody could be assigned."""
    if not 1 <= len(shares) <= ARMS_MAX:
        raise SharesInvalid(f"There are between 1 and {ARMS_MAX} arms.", field="shares")
    for name, share in shares.items():
        if not (math.isfinite(share) and share >= 0):
            raise SharesInvalid("A share is 0 or more, and finite.", field=f"shares.{name}")
    if not any(shares.values()):
        raise SharesInvalid("No arm has a share.", field="shares")


def _draw(salt: bytes, *words: str) -> float:
    """Return a number above 0 and up to 1 that belongs to these words: one of 2**53, evenly spread."""
    assert SALT_BYTES_MIN <= len(salt) <= SALT_BYTES_MAX, "a salt of 8 to 64 bytes"
    digest = hashlib.blake2b(key=salt, digest_size=8)
    for word in words:
        # With its length in front, so that no two lists of words read alike.
        encoded = word.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return ((int.from_bytes(digest.digest(), "big") >> 11) + 1) / _STEPS
