"""Which filter for spam is installed: what it does, and what it has learned from. No Django.

``COMPTOIR_SQUARE_FILTER`` says what it does: ``log`` (write down what it would hold, the default), ``hold``, or
``off``. Weights that the shop's own decisions made lie in the shop's folder (``filter.json``); before, those that come
with the house.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from comptoir.foundation.kernel import shop
from comptoir.square.stewardship.contracts import FILTER_MODES, FilterMode
from comptoir.square.stewardship.errors import FilterUnreadable
from comptoir.square.stewardship.filtering import Filter, read_filter

_log: Final = logging.getLogger(__name__)
_START: Final = Path(__file__).with_name("filter.json")
_WEIGHTS_CHARACTERS: Final = 16


class Installed(msgspec.Struct, frozen=True):
    """What the filter does, and a digest of the shop's own weights; ``None`` are those that come with the house."""

    mode: FilterMode = "log"
    weights: str | None = None


def mode() -> FilterMode:
    """Return what the filter does; what it cannot do is as if nothing were said."""
    said = os.environ.get("COMPTOIR_SQUARE_FILTER") or "log"
    return next((each for each in FILTER_MODES if each == said), "log")


def installed() -> Installed | None:
    """Return which filter is installed; ``None`` while its weights cannot be read."""
    own = own_path()
    try:
        weights = hashlib.sha256(own.read_bytes()).hexdigest()[:_WEIGHTS_CHARACTERS] if own.exists() else None
    except OSError:
        return None
    return Installed(mode(), weights)


def current_filter() -> Filter | None:
    """Return the shop's own filter, or the one that comes with the house; read again when its file changes."""
    own = own_path()
    path = own if own.exists() else _START
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, FilterUnreadable):
        _log.warning("the filter cannot be read, and holds nothing")
        return None


def own_path() -> Path:
    """Return where the shop's own filter lies."""
    return shop.folder() / "filter.json"


@functools.lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> Filter:  # noqa: ARG001 - part of what is kept
    return read_filter(path)
