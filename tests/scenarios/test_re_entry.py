"""``re-entry``: leaving and coming back sent everything again although that was switched off.

https://github.com/mautic/mautic/issues/7881; a once-only entry that fired four times, and hundreds who unsubscribed:
https://github.com/parcelvoy/platform/issues/462; the opposite wish: https://github.com/dittofeed/dittofeed/issues/958.
Somebody is in, out, in, five times; how often they are written to is exactly what the policy says.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import COFFEE, NOW, STAFF, Segments, crowd, drawn_alike, templates
from support.shop import Shop
from support.travelling import COFFEE_MAIL, DAY, Hands, heard, journey

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import queries as messaging
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.journeys import commands, rules, travelling
from comptoir.office.journeys.contracts import Joins, ReEntry, Version


@pytest.fixture
def office(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates()
        campaigns.set_caps([], by=STAFF, at=NOW)
        yield shop


def somebody(shop: Shop, made: uuid.UUID, version: Version) -> uuid.UUID:
    """Return somebody who is not held out."""
    drawn = {
        each: rules.arm(str(each), journey=str(made), version=version, at=NOW, salt=campaigns.salt())
        for each in crowd(shop, 50)
    }
    return next(each for each, (_, held_out) in drawn.items() if not held_out)


@pytest.mark.parametrize(
    ("policy", "every_days", "messages"),
    [("once", 30, 1), ("each", 30, 5), ("every", 5, 3), ("every", 8, 2), ("every", 30, 1)],
)
def test_in_and_out_five_times(office: Shop, policy: ReEntry, every_days: int, messages: int) -> None:
    version = journey(
        trigger=Joins(str(COFFEE)), steps=(COFFEE_MAIL,), exit_events=(), re_entry=policy, every_days=every_days
    )
    made = commands.write(version, journey=None, after=0, by=STAFF, at=NOW)
    commands.switch_on(made, 1, by=STAFF, at=NOW)
    person = somebody(office, made, version)
    segment = f'{{"segment": "{COFFEE}"}}'
    for time in range(5):
        joins, leaves = NOW + (3 * time + 1) * DAY, NOW + (3 * time + 2) * DAY
        heard(office, ("segment.joined", person, joins), ("segment.left", person, leaves), data=[segment, segment])
        for _ in range(3):
            # The clock looks several times, as it does.
            travelling.enter(now=leaves)
            travelling.advance(now=leaves, segments=Segments([person]), hands=Hands())
    found = [each for each in messaging.decisions_of(made) if each.verdict == "send"]
    assert len(found) == messages
    assert len({each.occurrence for each in found}) == messages
