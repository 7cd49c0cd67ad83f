"""What a presentation may show beside the one answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from comptoir.foundation.touchpoints.classes import class_by_name
from comptoir.vault.attestations.errors import BirthDateDisclosed, DisclosesTooMuch

#: What an issuer signs for everybody to read, and what says nothing of the person (SD-JWT VC, section 2.2.2).
TECHNICAL_CLAIMS: Final = frozenset({
    "iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "_sd", "_sd_alg",
})  # fmt: skip
#: Types of attestation that identify somebody: asking one of these for an age gets a date of birth.
IDENTIFYING_TYPES: Final = frozenset({
    "urn:eudi:pid:1", "urn:eu.europa.ec.eudi:pid:1", "eu.europa.ec.eudi.pid.1", "org.iso.18013.5.1.mDL",
    "org.iso.23220.photoid.1",
})  # fmt: skip
_ANSWER: Final = re.compile(r"age_over_[0-9]{2}")
_DEPTH_MAX: Final = 16


def names_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every name of a member in a JSON or CBOR value, at most sixteen levels down."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(name, str):
                yield name
            yield from names_in(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner, depth + 1)


def is_answer(name: str) -> bool:
    """Tell whether a name is that of an answer (``age_over_21``) rather than of data."""
    return _ANSWER.fullmatch(name) is not None


def refuse_birth_dates(names: Iterable[str]) -> None:
    """Raise :class:`BirthDateDisclosed` if a name gives away a date of birth or an age."""
    for name in names:
        if class_by_name(name) == "birth" and not is_answer(name):
            raise BirthDateDisclosed


def refuse_more(shown: Iterable[tuple[str, ...]], *, asked: tuple[str, ...]) -> None:
    """Raise :class:`DisclosesTooMuch` if anything is shown that is neither the answer nor on the way to it."""
    for path in shown:
        if path != asked[: len(path)]:
            raise DisclosesTooMuch
