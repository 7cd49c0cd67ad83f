"""What the office decides and the counter does: coupons of a campaign, points of a journey, each once."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting, invariants, promoting
from support.campaigning import COFFEE, NOW, STAFF, Segments, drawn_alike, templates, version
from support.casting import ALICE, BOB, Counter
from support.shop import Shop
from support.travelling import DAY, journey

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.hands import CounterHands
from comptoir.counter.messages import queries as messaging
from comptoir.counter.offers.errors import PromotionUnknown
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import queries
from comptoir.office.journeys import commands, travelling
from comptoir.office.journeys import queries as queries_of_journeys
from comptoir.office.journeys.contracts import Give, Happens, Say

PROGRAMMES = casting.versions(casting.PROGRAMME)


@pytest.fixture
def counter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    drawn_alike(monkeypatch)
    counter = Counter(shop)
    for receipt, who in enumerate((ALICE, BOB)):
        counter.tell(casting.sale(f"r{receipt}", 100, of=who))
        counter.tell(casting.consented("marketing", "mail", of=who))
    with entered(OFFICE):
        templates()
    yield counter
    invariants.check(counter.connection)
    counter.close()


def free(**changed: object) -> dict[str, object]:
    return {"holdout": 0.0, "holdout_reason": "A story with two people in it.", **changed}


def test_a_list_with_a_promotion_is_frozen_by_whoever_can_issue_its_coupons(counter: Counter, shop: Shop) -> None:
    promotion = promoting.new()
    assert counter.tell(promoting.published(promotion, codes="each")).problem is None
    people = [uuid.UUID(casting.identify(each)) for each in (ALICE, BOB)]
    segments = Segments(people)
    with entered(OFFICE):
        campaign = campaigns.write(version(**free(promotion=promotion)), campaign=None, after=0, by=STAFF, at=NOW)
        campaigns.launch(campaign, 1, by=STAFF, at=NOW)
        with shop.unchanged():
            assert campaigns.freeze(campaign, 1, now=NOW, segments=segments) is None
        assert queries.standing(campaign).state == "scheduled"
        with shop.connect() as connection:
            hands = CounterHands(connection, PROGRAMMES)
            assert campaigns.freeze_due(now=NOW, segments=segments, coupons=hands.issue_all) == 1
            assert campaigns.freeze_due(now=NOW, segments=segments, coupons=hands.issue_all) == 0
        found = {each.customer: each.coupon for each in messaging.decisions_of(campaign)}
    rows = {row["customer"]: row["id"] for row in shop.rows("select customer, id from offers_coupon")}
    assert found == rows
    assert set(rows) == set(people)


def test_a_promotion_that_has_ended_stops_its_campaign_and_no_other(counter: Counter, shop: Shop) -> None:
    promotion = promoting.new()
    counter.tell(promoting.published(promotion, codes="each"))
    counter.tell(promoting.ended(promotion))
    segments = Segments([uuid.UUID(casting.identify(ALICE))])
    with entered(OFFICE), shop.connect() as connection:
        hands = CounterHands(connection, PROGRAMMES)
        for changed in ({"promotion": promotion}, {}):
            made = campaigns.write(version(**free(**changed)), campaign=None, after=0, by=STAFF, at=NOW)
            campaigns.launch(made, 1, by=STAFF, at=NOW)
        assert campaigns.freeze_due(now=NOW, segments=segments, coupons=hands.issue_all) == 1
        with pytest.raises(PromotionUnknown):
            hands.issue(uuid.UUID(promotion), segments.found[COFFEE][0], campaign=uuid.uuid4(), at=NOW)


def test_points_of_a_journey_are_in_the_ledger_once_with_their_reason(counter: Counter, shop: Shop) -> None:
    promotion = promoting.new()
    counter.tell(promoting.published(promotion, codes="each"))
    alice = uuid.UUID(casting.identify(ALICE))
    before = counter.balance(ALICE)[0]
    with entered(OFFICE), shop.connect() as connection:
        hands = CounterHands(connection, PROGRAMMES)
        steps = (Give(50, "Welcome back"), Say("mail", "coffee", promotion=promotion))
        made = commands.write(
            journey(**free(steps=steps, exit_events=(), trigger=Happens("newsletter.subscribed"))),
            journey=None,
            after=0,
            by=STAFF,
            at=casting.NOON,
        )
        commands.switch_on(made, 1, by=STAFF, at=casting.NOON)
        counter.tell(casting.subscribed())
        later = dt.datetime.now(dt.UTC) + DAY
        for _ in range(2):
            travelling.enter(now=later)
            travelling.advance(now=later, segments=Segments([]), hands=hands)
        trip = shop.value("select id from trips_trip")
        assert not hands.give(alice, 50, reason="Welcome back", name=f"journey/{trip}/0", at=casting.NOON)
        (found,) = messaging.decisions_of(made)
        promised = queries_of_journeys.promised(made)
    assert [(each.customer, each.points) for each in promised] == [(alice, 50)]
    assert counter.balance(ALICE)[0] == before + 50
    assert found.coupon == shop.value("select id from offers_coupon")


def test_points_are_refused_by_name_and_again_by_the_same(counter: Counter, shop: Shop) -> None:
    nobody = uuid.uuid4()
    with shop.connect() as connection:
        hands = CounterHands(connection, PROGRAMMES)
        for _ in range(2):
            with shop.unchanged("loyalty_transfer"):
                refused = hands.give(nobody, 50, reason="Hello", name="journey/x/0", at=casting.NOON)
                assert refused == "customer_unknown"
