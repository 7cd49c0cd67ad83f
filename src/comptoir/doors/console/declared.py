"""The shop's map of touchpoints, as the console reads it: from the same file as the gateway, again when it changes.

Not here: what makes a map valid (``foundation/touchpoints``).
"""

from __future__ import annotations

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.reading import MapOnDisk

_map = MapOnDisk(types=EVENT_TYPES, products=PRODUCTS)


def declared_map() -> TouchpointMap:
    """Return the shop's map; without a file, an empty one; while the file has faults, the last valid one."""
    return _map.read()
