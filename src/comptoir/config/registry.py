"""What the house can be told and what it makes of it: every built-in type of event, every product, the shop's map.

Each package declares its own types in its ``contracts.py``; here they are only gathered, for those who may not
import the packages (``foundation``). Knows no Django.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from comptoir.counter.customers import contracts as customers
from comptoir.counter.loyalty import contracts as loyalty
from comptoir.counter.sales import contracts as sales
from comptoir.foundation.kernel import shop
from comptoir.foundation.touchpoints.contracts import EventType, Product, TouchpointMap
from comptoir.foundation.touchpoints.reading import load_map

#: Every built-in type that a touchpoint may send, by name.
TYPES: Final[Mapping[str, EventType]] = {
    each.name: each for each in (*customers.EVENT_TYPES, *sales.EVENT_TYPES, *loyalty.EVENT_TYPES)
}

#: Everything that a touchpoint may need, by name.
PRODUCTS: Final[Mapping[str, Product]] = {each.name: each for each in loyalty.PRODUCTS}


def example_map_path() -> Path:
    """Return where the demo shop's map lies; it comes with the software."""
    return Path(str(importlib.resources.files("comptoir.config") / "examples" / "touchpoints.toml"))


def map_path() -> Path:
    """Return the shop's map: ``COMPTOIR_MAP``, or ``touchpoints.toml`` in the shop's folder, or the demo shop's."""
    named = os.environ.get("COMPTOIR_MAP")
    if named:
        return Path(named)
    own = shop.folder() / "touchpoints.toml"
    return own if own.exists() else example_map_path()


def shop_map(path: Path | None = None) -> TouchpointMap:
    """Read the shop's map (or another file). Raises :class:`MapContradictsItself`, :class:`OSError`."""
    return load_map(path or map_path(), types=TYPES, products=PRODUCTS)
