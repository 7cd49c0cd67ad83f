"""What a campaign changed: injected effects are found, none is found where none is, and what must be left out is."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pytest

pytest.importorskip("scipy", reason="the extra `effects` is not installed")

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import NOW, STAFF, Segments, crowd, drawn_alike, templates, version
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
import msgspec
import numpy as np

from comptoir.counter.messages import queries as messaging
from comptoir.counter.offers.queries import Promised
from comptoir.counter.sales import queries as sales
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands, effects
from comptoir.office.campaigns.contracts import Variant, Version
from comptoir.office.campaigns.grouping import By
from comptoir.office.experiments import estimators

DAY = dt.timedelta(days=1)
MONTH = 28 * DAY


@pytest.fixture
def office(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates("coffee", "coffee-short")
        yield shop


def sent(people: Collection[uuid.UUID], content: Version) -> list[effects.Person]:
    campaign = commands.write(content, campaign=None, after=0, by=STAFF, at=NOW)
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    assert commands.freeze(campaign, 1, now=NOW, segments=Segments(people)) is not None
    return effects.drawn_of(messaging.decisions_of(campaign))


def all_left(people: Collection[effects.Person]) -> list[effects.Person]:
    """Say that every message to them left."""
    return [msgspec.structs.replace(each, contacts=int(each.arm != "holdout")) for each in people]


def sold(shop: Shop, bought: Sequence[tuple[uuid.UUID, dt.datetime, int]]) -> None:
    """Put sales (who, when, minor units) where the counter keeps them."""
    first = int(shop.value("select count(*) from sales_sale"))
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into sales_sale (source, receipt, position, customer, occurred_at, store, currency, total_minor)"
            " select '/tills/1', r, gen_random_uuid(), c, a, null, 'USD', m"
            " from unnest(%s::text[], %s::uuid[], %s::timestamptz[], %s::bigint[]) as b(r, c, a, m)",
            (
                [str(first + number) for number in range(len(bought))], [who for who, _, _ in bought],
                [at for _, at, _ in bought], [minor for _, _, minor in bought],
            ),
        )  # fmt: skip


def year(
    people: Sequence[effects.Person], more: Callable[[str], float], *, seed: int = 7
) -> list[tuple[uuid.UUID, dt.datetime, int]]:
    """Return a month before and a month after the draw; ``more`` is what an arm's people pay more, in minor units."""
    chance = random.Random(seed)
    bought = []
    for each in sorted(people, key=lambda one: one.person):
        usual = chance.gammavariate(2, 2_000)
        for start, extra in ((-MONTH, 0.0), (dt.timedelta(0), more(each.arm))):
            for _ in range(3):
                at = each.since + start + chance.random() * MONTH
                bought.append((each.person, at, max(0, round(chance.gauss(usual / 3, 300) + extra / 3))))
    return bought


def measured(people: Sequence[effects.Person], content: Version, *, at: dt.datetime = NOW + MONTH) -> effects.Measured:
    return effects.measure(people, effects.terms_of(content), minor_units=100, now=at)


def test_a_message_that_works_is_found_to_and_pays(office: Shop) -> None:
    content = version(margin=0.3, cost_per_contact=0.05, holdout=0.3)
    people = all_left(sent(crowd(office, 3_000), content))
    sold(office, year(people, lambda arm: 600 if arm == "a" else 0))
    found = measured(people, content)
    assert found.effects is not None
    (arm,) = found.effects.arms
    assert arm.low_at_every_look is not None
    assert arm.high_at_every_look is not None
    assert arm.low_at_every_look < 6 < arm.high_at_every_look
    assert arm.variance_removed is not None
    assert arm.variance_removed > 0.8
    assert (found.effects.verdict, found.time_over, found.left_out) == ("paid", 1.0, 0)
    assert arm.money is not None
    assert arm.money.cost == pytest.approx(arm.n * 0.05)


def test_one_that_costs_more_than_it_brings_has_lost_money_and_the_better_text_is_told(office: Shop) -> None:
    both = (Variant("a", "coffee"), Variant("b", "coffee-short"))
    content = version(margin=0.2, cost_per_contact=2.0, variants=both, holdout=0.3)
    people = all_left(sent(crowd(office, 3_000), content))
    sold(office, year(people, lambda arm: {"a": 100.0, "b": 2_500.0}.get(arm, 0.0)))
    found = measured(people, content).effects
    assert found is not None
    assert {each.arm: each.verdict for each in found.arms} == {"a": "lost_money", "b": "paid"}


