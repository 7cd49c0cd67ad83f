"""How values are written into a copy: JSON for systems, CSV (RFC 4180) for people, each without loss. Pure.

Cells are made harmless for spreadsheets, and nothing is lost on the way back (``foundation/kernel/codec.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.codec import harmless
from comptoir.foundation.kernel.money import exponent

LINE_END: Final = "\r\n"


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: moments and days in ISO 8601, ids and digests as text."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [as_json(each) for each in value]
    return msgspec.to_builtins(value)


def cell(value: Any) -> str:
    """Return a value as a cell of CSV, quoted; nothing at all for ``None``. Lists and mappings are JSON inside."""
    if value is None:
        return ""
    plain = as_json(value)
    if isinstance(plain, bool):
        text = "true" if plain else "false"
    elif isinstance(plain, str):
        text = plain
    elif isinstance(plain, int | float):
        text = str(plain)
    else:
        text = msgspec.json.encode(plain).decode()
    return '"' + harmless(text).replace('"', '""') + '"'


def row(values: Sequence[Any]) -> str:
    """Return a row of CSV with its line end."""
    return ",".join(map(cell, values)) + LINE_END


def amount(minor: int | None, currency: str) -> str | None:
    """Return minor units as a decimal number of the currency's main unit: ``349`` US cents are ``3.49``."""
    if minor is None:
        return None
    return f"{decimal.Decimal(minor).scaleb(-exponent(currency)):f}"
