"""Segments over the shop's own figures, in PostgreSQL: who is in them, as events arrive, and why."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from fractions import Fraction

import pytest

from comptoir.config import checking
from comptoir.counter.audiences import following
from comptoir.counter.loyalty.programme import Programmes
from comptoir.counter.loyalty.store import insert_programme
from comptoir.foundation.events import store as events
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.office.segments import commands, jobs, queries, store
from comptoir.office.segments.contracts import Segment
from comptoir.office.segments.errors import (
    ExpressionTooLarge,
    InnerSegmentUnknown,
    SegmentInUse,
    SegmentNameRefused,
    SegmentNameTaken,
    SegmentsInCircle,
    SegmentUnknown,
)
from comptoir.office.segments.language import SEGMENTS_DEEP_MAX
from support import promoting
from support.casting import (
    ALICE,
    ALICE_ONLINE,
    BOB,
    CHARLIE,
    HEARD,
    NOON,
    PLAIN,
    Counter,
    Event,
    Reference,
    goods_back,
    identify,
    line,
    link,
    objected,
    sale,
    subscribed,
    unlink,
)
from support.shop import Shop

set_up_django()  # before the modules that hold models

from comptoir.office.campaigns.segmenting import SEGMENTS, is_of_square  # noqa: E402
from comptoir.office.segments.telling import roughly  # noqa: E402

DAY = dt.timedelta(days=1)
ZONE = "America/New_York"


class Office(Counter):
    """A counter, and behind it the follower and the office, which hear of what it has recorded when they are told."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self.office: Connection = shop.connect("comptoir_office")
        insert_programme(self.connection, PLAIN, None)
        self._heard: set[str] = set()

    def close(self) -> None:
        super().close()
        self.office.close()

    def hear(self, *said: Event, now: dt.datetime = HEARD) -> int:
        """Record events one by one, follow them, and return how many have joined or left."""
        for each in said:
            answer = self.tell(each, received_at=now)
            assert answer.is_accepted or answer.outcome.get("waiting"), answer.problem
        return self.follow(now=now)

    def follow(self, *, now: dt.datetime = HEARD) -> int:
        rows = self.shop.rows("select position::text from events_event where type not like 'segment.%'")
        fresh = {row["position"] for row in rows} - self._heard
        self._heard |= fresh
        with self.connection.transaction():
            touched = following.bring(self.connection, fresh, time_zone=ZONE, now=now)
        return jobs.follow(self.office, touched, now=now)

    def define(self, expression: str, name: str = "Some", *, now: dt.datetime = HEARD) -> Segment:
        segment = commands.define(self.office, name=name, expression=expression, by="Ada", at=now)
        jobs.refresh(self.office, now=now)
        return segment

    def members(self, segment: Segment, *, at: dt.datetime = HEARD) -> set[str]:
        """Return who is in, and make sure that everybody who asks is told the same."""
        asked = {str(each) for portion in queries.members(segment.id, at=at) for each in portion}
        kept = store.find_in(self.office, segment.id)
        assert asked == kept
        for reference in (ALICE, ALICE_ONLINE, BOB, CHARLIE):
            customer = identify(reference)
            persons = self.shop.value("select person::text from audiences_figures where customer = %s", customer)
            verdict = queries.verdict(segment.id, uuid.UUID(customer), at)
            assert (verdict.member is True) == (persons in asked)
        return asked

    def told(self) -> list[tuple[str, str]]:
        rows = self.shop.rows(
            "select type, customer::text, data ->> 'because' as why from events_event"
            " where type like 'segment.%' order by position"
        )
        return [(f"{row['type']} {row['why']}", row["customer"]) for row in rows]


@pytest.fixture
def office(shop: Shop) -> Iterator[Office]:
    made = Office(shop)
    yield made
    made.close()


def ids(*references: Reference) -> set[str]:
    return {identify(each) for each in references}


def coffee(receipt: str, amount: int, *, of: Reference = ALICE, at: dt.datetime = NOON) -> Event:
    return sale(receipt, of=of, at=at, lines=[line(amount, category="COFFEE"), line(100, product="cup")])


