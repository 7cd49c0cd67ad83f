"""The programme: who earns what, when a day ends, how long points last. Against plain fractions and plain calendars."""

from __future__ import annotations

import calendar
import datetime as dt
import zoneinfo
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given, settings

from comptoir.counter.loyalty.errors import ProgrammeInvalid
from comptoir.counter.loyalty.programme import (
    NEVER,
    EarningRule,
    Programme,
    Programmes,
    Titles,
    Version,
    read_programme,
    title_in,
)
from comptoir.counter.sales.rules import Line
from comptoir.foundation.kernel import codec
from support import casting, oracle

ZONES = ["America/New_York", "Europe/Paris", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
         "America/Sao_Paulo", "Africa/Casablanca", "UTC", "Pacific/Chatham"]  # fmt: skip
HEAD = '[programme]\nname = "P"\ncurrency = "USD"\ntime_zone = "UTC"\n'

TITLED = '[[earn]]\nname = "a"\npoints = 1\nper = "1"\ntitle = {}\n'

lines = st.lists(
    st.builds(Line, st.just("x"), st.integers(0, 5), st.integers(-5_000, 50_000), st.sampled_from([None, "A", "B"])),
    min_size=1,
    max_size=5,
)
moments = st.datetimes(
    dt.datetime(1995, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone
    dt.datetime(2060, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(dt.UTC),
)
rules = st.builds(
    EarningRule,
    st.just("rule"),
    st.integers(1, 50),
    per=st.sampled_from(["0.01", "0.10", "1.00", "1.5", "7", "10.00", "33.33"]),
    category=st.sampled_from([None, "A", "B"]),
    rounding=st.sampled_from(["down", "nearest", "up"]),
)


@given(rule=rules, sold=lines)
@settings(max_examples=300)
def test_a_money_rule_rounds_once_for_each_sale_as_it_says(rule: EarningRule, sold: list[Line]) -> None:
    version = Version(Programme("P", "USD", "UTC", (rule,)), None)
    told = {each.rule: each.points for each in version.for_sale(casting.NOON, sold)}
    plain = [{"amount": each.amount, "category": each.category} for each in sold]
    assert told == oracle.earned([rule], "UTC", casting.NOON, plain)


@given(rule=rules, sold=lines, back=st.integers(0, 50_000))
@settings(max_examples=200)
def test_keeping_less_never_earns_more(rule: EarningRule, sold: list[Line], back: int) -> None:
    version = Version(Programme("P", "USD", "UTC", (rule,)), None)
    first = sold[0]
    fewer = [Line("x", 0, first.amount - min(back, max(0, first.amount)), first.category), *sold[1:]]
    assert sum(each.points for each in version.for_sale(casting.NOON, fewer)) <= sum(
        each.points for each in version.for_sale(casting.NOON, sold)
    )


@given(money=st.lists(rules, min_size=1, max_size=4), sold=lines)
@settings(max_examples=300)
def test_the_points_of_the_lines_are_those_of_the_sale(money: list[EarningRule], sold: list[Line]) -> None:
    """Each rule's points go to the lines that it counts, each its share and less than a point more or less."""
    named = [msgspec.structs.replace(rule, name=f"rule {number}") for number, rule in enumerate(money)]
    earned, parts = [], []
    for rule in named:
        version = Version(Programme("P", "USD", "UTC", (rule,)), None)
        alone = version.for_sale(casting.NOON, sold)
        points, split = sum(each.points for each in alone), version.by_line(alone, sold)
        counted = [max(0, each.amount) if rule.category in {None, each.category} else 0 for each in sold]
        assert sum(split) == points
        for part, amount in zip(split, counted, strict=True):
            exact = Fraction(points * amount, sum(counted) or 1)
            assert abs(part - exact) < 1
            assert part == 0 or amount > 0, "what is not counted has earned nothing"
        earned.append(points)
        parts.append(split)
    together = Version(Programme("P", "USD", "UTC", tuple(named)), None)
    all_of_it = together.for_sale(casting.NOON, sold)
    assert together.by_line(all_of_it, sold) == [sum(each) for each in zip(*parts, strict=True)]
    assert sum(together.by_line(all_of_it, sold)) == sum(earned) == sum(each.points for each in all_of_it)


@given(zone=st.sampled_from(ZONES), at=moments, months=st.sampled_from([None, 1, 2, 11, 12, 13, 24, 180, 600]))
@settings(max_examples=400)
@example(zone="America/New_York", at=dt.datetime(2024, 2, 29, 4, 59, 59, 999999, tzinfo=dt.UTC), months=12)
@example(zone="America/New_York", at=dt.datetime(2024, 2, 29, 5, 0, tzinfo=dt.UTC), months=12)
@example(zone="Pacific/Apia", at=dt.datetime(2011, 12, 30, 10, 0, tzinfo=dt.UTC), months=2)
@example(zone="Asia/Tokyo", at=dt.datetime(2023, 12, 31, 15, 0, tzinfo=dt.UTC), months=2)
def test_a_day_is_the_shops_and_points_last_to_the_end_of_a_month(
    zone: str, at: dt.datetime, months: int | None
) -> None:
    version = Version(Programme("P", "USD", zone, (), expires_after_months=months), None)
    assert version.local_day(at) == at.astimezone(zoneinfo.ZoneInfo(zone)).date()
    last = version.last_day(at)
    assert last == oracle.last_day(zone, at, months)
    assert last == NEVER if months is None else last.day == calendar.monthrange(last.year, last.month)[1]
    assert version.last_day(at) == last, "asked a second time, it is the same"


@given(zone=st.sampled_from(ZONES), day=st.dates(dt.date(1995, 1, 1), dt.date(2060, 1, 1)))
@settings(max_examples=200)
def test_midnight_is_when_the_day_begins(zone: str, day: dt.date) -> None:
    version = Version(Programme("P", "USD", zone, ()), None)
    begins = version.midnight(day)
    assert version.local_day(begins) >= day
    assert version.local_day(begins - dt.timedelta(seconds=1)) < day


@pytest.mark.parametrize(
    ("at", "points"),
    [
        ("2024-03-01T04:59:59.999999+00:00", 0),
        ("2024-03-01T05:00:00+00:00", 2),
        ("2024-05-01T03:59:59.999999+00:00", 2),
        ("2024-05-01T04:00:00+00:00", 0),
    ],
)
def test_a_promotion_begins_and_ends_with_days_of_the_shop(at: str, points: int) -> None:
    version = Version(casting.PROGRAMME, None)
    sold = [Line("rose", 1, 999, "FLORAL")]
    told = {each.rule: each.points for each in version.for_sale(dt.datetime.fromisoformat(at), sold)}
    assert told.get("flowers", 0) == points
    assert told["base"] == 9


def test_the_version_in_force_is_that_of_the_moment() -> None:
    programmes = casting.versions(casting.PROGRAMME, casting.RICHER, starts=[casting.RICHER_SINCE])
    tick = dt.timedelta(microseconds=1)
    assert programmes.at(dt.datetime.min.replace(tzinfo=dt.UTC)).programme is casting.PROGRAMME
    assert programmes.at(casting.RICHER_SINCE - tick).programme is casting.PROGRAMME
    assert programmes.at(casting.RICHER_SINCE).programme is casting.RICHER
    with pytest.raises(ValueError, match="needs a version"):
        Programmes([])


def test_an_activity_earns_by_every_rule_that_names_it() -> None:
    version = Version(casting.PROGRAMME, None)
    assert [(each.rule, each.points) for each in version.for_event(casting.NOON, "newsletter.subscribed")] == [
        ("newsletter", 50)
    ]
    assert version.for_event(casting.NOON, "sale.closed") == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "programme"),
        (HEAD + "[shop]\n", "shop"),
        (HEAD.replace("UTC", "Mars/Olympus"), "programme.time_zone"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\n', "earn[0]"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\nper = "1"\nevent = "x"\n', "earn[0]"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\nper = "0.001"\n', "earn[0].per"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\nper = "-1"\n', "earn[0].per"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\nper = "much"\n', "earn[0].per"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 1\nevent = "x"\ncategory = "C"\n', "earn[0].category"),
        (HEAD + 2 * '[[earn]]\nname = "a"\npoints = 1\nper = "1"\n', "earn[1].name"),
        (
            HEAD + '[[earn]]\nname = "a"\npoints = 1\nper = "1"\nstarts = 2024-02-01\nends = 2024-01-01\n',
            "earn[0].ends",
        ),
        (HEAD + "minimum = 0\n", "programme.minimum"),
        (HEAD + "surprise = 1\n", "programme.surprise"),
        (HEAD.replace('name = "P"\n', ""), "programme.name"),
        (HEAD + '[[earn]]\nname = "a"\nper = "1"\n', "earn[0].points"),
        (HEAD + '[[earn]]\nname = "a"\npoints = 0\nper = "1"\n', "earn[0].points"),
        (HEAD + TITLED.format('"Purchases"'), "earn[0].title"),
        (HEAD + TITLED.format("{}"), "earn[0].title"),
        (HEAD + TITLED.format('{ jp = "買い物" }'), "earn[0].title.jp"),
        (HEAD + TITLED.format('{ en = "" }'), "earn[0].title.en"),
        (HEAD + TITLED.format('{ en = " Purchases" }'), "earn[0].title.en"),
        (HEAD + TITLED.format("{ fr = 5 }"), "earn[0].title.fr"),
        (HEAD + TITLED.format('{ ja = "' + 81 * "買" + '" }'), "earn[0].title.ja"),
        ("= nothing", None),
    ],
)
def test_a_programme_that_cannot_be_is_refused_by_name(text: str, field: str | None) -> None:
    with pytest.raises(ProgrammeInvalid) as refused:
        read_programme(text)
    assert refused.value.field == field


