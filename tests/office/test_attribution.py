"""What posts sold, by last touch and by what chance can tell."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from support.casting import TILL, WEBSHOP, Counter, Event, goods_back, sale
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.office.attribution import commands, queries, rules
from comptoir.office.attribution.errors import PlanInvalid, PlanRunning
from comptoir.office.attribution.rules import Plan
from comptoir.square.shortlinks import commands as shortlinks
from comptoir.square.shortlinks.rules import ShortLink

NOW = dt.datetime(2017, 6, 1, 12, tzinfo=dt.UTC)
SINCE, UNTIL = NOW - dt.timedelta(days=30), NOW + dt.timedelta(days=30)
MONDAY = dt.date(2026, 1, 5)
SALT = b"a salt of sixteen"
PLAN = Plan("instagram", "@tea", MONDAY, 13)
UTC = ZoneInfo("UTC")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


@pytest.fixture
def codes(shop: Shop) -> list[str]:
    """Two posts of one account, and one of another."""
    posts = [("instagram", "@tea", "one"), ("instagram", "@tea", "two"), ("tiktok", "@bread", "three")]
    with entered(OFFICE):
        return [
            shortlinks.make(ShortLink(network, username, post, "/"), by="Akiko", at=NOW)
            for network, username, post in posts
        ]


def bought(receipt: str, amount: int, code: str | None, *, source: str = WEBSHOP) -> Event:
    said = sale(receipt, amount, of=None, source=source, at=NOW)
    if code is not None:
        said["data"]["short_link"] = code
    return said


def sold() -> queries.Sold:
    with entered(OFFICE):
        return queries.sold(since=SINCE, until=UNTIL)


def test_a_sale_belongs_to_the_account_whose_link_it_named(counter: Counter, codes: list[str]) -> None:
    for receipt, amount, code in (
        ("1", 1_000, codes[0]), ("2", 500, codes[0]), ("3", 250, codes[1]), ("4", 4_000, codes[2]), ("5", 9_000, None),
        ("6", 70, "elsewhere2"),
    ):  # fmt: skip
        assert counter.tell(bought(receipt, amount, code)).is_accepted
    with entered(SQUARE):
        assert shortlinks.follow(codes[1], agent="Mozilla/5.0", at=NOW) == f"/?short_link={codes[1]}"
    found = sold()
    assert [(each.username, each.sales, each.net_minor, each.visits) for each in found.usernames] == [
        ("@bread", 1, 4_000, 0), ("@tea", 3, 1_750, 1),
    ]  # fmt: skip
    by_post = {post.link.post: (post.sales, post.net_minor) for post in found.usernames[1].posts}
    assert by_post == {"one": (2, 1_500), "two": (1, 250)}
    assert (found.unknown, found.unknown_minor) == (1, 70)


def test_what_came_back_is_taken_off_whenever_and_wherever_it_did(counter: Counter, codes: list[str]) -> None:
    back = goods_back("R1", sale="1", lines=[(1, 1, 400)], source=TILL, sale_source=WEBSHOP, at=NOW)
    counter.tell(back)
    assert sold().usernames[0].net_minor == 0, "it waits for its sale"
    counter.tell(bought("1", 1_000, codes[0]))
    assert [(each.username, each.net_minor) for each in sold().usernames] == [("@tea", 600), ("@bread", 0)]


def test_a_sale_sent_twice_is_sold_once_and_the_log_tells_the_same(counter: Counter, codes: list[str]) -> None:
    said = bought("1", 1_000, codes[0])
    for _ in range(3):
        counter.tell(said)
    before = sold()
    assert before.usernames[0].sales == 1
    assert rebuild(keep=False).changed == []
    assert sold() == before


def test_a_link_that_is_no_longer_among_the_latest_still_sells(
    counter: Counter, codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.tell(bought("1", 1_000, codes[0]))
    with entered(SQUARE):
        shortlinks.follow(codes[1], agent="Mozilla/5.0", at=NOW)
    monkeypatch.setattr("comptoir.square.shortlinks.queries.LISTED_MAX", 1)
    found = sold()
    assert [(each.username, each.sales, each.visits) for each in found.usernames if each.sales] == [("@tea", 1, 1)]
    assert found.unknown == 0


def test_a_till_names_a_link_that_was_shown_there_and_none_that_is_none(
    counter: Counter, codes: list[str], shop: Shop
) -> None:
    assert counter.tell(bought("1", 1_000, codes[0], source=TILL)).is_accepted
    assert [each.net_minor for each in sold().usernames] == [1_000, 0]
    with shop.unchanged("sales_sale", "sales_salebylink"), pytest.raises(AssertionError, match="field_invalid"):
        counter.tell(bought("2", 1_000, "No Code!", source=TILL))


def test_the_interval_of_last_touch_holds_nineteen_times_of_twenty() -> None:
    chance = np.random.default_rng(5)
    rate, mean, held = 60, 40.0, 0
    for _ in range(2_000):
        amounts = chance.gamma(2.0, mean / 2, chance.poisson(rate))
        low, high = rules.between(int(amounts.sum()), float((amounts**2).sum()))
        held += low <= rate * mean <= high
    assert 0.93 < held / 2_000 < 0.965


# -- posting plans ----------------------------------------------------------------------------------------------------


def weeks(plan: Plan) -> list[dt.date]:
    return [plan.began + dt.timedelta(weeks=number) for number in range(2 * plan.pairs)]


def test_of_each_pair_of_weeks_one_is_drawn() -> None:
    drawn = [rules.posts_in(week, PLAN, salt=SALT) for week in weeks(PLAN)]
    assert [first != second for first, second in zip(drawn[::2], drawn[1::2], strict=True)] == [True] * PLAN.pairs
    assert len(set(drawn[::2])) == 2, "which one, is chance"
    assert drawn == [rules.posts_in(week, PLAN, salt=SALT) for week in weeks(PLAN)]
    assert rules.posts_in(MONDAY - dt.timedelta(weeks=1), PLAN, salt=SALT) is None
    assert rules.posts_in(PLAN.ends, PLAN, salt=SALT) is None
    firsts = [
        rules.posts_in(MONDAY, Plan("x", f"@{number}", MONDAY, 6), salt=SALT) for number in range(2_000)
    ]  # fmt: skip
    assert 0.46 < sum(map(bool, firsts)) / 2_000 < 0.54


def test_a_plan_is_looked_at_when_it_is_over_and_not_before() -> None:
    sold_by_week = {
        week: 10_000 + 3_000 * bool(rules.posts_in(week, PLAN, salt=SALT)) + 400 * (number % 5)
        for number, week in enumerate(weeks(PLAN))
    }
    early = rules.brought(sold_by_week, PLAN, today=PLAN.ends - dt.timedelta(days=1), salt=SALT)
    assert (early.verdict, early.pairs_over, early.effect) == ("running", 12, None)
    found = rules.brought(sold_by_week, PLAN, today=PLAN.ends, salt=SALT)
    assert found.verdict == "more"
    assert found.effect is not None
    assert found.low is not None
    assert found.high is not None
    differences = []
    for first, second in zip(weeks(PLAN)[::2], weeks(PLAN)[1::2], strict=True):
        sign = 1 if rules.posts_in(first, PLAN, salt=SALT) else -1
        differences.append(sign * (sold_by_week[first] - sold_by_week[second]))
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    stopped = Plan("instagram", "@tea", MONDAY, 13, MONDAY + dt.timedelta(weeks=5))
    given_up = rules.brought(sold_by_week, stopped, today=PLAN.ends, salt=SALT)
    assert (given_up.verdict, given_up.pairs_over, given_up.effect) == ("stopped", 2, None)


def test_posts_that_change_nothing_are_rarely_said_to_and_a_season_is_no_effect() -> None:
    chance = random.Random(7)
    said = 0
    for number in range(400):
        plan = Plan("x", f"@{number}", MONDAY, 13)
        season = [50_000 + 3_000 * place for place in range(26)]
        noise = {week: int(season[place] + chance.gauss(0, 4_000)) for place, week in enumerate(weeks(plan))}
        said += rules.brought(noise, plan, today=plan.ends, salt=SALT).verdict in {"more", "less"}
    assert said / 400 < 0.08


def test_all_plans_together_say_what_one_alone_says_and_what_two_say_that_are_apart() -> None:
    chance = random.Random(3)
    later = Plan("x", "@bread", PLAN.ends, 13)
    sold_by_week = {week: int(20_000 + chance.gauss(0, 3_000)) for plan in (PLAN, later) for week in weeks(plan)}
    alone = [rules.brought(sold_by_week, each, today=later.ends, salt=SALT) for each in (PLAN, later)]
    one = rules.together(sold_by_week, [PLAN], salt=SALT)
    both = rules.together(sold_by_week, [PLAN, later], salt=SALT)
    assert one is not None
    assert both is not None
    assert (one.accounts, one.weeks, one.verdict) == (1, 13, alone[0].verdict)
    assert (one.effect / 13, one.low / 13, one.high / 13) == pytest.approx(
        (alone[0].effect, alone[0].low, alone[0].high)
    )
    # Apart in time, variances add up.
    assert both.effect == pytest.approx(13 * sum(each.effect or 0 for each in alone))
    reaches = [13 * ((each.high or 0) - (each.low or 0)) / 2 for each in alone]
    assert (both.high - both.low) / 2 == pytest.approx(math.hypot(*reaches))
    stopped = Plan("x", "@cake", MONDAY, 13, MONDAY + dt.timedelta(weeks=5))
    assert rules.together(sold_by_week, [stopped], salt=SALT) is None
    assert rules.together(sold_by_week, [stopped, PLAN], salt=SALT) == one


@pytest.mark.parametrize("shift", [0, 1])
def test_the_interval_of_all_plans_holds_nineteen_times_of_twenty(shift: int) -> None:
    """Six accounts at the same time, in step or a week apart: each adds something, and all see the same sales."""
    chance = random.Random(11)
    held, more, runs = 0, 0, 300
    brings = [900.0, 700.0, 500.0, 300.0, 100.0, 0.0]
    for run in range(runs):
        plans = [
            Plan("x", f"@{run}/{number}", MONDAY + dt.timedelta(weeks=shift * (number % 2)), 13) for number in range(6)
        ]
        span = [MONDAY + dt.timedelta(weeks=number) for number in range(28)]
        sold_by_week = {
            week: int(
                50_000 + 100 * place + chance.gauss(0, 2_000)
                + sum(b * bool(rules.posts_in(week, plan, salt=SALT)) for b, plan in zip(brings, plans, strict=True))
            )
            for place, week in enumerate(span)
        }  # fmt: skip
        found = rules.together(sold_by_week, plans, salt=SALT)
        assert found is not None
        held += found.low <= 13 * sum(brings) <= found.high
        more += found.verdict == "more"
    assert 0.92 < held / runs <= 0.99, held
    assert more / runs > 0.05, "and it tells something"


def test_a_plan_begins_once_and_can_be_given_up(shop: Shop) -> None:
    today = dt.date(2026, 1, 1)
    with entered(OFFICE):
        begun = commands.begin(network="x", username="@tea", pairs=6, today=today, by="Akiko", at=NOW)
        assert begun == MONDAY
        with shop.unchanged("attribution_planstep"), pytest.raises(PlanRunning):
            commands.begin(network="x", username="@tea", pairs=6, today=MONDAY, by="Akiko", at=NOW)
        commands.give_up(network="x", username="@tea", today=MONDAY + dt.timedelta(days=9), by="Akiko", at=NOW)
        found = queries.plan_of("x", "@tea")
        assert found == Plan("x", "@tea", MONDAY, 6, MONDAY + dt.timedelta(weeks=2))
        again = commands.begin(network="x", username="@tea", pairs=7, today=dt.date(2026, 3, 3), by="Bob", at=NOW)
        assert queries.plan_of("x", "@tea") == Plan("x", "@tea", again, 7)
        assert queries.plan_of("x", "@bread") is None


@pytest.mark.parametrize("pairs", [0, 5, 53])
def test_a_plan_that_could_show_nothing_is_refused(shop: Shop, pairs: int) -> None:
    with entered(OFFICE), shop.unchanged("attribution_planstep"), pytest.raises(PlanInvalid) as refused:
        commands.begin(network="x", username="@tea", pairs=pairs, today=MONDAY, by="Akiko", at=NOW)
    assert refused.value.field == "pairs"


def test_weeks_are_those_of_the_shop_s_days(counter: Counter, shop: Shop) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    late = dt.datetime(2017, 6, 4, 15, 30, tzinfo=dt.UTC)  # Monday half past midnight in Tokyo
    counter.tell(sale("1", 700, of=None, at=late))
    plan = Plan("x", "@tea", dt.date(2017, 5, 29), 6)
    with entered(OFFICE):
        from comptoir.counter.sales import queries as sales

        span = {"since": dt.datetime(2017, 5, 29, tzinfo=tokyo), "until": dt.datetime(2017, 8, 1, tzinfo=tokyo)}
        assert sales.net_by_week(**span, zone=tokyo) == {dt.date(2017, 6, 5): 700}
        assert sales.net_by_week(**span, zone=UTC) == {dt.date(2017, 5, 29): 700}
        assert queries.brought(plan, today=plan.began, zone=tokyo, salt=SALT).verdict == "running"