def test_who_has_bought_is_in(office: Office) -> None:
    office.hear(coffee("1", 1_000), sale("2", 5_000, of=BOB))
    assert office.members(office.define("bought('COFFEE', 60)", "Coffee")) == ids(ALICE)
    assert office.members(office.define("spend(90) > 20", "Much")) == ids(BOB)
    assert office.members(office.define("spend(90) / purchases(90) >= 11", "Large")) == ids(ALICE, BOB)
    assert office.members(office.define("NOT bought('cup')", "No cup")) == ids(BOB)
    assert office.members(office.define("categories(30) = 1 AND products() = 2", "One")) == ids(ALICE)
    assert office.members(office.define("TRUE", "All")) == ids(ALICE, BOB)
    assert office.members(office.define("points() >= 5000", "Points")) == ids(BOB)
    assert queries.count("points() > 0", at=HEARD) == 2


def test_of_a_past_day_nothing_is_known_that_came_later(office: Office) -> None:
    office.hear(sale("1", 1_000), sale("2", 1_000, of=BOB), sale("3", 700, at=NOON + 40 * DAY), now=HEARD + 40 * DAY)
    then = NOON + 30 * DAY
    away, spent = (
        office.define(text, text, now=HEARD) for text in ("days_since_purchase() >= 30", "spend_ever() > 15")
    )

    def members(segment: Segment, at: dt.datetime, *, is_past: bool = False) -> set[str]:
        return {str(each) for some in queries.members(segment.id, at=at, is_past=is_past) for each in some}

    assert members(away, HEARD + 40 * DAY) == ids(BOB)
    assert members(away, then, is_past=True) == ids(ALICE, BOB)
    for reference in (ALICE, BOB):
        assert queries.verdict(away.id, uuid.UUID(identify(reference)), then, is_past=True).member is True
    assert members(spent, HEARD + 40 * DAY) == ids(ALICE)
    assert members(spent, then, is_past=True) == set()


def test_members_join_and_leave_as_events_arrive_and_each_is_told_once(office: Office) -> None:
    office.hear(coffee("1", 1_000))
    segment = office.define("spend(90) >= 10.00")
    assert office.told() == [("segment.joined defined", identify(ALICE))]
    assert office.hear(sale("2", 1_000, of=BOB)) == 1
    assert office.members(segment) == ids(ALICE, BOB)
    assert office.hear(goods_back("3", sale="2", lines=[(1, 1, 1)])) == 1
    assert office.members(segment) == ids(ALICE)
    assert office.hear(sale("4", 1, of=BOB, at=NOON - 3 * DAY)) == 1
    assert office.told()[1:] == [
        ("segment.joined event", identify(BOB)),
        ("segment.left event", identify(BOB)),
        ("segment.joined event", identify(BOB)),
    ]
    before = office.told()
    with office.shop.unchanged():
        assert jobs.follow(office.office, ids(ALICE, BOB), now=HEARD) == 0
        assert jobs.refresh(office.office, now=HEARD) == 0
    assert office.told() == before


def test_a_window_ends_by_the_shops_midnight(office: Office) -> None:
    office.hear(coffee("1", 1_000))
    segment = office.define("bought('COFFEE', 30)")
    last = HEARD + 29 * DAY
    assert jobs.refresh(office.office, now=last) == 0
    assert office.members(segment, at=last) == ids(ALICE)
    midnight = dt.datetime(2024, 4, 3, 4, 0, tzinfo=dt.UTC)  # in New York, summer time has begun
    assert jobs.refresh(office.office, now=midnight - dt.timedelta(seconds=1)) == 0
    assert jobs.refresh(office.office, now=midnight) == 1
    assert office.members(segment, at=midnight) == set()
    assert office.told()[-1] == ("segment.left day", identify(ALICE))


def test_customers_who_are_one_person_are_counted_as_one(office: Office) -> None:
    office.hear(sale("1", 600), sale("2", 600, of=ALICE_ONLINE), sale("3", 600, of=BOB))
    segment = office.define("spend() > 10 AND purchases() = 2 AND products() = 1")
    assert office.members(segment) == set()
    assert office.hear(link(ALICE, ALICE_ONLINE)) == 1
    assert office.members(segment) == {min(ids(ALICE, ALICE_ONLINE))}
    assert office.hear(unlink(ALICE, ALICE_ONLINE, at=NOON + DAY), now=HEARD + DAY) == 1
    assert office.members(segment, at=HEARD + DAY) == set()


