"""Journeys as they run: who enters, what is said, exits, the holdout, versions, the switch; and on the past year."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.campaigning import COFFEE, NOW, STAFF, Segments, crowd, drawn_alike, templates
from support.shop import Shop
from support.travelling import COFFEE_MAIL, DAY, Hands, bought, first_visit, heard, journey

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.offers.errors import PromotionUnknown
from comptoir.counter.trips import store as trips_store
from comptoir.counter.trips.models import Trip
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.journeys import commands, queries, simulating, travelling
from comptoir.office.journeys.contracts import Ask, Check, Give, Happens, Joins, Say, Simulated, Version, Wait
from comptoir.office.journeys.errors import JourneyChanged, JourneyInvalid, JourneyKilled
from comptoir.office.segments.errors import SegmentUnknown

NOBODY: list[uuid.UUID] = []


@pytest.fixture
def office(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates("coffee", "tea")
        campaigns.set_caps([], by=STAFF, at=NOW)
        yield shop


def on(version: Version, *, at: dt.datetime = NOW) -> uuid.UUID:
    made = commands.write(version, journey=None, after=0, by=STAFF, at=at)
    commands.switch_on(made, 1, by=STAFF, at=at)
    return made


def ticks(
    *,
    until: dt.datetime,
    since: dt.datetime = NOW,
    hands: Hands | None = None,
    segments: Segments | None = None,
    every: dt.timedelta = DAY / 4,
) -> Hands:
    """Let the clock look every six hours."""
    hands = hands or Hands()
    at = since
    while at < until:
        at = min(at + every, until)
        travelling.enter(now=at)
        travelling.advance(now=at, segments=segments or Segments(NOBODY), hands=hands)
    return hands


def sent(made: uuid.UUID) -> Counter[tuple[str, str]]:
    return Counter((each.verdict, each.reason) for each in messaging.decisions_of(made))


def going(shop: Shop, made: uuid.UUID, count: int) -> list[uuid.UUID]:
    """Return so many people who are not held out of a journey."""
    from comptoir.office.journeys import rules

    people = crowd(shop, 10 + 3 * count)
    version = queries.latest(made).content
    free = [
        each for each in people
        if not rules.arm(str(each), journey=str(made), version=version, at=NOW, salt=campaigns.salt())[1]
    ]  # fmt: skip
    return free[:count]


def left(shop: Shop, people: Sequence[uuid.UUID], at: dt.datetime) -> None:
    heard(shop, *(("basket.left", each, at) for each in people))


def test_two_days_after_a_basket_was_left_whoever_has_not_bought_is_written_to(office: Shop) -> None:
    made = on(journey())
    people = going(office, made, 20)
    left(office, people, NOW + DAY)
    bought(office, people[0], NOW + 2 * DAY)
    ticks(until=NOW + 2.9 * DAY)
    assert sent(made) == {}
    ticks(since=NOW + 2.9 * DAY, until=NOW + 4 * DAY)
    assert sent(made) == {("send", ""): 19}
    traffic = queries.traffic(made)
    assert (traffic.entered, traffic.under_way, traffic.ended) == (20, 0, {"done": 19, "exit": 1})
    with office.unchanged("messages_decision"):
        ticks(since=NOW + 4 * DAY, until=NOW + 9 * DAY)


def test_what_happened_before_it_was_switched_on_begins_nothing(office: Shop) -> None:
    people = crowd(office, 10)
    left(office, people, NOW - DAY)
    made = on(journey())
    ticks(until=NOW + 5 * DAY)
    assert queries.traffic(made).entered == 0


def test_one_in_ten_is_held_out_and_stays_so(office: Shop) -> None:
    made = on(journey(re_entry="each"))
    people = crowd(office, 300)
    for day in (1, 5):
        left(office, people, NOW + day * DAY)
    ticks(until=NOW + 9 * DAY, every=DAY)
    traffic = queries.traffic(made)
    assert traffic.entered == 600
    assert 30 <= traffic.held_out <= 120
    assert sent(made)["send", ""] == 600 - traffic.held_out
    rows = office.rows("select customer, count(distinct arm) as arms from trips_trip group by customer")
    assert {row["arms"] for row in rows} == {1}


def test_consent_and_caps_are_asked_at_the_moment_of_each_message(office: Shop) -> None:
    made = on(journey(steps=(COFFEE_MAIL, Wait(24), Say("mail", "tea"))))
    people = going(office, made, 10)
    left(office, people, NOW + DAY)
    ticks(until=NOW + 1.5 * DAY)
    assert sent(made) == {("send", ""): 10}
    with office.connect("comptoir_counter") as connection:
        connection.execute("update customers_permission set channels = '{}' where customer = %s", (people[0],))
    from comptoir.office.campaigns.contracts import Cap

    campaigns.set_caps([Cap(1, 7)], by=STAFF, at=NOW)
    ticks(since=NOW + 1.5 * DAY, until=NOW + 4 * DAY)
    assert sent(made) == {("send", ""): 10, ("suppressed", "no_consent"): 1, ("suppressed", "capped"): 9}


def test_points_and_coupons_come_once_and_each_by_a_name_of_its_own(office: Shop) -> None:
    promotion = uuid.uuid4()
    made = on(journey(steps=(Give(50, "Welcome back"), Say("mail", "coffee", promotion=str(promotion)))))
    people = going(office, made, 5)
    left(office, people, NOW + DAY)
    hands = ticks(until=NOW + 3 * DAY)
    assert sorted(hands.given.values()) == sorted((each, 50) for each in people)
    found = {each.customer: each.coupon for each in messaging.decisions_of(made)}
    assert found == {customer: coupon for (_, _, customer), coupon in hands.issued.items()}


def test_points_that_are_refused_stand_with_their_step_and_the_trip_goes_on(office: Shop) -> None:
    made = on(journey(steps=(Give(50, "Welcome back"), Wait(24), Give(20, "Once more"), COFFEE_MAIL)))
    people = going(office, made, 5)
    left(office, people, NOW + DAY)
    hands = Hands({people[0]: "customer_forgotten", people[1]: "customer_unknown", people[2]: "customer_unknown"})
    ticks(until=NOW + 1.5 * DAY, hands=hands)
    hands.refused = {people[1]: "customer_unknown"}
    ticks(since=NOW + 1.5 * DAY, until=NOW + 4 * DAY, hands=hands)
    assert [msgspec.structs.astuple(each) for each in queries.refused(made)] == [
        (1, 0, "customer_forgotten", 1), (1, 0, "customer_unknown", 2), (1, 2, "customer_unknown", 1),
    ]  # fmt: skip
    assert queries.traffic(made).ended == {"done": 5}
    assert sent(made) == {("send", ""): 5}


def test_messages_that_left_are_counted_for_whoever_got_them(office: Shop) -> None:
    made = on(journey(steps=(COFFEE_MAIL, Wait(24), Say("mail", "tea"))))
    people = going(office, made, 6)
    left(office, people, NOW + DAY)
    ticks(until=NOW + 3 * DAY)
    first, *_ = decided = sorted(messaging.decisions_of(made), key=lambda each: each.id)
    assert len(decided) == 12
    with office.connect("comptoir_office") as connection:
        for each in decided:
            kind = "unknown" if each is first else "accepted" if each.customer in people[:3] else "suppressed"
            connection.execute("insert into messages_outcome values (%s, %s, %s, '')", (each.id, kind, NOW))
    counted = {each.person: each.contacts for each in queries.drawn(made) if each.person in people}
    may_have_left = int(first.customer not in people[:3])
    assert counted == {each: 2 * (each in people[:3]) + may_have_left * (each == first.customer) for each in people}


def test_an_idea_that_was_done_begins_it_and_the_square_is_where_it_asks(office: Shop) -> None:
    text = {"en": TemplateText("Your idea was done. What next? {{ link }}", "Thank you")}
    messages.write_template("next", channel="mail", texts=text, by=STAFF, at=NOW, examples={"link": "https://…"})
    steps = (Ask("mail", "next", path="/en/ideas"),)
    made = on(journey(trigger=Happens("contribution.thanked"), steps=steps, exit_events=()))
    one, other = going(office, made, 2)
    heard(office, ("contribution.thanked", one, NOW + DAY), ("contribution.answered", other, NOW + DAY))
    ticks(until=NOW + 2 * DAY)
    assert [each.customer for each in messaging.decisions_of(made)] == [one]
    values = office.value("select values from messages_dispatch where campaign = %s", made)
    assert values == {"link": url_of(SQUARE, "/en/ideas")}


@pytest.mark.parametrize("path", ["", "ideas", "https://elsewhere.example", "/ideas\nx", "/<b>", "/" + 200 * "a"])
def test_an_ask_leads_to_the_square_and_says_so(office: Shop, path: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "ask", "channel": "mail", "template": "coffee", "path": path}, Ask)
    with office.unchanged(), pytest.raises(JourneyInvalid, match="link"):
        on(journey(steps=(Ask("mail", "coffee", path="/en/ideas"),)))


def test_the_first_visit_to_a_store_begins_it_and_the_second_does_not(office: Shop) -> None:
    made = on(journey(trigger=first_visit("S2"), exit_events=(), steps=(COFFEE_MAIL,), re_entry="each"))
    one, other = going(office, made, 2)
    bought(office, one, NOW - 30 * DAY, store="S2")
    for day, store in ((1, "S1"), (2, "S2"), (3, "S2")):
        bought(office, one, NOW + day * DAY, store=store)
        bought(office, other, NOW + day * DAY, store=store)
    ticks(until=NOW + 5 * DAY)
    assert [each.customer for each in messaging.decisions_of(made)] == [other]


def test_joining_a_segment_begins_it_and_leaving_it_is_an_exit(office: Shop) -> None:
    made = on(journey(trigger=Joins(str(COFFEE)), exit_segment=str(COFFEE), exit_events=()))
    stays, leaves = going(office, made, 2)
    joined = f'{{"segment": "{COFFEE}"}}'
    heard(office, ("segment.joined", stays, NOW + DAY), ("segment.joined", leaves, NOW + DAY), data=[joined, joined])
    heard(office, ("segment.joined", stays, NOW + DAY), data=[f'{{"segment": "{uuid.uuid4()}"}}'])
    ticks(until=NOW + 2 * DAY, segments=Segments([stays, leaves]))
    ticks(since=NOW + 2 * DAY, until=NOW + 5 * DAY, segments=Segments([stays]))
    assert [each.customer for each in messaging.decisions_of(made)] == [stays]
    assert queries.traffic(made).ended == {"done": 1, "exit": 1}


def test_a_check_asks_who_is_in_a_segment_then(office: Shop) -> None:
    made = on(journey(steps=(Wait(24), Check(str(COFFEE)), COFFEE_MAIL)))
    inside, outside = going(office, made, 2)
    left(office, [inside, outside], NOW + DAY)
    ticks(until=NOW + 4 * DAY, segments=Segments([inside]))
    assert [each.customer for each in messaging.decisions_of(made)] == [inside]


def test_whoever_is_under_way_ends_by_the_version_they_entered_with(office: Shop) -> None:
    made = on(journey())
    first, second = going(office, made, 2)
    left(office, [first], NOW + DAY)
    ticks(until=NOW + 2 * DAY)
    commands.write(journey(steps=(Wait(24), Say("mail", "tea"))), journey=made, after=1, by="Zoé", at=NOW)
    with pytest.raises(JourneyChanged):
        commands.switch_on(made, 1, by=STAFF, at=NOW)
    commands.switch_on(made, 2, by="Zoé", at=NOW + 2 * DAY)
    left(office, [second], NOW + 2 * DAY)
    ticks(since=NOW + 2 * DAY, until=NOW + 6 * DAY)
    assert {(each.customer, each.campaign_version) for each in messaging.decisions_of(made)} == {
        (first, 1),
        (second, 2),
    }


def test_off_holds_everybody_where_they_are_and_killed_ends_it_for_good(office: Shop) -> None:
    made = on(journey())
    people = going(office, made, 6)
    left(office, people[:3], NOW + DAY)
    ticks(until=NOW + 2 * DAY)
    commands.switch_off(made, by=STAFF, reason="Stock is short.", at=NOW + 2 * DAY)
    left(office, people[3:], NOW + 2.5 * DAY)
    ticks(since=NOW + 2 * DAY, until=NOW + 4 * DAY)
    assert sent(made) == {}
    commands.switch_on(made, 1, by=STAFF, at=NOW + 4 * DAY)
    ticks(since=NOW + 4 * DAY, until=NOW + 4.5 * DAY)
    assert sent(made) == {("send", ""): 3}, "whoever came while it was off does not enter"
    left(office, people[3:], NOW + 5 * DAY)
    ticks(since=NOW + 4.5 * DAY, until=NOW + 5.5 * DAY)
    with pytest.raises(JourneyInvalid):
        commands.kill(made, by=STAFF, reason="", at=NOW)
    commands.kill(made, by=STAFF, reason="Wrong text.", at=NOW + 5.5 * DAY)
    ticks(since=NOW + 5.5 * DAY, until=NOW + 9 * DAY)
    assert sent(made) == {("send", ""): 3}
    assert messaging.is_stopped(made)
    assert queries.traffic(made).ended == {"done": 3, "killed": 3}
    for refused in (
        lambda: commands.switch_on(made, 1, by=STAFF, at=NOW),
        lambda: commands.write(journey(), journey=made, after=1, by=STAFF, at=NOW),
    ):
        with office.unchanged(), pytest.raises(JourneyKilled):
            refused()


def test_four_clocks_at_once_say_everything_once(office: Shop) -> None:
    made = on(journey(steps=(COFFEE_MAIL,)))
    people = going(office, made, 60)
    left(office, people, NOW + DAY)

    def tick(_: int) -> None:
        with entered(OFFICE):
            try:
                travelling.enter(now=NOW + 2 * DAY)
                travelling.advance(now=NOW + 2 * DAY, segments=Segments(NOBODY), hands=Hands())
            finally:
                connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tick, range(4)))
    ticks(since=NOW + 2 * DAY, until=NOW + 3 * DAY)
    assert sent(made) == {("send", ""): 60}


def test_who_is_forgotten_is_on_no_trip(office: Shop) -> None:
    made = on(journey(re_entry="each"))
    (person,) = going(office, made, 1)
    left(office, [person], NOW + DAY)
    ticks(until=NOW + 2 * DAY)
    fresh = uuid.uuid4()
    with office.connect("comptoir_counter") as connection:
        trips_store.sever(connection, {str(person): str(fresh)})
    (row,) = office.rows("select customer, occurrence, due_at, ended_because from trips_trip")
    assert (row["customer"], row["due_at"], row["ended_because"]) == (fresh, None, "forgotten")
    assert row["occurrence"].startswith("gone ")
    ticks(since=NOW + 2 * DAY, until=NOW + 5 * DAY)
    assert sent(made) == {}


def test_other_rooms_neither_plan_nor_travel(office: Shop) -> None:
    for role, statement in (
        ("comptoir_vault", "select from trips_trip"), ("comptoir_square", "select from trips_trip"),
        ("comptoir_counter", "select from journeys_journeyversion"), ("comptoir_counter", "delete from trips_trip"),
        ("comptoir_office", "delete from journeys_switched"), ("comptoir_office", "delete from trips_trip"),
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege), office.connect(role) as connection:
            connection.execute(statement)


def test_an_ended_segment_holds_its_journey_and_no_other(office: Shop) -> None:
    """One that asked for a segment that has ended held up every journey whose number came later."""
    gone = uuid.uuid4()

    class Ended(Segments):
        def is_in(self, segment: uuid.UUID, person: uuid.UUID, at: dt.datetime, /) -> bool:
            if segment == gone:
                raise SegmentUnknown
            return super().is_in(segment, person, at)

    asking = on(journey(name="Asks", steps=(Check(str(gone)), COFFEE_MAIL), exit_events=()))
    others = [on(journey(steps=(COFFEE_MAIL,), exit_events=())) for _ in range(3)]
    *people, fresh = going(office, asking, 9)
    left(office, people, NOW + DAY)
    ticks(until=NOW + 2 * DAY, segments=Ended(NOBODY))
    assert all(sent(each).total() >= 3 for each in others)
    assert sent(asking) == {}
    assert queries.traffic(asking).under_way == 8
    assert queries.asking_for(gone) == ["Asks"]
    # Those who enter by a version that does not ask for it go on.
    commands.write(journey(steps=(COFFEE_MAIL,), exit_events=()), journey=asking, after=1, by=STAFF, at=NOW)
    commands.switch_on(asking, 2, by=STAFF, at=NOW + 2 * DAY)
    left(office, [fresh], NOW + 2.5 * DAY)
    ticks(since=NOW + 2 * DAY, until=NOW + 3 * DAY, segments=Ended(NOBODY))
    assert [each.customer for each in messaging.decisions_of(asking)] == [fresh]


def test_an_ended_promotion_suppresses_its_message_and_the_trip_goes_on(office: Shop) -> None:
    class Over(Hands):
        def issue(
            self, promotion: uuid.UUID, customer: uuid.UUID, *, campaign: uuid.UUID, at: dt.datetime
        ) -> uuid.UUID | None:
            raise PromotionUnknown(field="promotion_id")

    made = on(journey(steps=(Say("mail", "coffee", promotion=str(uuid.uuid4())), Say("mail", "tea")), exit_events=()))
    left(office, going(office, made, 4), NOW + DAY)
    ticks(until=NOW + 2 * DAY, hands=Over())
    assert sent(made) == {("suppressed", "no_coupon"): 4, ("send", ""): 4}
    assert queries.traffic(made).ended == {"done": 4}


def test_whoever_enters_again_gets_another_coupon(office: Shop) -> None:
    """The first one was redeemed a month ago; two steps of one trip share one."""
    promotion = str(uuid.uuid4())
    say = Say("mail", "coffee", promotion=promotion)
    made = on(journey(re_entry="every", every_days=30, steps=(say, Wait(24), say), exit_events=()))
    (person,) = going(office, made, 1)
    for day in (1, 40):
        left(office, [person], NOW + day * DAY)
    ticks(until=NOW + 43 * DAY, every=DAY)
    coupons = [each.coupon for each in sorted(messaging.decisions_of(made), key=lambda each: each.decided_at)]
    assert len(coupons) == 4
    assert coupons[0] == coupons[1]
    assert coupons[2] == coupons[3]
    assert coupons[0] != coupons[2]


def test_a_changed_definition_lets_nobody_enter(office: Shop) -> None:
    made = on(journey(trigger=Joins(str(COFFEE)), exit_events=(), steps=(COFFEE_MAIL,)))
    people = going(office, made, 3)
    because = ["defined", "event", "day"]
    heard(
        office, *(("segment.joined", each, NOW + DAY) for each in people),
        data=[f'{{"segment": "{COFFEE}", "because": "{each}"}}' for each in because],
    )  # fmt: skip
    ticks(until=NOW + 2 * DAY)
    assert {each.customer for each in messaging.decisions_of(made)} == set(people[1:])


def test_after_a_pause_the_waits_are_kept(office: Shop) -> None:
    made = on(journey(steps=(COFFEE_MAIL, Wait(72), COFFEE_MAIL, Wait(72), COFFEE_MAIL), exit_events=()))
    (person,) = going(office, made, 1)
    left(office, [person], NOW + DAY)
    ticks(until=NOW + 1.5 * DAY)
    commands.switch_off(made, by=STAFF, reason="Stocktaking.", at=NOW + 2 * DAY)
    commands.switch_on(made, 1, by=STAFF, at=NOW + 20 * DAY)
    ticks(since=NOW + 20 * DAY, until=NOW + 26 * DAY)
    said = sorted(each.decided_at for each in messaging.decisions_of(made))
    assert len(said) == 3
    assert [round((later - earlier) / DAY) for earlier, later in itertools.pairwise(said)] == [19, 3]


def test_a_kill_waits_for_nobody(office: Shop) -> None:
    """The clock has trips in hand: the word holds at once all the same, and the clock ends what was left."""
    made = on(journey())
    people = going(office, made, 3)
    left(office, people, NOW + DAY)
    ticks(until=NOW + 1.5 * DAY)
    with office.connect("comptoir_office") as at_work, at_work.transaction():
        at_work.execute("select from trips_trip where customer = %s for update", (people[0],))
        with ThreadPoolExecutor(1) as pool:

            def end() -> None:
                with entered(OFFICE):
                    try:
                        commands.kill(made, by=STAFF, reason="Wrong text.", at=NOW + 2 * DAY)
                    finally:
                        connections.close_all()

            pool.submit(end).result(timeout=20)
        assert office.value("select count(*) from messages_stop where campaign = %s", made) == 1
        assert queries.traffic(made).under_way == 1
    ticks(since=NOW + 2 * DAY, until=NOW + 2.5 * DAY)
    assert queries.traffic(made).ended == {"killed": 3}


# -- on the past year -------------------------------------------------------------------------------------------------


def simulated(made: uuid.UUID, segments: Segments | None = None, **changed: object) -> Simulated:
    import msgspec

    version = msgspec.structs.replace(queries.latest(made).content, **changed)
    return simulating.simulate(
        version, journey=made, now=NOW + 20 * DAY, segments=segments or Segments(NOBODY), caps=[], salt=campaigns.salt()
    )


def test_a_simulation_says_what_would_have_happened_and_writes_nothing(office: Shop) -> None:
    """The same weeks are lived and simulated: both say the same."""
    made = on(journey(re_entry="every", every_days=7))
    people = [*crowd(office, 80), *crowd(office, 8, agreed=False, first=700)]
    for day in (1, 3, 9, 12):
        left(office, people[day::3], NOW + day * DAY)
    for number, each in enumerate(people[::5]):
        bought(office, each, NOW + (2 + number % 9) * DAY)
    with office.unchanged():
        said = simulated(made)
    ticks(until=NOW + 20 * DAY)
    lived, traffic = sent(made), queries.traffic(made)
    assert said.messages == lived["send", ""] > 30
    assert said.no_consent == lived["suppressed", "no_consent"] > 0
    assert said.trips == traffic.entered - traffic.held_out
    ended = {name: count for name, count in traffic.ended.items() if name != "held_out"}
    assert said.ended == ended
    assert said.ended["exit"] > 0
    assert said.people == office.value("select count(distinct customer) from trips_trip")
    assert sum(said.by_month.values()) == said.messages


def test_a_simulation_of_first_visits_looks_at_the_whole_year(office: Shop) -> None:
    made = commands.write(
        journey(trigger=first_visit(), steps=(COFFEE_MAIL,), exit_events=()), journey=None, after=0, by=STAFF, at=NOW
    )
    people = crowd(office, 12)
    for number, each in enumerate(people):
        bought(office, each, NOW - number * 40 * DAY, store="S1")
        bought(office, each, NOW - number * 20 * DAY, store="S2")
    said = simulated(made)
    assert said.happenings == sum(number * 40 < 345 for number in range(12))
    assert said.trips + said.held_out == said.happenings


def test_a_simulation_of_a_segment_sees_who_joined_week_by_week(office: Shop) -> None:
    people = crowd(office, 30)

    class Growing(Segments):
        def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[Sequence[uuid.UUID]]:
            assert at is not None
            weeks = (at - (NOW + 20 * DAY - simulating.YEAR)).days // 7
            yield self.found[segment][:weeks]

    made = commands.write(
        journey(trigger=Joins(str(COFFEE)), steps=(COFFEE_MAIL,), exit_events=()), journey=None, after=0, by=STAFF,
        at=NOW,
    )  # fmt: skip
    said = simulated(made, Growing(people))
    assert said.happenings == 30
    assert len(said.by_month) >= 6


def test_a_basket_that_a_shop_declares_begins_a_journey_by_an_event_through_the_gateway(office: Shop) -> None:
    counter = casting.Counter(office)
    made = on(journey(trigger=Happens("newsletter.subscribed"), steps=(COFFEE_MAIL,), exit_events=()), at=casting.NOON)
    counter.tell(casting.consented("marketing", "mail", of=casting.BOB))
    answer = counter.tell(casting.subscribed(of=casting.BOB))
    assert answer.problem is None
    counter.close()
    travelling.enter(now=dt.datetime.now(dt.UTC) + DAY)
    assert queries.traffic(made).entered == 1


def test_stores_are_drawn_with_everybody_who_buys_there_and_stay_so(office: Shop) -> None:
    from comptoir.office.campaigns import effects
    from comptoir.office.journeys import rules

    version = journey(
        holdout=0.5, exit_events=(), steps=(COFFEE_MAIL,), drawn_by="store", re_entry="each", planned=60, days=5
    )
    made = on(version)
    people = crowd(office, 240)
    homes = {each: f"S{number % 24}" for number, each in enumerate(people[:230])}
    for each, store in homes.items():
        bought(office, each, NOW - DAY, store=store)
    left(office, people[:60], NOW + DAY)
    ticks(until=NOW + 2 * DAY)
    arms: dict[str, set[str]] = {}
    for one in queries.drawn(made):
        assert one.cluster == homes.get(one.person, "")
        arms.setdefault(one.cluster, set()).add(one.arm)
    assert {len(those) for store, those in arms.items() if store} == {1}
    assert {"go", "holdout"} == {arm for those in arms.values() for arm in those}
    said = simulating.simulate(
        version, journey=made, now=NOW + 2 * DAY, segments=Segments(NOBODY), caps=[], salt=campaigns.salt()
    )
    assert said.held_out == Trip.objects.filter(journey=made, ended_because="held_out").count() > 0
    terms = effects.Terms(shares=rules.shares(version), days=5, planned=60, is_closed=False)

    def measured(at: dt.datetime, terms: effects.Terms = terms) -> effects.Measured:
        return effects.measure(queries.drawn(made), terms, minor_units=100, now=at)

    few = measured(NOW + 20 * DAY)
    assert (few.problem, few.planned, few.effects) == ("waits_for_people", 60, None)
    assert measured(NOW + 20 * DAY, msgspec.structs.replace(terms, is_closed=True)).problem != "waits_for_people"
    # Somebody whose home is another store by now enters again as they were drawn; others come.
    mover = next(each.person for each in queries.drawn(made) if each.cluster)
    for number in range(9):
        bought(office, mover, NOW + 2 * DAY + number * DAY / 10, store="S99")
    left(office, [mover, *people[60:]], NOW + 3 * DAY)
    ticks(since=NOW + 2 * DAY, until=NOW + 4 * DAY)
    again = {each.cluster for each in Trip.objects.filter(customer=mover)}
    assert again == {homes[mover]}
    for number, one in enumerate(queries.drawn(made)):
        bought(office, one.person, one.since + DAY, minor=1_000 + 13 * (number % 70))
    early = measured(NOW + 7 * DAY)
    assert (early.problem, early.effects) == ("waits", None)
    found = measured(NOW + 9 * DAY)
    assert found.effects is not None, found.problem
    assert found.effects.method in {"clustered", "clustered_lin"}
    assert found.stores == 24
    # Whoever enters after that changes nothing.
    late = crowd(office, 40, first=5_000)
    left(office, late, NOW + 9 * DAY)
    ticks(since=NOW + 8 * DAY, until=NOW + 10 * DAY)
    after = measured(NOW + 30 * DAY)
    assert after.effects is not None
    assert (after.people, after.effects.arms[0].effect) == (found.people, found.effects.arms[0].effect)


def test_what_a_journey_changed_is_measured_over_everybody_who_entered(office: Shop) -> None:
    """Whoever was suppressed on the way counts as well: else those who are left would not be like the others."""
    from comptoir.office.campaigns import effects
    from comptoir.office.journeys import rules

    made = on(journey(holdout=0.5, exit_events=(), steps=(COFFEE_MAIL,)))
    people = [*crowd(office, 500), *crowd(office, 100, agreed=False, first=2_000)]
    left(office, people, NOW + DAY)
    ticks(until=NOW + 2 * DAY)
    drawn = queries.drawn(made)
    held = sum(each.arm != "go" for each in drawn)
    assert 560 < len(drawn) <= 600, "without those who get nothing of anything"
    assert 240 < held < 350
    assert sent(made)["suppressed", "no_consent"] > 20
    for number, each in enumerate(drawn):
        bought(office, each.person, each.since - DAY, minor=1_000 + 13 * (number % 70))
        bought(
            office,
            each.person,
            each.since + DAY,
            minor=1_000 + 13 * (number % 70) + (500 if each.arm == "go" else 0) + number % 11,
        )
    terms = effects.Terms(shares=rules.shares(queries.latest(made).content), days=28)
    found = effects.measure(drawn, terms, minor_units=100, now=NOW + 40 * DAY).effects
    assert found is not None
    assert found.verdict == "better"
    assert 4.8 < found.arms[0].effect < 5.2