def test_points_that_its_coupons_promised_are_a_cost_of_whoever_got_them(office: Shop) -> None:
    content = version(margin=0.3, cost_per_contact=0.05, cost_per_point=0.01, holdout=0.3)
    people = all_left(sent(crowd(office, 1_500), content))
    sold(office, year(people, lambda arm: 600 if arm == "a" else 0))
    written = [each for each in people if each.arm == "a"]
    promised = [Promised(each.person, each.since + MONTH / 2, 40) for each in written]
    outside = [Promised(each.person, each.since + when, 10_000) for each in written for when in (-MONTH, MONTH)]
    strangers = [Promised(uuid.uuid4(), NOW, 10_000)]

    def asked(content: Version) -> effects.Measured:
        given = [*promised, *outside, *strangers]
        return effects.measure(
            people, effects.terms_of(content), minor_units=100, now=NOW + MONTH, promised=given
        )  # fmt: skip

    found = asked(content)
    assert found.effects is not None
    (arm,) = found.effects.arms
    assert found.points == 40 * len(written)
    assert found.points_cost == pytest.approx(0.4 * len(written))
    assert arm.money is not None
    assert arm.money.cost == pytest.approx(arm.n * 0.05 + 40 * len(written) * 0.01)
    dear = asked(version(margin=0.3, cost_per_contact=0.05, cost_per_point=0.2, holdout=0.3))
    assert dear.effects is not None
    assert (found.effects.verdict, dear.effects.verdict) == ("paid", "lost_money")
    unsaid = asked(version(margin=0.3, cost_per_contact=0.05, holdout=0.3))
    assert (unsaid.points, unsaid.points_cost) == (found.points, None)


def test_where_nothing_changed_nothing_is_found_and_the_days_to_come_are_told(office: Shop) -> None:
    content = version()
    people = sent(crowd(office, 2_000), content)
    sold(office, year(people, lambda _arm: 0))
    half = measured(people, content, at=NOW + MONTH / 2)
    assert half.effects is not None
    assert (half.effects.verdict, half.time_over, half.ends_at) == ("cannot_tell", 0.5, NOW + MONTH)
    whole = measured(people, content, at=NOW + 3 * MONTH)
    assert whole.effects is not None
    assert whole.effects.verdict == "cannot_tell"
    assert whole.effects.arms[0].mean > half.effects.arms[0].mean * 1.8


def test_what_is_paid_after_the_days_are_over_counts_no_more_and_what_comes_back_does(office: Shop) -> None:
    content = version()
    people = sent(crowd(office, 400), content)
    sold(office, year(people, lambda _arm: 0))
    before = measured(people, content, at=NOW + MONTH).effects
    sold(office, [(each.person, NOW + MONTH + DAY, 1_000_000) for each in people])
    assert measured(people, content, at=NOW + 3 * MONTH).effects == before
    paid = sales.net_sales(since=NOW, until=NOW + MONTH)
    with office.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into sales_return (source, receipt, position, sale_source, sale_receipt, occurred_at, store,"
            " currency, total_minor, lines, status) select source, 'back ' || receipt, gen_random_uuid(),"
            " source, receipt, %s, null, 'USD', total_minor, '[]', 'applied' from sales_sale"
            " where occurred_at between %s and %s",
            (NOW + 2 * MONTH, NOW, NOW + MONTH),
        )
    assert sum(paid.values()) > 0
    assert set(sales.net_sales(since=NOW, until=NOW + MONTH).values()) == {0}


def test_an_arm_of_another_size_overrules_everything(office: Shop) -> None:
    content = version(margin=0.3, cost_per_contact=0.05)
    people = sent(crowd(office, 3_000), content)
    sold(office, year(people, lambda arm: 900 if arm == "a" else 0))
    lost = [each for number, each in enumerate(people) if each.arm != "a" or number % 3]
    found = measured(lost, content).effects
    assert found is not None
    assert found.verdict == "mismatch"


def test_who_does_not_allow_to_be_counted_is_left_out(office: Shop) -> None:
    content = version()
    people = sent(crowd(office, 600), content)
    sold(office, year(people, lambda _arm: 0))
    objecting = [each.person for each in people[:60]]
    with office.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into customers_permission (customer, purpose, channels)"
            " select c, 'analysis', '{}'::text[] from unnest(%s::uuid[]) c",
            (objecting,),
        )
    found = measured(people, content)
    assert (found.people, found.left_out) == (len(people) - 60, 60)


