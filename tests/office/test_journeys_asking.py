"""A journey's exits asked again before a message leaves: whoever took one while it waited for its hours gets none."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import COFFEE, NOW, STAFF, Segments, crowd, drawn_alike, templates
from support.shop import Shop
from support.travelling import COFFEE_MAIL, Hands, bought, heard, journey

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.journeys import asking, commands, travelling
from comptoir.office.journeys.contracts import Version

MINUTE = dt.timedelta(minutes=1)
EVENING = dt.datetime(2026, 11, 27, 21, tzinfo=dt.UTC)
MORNING = dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)


@pytest.fixture
def office(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    drawn_alike(monkeypatch)
    # A few people are too few for what is held out.
    monkeypatch.setattr("comptoir.office.campaigns.rules.HOLDOUT_OF_ALL_SHARE", 0.0)
    with entered(OFFICE):
        templates("coffee")
        campaigns.set_caps([], by=STAFF, at=NOW)
        yield shop


def waiting(shop: Shop, people: Sequence[uuid.UUID], segments: Segments, version: Version) -> uuid.UUID:
    """Let people leave their baskets in the evening, and their messages wait for the morning."""
    made = commands.write(version, journey=None, after=0, by=STAFF, at=NOW)
    commands.switch_on(made, 1, by=STAFF, at=NOW)
    heard(shop, *(("basket.left", each, EVENING) for each in people))
    at = EVENING + 5 * MINUTE
    travelling.enter(now=at)
    travelling.advance(now=at, segments=segments, hands=Hands())
    with shop.connect("comptoir_vault") as connection:
        # The sender has looked, and it is night where they live.
        connection.execute("update messages_waiting set due_at = %s", (MORNING,))
    assert shop.value("select count(*) from messages_waiting") == len(people)
    return made


def at_once(**changed: object) -> Version:
    return journey(steps=(COFFEE_MAIL,), holdout=0.0, holdout_reason="A few people are too few.", **changed)


def became(shop: Shop) -> dict[uuid.UUID, str]:
    """Return what became of the messages, by customer; of those that wait, nothing."""
    rows = shop.rows(
        "select d.customer, o.kind || ' ' || o.reason as said from messages_outcome o"
        " join messages_decision d on d.id = o.decision"
    )
    return {row["customer"]: row["said"] for row in rows}


def test_whoever_bought_at_night_gets_no_reminder_in_the_morning(office: Shop) -> None:
    people, segments = crowd(office, 5), Segments()
    waiting(office, people, segments, at_once())
    with office.unchanged():
        assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 0
    bought(office, people[0], EVENING + 60 * MINUTE)
    bought(office, people[1], EVENING - 60 * MINUTE)  # before the basket was left
    with office.unchanged():
        assert asking.withdraw_left(now=MORNING - 60 * MINUTE, segments=segments) == 0, "it is early enough"
        assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments, customers=[people[2]]) == 0
    assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 1
    assert became(office) == {people[0]: "suppressed left_journey"}
    assert office.value("select count(*) from messages_waiting") == 4
    with office.unchanged():
        assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 0


def test_whoever_has_left_the_segment_of_the_exit_gets_none(office: Shop) -> None:
    people = crowd(office, 5)
    segments = Segments(people)
    waiting(office, people, segments, at_once(exit_events=(), exit_segment=str(COFFEE)))
    assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 0
    segments.found[COFFEE] = people[2:]
    assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 2
    assert became(office) == dict.fromkeys(people[:2], "suppressed left_journey")


def test_what_is_in_a_senders_hand_leaves_and_a_journey_without_exits_asks_nobody(office: Shop) -> None:
    people, segments = crowd(office, 4), Segments()
    waiting(office, people[:2], segments, at_once())
    with office.connect("comptoir_vault") as connection:
        connection.execute("update messages_waiting set taken_by = 7, taken_at = now()")
    bought(office, people[0], EVENING + 60 * MINUTE)
    with office.unchanged():
        assert asking.withdraw_left(now=MORNING - MINUTE, segments=segments) == 0
