"""The shop's map, read with every type of event that the house understands. Knows no Django.

Not here: the types themselves (``contracts.py`` of each package, gathered in ``counter/assembly.py``).
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.reading import load_map, map_path


def example_map_path() -> Path:
    """Return where the demo shop's map lies; it comes with the software."""
    return Path(str(importlib.resources.files("comptoir.config") / "examples" / "touchpoints.toml"))


def shop_map(path: Path | None = None) -> TouchpointMap:
    """Read the shop's map (or another file). Raises :class:`MapContradictsItself`, :class:`OSError`."""
    return load_map(path or map_path(), types=EVENT_TYPES, products=PRODUCTS)