def test_without_a_holdout_nothing_is_claimed(office: Shop) -> None:
    content = version(holdout=0.0, holdout_reason="Everybody has to hear of the new hours.")
    people = sent(crowd(office, 100), content)
    found = measured(people, content)
    assert (found.effects, found.problem) == (None, "no_holdout")


def test_nothing_is_said_before_anybody_could_buy_anything_or_of_nobody(office: Shop) -> None:
    content = version()
    people = sent(crowd(office, 100), content)
    assert measured(people, content, at=NOW).problem == "too_early"
    assert measured([], content).problem == "too_early"
    assert measured(people, content).problem == "no_spread", "nobody bought anything"


def test_a_list_says_beforehand_which_effect_it_could_see(office: Shop) -> None:
    people = crowd(office, 1_000)
    drawn = [effects.Person(each, "a", NOW) for each in people]
    sold(office, year(drawn, lambda _arm: 0))
    many = effects.detectable(people, version(), minor_units=100, now=NOW)
    few = effects.detectable(people[:250], version(), minor_units=100, now=NOW)
    assert many is not None
    assert few is not None
    assert 1.5 < few / many < 2.7
    assert effects.detectable(people[:5], version(), minor_units=100, now=NOW) is None


def test_everything_of_a_year_is_measured_against_the_two_of_a_hundred(office: Shop) -> None:
    people = crowd(office, 6_000)
    since = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    salt = commands.salt()
    from comptoir.office.campaigns.rules import is_held_out_of_all

    drawn = [
        effects.Person(each, "held" if is_held_out_of_all(str(each), at=since, salt=salt) else "x", since)
        for each in people
    ]
    sold(office, year(drawn, lambda arm: 0 if arm == "held" else 1_500))
    found = effects.measure_year(2026, minor_units=100, salt=salt, now=since + MONTH).effects
    assert found is not None
    (arm,) = found.arms
    assert 12 < arm.effect < 18
    assert found.srm_p_value is not None
    assert found.srm_p_value > 0.001


def test_only_messages_that_left_cost_something(office: Shop) -> None:
    """A campaign that was stopped after a hundred of a list has not lost the money of all of them."""
    content = version(margin=0.3, cost_per_contact=2.0, holdout=0.3)
    campaign = commands.write(content, campaign=None, after=0, by=STAFF, at=NOW)
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    commands.freeze(campaign, 1, now=NOW, segments=Segments(crowd(office, 1_000)))
    with office.connect("comptoir_vault") as connection:
        connection.execute(
            "insert into messages_outcome (decision, kind, at, reason)"
            " select id, case when row_number() over (order by id) <= 100 then 'accepted' else 'stopped' end, %s, ''"
            " from messages_decision where verdict = 'send'",
            (NOW,),
        )
    people = effects.drawn_of(messaging.decisions_of(campaign))
    sold(office, year(people, lambda _arm: 0))
    found = measured(people, content).effects
    assert found is not None
    assert found.arms[0].n > 500
    assert found.arms[0].money is not None
    assert found.arms[0].money.cost == pytest.approx(200.0)


def test_who_turns_out_to_be_one_person_is_one_unit_with_the_first_draw(office: Shop) -> None:
    content = version(holdout=0.3)
    people = sent(crowd(office, 400), content)
    sold(office, year(people, lambda _arm: 0))
    early = next(each for each in people if each.arm == "holdout")
    late = msgspec.structs.replace(next(each for each in people if each.arm == "a"), since=NOW + DAY)
    rest = [each for each in people if each.person not in {early.person, late.person}]
    with office.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into customers_membership (customer, person) values (%(one)s, %(low)s), (%(other)s, %(low)s)",
            {"one": early.person, "other": late.person, "low": min(early.person, late.person)},
        )
    found = measured([*rest, late, early], content)
    assert found.people == len(people) - 1
    assert found.effects is not None
    assert found.effects.control.n == sum(each.arm == "holdout" for each in people)


