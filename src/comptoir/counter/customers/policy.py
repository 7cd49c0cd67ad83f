"""The shop's policy on terms, as data: which of the roster it accepts, and what it offers instead of the others.

A file of the shop's (``terms.toml`` in its folder, or ``COMPTOIR_TERMS``). Without one the shop accepts the terms that
allow the least, and offers them instead of any others. Not here: what terms mean (``purposes.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from comptoir.counter.customers.contracts import ChosenPurpose, ConsentDays, TermName
from comptoir.counter.customers.errors import TermsPolicyInvalid
from comptoir.counter.customers.purposes import PURPOSES, TERMS
from comptoir.foundation.kernel import shop


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days a consent holds, and for how many nothing may be heard of the person; see ``Purpose``."""

    days: ConsentDays | None = None
    quiet_days: ConsentDays | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the shop accepts, and its one alternative to anything else; without one it refuses.

    ``consents`` says by purpose for how long a consent holds, where that is not what the purpose says itself.
    """

    accepts: Annotated[tuple[TermName, ...], msgspec.Meta(max_length=20)] = ("SD-BASE", "SD-BASE-DP")
    alternative: TermName | None = "SD-BASE-DP"

    consents: Annotated[Mapping[ChosenPurpose, Period], msgspec.Meta(max_length=20)] = {}

    def days(self, purpose: str) -> int:
        """Return for how many days a consent to a purpose holds."""
        return self._period(purpose).days or PURPOSES[purpose].days

    def quiet_days(self, purpose: str) -> int:
        """Return for how many days nothing may be heard of somebody before their consent is over."""
        return self._period(purpose).quiet_days or PURPOSES[purpose].quiet_days

    def _period(self, purpose: str) -> Period:
        return self.consents.get(purpose, _AS_THE_PURPOSE_SAYS)  # type: ignore[call-overload, no-any-return]

    def answer(self, term: str) -> str | None:
        """Return what the shop agrees to when these terms are proffered: the same, its alternative, or nothing."""
        return term if term in self.accepts else self.alternative


_AS_THE_PURPOSE_SAYS: Final = Period()


def policy_path() -> Path:
    """Return where the shop's policy on terms lies."""
    return Path(os.environ.get("COMPTOIR_TERMS") or shop.folder() / "terms.toml")


def load_policy(path: Path | None = None) -> Policy:
    """Read the policy; :class:`TermsPolicyInvalid` names what is wrong with it."""
    path = path or policy_path()
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as error:
        raise TermsPolicyInvalid(f"{path.name} cannot be read: {type(error).__name__}.") from None
    try:
        policy = msgspec.toml.decode(text, type=Policy)
    except msgspec.DecodeError as error:
        raise TermsPolicyInvalid(f"{path.name}: {error}; known are {', '.join(TERMS)}.") from None
    if policy.alternative is not None and policy.alternative not in policy.accepts:
        raise TermsPolicyInvalid("What is offered instead has to be accepted, too.", field="alternative")
    return policy
