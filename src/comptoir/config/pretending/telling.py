"""Sending the simulator's reports to the shop: signed after Standard Webhooks, until the shop takes them.

Not here: which are due (``acting.py``).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from comptoir.config.pretending.acting import Simulator
from comptoir.foundation.events.webhooks import signature
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments.pretend import NAME, key_for_reports

_LOOK_SECONDS: Final = 0.2
_ANSWER_SECONDS_MAX: Final = 10.0
_PORTION: Final = 50


class Teller:
    """Tells the shop what happened."""

    def __init__(self, simulator: Simulator) -> None:
        """Have a way to the shop; names below ``localhost`` are this machine."""
        self._simulator = simulator
        url = addresses.url_of(VAULT, f"/payments/{NAME}/reports/")
        parts = urlsplit(url)
        is_here = (parts.hostname or "").endswith("localhost")
        self._url = f"http://127.0.0.1:{parts.port or 80}{parts.path}" if is_here else url
        self._host = parts.netloc
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Tell what is due, for ever."""
        while True:
            self._simulator.expire_due(now=time.time())
            await self.tell()
            await asyncio.sleep(_LOOK_SECONDS)

    async def tell(self, *, at_once: bool = False) -> list[tuple[str, int]]:
        """Tell what is due, or all that waits; returns each report's number and the shop's answer (0: none)."""
        async with self._one_at_a_time:
            due = self._simulator.due(now=time.time(), limit=_PORTION, at_once=at_once)
            if not due:
                return []
            told = []
            async with httpx.AsyncClient(timeout=_ANSWER_SECONDS_MAX, trust_env=False) as client:
                for report in due:
                    status = await self._send(client, report)
                    self._simulator.answered(report["id"], status, now=time.time())
                    told.append((report["id"], status))
            return told

    async def _send(self, client: httpx.AsyncClient, report: dict[str, Any]) -> int:
        now = int(time.time())
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "webhook-id": report["id"],
            "webhook-timestamp": str(now),
            "webhook-signature": signature(
                [key_for_reports()], message_id=report["id"], timestamp=now, body=report["body"]
            ),
        }
        try:
            answer = await client.post(self._url, content=report["body"], headers=headers)
        except httpx.HTTPError:
            return 0
        return answer.status_code