def test_the_demos_programme_is_one() -> None:
    programme = read_programme((casting.EXAMPLES / "programme.toml").read_text())
    assert {rule.name for rule in programme.earn} >= {"base", "fresh"}


def test_a_title_is_said_in_the_readers_language_or_another() -> None:
    titles = {"ja": "買い物", "fr": "Achats", "en": "Purchases"}
    assert [title_in(titles, each) for each in ("ja", "fr", "fr-ca", "en-gb", "de")] == [
        "買い物", "Achats", "Achats", "Purchases", "Purchases",
    ]  # fmt: skip
    assert title_in({"ja": "買い物"}, "fr") == "買い物"
    assert title_in({}, "fr") is None


def test_a_rule_may_be_titled_in_every_language_of_the_pages() -> None:
    from comptoir.config import settings as house

    assert set(Titles.__struct_fields__) == {code for code, _ in house.LANGUAGES}
    programme = read_programme(HEAD + TITLED.format('{ ja = "' + 80 * "買" + '", fr = "À" }'))
    assert programme.earn[0].title == Titles(ja=80 * "買", fr="À")


def test_a_programme_that_was_stored_before_titles_is_the_same_programme() -> None:
    rule = '{"name":"base","points":1,"per":"1.00","category":null,"event":null,"starts":null,"ends":null'
    stored = '{"name":"P","currency":"USD","time_zone":"UTC","earn":[' + rule + ',"rounding":"down"}],"minimum":1}'
    before = msgspec.json.decode(stored, type=Programme)
    assert before == Programme("P", "USD", "UTC", (EarningRule("base", 1, per="1.00"),))
    # And who has not been renewed yet reads what is stored now, as long as nobody gives a title.
    assert b"title" not in codec.encode(before)


def earned(version: Version, **changes: Any) -> int:
    return sum(each.points for each in version.for_sale(casting.NOON, [Line("x", 1, 100, **changes)]))


def test_money_without_cents_is_counted_in_its_own_units() -> None:
    assert earned(Version(Programme("P", "JPY", "Asia/Tokyo", (EarningRule("base", 1, per="100"),)), None)) == 1
    assert earned(Version(Programme("P", "USD", "UTC", (EarningRule("base", 1, per="100"),)), None)) == 0
