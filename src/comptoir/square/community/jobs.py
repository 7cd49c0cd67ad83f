"""What the square does by the clock."""

from __future__ import annotations

import collections
import datetime as dt
import logging
import os
from collections.abc import Callable, Collection
from typing import Final

from comptoir.foundation.kernel import outbound
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import store
from comptoir.square.community.previews import Preview, host_of, preview_of
from comptoir.square.community.store import Link, Previewed

_log: Final = logging.getLogger(__name__)

#: A picture that was sent and that no post has shown by then was left behind in a form.
UNUSED_HOURS: Final = 24
_PORTION: Final = 500


def drop_unused_pictures(
    connection: Connection, *, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Drop the pictures that were sent a day ago and that no post shows; returns how many."""
    dropped = 0
    while not should_stop():
        with connection.transaction():
            count = store.drop_unused_pictures(
                connection, before=now - dt.timedelta(hours=UNUSED_HOURS), limit=_PORTION
            )
        dropped += count
        if count < _PORTION:
            break
    return dropped


# -- what posts link to -------------------------------------------------------------------------------------------

#: Pages asked in one go, and of one server.
PAGES_AT_ONCE: Final = 20
PAGES_OF_A_HOST: Final = 3
PAGE_BYTES_MAX: Final = 256 << 10
PAGE_SECONDS_MAX: Final = 5.0
REDIRECTS_MAX: Final = 3
#: How long a card stands before its page is asked again, and how long one that did not answer is left alone.
KEPT_DAYS: Final = 30
AGAIN_DAYS: Final = (1, 3, 10)
#: Posts older than this, that nobody has previewed, stay without a card.
_LATEST_DAYS: Final = 7
_PORTS: Final = frozenset({80, 443})
_HEADERS: Final = {"Accept": "text/html, application/xhtml+xml;q=0.9", "Accept-Language": "en, fr;q=0.9, ja;q=0.9"}

#: Those of these names that may be trusted with a card below their posts.
Trusted = Callable[[Connection, Collection[Id]], Collection[Id]]


def fetch_previews(
    connection: Connection, *, now: dt.datetime, trusted: Trusted, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Ask pages to which posts link what they say of themselves, as the counter; returns how many were asked.

    ``COMPTOIR_SQUARE_PREVIEWS`` set to ``off`` asks nobody. Pages of members who are new are not asked. Nothing is open
    in the database while somebody is asked.
    """
    if (os.environ.get("COMPTOIR_SQUARE_PREVIEWS") or "on") == "off":
        return 0
    networks = outbound.networks_of(filter(None, os.environ.get("COMPTOIR_SQUARE_PREVIEW_NETWORKS", "").split(",")))
    with connection.transaction():
        store.drop_unlinked(connection)
        links = store.find_links(
            connection, now=now, since=now - dt.timedelta(days=_LATEST_DAYS), limit=10 * PAGES_AT_ONCE
        )
        authors = {author for link in links.values() for author in link.authors}
        known = set(trusted(connection, authors)) if authors else set()
    asked = 0
    hosts: collections.Counter[str] = collections.Counter()
    for link in links.values():
        host = host_of(link.url)
        if should_stop() or asked >= PAGES_AT_ONCE:
            break
        if hosts[host] >= PAGES_OF_A_HOST or not (link.is_staffs or known.intersection(link.authors)):
            continue
        hosts[host] += 1
        asked += 1
        previewed = _ask(link, networks=networks, now=now)
        with connection.transaction():
            store.write_preview(connection, previewed)
    return asked


def _ask(link: Link, *, networks: tuple[outbound.Network, ...], now: dt.datetime) -> Previewed:
    """Ask a page; what it answers says when it is asked again."""
    why, preview = "", None
    try:
        fetched = outbound.fetch(
            link.url, headers=_HEADERS, networks=networks, bytes_max=PAGE_BYTES_MAX, seconds_max=PAGE_SECONDS_MAX,
            redirects_max=REDIRECTS_MAX, ports=() if networks else _PORTS, is_cut=True,
        )  # fmt: skip
        preview = preview_of(fetched.body, content_type=fetched.content_type) if fetched.status == 200 else None
        why = "" if preview else "nothing"
    except outbound.NotFetched as error:
        why = error.why
    except Exception:  # noqa: BLE001 - whatever a page elsewhere is made of, the next one is asked
        _log.warning("a page to which a post links could not be read", exc_info=True)
        why = "unreadable"
    failures = 0 if preview else link.failures + 1
    days = KEPT_DAYS if preview or failures > len(AGAIN_DAYS) else AGAIN_DAYS[failures - 1]
    shown = preview or Preview("")
    return Previewed(
        link.url,
        shown.title,
        shown.description,
        shown.site,
        why,
        min(failures, 100),
        now,
        now + dt.timedelta(days=days),
    )
