"""The console as a touchpoint: what the staff decide about a customer, sent through the gateway.

How a house touchpoint sends, and where its key lies, stands in ``foundation/touchpoints/house.py``. Not here: pages.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from comptoir.doors.console.errors import ConsoleNotInMap, ConsoleWithoutKey
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import HouseNotInMap, HouseWithoutKey
from comptoir.foundation.touchpoints.house import CONSOLE, Answer, Trouble

__all__ = ["Answer", "Trouble", "adjust", "has_key", "keep_key", "key_path", "own_touchpoint", "resolve"]

ADJUST: Final = "points.adjust"


def own_touchpoint(declared: TouchpointMap) -> str | None:
    """Return the touchpoint that this console is, or ``None`` if the map declares none."""
    return house.name_in(declared, CONSOLE)


def adjust(*, customer: uuid.UUID, points: int, reason: str, request: uuid.UUID, at: dt.datetime) -> Answer:
    """Post an adjustment and return what became of it. The same ``request`` twice happens once.

    Raises :class:`GatewayAway`, :class:`ConsoleNotInMap`, :class:`ConsoleWithoutKey`.
    """
    data = {"customer": {"kind": "customer", "value": str(customer)}, "points": points, "reason": reason}
    with _as_console():
        return house.send(ADJUST, data, touchpoint=CONSOLE, request=request, at=at)


def resolve(*, kind: str, value: str) -> uuid.UUID | Trouble | None:
    """Ask which customer an identifier means; ``None`` if nobody was seen under it. Nobody keeps what was asked.

    Raises :class:`GatewayAway` and :class:`ConsoleWithoutKey`.
    """
    with _as_console():
        return house.resolve(kind=kind, value=value, touchpoint=CONSOLE)


@contextlib.contextmanager
def _as_console() -> Iterator[None]:
    try:
        yield
    except HouseNotInMap:
        raise ConsoleNotInMap from None
    except HouseWithoutKey:
        raise ConsoleWithoutKey from None


def has_key() -> bool:
    """Tell whether the console has a key."""
    return house.has_key(CONSOLE)


def keep_key(text: str) -> None:
    """Remember the console's own key, in place of a former one."""
    house.keep_key(CONSOLE, text)


def key_path() -> Path:
    """Return where the console's key lies."""
    return house.key_path(CONSOLE)