def test_each_version_is_measured_by_its_own_arms_and_shares(office: Shop) -> None:
    """A text that was dropped, or another holdout, is neither an error nor an alarm."""
    both = (Variant("a", "coffee"), Variant("b", "coffee-short"))
    first, second = version(variants=both, holdout=0.1), version(holdout=0.5)
    everybody = crowd(office, 3_000)
    campaign = commands.write(first, campaign=None, after=0, by=STAFF, at=NOW)
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    commands.freeze(campaign, 1, now=NOW, segments=Segments(everybody[:1_500]))
    commands.write(second, campaign=campaign, after=1, by=STAFF, at=NOW)
    commands.launch(campaign, 2, by=STAFF, at=NOW)
    commands.freeze(campaign, 2, now=NOW, segments=Segments(everybody))
    people = effects.drawn_of(messaging.decisions_of(campaign))
    sold(office, year(people, lambda _arm: 0))
    for number, content, arms in ((1, first, ["a", "b"]), (2, second, ["a"])):
        found = effects.measure(
            people, effects.terms_of(content), minor_units=100, now=NOW + MONTH, version=number
        ).effects
        assert found is not None
        assert [each.arm for each in found.arms] == arms
        assert found.verdict == "cannot_tell"
        assert found.srm_p_value is not None
        assert found.srm_p_value > 0.001


def test_what_was_planned_does_not_move_with_who_has_come(office: Shop) -> None:
    """An interval that is tuned anew at each look has no bound on its false alarms."""
    people = [effects.Person(each, "a" if number % 2 else "holdout", NOW) for number, each in
              enumerate(crowd(office, 800))]  # fmt: skip
    sold(office, year(people, lambda _arm: 0))
    terms = effects.Terms(shares={"holdout": 0.5, "a": 0.5}, days=28, planned=400)

    def width(some: Sequence[effects.Person]) -> float:
        found = effects.measure(some, terms, minor_units=100, now=NOW + MONTH).effects
        assert found is not None
        arm = found.arms[0]
        assert arm.high_at_every_look is not None
        assert arm.low_at_every_look is not None
        return (arm.high_at_every_look - arm.low_at_every_look) / arm.standard_error

    assert width(people[:120]) > 1.1 * width(people), "early, the interval is wider than where it was planned for"


def test_looks_at_each_day_of_a_month_find_nothing_that_is_not_there() -> None:
    """People are all there from the start, and what they pay adds up: the ordinary interval fails here."""
    generator = np.random.default_rng(20240304)
    rounds, days, people = 400, 28, 400
    wrong = naive = 0
    for _ in range(rounds):
        after = np.cumsum(generator.gamma(0.05, 100, (2, people, days)), axis=2)
        alarmed = alarmed_naive = False
        for day in range(days):
            found = estimators.welch(after[0, :, day], after[1, :, day])
            low, high = found.interval(0.05)
            alarmed_naive |= low > 0 or high < 0
            units = people * (day + 1) // days
            looked = estimators.at_every_look(found, units=units, planned=people, alpha=0.05)
            alarmed |= looked is not None and (looked[0] > 0 or looked[1] < 0)
        wrong += alarmed
        naive += alarmed_naive
    assert naive / rounds > 0.15, "looking every day with the ordinary interval finds what is not there"
    assert wrong / rounds < 0.05


def stocked(shop: Shop, homes: Mapping[uuid.UUID, str]) -> None:
    """Let everybody have bought something small at their store, once, half a year ago."""
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into sales_sale (source, receipt, position, customer, occurred_at, store, currency, total_minor)"
            " select '/stores', c::text, gen_random_uuid(), c, %s, s, 'USD', 1 from unnest(%s::uuid[], %s::text[])"
            " as b(c, s)",
            (NOW - 180 * DAY, list(homes), list(homes.values())),
        )


def test_stores_are_drawn_with_everybody_who_buys_there_and_looked_at_once(office: Shop) -> None:
    people = crowd(office, 1_210)
    homes = {each: f"{number % 60:03}" for number, each in enumerate(people[:1_200])}
    stocked(office, homes)
    content = version(holdout=0.4, drawn_by="store")
    drawn = sent(people, content)
    arms: dict[str, set[str]] = {}
    for each in drawn:
        assert each.cluster == homes.get(each.person, "")
        arms.setdefault(each.cluster, set()).add(each.arm)
    assert all(len(those) == 1 for store, those in arms.items() if store)
    held = sum(those == {"holdout"} for store, those in arms.items() if store)
    assert 12 < held < 36
    # What a store's people have in common is no effect: a person at a time it would be taken for one.
    chance = random.Random(5)
    mood = {store: chance.gauss(0, 1_000) for store in sorted(set(homes.values()))}
    # Which stores are drawn is chance; what their moods come to is not: a little better where something was sent.
    for one, better in (({"holdout"}, 0), ({"a"}, 150)):
        those = [store for store in mood if arms[store] == one]
        mean = sum(mood[store] for store in those) / len(those)
        mood |= {store: mood[store] - mean + better for store in those}
    bought = [
        (each.person, NOW + DAY, round(5_000 + mood.get(each.cluster, 0) + chance.gauss(0, 300))) for each in drawn
    ]
    sold(office, bought)
    early = measured(drawn, content, at=NOW + MONTH / 2)
    assert (early.effects, early.problem, early.ends_at) == (None, "waits", NOW + MONTH)
    found = measured(drawn, content).effects
    assert found is not None
    assert found.method in {"clustered", "clustered_lin"}
    assert found.verdict == "cannot_tell"
    (arm,) = found.arms
    assert (arm.clusters, found.control.clusters) == (
        len({each.cluster or each.person for each in drawn if each.arm == "a"}),
        len({each.cluster or each.person for each in drawn if each.arm == "holdout"}),
    )
    one_by_one = measured([msgspec.structs.replace(each, cluster="") for each in drawn], content).effects
    assert one_by_one is not None
    assert arm.standard_error > 2 * one_by_one.arms[0].standard_error
    seen = effects.detectable(people, content, minor_units=100, now=NOW + MONTH, stores=homes)
    alone = effects.detectable(people, content, minor_units=100, now=NOW + MONTH)
    assert seen is not None
    assert alone is not None
    assert seen == pytest.approx(arm.detectable, rel=0.35)
    assert seen > 2 * alone


