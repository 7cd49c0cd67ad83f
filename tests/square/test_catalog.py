"""The catalog: what is listed holds by when it was said, is refused by name, and comes out of the log again."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import zoneinfo
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.square.catalog import hours, rules
from comptoir.square.catalog.contracts import WEEKDAYS, ExceptionalDay, Opening
from support import casting
from support.casting import NOON, WEBSHOP, Counter
from support.shop import Shop

set_up_django()


def listed(kind: str, at: float = 0, **data: Any) -> dict[str, Any]:
    """Return a word of the web shop's, so many hours after a noon two days before."""
    return casting.event(kind, data, source=WEBSHOP, at=NOON + dt.timedelta(hours=at - 48))


def category(slug: str = "tea", at: float = 0, **more: Any) -> dict[str, Any]:
    return listed("category.listed", at, category=slug, name={"en": slug.title()}, **more)


def product(number: str = "4711", at: float = 0, **more: Any) -> dict[str, Any]:
    said = {"name": {"en": "Green tea", "ja": "緑茶"}, "variants": [variant(f"{number}-1")], **more}
    return listed("product.listed", at, product=number, **said)


def variant(sku: str, amount: int = 450, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"sku": sku, "prices": [{"currency": currency, "amount": amount}], **more}


def store(number: str = "330", at: float = 0, **more: Any) -> dict[str, Any]:
    return listed("store.listed", at, store=number, **{"name": "Oak Street", "zone": "America/New_York", **more})


def names(counter: Counter) -> dict[str, tuple[str, bool]]:
    rows = counter.connection.execute("select product, said -> 'name' ->> 'en', is_listed from catalog_product")
    return {number: (name, is_listed) for number, name, is_listed in rows}


def skus(counter: Counter) -> dict[str, str]:
    return dict(counter.connection.execute("select sku, product from catalog_variant").fetchall())


def refused(counter: Counter, said: dict[str, Any]) -> tuple[str, str | None]:
    answer = counter.tell(said)
    assert answer.problem is not None, said
    return answer.problem, answer.outcome["problem"].get("field")


def test_the_last_word_holds_by_when_it_was_said_and_not_by_when_it_arrived(counter: Counter) -> None:
    assert counter.tell(product(at=2, name={"en": "Second"})).problem is None
    assert counter.tell(product(at=1, name={"en": "First"}, variants=[variant("old")])).problem is None
    assert names(counter) == {"4711": ("Second", True)}
    assert skus(counter) == {"4711-1": "4711"}
    assert counter.tell(product(at=3, name={"en": "Third"}, variants=[variant("new")])).problem is None
    assert (names(counter), skus(counter)) == ({"4711": ("Third", True)}, {"new": "4711"})


def test_what_is_delisted_keeps_its_page_until_it_is_listed_again(counter: Counter) -> None:
    assert refused(counter, listed("product.delisted", product="4711")) == ("listing_unknown", "data.product")
    counter.send(product(at=1), listed("product.delisted", 3, product="4711"))
    assert names(counter) == {"4711": ("Green tea", False)}
    # A listing that was said before the end and arrives after it describes it better, and does not bring it back.
    counter.tell(product(at=2, name={"en": "Sencha"}))
    assert names(counter) == {"4711": ("Sencha", False)}
    counter.tell(product(at=4))
    assert names(counter) == {"4711": ("Green tea", True)}
    counter.tell(listed("product.delisted", 3.5, product="4711"))
    assert names(counter) == {"4711": ("Green tea", True)}


