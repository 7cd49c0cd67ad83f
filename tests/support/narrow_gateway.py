"""The gateway with small limits, for tests that reach them: served like the real one, in a process of its own.

A limit is set by an environment variable of its name, before the gateway is loaded.
"""

from __future__ import annotations

import os

from comptoir.doors.gateway import limits

for _name in vars(limits).copy():
    if _name.isupper() and f"TEST_{_name}" in os.environ:
        setattr(limits, _name, type(getattr(limits, _name))(os.environ[f"TEST_{_name}"]))

from comptoir.doors.gateway.application import application  # noqa: E402 - the limits come first

__all__ = ["application"]