def test_a_return_counts_whenever_it_comes(office: Office) -> None:
    office.hear(goods_back("2", sale="1", lines=[(1, 1, 1_000)]))
    office.hear(coffee("1", 1_000))
    assert office.members(office.define("bought('COFFEE')", "Coffee")) == set()
    assert office.members(office.define("bought('cup') AND spend() = 1 AND purchases() = 1", "Cup")) == ids(ALICE)


def test_what_is_not_allowed_is_unknown_and_stays_so(office: Office) -> None:
    office.hear(coffee("1", 1_000), subscribed(), coffee("2", 1_000, of=BOB))
    bought = office.define("bought('COFFEE')", "Bought")
    never = office.define("NOT bought('COFFEE')", "Never")
    either = office.define("bought('COFFEE') OR did('newsletter.subscribed')", "Either")
    assert office.members(bought) == ids(ALICE, BOB)
    assert office.hear(objected()) == 2
    assert office.members(bought) == ids(BOB)
    assert office.members(never) == set()
    assert office.members(either) == ids(BOB)
    verdict = queries.verdict(never.id, uuid.UUID(identify(ALICE)), HEARD)
    assert verdict.member is None
    assert [(each.value, each.is_allowed) for each in verdict.reasons] == [(None, False)]


def test_a_verdict_says_why_and_what_would_take_somebody_out(office: Office) -> None:
    office.hear(coffee("1", 1_000))
    segment = office.define("spend(90) > 5 AND (bought('COFFEE') OR bought('TEA'))")
    verdict = queries.verdict(segment.id, uuid.UUID(identify(ALICE)), HEARD)
    assert verdict.member is True
    assert [(each.leaf.fact, each.value, each.is_needed) for each in verdict.reasons] == [
        ("spend", Fraction(11), True), ("bought", True, True), ("bought", False, False),
    ]  # fmt: skip
    assert queries.verdict(segment.id, uuid.uuid4(), HEARD).member is None


def test_a_segment_has_versions_and_ends(office: Office) -> None:
    office.hear(coffee("1", 1_000), sale("2", 10, of=BOB))
    segment = office.define("spend() > 5")
    changed = commands.change(
        office.office, segment_id=segment.id, name="Few", expression="spend() < 5", by="Bo", at=HEARD
    )
    assert (changed.version, queries.named("Few").expression) == (2, "spend() < 5")
    assert jobs.refresh(office.office, now=HEARD) == 2
    assert office.members(changed) == ids(BOB)
    assert [row[0] for row in store.find_versions(office.office, segment.id)] == [2, 1]
    with office.shop.unchanged():
        for name, problem in (("Few", SegmentNameTaken), (" ", SegmentNameRefused), ("a\nb", SegmentNameRefused)):
            with pytest.raises(problem):
                commands.define(office.office, name=name, expression="TRUE", by="Ada", at=HEARD)
    commands.end(office.office, segment_id=segment.id, at=HEARD)
    with pytest.raises(SegmentUnknown):
        queries.named(segment.id)
    with pytest.raises(SegmentUnknown):
        list(queries.members(segment.id))
    commands.define(office.office, name="Few", expression="TRUE", by="Ada", at=HEARD)


def test_texts_are_compared_and_never_run(office: Office) -> None:
    names: Collection[str] = ("it's", "a\\", "100 %", "%s", "{}", "$1", "コーヒー", "é", "--", ":x", "?", "'; select 1")
    office.hear(*(sale(f"{place}", lines=[line(1, product=name)]) for place, name in enumerate(names)))
    for place, name in enumerate(names):
        quoted = name.replace("'", "''")
        segment = office.define(f"bought('{quoted}') AND NOT bought('{quoted}x')", f"Segment {place}")
        assert office.members(segment) == ids(ALICE), name
    assert isinstance(office.programmes, Programmes)


