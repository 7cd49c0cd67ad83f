"""Sends what is carried through the gateway, in its order, and says in figures what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from comptoir.config.carrying.contracts import PLURALS, Source
from comptoir.config.replaying import sending

if TYPE_CHECKING:
    from comptoir.config.replaying.keyring import Keyring


def take(
    source: Source,
    *,
    gateway: str,
    keyring: Keyring | None,
    progress: sending.Progress | None = None,
    on_refusal: Callable[[sending.Refusal], None] | None = None,
) -> dict[str, Any]:
    """Send everything that ``source`` yields, or with no ``keyring`` only count it; returns the figures.

    Raises :class:`~comptoir.config.carrying.contracts.CarryingError` and
    :class:`~comptoir.config.replaying.sending.SendingError`.
    """
    began = time.monotonic()
    members: dict[str, Any] = {}
    if keyring is None:
        for _ in source.events():
            pass
    else:
        # One request at a time: whoever wrote comes before what they wrote, and that before its answers.
        sender = sending.Sender(gateway, keyring, in_flight=1, progress=progress, on_refusal=on_refusal)
        members["sent"] = asyncio.run(sender.send(source.events())).as_members()
    return {
        "place": source.place,
        "posts": sum(source.counts[name] for name in PLURALS.values()),
        **dict(sorted(source.counts.items())),
        "left_out": dict(sorted(source.left_out.items())),
        "refused": dict(sorted(source.refused.items())),
        **members,
        "seconds": round(time.monotonic() - began, 3),
    }
