"""A real gateway for tests: a process in front of the test's shop, with a key for every touchpoint of its map.

Not here: what is sent to it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from comptoir.config.replaying.phone import Phone
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints.commands import issue_key
from comptoir.foundation.touchpoints.reading import load_map
from support import processes
from support.shop import environment

EXAMPLES = Path(__file__).parents[2] / "src" / "comptoir" / "config" / "examples"
Event = Mapping[str, Any]
_APPLICATION = "comptoir.doors.gateway.application:application"


@dataclass(frozen=True)
class Gateway:
    """A running gateway: its address, a client, a key for each touchpoint by its name, its process, its log."""

    url: str
    client: httpx.Client
    keys: Mapping[str, str]
    process: processes.Process
    log: Path

    def post(
        self, event: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, touchpoint: str = "till"
    ) -> httpx.Response:
        """Send one event, or a list of them as a batch, with a touchpoint's key."""
        kind = "cloudevents" if isinstance(event, Mapping) else "cloudevents-batch"
        headers = {"Authorization": f"Bearer {self.keys[touchpoint]}", "Content-Type": f"application/{kind}+json"}
        return self.client.post("/v1/events", content=written(event), headers=headers)

    def get(self, path: str, *, touchpoint: str = "till") -> httpx.Response:
        """Read something with a touchpoint's key."""
        return self.client.get(path, headers={"Authorization": f"Bearer {self.keys[touchpoint]}"})


def written(event: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bytes:
    """Return what is sent now: where a customer shows a code, one that was made just now."""
    phone, now = Phone.of_shop(), dt.datetime.now(dt.UTC)
    several = [event] if isinstance(event, Mapping) else event
    filled = [phone.filled(json.dumps(each, separators=(",", ":")).encode(), at=now) for each in several]
    return filled[0] if isinstance(event, Mapping) else b"[" + b",".join(filled) + b"]"


def issue_keys(declared: Path) -> dict[str, str]:
    """Make a key for each touchpoint of a map, as the office does it."""
    touchpoint_map = load_map(declared, types=EVENT_TYPES, products=PRODUCTS)
    with database.connect(OFFICE.role) as connection:
        return {
            touchpoint.name: issue_key(
                connection, touchpoint=touchpoint.name, declared=touchpoint_map, now=dt.datetime.now(dt.UTC)
            ).text
            for touchpoint in touchpoint_map.touchpoints
        }


@contextlib.contextmanager
def running_gateway(
    folder: Path,
    *,
    declared: Path = EXAMPLES / "touchpoints.toml",
    programme: Path = EXAMPLES / "programme.toml",
    keys: Mapping[str, str] | None = None,
    limits: Mapping[str, float] | None = None,
) -> Iterator[Gateway]:
    """Have a gateway for the shop that the environment names, with this map and this programme.

    ``keys`` are those of an earlier gateway of the same shop; without, a key is made for every touchpoint. Its log
    is written into ``folder``. ``limits`` are other values for the gateway's limits, by their names.
    """
    narrow = {f"TEST_{name}": str(value) for name, value in (limits or {}).items()}
    if narrow:
        narrow["PYTHONPATH"] = str(Path(__file__).parents[1])
    application = "support.narrow_gateway:application" if narrow else _APPLICATION
    port = processes.free_port()
    log = folder / f"gateway-{port}.log"
    issued = issue_keys(declared) if keys is None else keys
    with (
        environment(COMPTOIR_MAP=str(declared), COMPTOIR_PROGRAMME=str(programme), **narrow),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
        processes.serving(application, port=port, log=log, answers=lambda: _is_healthy(client)) as process,
    ):
        yield Gateway(url=f"http://127.0.0.1:{port}", client=client, keys=issued, process=process, log=log)


def _is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False
