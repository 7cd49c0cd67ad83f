"""Campaigns in the console: written, counted, launched, stopped, and what they changed in a sentence."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from support.campaigning import COFFEE, Segments, crowd, templates
from support.pages import said, staff_client, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import reporting
from comptoir.office.campaigns import effects, queries, segmenting
from comptoir.office.segments import queries as segment_queries
from comptoir.office.segments.errors import SegmentUnknown

FORM = {
    "name": "Coffee in May", "message_class": "marketing", "segment": str(COFFEE), "channel": "mail",
    "template_a": "coffee", "template_b": "", "why_en": "you asked for offers on coffee", "holdout": "10",
    "from_hour": "0", "until_hour": "24", "zone": "UTC", "weekdays": [*"0123456"], "days": "28", "margin": "30",
    "cost_per_contact": "0,05", "cost_per_point": "0,002", "after": "0",
}  # fmt: skip


@pytest.fixture
def segments(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Segments:
    with entered(OFFICE):
        templates("coffee", "coffee-short")
    segments = Segments(crowd(shop, 300))
    monkeypatch.setattr(segmenting, "SEGMENTS", segments)
    monkeypatch.setattr(segmenting, "named_segments", lambda: [segmenting.Named(COFFEE, "Coffee drinkers")])
    reporting.forget()
    return segments


@pytest.fixture
def client(shop: Shop) -> Client:
    return staff_client("Akiko")


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (0.05, "have the sizes that were drawn"),
        (0.004, "off by more than chance usually does, and by less than the alarm asks for (p = 0.004"),
        (0.0009, "less than one of a thousand"),
        (None, "Too few were drawn"),
    ],
)
def test_sizes_of_arms_are_called_drawn_only_where_chance_gives_them_often(p_value: float | None, said: str) -> None:
    assert said in reporting.sizes(p_value)


def written(client: Client, **changed: Any) -> uuid.UUID:
    answer = client.post("/campaigns/new", {**FORM, **changed})
    assert answer.status_code == HTTPStatus.FOUND, words(answer.content.decode())
    found = re.fullmatch(r"/campaigns/([0-9a-f-]{36})\?count=1", answer["location"])
    assert found
    return uuid.UUID(found[1])


def test_a_campaign_is_written_counted_launched_and_stopped(client: Client, segments: Segments, shop: Shop) -> None:
    assert "Nothing was sent yet." in said(client, "/campaigns")
    campaign = written(client)
    page = said(client, f"/campaigns/{campaign}?count=1")
    assert "In the segment 300" in page
    assert "you asked for offers on coffee" in page
    with shop.unchanged("messages_decision", "campaigns_targetlist"):
        said(client, f"/campaigns/{campaign}?count=1")
    with shop.unchanged("campaigns_launch"):
        # What is no number is no version, however long it is.
        answer = client.post(f"/campaigns/{campaign}/launch", {"version": "1" * 5_000, "starts_at": ""})
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    client.post(f"/campaigns/{campaign}/launch", {"version": "1", "starts_at": ""})
    page = said(client, f"/campaigns/{campaign}")
    assert "being sent" in page
    assert "waits to leave" in page
    assert "Nothing can be said" in page
    assert shop.value("select count(*) from messages_decision") == 300
    # Sent again, by a browser that goes back: nothing happens twice.
    answer = client.post(f"/campaigns/{campaign}/launch", {"version": "1", "starts_at": ""})
    assert "is frozen; what changes is a new version" in words(answer.content.decode())
    assert shop.value("select count(*) from messages_decision") == 300
    client.post(f"/campaigns/{campaign}/stop", {"reason": "Wrong price."})
    page = said(client, f"/campaigns/{campaign}")
    assert "Akiko: Wrong price." in page
    assert "Launch" not in page
    assert "stopped" in said(client, "/campaigns")


def test_a_launch_for_later_says_when_in_the_shops_time(client: Client, segments: Segments, shop: Shop) -> None:
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1", "starts_at": "2031-05-03T09:30"})
    assert "frozen at 2031-05-03 09:30" in said(client, f"/campaigns/{campaign}")
    with entered(OFFICE):
        assert queries.due(timezone.now()) == []
        assert len(queries.due(dt.datetime(2031, 5, 3, 9, 30, tzinfo=dt.UTC))) == 1


def test_a_change_is_a_new_version_and_whoever_was_slower_is_told(
    client: Client, segments: Segments, shop: Shop
) -> None:
    campaign = written(client)
    assert client.get(f"/campaigns/{campaign}/change").content.decode().count('value="Coffee in May"') == 1
    client.post(f"/campaigns/{campaign}/change", {**FORM, "name": "Tea", "after": "1"})
    with shop.unchanged():
        answer = client.post(f"/campaigns/{campaign}/change", {**FORM, "name": "Chocolate", "after": "1"})
    assert "Somebody else has changed this campaign meanwhile." in words(answer.content.decode())
    assert 'value="Chocolate"' in answer.content.decode(), "nothing that was typed is lost"
    assert "Versions" in said(client, f"/campaigns/{campaign}")


@pytest.mark.parametrize(
    ("changed", "sentence", "field"),
    [
        ({"why_en": ""}, "why they do", "why_en"),
        ({"holdout": "0"}, "nobody will know whether it paid", "holdout_reason"),
        ({"holdout": "lots"}, "That is not a number.", ""),
        ({"segment": ""}, "Choose whom it is for.", "segment"),
        ({"segment": "' or 1=1 --"}, "Choose whom it is for.", "segment"),
        ({"template_a": "nobody-wrote-this"}, "not one for that channel", "template_a"),
        ({"channel": "message"}, "not one for that channel", "template_a"),
        ({"channel": "pigeon"}, "not one for that channel", "template_a"),
        ({"from_hour": "20", "until_hour": "9"}, "no message could ever leave", "from_hour"),
        ({"weekdays": []}, "no message could ever leave", "from_hour"),
        ({"zone": "Mars/Olympus"}, "No such time zone.", "zone"),
        ({"margin": ""}, "the margin has to say", "margin"),
        ({"name": ""}, "This is no campaign", ""),
        ({"days": "100000"}, "This is no campaign", ""),
        ({"after": "the last one"}, "That is not a number.", ""),
        ({"after": "²"}, "That is not a number.", ""),
    ],
)
def test_what_cannot_be_sent_is_refused_beside_its_field(
    client: Client, segments: Segments, shop: Shop, changed: dict[str, Any], sentence: str, field: str
) -> None:
    with shop.unchanged():
        answer = client.post("/campaigns/new", {**FORM, **changed})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in words(answer.content.decode())
    if field:
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.content.decode())


def test_nobody_without_a_session_and_nothing_that_is_not_there(client: Client, segments: Segments) -> None:
    stranger = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    for path in ("/campaigns", "/campaigns/new", "/campaigns/caps", "/campaigns/year"):
        assert stranger.get(path).status_code == HTTPStatus.FOUND
    nobody = uuid.uuid4()
    assert client.get(f"/campaigns/{nobody}").status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"/campaigns/{nobody}/launch", {"version": "1"}).status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"/campaigns/{nobody}/stop", {"reason": "x"}).status_code == HTTPStatus.NOT_FOUND


def test_caps_are_set_and_told(client: Client, segments: Segments, shop: Shop) -> None:
    assert "2 messages in 7 days (all channels together)" in said(client, "/campaigns")
    said_of = {"messages": ["1", "3", ""], "days": ["2", "30", ""], "channel": ["message", "", ""]}
    assert client.post("/campaigns/caps", said_of).status_code == HTTPStatus.FOUND
    page = said(client, "/campaigns")
    assert "1 messages in 2 days (Text message)" in page
    assert "3 messages in 30 days (all channels together)" in page
    with shop.unchanged():
        answer = client.post("/campaigns/caps", {"messages": ["many"], "days": ["2"], "channel": [""]})
    assert "That is not a number." in words(answer.content.decode())


def test_the_year_is_measured_or_says_why_not(client: Client, segments: Segments) -> None:
    assert "Nothing can be said" in said(client, "/campaigns/year")


def test_without_the_statistics_the_page_says_what_to_install(
    client: Client, segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> effects.Measured:
        raise ModuleNotFoundError(name="scipy")

    monkeypatch.setattr(effects, "measure", missing)
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    assert "comptoir[effects]" in said(client, f"/campaigns/{campaign}")


def test_no_customer_stands_on_any_page(client: Client, segments: Segments) -> None:
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    page = client.get(f"/campaigns/{campaign}").content.decode()
    assert not any(str(each) in page for each in segments.found[COFFEE])


def test_a_launch_whose_segment_or_promotion_has_ended_says_so(
    client: Client, segments: Segments, monkeypatch: pytest.MonkeyPatch, shop: Shop
) -> None:
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1", "starts_at": "2030-01-01T09:00"})
    assert "stands still" not in said(client, f"/campaigns/{campaign}")
    with shop.unchanged("campaigns_launch"):
        again = client.post(f"/campaigns/{campaign}/launch", {"version": "1", "starts_at": "2031-01-01T09:00"})
    assert again.status_code == HTTPStatus.CONFLICT
    assert "It was launched already." in words(again.content.decode())
    unlaunched = written(client, name="Tea")

    def gone(*_: object, **__: object) -> str:
        raise SegmentUnknown

    monkeypatch.setattr(segments, "hash_of", gone)
    monkeypatch.setattr(segments, "members", gone)
    assert "A segment that it asks for has ended" in said(client, f"/campaigns/{campaign}")
    counted = client.get(f"/campaigns/{unlaunched}?count=1")
    assert counted.status_code == HTTPStatus.NOT_FOUND
    assert "There is no such segment." in words(counted.content.decode())


def test_a_page_of_several_versions_has_a_report_for_each_and_its_stop_button(
    client: Client, segments: Segments, shop: Shop
) -> None:
    """A text was dropped, and the holdout is another one: the page was gone, with its stop button."""
    campaign = written(client, template_b="coffee-short")
    everybody = segments.found[COFFEE]
    segments.found[COFFEE] = everybody[:150]
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    segments.found[COFFEE] = everybody
    client.post(f"/campaigns/{campaign}/change", {**FORM, "holdout": "20", "after": "1"})
    client.post(f"/campaigns/{campaign}/launch", {"version": "2"})
    page = said(client, f"/campaigns/{campaign}")
    assert "Did it pay? Version 2" in page
    assert "Did it pay? Version 1" in page
    assert "Stop at once" in page


def test_what_left_is_on_its_way_no_more_and_each_suppression_says_why(
    client: Client, segments: Segments, shop: Shop
) -> None:
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    with shop.connect("comptoir_vault") as connection:
        connection.execute(
            "with sent as (select id, row_number() over (order by id) as number from messages_decision"
            " where verdict = 'send')"
            " insert into messages_outcome (decision, kind, at, reason)"
            " select id, 'attempted', now(), '' from sent where number <= 9"
            " union all select id, 'accepted', now(), '' from sent where number <= 7"
            " union all select id, 'suppressed', now(), 'same_address' from sent where number between 10 and 14"
            " union all select id, 'suppressed', now(), 'consent' from sent where number between 15 and 17"
        )
    page = said(client, f"/campaigns/{campaign}")
    assert "on its way 2 " in page
    assert "handed over 7 " in page
    assert "did not leave: somebody else with this address gets it 5 " in page
    assert "did not leave: no consent any more 3 " in page


def test_the_list_says_sent_once_nothing_is_on_its_way(client: Client, segments: Segments, shop: Shop) -> None:
    campaign = written(client)
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    outcome = (
        "insert into messages_outcome (decision, kind, at, reason) select id, %s, now(), '' from messages_decision"
        " where verdict = 'send'"
    )
    with shop.connect("comptoir_vault") as connection:
        connection.execute("delete from messages_waiting")
        connection.execute(outcome, ("attempted",))
    assert "being sent" in said(client, "/campaigns")
    with shop.connect("comptoir_vault") as connection:
        connection.execute(outcome, ("accepted",))
    assert "being sent" not in said(client, "/campaigns")


def bought(shop: Shop, *, days_ago: int, store: Callable[[int], str] = lambda _: "1") -> None:
    """Let the first 290 of the three hundred have bought something, once; some spend more than others."""
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into sales_sale (source, receipt, position, customer, occurred_at, store, currency, total_minor)"
            " select '/tills/' || %s::text, c::text, gen_random_uuid(), c, now() - make_interval(days => %s), s, 'USD',"
            " 500 + 37 * (n %% 29) from unnest(%s::uuid[], %s::text[]) with ordinality as b(c, s, n)",
            (days_ago, days_ago, crowd_ids(290), [store(number) for number in range(290)]),
        )


def crowd_ids(count: int) -> list[uuid.UUID]:
    return [uuid.UUID(int=(1 + number) << 64 | 0x4000_8000_0000_0000) for number in range(count)]


def long_ago(shop: Shop, *, days: int) -> None:
    """Say that everything was decided so many days ago."""
    with shop.connect() as connection:
        connection.execute("update messages_decision set decided_at = decided_at - make_interval(days => %s)", (days,))


def test_the_effect_by_group_is_shown_with_its_warning(client: Client, segments: Segments, shop: Shop) -> None:
    campaign = written(client, holdout="40")
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    bought(shop, days_ago=50, store=lambda number: "367" if number < 150 else "401")
    bought(shop, days_ago=5)
    long_ago(shop, days=10)
    page = said(client, f"/campaigns/{campaign}?by=store")
    assert "By group it is looked at once the days are over." in page
    long_ago(shop, days=20)
    reporting.forget()
    page = said(client, f"/campaigns/{campaign}")
    assert "the store where they buy most" in page
    assert "fishing" not in page
    answer = client.get(f"/campaigns/{campaign}?by=store").content.decode()
    page = words(answer)
    assert "This is fishing: of 2 groups chance alone makes one stand out in 10 % of all cases" in page
    assert re.search(r"The effect by group, for each person .* 367 \d+ \d+ -?\d+\.\d\d EUR .* 401 ", page)
    assert 'aria-label="The effect in each group, with its interval"' in answer
    # What nobody may ask by is asked by nothing.
    assert "fishing" not in said(client, f"/campaigns/{campaign}?by=customer")


def test_stores_are_drawn_where_that_was_chosen(client: Client, segments: Segments, shop: Shop) -> None:
    bought(shop, days_ago=50, store=lambda number: f"{number % 4}")
    few = written(client, holdout="40", drawn_by="store")
    assert "Too few stores are in an arm" in said(client, f"/campaigns/{few}?count=1")
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "update sales_sale s set store = (n % 29)::text from (select receipt, row_number() over (order by receipt)"
            " as n from sales_sale) as o where o.receipt = s.receipt"
        )
    campaign = written(client, holdout="40", drawn_by="store")
    page = said(client, f"/campaigns/{campaign}?count=1")
    foreseen = re.search(r"Stores held out (\d+) Stores that get text A (\d+) What happens next", page)
    assert foreseen
    assert int(foreseen[1]) + int(foreseen[2]) == 29
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    page = said(client, f"/campaigns/{campaign}")
    assert f"Stores held out {foreseen[1]} Stores that get text A {foreseen[2]}" in page
    assert "Drawn a store at a time" in page
    bought(shop, days_ago=3)
    long_ago(shop, days=10)
    reporting.forget()
    assert re.search(
        r"Stores were drawn: its effect is looked at once, on 20\d\d-", said(client, f"/campaigns/{campaign}")
    )
    long_ago(shop, days=20)
    reporting.forget()
    page = said(client, f"/campaigns/{campaign}")
    assert "29 stores were drawn, each with everybody who buys there most" in page
    assert "for the one look at the end" in page
    answer = client.post("/campaigns/new", {**FORM, "drawn_by": "town"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("hostile", ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1", " =1+1", "＝1"])
def test_a_list_is_taken_along_without_formulas_and_without_addresses(
    client: Client, segments: Segments, shop: Shop, hostile: str
) -> None:
    bought(shop, days_ago=50, store=lambda number: hostile if number % 2 else "367")
    campaign = written(client, holdout="40", drawn_by="store")
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    assert "Take the list along" in said(client, f"/campaigns/{campaign}")
    answer: Any = client.get(f"/campaigns/{campaign}/list/1.csv")
    assert answer.status_code == HTTPStatus.OK
    assert answer["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"), newline="")))
    assert len(rows) == 300
    assert {row["customer"] for row in rows} == {str(each) for each in crowd_ids(300)}
    assert not [cell for row in rows for cell in row.values() if cell.lstrip(" ").startswith(tuple("=+-@\t\r＝"))]
    assert {row["store"] for row in rows} <= {"", "367", f"'{hostile}"}
    assert f"'{hostile}" in {row["store"] for row in rows}
    assert client.get(f"/campaigns/{campaign}/list/2.csv").status_code == HTTPStatus.NOT_FOUND


def test_what_rests_on_the_square_is_told_roughly_and_is_no_list(
    client: Client, segments: Segments, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever could count exactly, with and without one condition, would learn who is behind a name."""
    monkeypatch.setattr(segment_queries, "ever_asked_square", lambda segments: {COFFEE} & set(segments))
    campaign = written(client)
    page = said(client, f"/campaigns/{campaign}?count=1")
    assert "In the segment about 300" in page
    assert "Without consent to offers on this channel fewer than 20" in page
    segments.found[COFFEE] = segments.found[COFFEE][:297]
    assert "In the segment about 300" in said(client, f"/campaigns/{campaign}?count=1")
    client.post(f"/campaigns/{campaign}/launch", {"version": "1"})
    page = said(client, f"/campaigns/{campaign}")
    exact = shop.value("select count(*) from messages_decision where verdict = 'send'")
    assert "numbers are rough" in page
    assert re.search(r"waits to leave about 2[4-8]0", page)
    assert f" {exact} " not in page or exact % 20 == 0
    assert client.get(f"/campaigns/{campaign}/list/1.csv").status_code == HTTPStatus.NOT_FOUND
    assert re.search(r"E-mail about 2[4-8]0", said(client, "/campaigns"))
