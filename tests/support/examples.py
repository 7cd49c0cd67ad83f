"""The examples of the docs, of which every type of event has one. Not here: what a test makes of them."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, Final

from comptoir.counter.assembly import EVENT_TYPES

_DOCS: Final = Path(__file__).parents[2] / "docs" / "events.md"


@functools.cache
def examples() -> dict[str, Any]:
    """Return the example of every type that a touchpoint can send: what stands in its ``data``."""
    parts = re.split(r"(?m)^#+ `([^`]+)`\n", _DOCS.read_text())[1:]
    found = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        if name in EVENT_TYPES:
            example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
            assert example is not None, name
            found[name] = json.loads(example[1])
    assert set(found) == set(EVENT_TYPES)
    return found
