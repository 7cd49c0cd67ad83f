"""The pages with less patience, for tests that wait for its end: served like the real ones, in a process of their own.

``TEST_SECONDS_MAX`` is how long a body may take.
"""

from __future__ import annotations

import os

from comptoir.foundation.rooms import bodies

if _seconds := os.environ.get("TEST_SECONDS_MAX"):
    bodies.SECONDS_MAX = float(_seconds)  # type: ignore[misc]

from comptoir.config.asgi import application  # the patience comes first

__all__ = ["application"]