def test_a_sku_is_of_one_product(counter: Counter) -> None:
    counter.tell(product("1", variants=[variant("x"), variant("y", options={"size": "big"})][:1]))
    assert refused(counter, product("2", variants=[variant("x")])) == ("sku_taken", "data.variants[0].sku")
    # Within one batch too; and what the first one gives up, the second one may take.
    answers = counter.send(
        product("3", variants=[variant("z")]), product("4", variants=[variant("z")]),
        product("3", at=1, variants=[variant("a")]), product("4", at=1, variants=[variant("z")]),
    )  # fmt: skip
    assert [each.problem is None for each in answers] == [True, False, True, True]
    assert skus(counter) == {"x": "1", "a": "3", "z": "4"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (product(name={}), "data.name"),
        (product(name={"en": "Te\u202ea"}), "data.name.en"),
        (product(variants=[variant("a"), variant("a")]), "data.variants[1].sku"),
        (product(variants=[variant("a", gtin="4006381333932")]), "data.variants[0].gtin"),
        (product(variants=[variant("a"), variant("b")]), "data.variants[1].options"),
        (product(variants=[variant("a", options={"size": "1"}), variant("b", options={"colour": "1"})]),
         "data.variants[1].options"),
        (product(variants=[{"sku": "a", "prices": [{"currency": "USD", "amount": 1}] * 2}]),
         "data.variants[0].prices[1].currency"),
        (product(variants=[{"sku": "a", "prices": [{"currency": "USD", "amount": 5, "before": 5}]}]),
         "data.variants[0].prices[0].before"),
        (store(zone="Mars/Olympus"), "data.zone"),
        (store(latitude=1.5), "data.latitude"),
        (store(hours=[{"days": ["mon"], "opens": "09:00", "closes": "09:00"}]), "data.hours[0].closes"),
        (store(hours=[{"days": ["mon"], "opens": "25:00", "closes": "26:00"}]), "data.hours[0].opens"),
        (store(hours=[{"days": ["mon"], "opens": "09:00", "closes": "26:00"},
                      {"days": ["tue"], "opens": "01:00", "closes": "05:00"}]), "data.hours[1]"),
        (store(exceptions=[{"day": "2024-12-25", "opens": "09:00"}]), "data.exceptions[0]"),
        (store(exceptions=[{"day": "2024-12-25"}, {"day": "2024-12-25"}]), "data.exceptions[1].day"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name_and_field(counter: Counter, said: dict[str, Any], field: str) -> None:
    name, at = refused(counter, said)
    assert (at, name in {"listing_invalid", "text_unfit"}) == (field, True)
    assert names(counter) == {}


def test_a_category_stands_within_another_one_and_never_within_itself(counter: Counter) -> None:
    assert refused(counter, category("green", within="tea")) == ("category_unknown", "data.within")
    counter.send(category("tea"), category("green", within="tea"), category("sencha", within="green"))
    assert refused(counter, category("tea", at=1, within="sencha")) == ("category_within_itself", "data.within")
    assert refused(counter, product(category="coffee")) == ("category_unknown", "data.category")
    assert counter.tell(product(category="sencha")).problem is None
    # What was said before the last word changes nothing, whatever it says.
    assert counter.tell(category("tea", at=-1, within="sencha")).problem is None
    rows = counter.connection.execute("select category, within from catalog_category order by 1").fetchall()
    assert rows == [("green", "tea"), ("sencha", "green"), ("tea", None)]


def _tables(counter: Counter) -> dict[str, list[Any]]:
    return {
        name: counter.connection.execute(f"select t::text from catalog_{name} t order by 1").fetchall()
        for name in ("category", "product", "variant", "price", "store")
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_of_it_comes_out_of_the_log_again(shop: Shop, data: st.DataObject) -> None:
    at = st.integers(0, 6).map(float)
    of = st.sampled_from(["1", "2", "3"])
    words = st.one_of(
        st.builds(lambda n, t, s: product(n, t, variants=[variant(s, int(t) * 10 + 1)]), of, at, of),
        st.builds(
            lambda n, t: product(n, t, category="tea", text={"fr": "Cueilli à l'été"}, maker="Ōi & fils"), of, at
        ),
        st.builds(lambda n, t: listed("product.delisted", t, product=n), of, at),
        st.builds(lambda n, t: store(n, t, hours=[{"days": ["fri"], "opens": "18:00", "closes": "26:00"}]), of, at),
        st.builds(lambda n, t: listed("store.delisted", t, store=n), of, at),
        st.builds(lambda t, p: category("tea", t, place=p), at, st.integers(0, 5)),
    )
    batches = data.draw(st.lists(st.lists(words, min_size=1, max_size=4), max_size=8))
    with contextlib.closing(Counter(shop)) as counter:
        for batch in batches:
            counter.send(*batch)
        before = _tables(counter)
        rebuild(progress=lambda *_: None)
        assert _tables(counter) == before


def test_the_check_digit_of_a_gtin() -> None:
    # The examples of the GS1 General Specifications and of common goods.
    for gtin in ("9506000134352", "036000291452", "96385074", "10614141000415"):
        assert rules.has_right_check_digit(gtin)
        for digit in range(10):
            other = gtin[:-1] + str(digit)
            assert rules.has_right_check_digit(other) == (other == gtin)


PARIS = zoneinfo.ZoneInfo("Europe/Paris")
BAR = [Opening(["fri", "sat"], "18:00", "26:00"), Opening(["sun"], "10:00", "14:00")]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("moment", "is_open", "until"),
    [
        ("2024-03-01T17:59", False, "2024-03-01T18:00"),
        ("2024-03-01T18:00", True, "2024-03-02T02:00"),
        ("2024-03-02T01:59", True, "2024-03-02T02:00"),  # still Friday's night
        ("2024-03-02T02:00", False, "2024-03-02T18:00"),
        ("2024-03-03T14:00", False, "2024-03-08T18:00"),
        ("2024-03-30T23:00", True, "2024-03-31T03:00"),  # the night in which two o'clock is three
    ],
)
def test_hours_past_midnight(moment: str, is_open: bool, until: str) -> None:
    standing = hours.standing(BAR, [], PARIS, at(moment))
    assert (standing.is_open, standing.until) == (is_open, at(until))


def closed_until(moment: str | None) -> hours.Standing:
    return hours.Standing(is_open=False, until=at(moment) if moment else None)


def test_a_day_with_hours_of_its_own() -> None:
    special = [ExceptionalDay(dt.date(2024, 3, 1)), ExceptionalDay(dt.date(2024, 3, 4), "12:00", "15:00")]
    assert hours.standing(BAR, special, PARIS, at("2024-03-01T19:00")) == closed_until("2024-03-02T18:00")
    assert hours.standing(BAR, special, PARIS, at("2024-03-04T13:00")) == hours.Standing(
        is_open=True, until=at("2024-03-04T15:00")
    )
    assert hours.standing([], [], PARIS, at("2024-03-04T13:00")) == closed_until(None)


@given(
    minute_of_year=st.integers(0, 366 * 1440),
    openings=st.lists(
        st.builds(
            lambda days, begin, length: Opening(days, hours_text(begin), hours_text(begin + length)),
            st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7), st.integers(0, 1439), st.integers(1, 1440),
        ), max_size=4,
    ),
)  # fmt: skip
def test_open_is_what_the_clock_on_the_wall_says(minute_of_year: int, openings: list[Opening]) -> None:
    zone = zoneinfo.ZoneInfo("Asia/Tokyo")  # no summer time: a minute of the week is a minute
    moment = dt.datetime(2024, 1, 1, tzinfo=zone) + dt.timedelta(minutes=minute_of_year)
    if hours.overlap(openings) is not None:
        return
    minute = moment.weekday() * 1440 + moment.hour * 60 + moment.minute
    opened = False
    for each in openings:
        begin, end = hours.minutes(each.opens), hours.minutes(each.closes)
        for day in each.days:
            start = WEEKDAYS.index(day) * 1440
            opened |= any(start + begin <= m < start + end for m in (minute, minute + 7 * 1440))
    assert hours.standing(openings, [], zone, moment).is_open == opened


def hours_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def test_the_last_listing_of_many_survives_two_writers(counter: Counter) -> None:
    other = Counter(counter.shop)
    for number in range(20):
        counter.tell(product(str(number), at=number))
        other.tell(product(str(number), at=number + 1, name={"en": f"Later {number}"}))
    assert names(counter) == {str(n): (f"Later {n}", True) for n in range(20)}
    assert json.loads(json.dumps(skus(counter))) == {f"{n}-1": str(n) for n in range(20)}
    other.close()
