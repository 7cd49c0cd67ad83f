"""What the catalog does by the clock: it fetches the pictures that listings name, and drops those that nothing shows.

A server elsewhere is asked as for the cards below posts (``foundation/kernel/outbound.py``): only on the open internet,
on the address that was judged, with an end to bytes and time. What it sends is drawn anew in a process of its own
(``square/community/pictures.py``). Nothing is open in the database while somebody is asked.
"""

from __future__ import annotations

import collections
import datetime as dt
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from comptoir.foundation.kernel import outbound
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.catalog import store
from comptoir.square.catalog.store import Fetched, Wanted
from comptoir.square.community import pictures
from comptoir.square.community.errors import PictureBusy

_log: Final = logging.getLogger(__name__)
#: Pictures fetched in one go, and of one server.
AT_ONCE_MAX: Final = 60
OF_A_HOST_MAX: Final = 30
SECONDS_MAX: Final = 10.0
#: After so long, the rest waits for the next minute.
GO_SECONDS_MAX: Final = 40.0
REDIRECTS_MAX: Final = 3
#: How long a picture stands before its address is asked again, and how long one that did not answer is left alone.
KEPT_DAYS: Final = 30
AGAIN_DAYS: Final = (1, 3, 10)
#: A picture that was sent and that no product has shown by then was left behind in a form.
UNUSED_HOURS: Final = 24
_PORTION: Final = 500
_PORTS: Final = frozenset({80, 443})
_HEADERS: Final = {"Accept": "image/webp, image/jpeg, image/png"}
_OWN: Final = re.compile(r"/goods/([0-9a-f]{64})\.webp")


def fetch_pictures(connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Fetch pictures that listings name, as the counter; returns how many were asked for.

    An address on the square's own origin is a picture that the house has. ``COMPTOIR_CATALOG_PICTURES`` set to ``off``
    asks nobody else.
    """
    origin = addresses.origin_of(SQUARE)
    is_off = (os.environ.get("COMPTOIR_CATALOG_PICTURES") or "on") == "off"
    networks = outbound.networks_of(filter(None, os.environ.get("COMPTOIR_CATALOG_PICTURE_NETWORKS", "").split(",")))
    with connection.transaction():
        wanted = store.find_wanted(connection, now=now, limit=10 * AT_ONCE_MAX)
    asked = 0
    hosts: collections.Counter[str] = collections.Counter()
    until = time.monotonic() + GO_SECONDS_MAX
    for each in wanted:
        if should_stop() or asked >= AT_ONCE_MAX or time.monotonic() > until:
            break
        if (own := _own(each.url, origin)) is not None:
            with connection.transaction():
                sizes = store.hold_pictures(connection, [own])
                known = _found(each, now, (own, *sizes[own])) if own in sizes else _failed(each, now, "gone")
                store.write_fetched(connection, known)
            continue
        host = urlsplit(each.url).netloc.lower()
        if is_off or hosts[host] >= OF_A_HOST_MAX:
            continue
        hosts[host] += 1
        asked += 1
        _fetch(connection, each, networks=networks, now=now)
    return asked


def drop_unused_pictures(
    connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Drop what is known of addresses that no product names, and pictures that none shows; returns how many."""
    before = now - dt.timedelta(hours=UNUSED_HOURS)
    _in_portions(connection, lambda: store.drop_unnamed(connection, limit=_PORTION), should_stop)
    return _in_portions(
        connection, lambda: store.drop_unused_pictures(connection, before=before, limit=_PORTION), should_stop
    )


def _in_portions(connection: Connection, drop: Callable[[], int], should_stop: Callable[[], bool]) -> int:
    dropped = 0
    while not should_stop():
        with connection.transaction():
            count = drop()
        dropped += count
        if count < _PORTION:
            break
    return dropped


def _own(url: str, origin: str) -> str | None:
    """Return the digest of a picture of the house's own, where an address leads to one."""
    found = _OWN.fullmatch(url.removeprefix(origin)) if url.startswith(origin) else None
    return found[1] if found else None


def _fetch(connection: Connection, wanted: Wanted, *, networks: tuple[outbound.Network, ...], now: dt.datetime) -> None:
    """Fetch one picture, keep it, and write what came of it."""
    developed = None
    try:
        fetched = outbound.fetch(
            wanted.url, headers=_HEADERS, networks=networks, bytes_max=pictures.BYTES_MAX, seconds_max=SECONDS_MAX,
            redirects_max=REDIRECTS_MAX, ports=() if networks else _PORTS,
        )  # fmt: skip
        why = "" if fetched.status == 200 else f"status_{fetched.status}"
        if not why:
            developed = pictures.develop(fetched.body, field="url")
    except PictureBusy:
        return  # members are sending pictures: the next minute is soon enough
    except outbound.NotFetched as error:
        why = error.why
    except Problem as problem:
        why = problem.name
    except Exception:  # noqa: BLE001 - whatever a server elsewhere is made of, the next one is asked
        _log.warning("a picture that a listing names could not be fetched", exc_info=True)
        why = "unreadable"
    with connection.transaction():
        if developed is None:
            store.write_fetched(connection, _failed(wanted, now, why))
        else:
            store.insert_picture(connection, developed)
            store.hold_pictures(connection, [developed.digest])
            store.write_fetched(connection, _found(wanted, now, (developed.digest, developed.width, developed.height)))


def _found(wanted: Wanted, now: dt.datetime, picture: tuple[str, int, int]) -> Fetched:
    return Fetched(wanted.url, *picture, "", 0, now + dt.timedelta(days=KEPT_DAYS))


def _failed(wanted: Wanted, now: dt.datetime, why: str) -> Fetched:
    failures = wanted.failures + 1
    days = KEPT_DAYS if failures > len(AGAIN_DAYS) else AGAIN_DAYS[failures - 1]
    return Fetched(wanted.url, None, None, None, why, min(failures, 100), now + dt.timedelta(days=days))