def test_whoever_does_not_allow_to_be_counted_is_drawn_alone(office: Shop) -> None:
    people = crowd(office, 40)
    stocked(office, dict.fromkeys(people, "one"))
    with office.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into customers_permission (customer, purpose, channels)"
            " select c, 'analysis', '{}'::text[] from unnest(%s::uuid[]) c",
            (people[:10],),
        )
    drawn = sent(people, version(holdout=0.5, drawn_by="store"))
    assert {each.person: each.cluster for each in drawn} == {
        each: "" if number < 10 else "one" for number, each in enumerate(people)
        if each in {one.person for one in drawn}
    }  # fmt: skip
    assert len(drawn) > 30


@pytest.mark.parametrize(("by", "names"), [("visits", {"none", "two_to_four"}), ("spend", {"nothing", "less", "more"})])
def test_the_effect_by_group_is_found_where_it_is_and_corrected(office: Shop, by: By, names: set[str]) -> None:
    content = version(holdout=0.4)
    drawn = sent(crowd(office, 2_000), content)
    regulars = {each.person for number, each in enumerate(drawn) if number % 2}
    chance = random.Random(3)
    bought = []
    for each in drawn:
        is_regular = each.person in regulars
        bought += [
            (each.person, NOW - (number + 1) * DAY, round(chance.gammavariate(4, 500)))
            for number in range(3 if is_regular else 0)
        ]
        more = 1_500 if is_regular and each.arm == "a" else 0
        bought.append((each.person, NOW + DAY, max(0, round(chance.gauss(4_000 + more, 1_000)))))
    sold(office, bought)
    terms = effects.terms_of(content)
    early = effects.measure(drawn, terms, minor_units=100, now=NOW + MONTH / 2, by=by)
    assert (early.effects, early.problem) == (None, "too_early")
    found = effects.measure(drawn, terms, minor_units=100, now=NOW + MONTH, by=by).effects
    assert found is not None
    assert {each.name for each in found.notices} >= {"fishing"}
    groups = {each.group: each for each in found.arms[0].groups}
    assert set(groups) == names
    for name, group in groups.items():
        # Who is in which arm is another chance each time: one interval in twenty misses, and none by its own half.
        wide = (group.high - group.low) / 2
        true = 0 if name in {"none", "nothing"} else 15
        assert group.low - wide < true < group.high + wide
        assert group.low > 0 or not true
    assert found.arms[0].groups_differ_p_value is not None
    assert found.arms[0].groups_differ_p_value < 0.001


def test_the_effect_by_store_shows_the_largest_and_the_others_together(office: Shop) -> None:
    content = version(holdout=0.4)
    people = crowd(office, 1_500)
    stocked(office, {each: f"{min(number // 100, 13):02}" for number, each in enumerate(people[:1_450])})
    drawn = sent(people, content)
    sold(office, year(drawn, lambda _arm: 0))
    found = effects.measure(drawn, effects.terms_of(content), minor_units=100, now=NOW + MONTH, by="store").effects
    assert found is not None
    shown = [each.group for each in found.arms[0].groups]
    assert shown[-1] in {"other stores", "no store"}
    assert len(shown) >= 10
    assert sum(each.n + each.n_control for each in found.arms[0].groups) <= 1_500