def test_a_segment_rests_on_another_and_changes_with_it(office: Office) -> None:
    office.hear(coffee("1", 1_000), sale("2", 5_000, of=BOB))
    inner = office.define("bought('COFFEE')", "Coffee")
    outer = office.define("NOT in_segment('Coffee')", "No coffee")
    outermost = office.define("in_segment(name => 'No coffee') AND spend() > 10", "Much, no coffee")
    assert [office.members(each) for each in (inner, outer, outermost)] == [ids(ALICE), ids(BOB), ids(BOB)]
    commands.change(office.office, segment_id=inner.id, name="Bob's", expression="spend() > 20", by="Ada", at=HEARD)
    jobs.refresh(office.office, now=HEARD)
    assert [office.members(each) for each in (inner, outer, outermost)] == [ids(BOB), ids(ALICE), ids(ALICE)]
    changed = [queries.named(each.id) for each in (outer, outermost)]
    assert [(each.version, each.expression) for each in changed] == [
        (2, "NOT in_segment('Bob''s')"), (2, "in_segment(name => 'No coffee') AND spend() > 10"),
    ]  # fmt: skip
    assert {each.hash for each in changed}.isdisjoint({outer.hash, outermost.hash})
    # The event of one who is in the inner one moves them in the others, too.
    assert office.hear(sale("3", 5_000)) == 3
    assert [office.members(each) for each in (inner, outer, outermost)] == [ids(ALICE, BOB), set(), set()]


def test_a_circle_is_refused_by_its_names_and_what_is_in_use_does_not_end(office: Office) -> None:
    first = office.define("TRUE", "First")
    second = office.define("in_segment('First')", "Second")
    with office.shop.unchanged("audiences_segment", "audiences_segmentversion"):
        with pytest.raises(SegmentsInCircle, match="First > Second > First") as circle:
            commands.change(
                office.office, segment_id=first.id, name="First", expression="FALSE OR in_segment('Second')", by="Ada",
                at=HEARD,
            )  # fmt: skip
        assert (circle.value.position, circle.value.length) == (10, 10)
        with pytest.raises(SegmentsInCircle):
            office.define("in_segment('Third')", "Third")
        with pytest.raises(InnerSegmentUnknown) as unknown:
            office.define("in_segment('Frist')", "Fourth")
        assert unknown.value.nearest == "First"
        with pytest.raises(SegmentInUse, match="Second"):
            commands.end(office.office, segment_id=first.id, at=HEARD)
    commands.end(office.office, segment_id=second.id, at=HEARD)
    commands.end(office.office, segment_id=first.id, at=HEARD)


def test_segments_rest_on_each_other_only_so_deep_and_so_wide(office: Office) -> None:
    office.define("spend() > 1", "0")
    for depth in range(1, SEGMENTS_DEEP_MAX + 1):
        office.define(f"in_segment('{depth - 1}')", str(depth))
    with pytest.raises(ExpressionTooLarge, match="5 deep"):
        office.define(f"in_segment('{SEGMENTS_DEEP_MAX}')", "Too deep")
    office.define(" AND ".join(["in_segment('0')"] * 50), "Wide")
    with pytest.raises(ExpressionTooLarge, match="500 facts"):
        office.define(" OR ".join(["in_segment('Wide')"] * 50), "Too wide")


