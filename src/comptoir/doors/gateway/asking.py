"""What an address asks behind its question mark, read strictly: each name once, and nothing that is not asked here.

Not here: bodies (``reading.py``), and what is answered.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from comptoir.doors.gateway.errors import QueryInvalid
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.numbers import whole

UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_NAME: Final = re.compile(r"[a-z_]{1,32}")


def query_of(scope: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Return what stands behind the question mark: each of ``names`` at most once, and nothing else."""
    found: dict[str, str] = {}
    if not scope["query_string"]:
        return found
    try:
        text = scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise QueryInvalid("The address cannot be read.") from None
    for name, value in pairs:
        if name not in names:
            raise QueryInvalid("Nothing of this name is asked here.", field=name if _NAME.fullmatch(name) else None)
        if name in found:
            raise QueryInvalid("Say it once.", field=name)
        found[name] = value
    return found


def uuid_of(text: str) -> Id:
    """Return a customer's id; raises :class:`QueryInvalid`."""
    if not UUID.fullmatch(text):
        raise QueryInvalid("A customer's id is a UUID.", field="customer")
    return str(uuid.UUID(text))


def integer_of(text: str, field: str, least: int, most: int) -> int:
    """Return a whole number within limits; raises :class:`QueryInvalid` with the field."""
    number = whole(text, most, least=least)
    if number is None:
        raise QueryInvalid(f"A whole number from {least} to {most}.", field=field)
    return number


def moment_of(text: str) -> tuple[dt.datetime, Id]:
    """Return the place in a history that an answer before gave; raises :class:`QueryInvalid`."""
    moment, _, cause = text.partition("/")
    if not (_MOMENT.fullmatch(moment) and UUID.fullmatch(cause)):
        raise QueryInvalid("Take it from the answer before, as it stands.", field="before")
    try:
        when = dt.datetime.fromisoformat(moment)
        return when.astimezone(dt.UTC), str(uuid.UUID(cause))
    except (ValueError, OverflowError):
        raise QueryInvalid("Take it from the answer before, as it stands.", field="before") from None
