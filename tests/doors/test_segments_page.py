"""The builder in the console: conditions are clicked together, counted, refused at their place, kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE
from support.casting import ALICE, BOB, HEARD, PLAIN, Counter, card_of, identify, line, sale
from support.pages import staff_session, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import crowds
from comptoir.doors.console.conditions import added, details
from comptoir.foundation.rooms.current import entered
from comptoir.office.journeys import commands as journeys
from comptoir.office.journeys.contracts import Check
from comptoir.office.segments.errors import DETAILS
from comptoir.office.segments.language import read
from support.campaigning import NOW, STAFF, templates
from support.travelling import COFFEE_MAIL, journey


@pytest.fixture
def alice(shop: Shop) -> Client:
    """Alice of the staff, in a shop where two have bought."""
    counter = Counter(shop)
    insert_programme(counter.connection, PLAIN, None)
    counter.send(sale("1", lines=[line(900, category="COFFEE")]), sale("2", 100, of=BOB))
    positions = [row["position"] for row in shop.rows("select position::text from events_event")]
    with counter.connection.transaction():
        following.bring(counter.connection, positions, time_zone="UTC", now=HEARD)
    counter.close()
    one = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    name, value = staff_session("Alice")
    one.cookies[name] = value
    return one


def posted(client: Client, path: str, status: int = 200, **form: str) -> str:
    answer = client.post(path, form)
    assert answer.status_code == status, answer.content.decode()[:500]
    return answer.content.decode()


def expression_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    return found[1].replace("&#x27;", "'").replace("&gt;", ">").replace("&lt;", "<")


def test_conditions_are_clicked_together_counted_and_kept(alice: Client, shop: Shop) -> None:
    assert "There is no segment yet." in words(alice.get("/segments").content.decode())
    page = posted(alice, "/segments/new", act="add", fact="bought", thing="COFFEE")
    assert expression_of(page) == "bought('COFFEE')"
    assert "1 people now" in words(page)
    assert identify(ALICE) in page
    assert identify(BOB) not in page
    page = posted(
        alice, "/segments/new", act="add", expression=expression_of(page), fact="spend", comparison=">", amount="8,50",
        joint="AND",
    )  # fmt: skip
    assert expression_of(page) == "bought('COFFEE') AND spend() > 8.50"
    page = posted(
        alice, "/segments/new", act="add", expression=expression_of(page), fact="points", joint="OR", amount="0"
    )
    assert expression_of(page) == "(bought('COFFEE') AND spend() > 8.50) OR points() > 0"
    assert "2 people now" in words(page)
    answer = alice.post("/segments/new", {"act": "keep", "name": "Both", "expression": expression_of(page)})
    assert answer.status_code == 302
    assert shop.value("select count(*) from audiences_member where is_in") == 2
    listed = words(alice.get("/segments").content.decode())
    assert "Both" in listed
    segment = answer["Location"]
    assert posted(alice, segment, 302, act="keep", name="Fewer", expression="bought('COFFEE')") == ""
    shown = words(alice.get(segment).content.decode())
    assert "Fewer" in shown
    assert "Versions" in shown
    assert shop.value("select count(*) from audiences_member where is_in") == 1
    assert alice.post(segment, {"act": "end"}).status_code == 302
    assert alice.get(segment).status_code == 404


@pytest.mark.parametrize("joined", ["{} or {}", "{}\r\nOR\r\n{}", "{}\tOr {}", "({}) OR ({})"])
def test_what_was_written_stays_one_part_however_it_was_written(alice: Client, joined: str) -> None:
    written = joined.format("bought('COFFEE')", "bought('TEA')")
    page = posted(
        alice, "/segments/new", act="add", expression=written, fact="spend", comparison=">", amount="1000", joint="AND"
    )
    assert expression_of(page).replace("\n", "\r\n").replace("\r\r", "\r") == f"({written}) AND spend() > 1000"
    assert "0 people now" in words(page)


_PARTS = st.sampled_from(["bought('A')", "points() > 1", "points() IN (1, 2)", "spend() BETWEEN 1 AND 2", "TRUE"])
_BLANKS = st.sampled_from([" ", "\r\n", "\t", "  "])
_WORDS = st.sampled_from(["and", "AND", "or", "OR", "Or", "aNd"])
_WRITTEN = st.recursive(
    _PARTS,
    lambda some: (
        st.tuples(some, _BLANKS, _WORDS, _BLANKS, some).map("".join)
        | some.map("({})".format)
        | st.tuples(st.sampled_from(["not ", "NOT\n"]), some).map(lambda each: f"{each[0]}({each[1]})")
    ),
    max_leaves=6,
)


@given(written=_WRITTEN, joint=st.sampled_from(["AND", "OR", "AND NOT"]))
def test_who_is_named_by_what_was_written_and_a_click_is_named_by_both(written: str, joint: str) -> None:
    clicked = QueryDict(mutable=True)
    clicked.update({"fact": "visited", "thing": "", "store": "367", "joint": joint})
    assert read(added(written, clicked, read=read)) == read(f"({written}) {joint} (visited('367'))")


@pytest.mark.parametrize(
    ("clicked", "said"),
    [
        ({"fact": "spend_days", "days": "²", "amount": "1"}, "days is a whole number from 1 to 3660."),
        ({"fact": "spend_days", "days": "9" * 5_000, "amount": "1"}, "days is a whole number from 1 to 3660."),
        ({"fact": "bought", "thing": "TEA", "days": "a week"}, "days is a whole number from 1 to 3660."),
        ({"fact": "spend", "amount": "²"}, "A number has at most 12 digits"),
        ({"fact": "spend", "amount": "1 OR TRUE"}, "A number has at most 12 digits"),
    ],
)
def test_a_clicked_number_that_is_none_is_refused(alice: Client, clicked: dict[str, str], said: str) -> None:
    page = posted(alice, "/segments/new", 422, act="add", expression="bought('COFFEE')", joint="AND", **clicked)
    assert said in words(page)
    assert expression_of(page) == "bought('COFFEE')"


def test_to_what_cannot_be_read_nothing_is_added(alice: Client) -> None:
    written = "bought('COFFEE')) or (bought('TEA')"
    page = posted(alice, "/segments/new", 422, act="add", expression=written, fact="spend", amount="1", joint="AND")
    assert expression_of(page) == written


def test_a_crowd_on_a_chart_opens_the_builder_with_just_its_people(alice: Client) -> None:
    crowds.forget()
    for look, crowd, expression in (
        ("", "1 time", "purchases_ever() = 1"),
        ("last", "more than 365 days ago", "days_since_purchase() > 365"),
        ("what", "COFFEE", "bought('COFFEE')"),
        ("nothing of the kind", "1 time", "purchases_ever() = 1"),
    ):
        page = alice.get("/segments", {"look": look}).content.decode()
        found = re.search(rf'<a href="([^"]+)">{crowd}</a></th><td class="number">(\d+)</td>', page)
        assert found, (look, words(page))
        assert "<svg" in page, "drawn as well"
        opened = alice.get(found[1].replace("&amp;", "&")).content.decode()
        assert expression_of(opened) == expression
        assert f"{found[2]} people now" in words(opened), "what a bar says is what the segment names"


def test_conditions_stand_in_words_and_are_taken_back_one_by_one(alice: Client) -> None:
    whole = "bought('COFFEE', days => 60) AND NOT visited('367') AND spend_days(90) > 8.50"
    page = posted(alice, "/segments/new", act="count", expression=whole)
    said = [words(each) for each in re.findall(r"<li><span>(.*?)</li>", page, re.DOTALL)]
    assert [each.removesuffix(" Take back") for each in said] == [
        "Has bought a product or from a category: COFFEE, last 60 days", "and not: Has bought at a store: store 367",
        "and Money spent within days: last 90 days · more than 8.5",
    ]  # fmt: skip
    page = posted(alice, "/segments/new", act="take_back-1", expression=whole)
    assert expression_of(page) == "bought('COFFEE', days => 60) AND spend_days(90) > 8.5"
    page = posted(alice, "/segments/new", act="take_back-0", expression="points() > 1 OR bought('TEA')")
    assert expression_of(page) == "bought('TEA')"
    assert expression_of(posted(alice, "/segments/new", act="take_back-0", expression="bought('TEA')")) == ""
    for wrong in ("take_back-9", "take_back-", "take_back-x"):
        assert expression_of(posted(alice, "/segments/new", act=wrong, expression="bought('TEA')")) == "bought('TEA')"


@pytest.mark.parametrize(
    ("expression", "marked", "meant"),
    [
        ("spnd(90) > 1", "<mark>spnd</mark>(90) &gt; 1", "Perhaps spend is meant."),
        ("bought('a'); DROP TABLE x", "bought(&#x27;a&#x27;)<mark>;</mark> DROP TABLE x", ""),
        ("<script>alert(1)</script>", "&lt;script<mark>&gt;</mark>alert(1)", ""),
        ("spend(9) / 0 > 1", "spend(9) / <mark>0</mark> &gt; 1", ""),
        ("(" * 3_000, "<mark>", ""),
    ],
)
def test_what_is_refused_is_shown_at_its_place(
    alice: Client, shop: Shop, expression: str, marked: str, meant: str
) -> None:
    with shop.unchanged("audiences_segment", "audiences_member"):
        page = posted(alice, "/segments/new", 422, act="keep", name="x", expression=expression)
        counted = posted(alice, "/segments/count", expression=expression)
    for each in (page, counted):
        assert marked in each
        assert meant in words(each)
        assert "<script>alert" not in each


def test_nobody_is_shown_by_what_they_said_on_the_square_and_numbers_are_rough(alice: Client, shop: Shop) -> None:
    few = posted(alice, "/segments/new", act="count", expression="asked() = 0 AND bought('COFFEE')")
    assert "fewer than 20 people now" in words(few)
    counter = Counter(shop)
    counter.send(*[sale(f"many-{number}", 100, of=card_of(number)) for number in range(24)])
    positions = [row["position"] for row in shop.rows("select position::text from events_event")]
    with counter.connection.transaction():
        following.bring(counter.connection, positions, time_zone="UTC", now=HEARD)
    counter.close()
    # Whoever knows all but one of them would learn who the last one is.
    many = posted(alice, "/segments/new", act="count", expression="asked() = 37 OR spend() >= 1")
    assert "about 20 people now" in words(many)
    for page in (few, many):
        assert "nobody is shown here" in words(page)
        assert identify(ALICE) not in page
        assert identify(card_of(3)) not in page
    plain = posted(alice, "/segments/new", act="count", expression="spend() >= 1")
    assert "26 people now" in words(plain)
    assert any(identify(card_of(number)) in plain for number in range(24))


@pytest.mark.parametrize(("language", "said"), [("fr", "Construire un segment"), ("ja", "セグメントを作る")])
def test_it_speaks_the_languages_of_the_house(alice: Client, language: str, said: str) -> None:
    answer: Any = alice.get("/segments/new", headers={"accept-language": language})
    assert said in words(answer.content.decode())


def test_refusals_are_said_in_every_language_with_their_place(alice: Client) -> None:
    said = {
        language: alice.post(
            "/segments/count", {"expression": "spnd(90) > 1"}, headers={"accept-language": language}
        ).content.decode()
        for language in ("en", "fr", "ja")
    }
    for language, text in (
        ("en", "There is no fact spnd."), ("fr","Il n’y a pas de donnée spnd."), ("ja", "データ「spnd」はありません。"),
    ):  # fmt: skip
        assert text in words(said[language])
        assert "<mark>spnd</mark>(90)" in said[language]
        assert "spend" in words(said[language])
    with override("en"):
        assert details() == DETAILS, "what the pages say and what software is told are the same"


def test_another_segment_is_clicked_together_and_a_circle_is_marked(alice: Client, shop: Shop) -> None:
    first = alice.post("/segments/new", {"act": "keep", "name": "Coffee", "expression": "bought('COFFEE')"})["Location"]
    page = posted(alice, "/segments/new", act="add", fact="in_segment", thing="Coffee", joint="AND NOT")
    assert expression_of(page) == "NOT in_segment('Coffee')"
    assert "1 people now" in words(page)
    assert (
        alice.post("/segments/new", {"act": "keep", "name": "Rest", "expression": expression_of(page)}).status_code
        == 302
    )
    with shop.unchanged("audiences_segment"):
        page = posted(alice, first, 422, act="keep", name="Coffee", expression="in_segment('Rest')")
        assert "<mark>in_segment</mark>" in page
        assert "It would rest on itself: Coffee &gt; Rest &gt; Coffee." in page
        page = posted(alice, first, 422, act="end", name="Coffee", expression="TRUE")
        assert "Other segments rest on this one." in words(page)


@pytest.mark.parametrize("path", ["/segments", "/segments/new"])
def test_a_stranger_is_sent_away(shop: Shop, path: str) -> None:
    assert Client(headers={"host": f"{host_of(OFFICE)}:8000"}).get(path).status_code == 302


def test_what_a_journey_or_a_launched_campaign_asks_for_cannot_be_ended(alice: Client, shop: Shop) -> None:
    answer = alice.post("/segments/new", {"act": "keep", "name": "Coffee", "expression": "bought('COFFEE')"})
    path = answer["Location"]
    segment = path.rpartition("/")[2]
    with entered(OFFICE):
        templates("coffee")
        made = journeys.write(
            journey(name="Welcome", steps=(Check(segment), COFFEE_MAIL)), journey=None, after=0, by=STAFF, at=NOW
        )
        journeys.switch_on(made, 1, by=STAFF, at=NOW)
    with shop.unchanged("audiences_segment"):
        assert "By: Welcome." in words(posted(alice, path, 422, act="end"))
    with entered(OFFICE):
        journeys.kill(made, by=STAFF, reason="Wrong text.", at=NOW)
    assert alice.post(path, {"act": "end"}).status_code == 302


def test_a_segment_that_cannot_be_read_is_named_in_the_list(alice: Client, shop: Shop) -> None:
    posted(alice, "/segments/new", 302, act="keep", name="Coffee", expression="bought('COFFEE')")
    posted(alice, "/segments/new", 302, act="keep", name="Later", expression="bought('TEA')")
    with shop.connect("comptoir_office") as connection:
        connection.execute("update audiences_segment set expression = 'dreamt_of(''TEA'')' where name = 'Later'")
    listed = alice.get("/segments")
    assert listed.status_code == 200
    assert "cannot be read: write it anew" in words(listed.content.decode())
    (later,) = shop.rows("select id::text from audiences_segment where name = 'Later'")
    answer = alice.get(f"/segments/{later['id']}")
    assert answer.status_code == 422
    assert "There is no fact dreamt_of" in words(answer.content.decode())