def test_the_doctor_names_a_figure_and_a_member_that_are_wrong(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_FOLLOWED_SECONDS", 0.0)
    now = dt.datetime.now(dt.UTC)
    set_up_django()
    office.hear(sale("1", 1_000), sale("2", 300, of=BOB), goods_back("3", sale="2", lines=[(1, 1, 300)]), now=now)
    segment = office.define("spend_ever() > 5", "Spent", now=now)
    events.register_follower(office.connection, following.FOLLOWER)
    with office.shop.connect() as owner:
        # It has followed: where other databases of the server write, it is registered a little before the end.
        owner.execute(
            "update events_relay set (transaction, outbox) ="
            " (select transaction, id from events_outbox order by transaction desc, id desc limit 1)"
            " where destination = 'house.figures'"
        )

    def verdicts() -> dict[str, tuple[int, list[str]]]:
        names = {"figures_match_tables", "members_match_segments"}
        return {each.name: (each.broken, each.details) for each in checking.check_house().checks if each.name in names}

    assert verdicts() == {"figures_match_tables": (0, []), "members_match_segments": (0, [])}
    with office.shop.connect() as owner:
        owner.execute("update audiences_figures set spend = 50 where customer = %s", (identify(BOB),))
    assert verdicts()["figures_match_tables"][0] == 1
    with office.shop.connect() as owner:
        owner.execute("update audiences_figures set spend = 0 where customer = %s", (identify(BOB),))
        owner.execute("update audiences_member set is_in = false where segment = %s", (segment.id,))
    assert verdicts() == {
        "figures_match_tables": (0, []), "members_match_segments": (1, ["Spent: 1 of its people"])
    }  # fmt: skip


def test_a_segment_of_a_later_language_is_named_and_breaks_nothing(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.hear(coffee("1", 1_000))
    office.define("bought('COFFEE')", "Coffee")
    later = office.define("bought('TEA')", "Later")
    office.connection.execute(
        "update audiences_segment set expression = 'dreamt_of(''TEA'')' where id = %s", (later.id,)
    )
    assert queries.astray(at=HEARD) == {}
    assert "segment Later cannot be read" in caplog.text
    assert jobs.follow(office.office, ids(ALICE), now=HEARD) == 0


def test_whether_one_person_is_in_is_asked_of_the_database_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.hear(coffee("1", 1_000), sale("2", 5_000, of=BOB))
    segment = office.define("bought('COFFEE', 60)", "Coffee")

    def never(*_: object) -> None:
        pytest.fail("every row of a person was read")

    monkeypatch.setattr(store, "read_rows", never)
    asked = [SEGMENTS.is_in(segment.id, uuid.UUID(identify(each)), HEARD) for each in (ALICE, BOB, CHARLIE)]
    assert asked == [True, False, False]


def test_coupons_are_facts_by_their_promotions(office: Office) -> None:
    coffee_week, tea = promoting.new(), promoting.new()
    office.hear(
        sale("1", 100), sale("2", 100, of=BOB),
        promoting.published(coffee_week, title="Coffee week", codes="each", uses_max=2, days_good=10),
        promoting.published(tea, title="Tea", codes="none"),
    )  # fmt: skip
    codes = promoting.issued(office.shop, coffee_week, ALICE, BOB)
    office.follow()
    holders = office.define("has_coupon('Coffee week')", "Holders")
    assert office.members(holders) == ids(ALICE, BOB)
    assert queries.count(f"has_coupon('{coffee_week}') AND coupons_open() = 1", at=HEARD) == 2
    assert queries.count("has_coupon('Tea') OR redemptions() > 0", at=HEARD) == 0
    # The code alone is shown, by whomever: it is the holder's all the same.
    for number in ("first", "second"):
        office.hear(promoting.taken(codes["alice"], id=number))
    assert office.members(holders) == ids(BOB)
    redeemed = office.define("redeemed('Coffee week', 30) AND redemptions(30) >= 2", "Redeemed")
    assert office.members(redeemed) == ids(ALICE)
    assert queries.count("redeemed('Coffee week', 30)", at=HEARD + 40 * DAY) == 0
    assert queries.count("has_coupon('Coffee week')", at=HEARD + 9 * DAY) == 1
    assert queries.count("has_coupon('Coffee week')", at=HEARD + 11 * DAY) == 0
    office.hear(promoting.ended(coffee_week))
    assert office.members(holders) == set()
    office.hear(objected(of=ALICE))
    assert office.members(redeemed) == set(), "what is not allowed is unknown"
    assert queries.count("NOT redeemed('Coffee week')", at=HEARD) == 1


def test_what_ever_asked_the_square_is_told_roughly_for_good(office: Office) -> None:
    plain = office.define("spend() > 20", "Much")
    asks = office.define("asked() > 2", "Askers")
    rests = office.define("in_segment('Askers') AND spend() > 20", "Both")
    assert not is_of_square([str(plain.id)])
    assert is_of_square([str(plain.id), str(asks.id)])
    assert is_of_square([str(rests.id)])
    # A list that was frozen by an earlier definition is still there.
    commands.change(office.office, segment_id=asks.id, name="Askers", expression="spend() > 1", by="Ada", at=HEARD)
    assert is_of_square([str(asks.id)])
    assert not is_of_square([str(uuid.UUID(int=1))])
    assert [roughly(count) for count in (0, 1, 19, 20, 29, 31, 1_007)] == [0, 0, 0, 20, 20, 40, 1_000]
