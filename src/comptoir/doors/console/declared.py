"""The shop's map of touchpoints, as the console reads it: from the same file as the gateway, again when it changes.

Not here: what makes a map valid (``foundation/touchpoints``).
"""

from __future__ import annotations

import contextlib
import threading

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.reading import load_map, map_path

_EMPTY = TouchpointMap(title="", touchpoints=(), types={}, products={}, links=(), fingerprint="")


class _Reading:
    """The last valid map and the state of the file that it was read from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp: tuple[str, int, int] | None = None
        self._declared = _EMPTY

    def read(self) -> TouchpointMap:
        path = map_path()
        with self._lock:
            try:
                status = path.stat()
            except FileNotFoundError:
                return _EMPTY
            stamp = (str(path), status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                # While somebody writes it, the gateway goes on with the last valid one, and so do the pages.
                with contextlib.suppress(MapContradictsItself, FileNotFoundError):
                    self._declared = load_map(path, types=EVENT_TYPES, products=PRODUCTS)
                self._stamp = stamp
            return self._declared


_reading = _Reading()


def declared_map() -> TouchpointMap:
    """Return the shop's map; without a file, an empty one; while the file has faults, the last valid one."""
    return _reading.read()
