"""``two-schedulers``: parallel runs mailed the same person twice, seconds apart.

https://github.com/mautic/mautic/issues/9880, 11763, 2215. Here four schedulers freeze the same list at once; whoever
sends has one decision for each person, and the queue one place. That what is in the queue leaves once is the vault's
part of the story.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import NOW, STAFF, Segments, crowd, templates, version
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands, queries

SCHEDULERS = 4
PEOPLE = 10_000


def at_once(schedule: Callable[[], int]) -> int:
    def one(_: int) -> int:
        with entered(OFFICE):
            try:
                return schedule()
            finally:
                connections.close_all()

    with ThreadPoolExecutor(SCHEDULERS) as pool:
        return sum(pool.map(one, range(SCHEDULERS)))


def test_four_schedulers_and_everybody_is_decided_about_once(shop: Shop) -> None:
    segments = Segments(crowd(shop, PEOPLE))
    with entered(OFFICE):
        templates()
        campaign = commands.write(version(), campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
    assert at_once(lambda: commands.freeze_due(now=NOW, segments=segments)) == 1
    assert shop.value("select count(*) from messages_decision") == PEOPLE
    assert shop.value("select count(distinct customer) from messages_decision") == PEOPLE
    sent = shop.value("select count(*) from messages_decision where verdict = 'send'")
    assert shop.value("select count(*) from messages_waiting") == sent
    with entered(OFFICE):
        (frozen,) = queries.lists(campaign)
    assert frozen.counts.sent == sent


def test_whoever_looks_first_and_writes_then_sends_four_times(shop: Shop) -> None:
    """The naive way, so that the race is one: nothing was sent yet, say four at once, and send."""
    looked = threading.Barrier(SCHEDULERS)
    sent: list[int] = []

    def naive() -> int:
        has_sent = bool(sent)
        looked.wait()
        if has_sent:
            return 0
        sent.extend(range(100))
        return 1

    assert at_once(naive) == SCHEDULERS
    assert len(sent) == SCHEDULERS * 100
