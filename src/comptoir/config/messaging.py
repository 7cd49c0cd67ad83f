"""What the worker does all the time beside relay and jobs: it sends messages.

Not here: what is sent and how (``vault/messages``), what is due by the clock (``worker.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

import psycopg

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER

_log = logging.getLogger("comptoir.worker")
_LOOK_SECONDS: Final = 1.0


async def keep_sending(stop: asyncio.Event) -> None:
    """Send messages to people, as the vault, until told to stop; what that needs is loaded once any waits."""
    while not stop.is_set():
        try:
            is_wanted = await asyncio.to_thread(_any_waits)
        except psycopg.Error as error:
            is_wanted = False
            _log.warning("messages: the database is away (%s)", type(error).__name__)
        if is_wanted:
            set_up_django()
            from comptoir.vault.messages.sending import Senders  # noqa: PLC0415 - its models want Django

            senders = Senders()
            running = asyncio.create_task(asyncio.to_thread(senders.run), name="senders")
            await stop.wait()
            senders.stop()
            await running
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=_LOOK_SECONDS)


def _any_waits() -> bool:
    with database.connect(COUNTER.role) as connection:
        row = connection.execute("select exists (select from messages_waiting)").fetchone()
    return row is not None and bool(row[0])
