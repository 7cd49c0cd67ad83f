"""The segment asked again before a message leaves: whoever has left it gets none, by the list's own definition."""

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import STAFF, drawn_alike, templates, version
from support.casting import ALICE, BOB, CHARLIE, HEARD, PLAIN, Counter, consented, goods_back, identify, line, sale
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from comptoir.counter.messages import queries as messaging
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import asking, commands, jobs, segmenting
from comptoir.office.segments import commands as segments
from comptoir.office.segments.contracts import Segment

MINUTE = dt.timedelta(minutes=1)
LATER = HEARD + 10 * MINUTE


class World(Counter):
    """A counter, a follower that hears of everything at once, and the office."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        insert_programme(self.connection, PLAIN, None)

    def follow(self) -> None:
        positions = [row["position"] for row in self.shop.rows("select position::text from events_event")]
        with self.connection.transaction():
            following.bring(self.connection, positions, time_zone="UTC", now=HEARD)

    def define(self, expression: str, name: str = "Coffee") -> Segment:
        with database.connect(OFFICE.role) as connection:
            return segments.define(connection, name=name, expression=expression, by=STAFF, at=HEARD)

    def change(self, segment: Segment, expression: str) -> None:
        with database.connect(OFFICE.role) as connection:
            segments.change(
                connection, segment_id=segment.id, name=segment.name, expression=expression, by=STAFF, at=LATER
            )

    def freeze(self, segment: Segment, **changed: object) -> uuid.UUID:
        with entered(OFFICE):
            changed = {"segment": str(segment.id), "holdout": 0.0, "holdout_reason": "All of three.", **changed}
            campaign = commands.write(version(**changed), campaign=None, after=0, by=STAFF, at=HEARD)
            commands.launch(campaign, 1, by=STAFF, at=HEARD)
            counts = commands.freeze(campaign, 1, now=HEARD, segments=segmenting.OfTheOffice(HEARD))
        assert counts is not None
        assert counts.sent == 2
        return campaign

    def became(self) -> dict[str, str]:
        """Return what became of the messages, by customer, as kind and reason; of those that wait, nothing."""
        rows = self.shop.rows(
            "select d.customer::text, o.kind || ' ' || o.reason as said from messages_outcome o"
            " join messages_decision d on d.id = o.decision"
        )
        return {row["customer"]: row["said"] for row in rows}

    def waiting(self, campaign: uuid.UUID) -> int:
        with entered(OFFICE):
            return messaging.waiting(campaign)


@pytest.fixture
def world(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    drawn_alike(monkeypatch)
    # Three people are too few for the share that is held out of everything.
    monkeypatch.setattr("comptoir.office.campaigns.rules.HOLDOUT_OF_ALL_SHARE", 0.0)
    made = World(shop)
    with entered(OFFICE):
        templates("coffee")
        commands.set_caps([], by=STAFF, at=HEARD)
    for who in (ALICE, BOB, CHARLIE):
        bought = sale(f"of {who['value']}", of=who, lines=[line(900, category="COFFEE")])
        made.send(consented("marketing", "mail", of=who), bought)
    made.send(goods_back("3", sale=f"of {CHARLIE['value']}", lines=[(1, 1, 900)]))
    made.follow()
    yield made
    made.close()


def gone_back(world: World) -> str:
    """Let Bob bring his coffee back, after the list was frozen."""
    world.send(goods_back("4", sale=f"of {BOB['value']}", lines=[(1, 1, 900)]))
    world.follow()
    return identify(BOB)


def test_whoever_has_left_gets_no_message_and_the_reason_is_kept(world: World) -> None:
    campaign = world.freeze(world.define("bought('COFFEE')"))
    assert jobs.withdraw_left(now=LATER) == 0
    assert world.waiting(campaign) == 2
    bob = gone_back(world)
    assert jobs.withdraw_left(now=LATER) == 1
    assert world.became() == {bob: "suppressed left_segment"}
    assert world.waiting(campaign) == 1
    with world.shop.unchanged():
        assert jobs.withdraw_left(now=LATER) == 0
    with entered(OFFICE):
        assert {str(each.customer) for each in messaging.decisions_of(campaign)} == {identify(ALICE), bob}


def test_whoever_leaves_by_what_they_do_is_asked_when_it_is_heard_and_nobody_else_is(world: World) -> None:
    campaign = world.freeze(world.define("bought('COFFEE')"))
    bob = gone_back(world)
    with world.shop.unchanged():
        assert jobs.withdraw_left(now=LATER, customers=[]) == 0
        assert jobs.withdraw_left(now=LATER, customers=[uuid.UUID(identify(ALICE))]) == 0
    assert jobs.withdraw_left(now=LATER, customers=[uuid.UUID(bob)]) == 1
    assert world.became() == {bob: "suppressed left_segment"}
    assert world.waiting(campaign) == 1


def test_whom_the_coming_midnight_takes_out_gets_nothing_after_it(world: World) -> None:
    campaign = world.freeze(world.define("bought('COFFEE', 1)"))
    midnight = dt.datetime(2024, 3, 5, tzinfo=zoneinfo.ZoneInfo(PLAIN.time_zone))
    assert jobs.withdraw_left(now=midnight - 3 * MINUTE) == 0
    assert world.waiting(campaign) == 2
    # The last look of the day: what waits may leave in the first minute of the next one.
    assert jobs.withdraw_left(now=midnight - MINUTE) == 2
    assert set(world.became().values()) == {"suppressed left_segment"}


def test_what_is_in_a_senders_hand_leaves(world: World) -> None:
    world.freeze(world.define("bought('COFFEE')"))
    gone_back(world)
    with world.shop.connect("comptoir_vault") as connection:
        connection.execute("update messages_waiting set taken_by = 7, taken_at = now()")
    assert jobs.withdraw_left(now=LATER) == 0
    assert world.became() == {}


@pytest.mark.parametrize(
    "changed",
    [{"asks_again": False}, {"message_class": "service", "holdout_reason": ""}],
    ids=["the office did not want it", "service"],
)
def test_nobody_is_asked_again_where_that_is_not_wanted(world: World, changed: dict[str, object]) -> None:
    campaign = world.freeze(world.define("bought('COFFEE')"), **changed)
    gone_back(world)
    assert jobs.withdraw_left(now=LATER) == 0
    assert world.waiting(campaign) == 2


def test_only_what_is_delayed_and_may_leave_soon_is_asked(world: World) -> None:
    world.freeze(world.define("bought('COFFEE')"))
    bob = gone_back(world)
    assert jobs.withdraw_left(now=HEARD + asking.DELAYED / 2) == 0
    with world.shop.connect("comptoir_vault") as connection:
        connection.execute("update messages_waiting set due_at = %s", (LATER + 5 * MINUTE,))
    assert jobs.withdraw_left(now=LATER) == 0
    assert jobs.withdraw_left(now=LATER + 3 * MINUTE) == 1
    assert world.became() == {bob: "suppressed left_segment"}


def test_a_segment_that_was_changed_or_ended_takes_nobody_back_by_that(world: World) -> None:
    segment = world.define("bought('COFFEE')")
    campaign = world.freeze(segment)
    world.change(segment, "spend(90) > 1000000")
    assert jobs.withdraw_left(now=LATER) == 0
    assert world.waiting(campaign) == 2
    with database.connect(OFFICE.role) as connection:
        segments.end(connection, segment_id=segment.id, at=LATER)
    bob = gone_back(world)
    assert jobs.withdraw_left(now=LATER) == 1
    assert world.became() == {bob: "suppressed left_segment"}


def test_what_rests_on_a_segment_that_changed_is_not_asked(world: World) -> None:
    inner = world.define("bought('COFFEE')", "Inner")
    campaign = world.freeze(world.define("in_segment('Inner') AND purchases() > 0"))
    gone_back(world)
    world.change(inner, "bought('TEA')")
    assert jobs.withdraw_left(now=LATER) == 0
    assert world.waiting(campaign) == 2
