"""Where the shop's plan lies: ``startup.toml`` in the shop's folder, or what ``COMPTOIR_STARTUP`` names.

Read again whenever it is asked for, so that a shop may change it at any time.
"""

from __future__ import annotations

import os
from pathlib import Path

from comptoir.foundation.kernel import shop
from comptoir.square.programme.plan import Plan, parse


def plan_path() -> Path:
    """Return where the plan lies."""
    named = os.environ.get("COMPTOIR_STARTUP")
    return Path(named) if named else shop.folder() / "startup.toml"


def load_plan(path: Path | None = None) -> Plan | None:
    """Return the shop's plan, or ``None`` without a file. Raises :class:`PlanInvalid` with the field at fault."""
    try:
        content = (path or plan_path()).read_bytes()
    except FileNotFoundError:
        return None
    return parse(content)
