"""``left-the-segment``: somebody brings the goods back a second before the offer on more of them would leave.

The worker's own follower hears of it and takes the message back before any clock looks; everybody else gets theirs.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.config import following
from comptoir.foundation.kernel.clock import FixedClock
from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import STAFF, drawn_alike, templates, version
from support.casting import PLAIN, Counter, goods_back, line, sale
from support.mailbox import Mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.loyalty.store import insert_programme
from comptoir.foundation.events.store import OutboxPlace, OutboxRow
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands, segmenting
from comptoir.office.segments import commands as segments
from comptoir.office.segments import jobs as members
from support.mailing import AGREED, NOW, address, counter_of, of, outcomes, send, settle

LATER = NOW + dt.timedelta(minutes=10)


@pytest.fixture
def counter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    drawn_alike(monkeypatch)
    monkeypatch.setattr("comptoir.office.campaigns.rules.HOLDOUT_OF_ALL_SHARE", 0.0)
    one = counter_of(shop)
    insert_programme(one.connection, PLAIN, None)
    with entered(OFFICE):
        templates("coffee")
        commands.set_caps([], by=STAFF, at=NOW)
    yield one
    one.close()


def hear(counter: Counter, *, now: dt.datetime) -> None:
    """Let the worker's follower hear of everything that is in the log, once more of what it knows."""
    follower, *_others = following.followers(FixedClock(now))
    positions = [row["position"] for row in counter.shop.rows("select position from events_event")]
    rows = [OutboxRow(OutboxPlace(0, 1), positions, now)]
    follower._begin(OutboxPlace(0, 0))
    follower._hear(OutboxPlace(0, 0), rows)
    for each in follower._hear.__self__._connections.values():  # type: ignore[attr-defined]  # as its process would
        each.close()


def test_goods_that_come_back_take_the_offer_back_before_it_leaves(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    people = [settle(counter, number) for number in range(3)]
    for number in range(3):
        bought = sale(f"c{number}", of=of(number), lines=[line(900, category="COFFEE")], at=AGREED)
        assert counter.tell(bought, received_at=NOW).problem is None
    hear(counter, now=NOW)
    with database.connect(OFFICE.role) as connection:
        segment = segments.define(connection, name="Coffee", expression="bought('COFFEE')", by=STAFF, at=NOW)
        members.refresh(connection, now=NOW)
    with entered(OFFICE):
        said = version(segment=str(segment.id), holdout=0.0, holdout_reason="All of three.")
        campaign = commands.write(said, campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
        counts = commands.freeze(campaign, 1, now=NOW, segments=segmenting.SEGMENTS)
    assert counts is not None
    assert counts.sent == 3
    back = goods_back("b1", sale="c1", lines=[(1, 1, 900)], at=AGREED + dt.timedelta(hours=1))
    assert counter.tell(back, received_at=LATER).problem is None
    hear(counter, now=LATER)
    assert list(outcomes(shop).values()) == [{"suppressed": "left_segment"}]
    send(now=LATER)
    reached = sorted(recipient for recipients, _letter in mailbox.letters for recipient in recipients)
    assert reached == [address(0), address(2)]
    gone = shop.value("select customer from messages_decision d join messages_outcome o on o.decision = d.id"
                      " where o.kind = 'suppressed'")  # fmt: skip
    assert uuid.UUID(str(gone)) == people[1]
