"""Journeys in the console: written, tried on the past year, switched on, held, killed."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from support.campaigning import COFFEE, Segments, crowd, drawn_alike, templates
from support.pages import said, staff_client, words
from support.shop import Shop
from support.travelling import Hands, bought, heard

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.office.campaigns import segmenting
from comptoir.office.journeys import travelling

DAY = dt.timedelta(days=1)
FORM = {
    "name": "First time at store 7", "trigger": "first_visit", "trigger_store": "S7", "trigger_segment": "",
    "trigger_event": "", "kind_1": "wait", "hours_1": "48", "kind_2": "in", "segment_2": str(COFFEE), "kind_3": "say",
    "template_3": "coffee", "kind_4": "give", "points_4": "20", "reason_4": "Welcome", "why_en": "you came to store 7",
    "exit_events": "", "exit_segment": "", "re_entry": "once", "every_days": "30", "holdout": "10", "after": "0",
}  # fmt: skip


@pytest.fixture
def segments(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Segments:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates("coffee", "tea")
    segments = Segments(crowd(shop, 40))
    monkeypatch.setattr(segmenting, "SEGMENTS", segments)
    monkeypatch.setattr(segmenting, "PAST_SEGMENTS", segments)
    monkeypatch.setattr(segmenting, "named_segments", lambda: [segmenting.Named(COFFEE, "Coffee drinkers")])
    return segments


@pytest.fixture
def client(shop: Shop) -> Client:
    return staff_client("Akiko")


def written(client: Client, **changed: Any) -> uuid.UUID:
    answer = client.post("/journeys/new", {**FORM, **changed})
    assert answer.status_code == HTTPStatus.FOUND, words(answer.content.decode())
    found = re.fullmatch(r"/journeys/([0-9a-f-]{36})\?try=1", answer["location"])
    assert found
    return uuid.UUID(found[1])


def test_a_journey_is_written_tried_on_the_past_year_and_lived(client: Client, segments: Segments, shop: Shop) -> None:
    assert "Nobody is on a journey." in said(client, "/journeys")
    now = timezone.now()
    people = segments.found[COFFEE]
    for number, each in enumerate(people[:30]):
        bought(shop, each, now - (10 + number) * DAY, store="S7")
    made = written(client)
    with shop.unchanged("trips_trip", "messages_decision"):
        page = said(client, f"/journeys/{made}?try=1")
    found = re.search(r"It would have reached (\d+) people, with 1\.0 messages each\.", page)
    assert found
    assert 20 <= int(found[1]) <= 30
    assert "Somebody buys at store S7 for the first time" in page
    assert "Wait 2 days" in page
    assert "Go on if in “Coffee drinkers”" in page
    client.post(f"/journeys/{made}/switch", {"how": "on", "version": "1"})
    bought(shop, people[35], timezone.now(), store="S7")
    with entered(OFFICE):
        later = timezone.now() + 4 * DAY
        travelling.enter(now=later)
        travelling.advance(now=later, segments=segments, hands=Hands())
    page = said(client, f"/journeys/{made}")
    assert "Entered 1" in page
    assert "Nothing can be said" in page, "of one person nothing can be said"
    client.post(f"/journeys/{made}/switch", {"how": "off", "reason": "Stock is short."})
    assert "Akiko: Stock is short." in said(client, f"/journeys/{made}")
    client.post(f"/journeys/{made}/switch", {"how": "kill", "reason": "Wrong text."})
    page = said(client, f"/journeys/{made}")
    assert "Akiko: Wrong text." in page
    assert "Switch it on" not in page
    answer = client.post(f"/journeys/{made}/switch", {"how": "on", "version": "1"})
    assert "This journey was killed." in words(answer.content.decode())
    assert not any(str(each) in client.get(f"/journeys/{made}").content.decode() for each in people)


def test_points_that_were_refused_are_on_the_page_with_what_to_do(
    client: Client, segments: Segments, shop: Shop
) -> None:
    steps = {"kind_1": "give", "points_1": "20", "reason_1": "Welcome", "kind_2": "", "kind_3": "", "kind_4": ""}
    made = written(client, **steps, holdout="0", holdout_reason="All of them.")
    client.post(f"/journeys/{made}/switch", {"how": "on", "version": "1"})
    people = segments.found[COFFEE][:4]
    for each in people:
        bought(shop, each, timezone.now(), store="S7")
    hands = Hands({people[0]: "customer_forgotten", people[1]: "customer_forgotten", people[2]: "made_up"})
    with entered(OFFICE):
        later = timezone.now() + DAY
        travelling.enter(now=later)
        travelling.advance(now=later, segments=segments, hands=hands)
    page = said(client, f"/journeys/{made}")
    assert "Points that were refused" in page
    assert "2 × Give 20 points: Welcome They have asked to be forgotten. What to do: Nothing" in page
    assert "1 × Give 20 points: Welcome The ledger refused them: made_up." in page
    client.post(f"/journeys/{made}/change", {**FORM, **steps, "points_1": "30", "holdout_reason": "x", "after": "1"})
    assert "2 × Give 20 points: Welcome (version 1)" in said(client, f"/journeys/{made}")
    for language, title in (("fr", "Points refusés"), ("ja", "断られたポイント")):
        answer = client.get(f"/journeys/{made}", headers={"accept-language": language})
        assert title in answer.content.decode()


def test_a_change_is_a_new_version_and_the_form_keeps_every_step(client: Client, segments: Segments) -> None:
    made = written(client)
    page = client.get(f"/journeys/{made}/change").content.decode()
    for field, value in (("hours_1", "48"), ("points_4", "20"), ("reason_4", "Welcome"), ("trigger_store", "S7")):
        assert re.search(rf'name="{field}"[^>]*value="{value}"', page)
    client.post(f"/journeys/{made}/change", {**FORM, "name": "Other", "after": "1"})
    answer = client.post(f"/journeys/{made}/change", {**FORM, "name": "Third", "after": "1"})
    assert "Somebody else has changed this journey meanwhile." in words(answer.content.decode())
    assert "Versions" in said(client, f"/journeys/{made}")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"kind_3": "", "kind_4": ""}, "Nothing ever happens on this journey."),
        ({"kind_5": "wait", "hours_5": "3"}, "After the last wait or check nothing happens."),
        ({"hours_1": "soon"}, "That is not a number."),
        ({"segment_2": "x"}, "Choose a segment."),
        ({"template_3": "x"}, "Choose what is sent."),
        ({"holdout": "0"}, "nobody will know what it changed"),
        ({"why_en": ""}, "why they do"),
        ({"trigger": "joins"}, "Choose a segment."),
        ({"trigger": "happens", "trigger_event": "Robert'); drop table"}, "This is no journey"),
        ({"re_entry": "often"}, "This is no journey"),
        ({"name": ""}, "This is no journey"),
    ],
)
def test_what_cannot_be_switched_on_is_refused(
    client: Client, segments: Segments, shop: Shop, changed: dict[str, Any], sentence: str
) -> None:
    with shop.unchanged():
        answer = client.post("/journeys/new", {**FORM, **changed})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in words(answer.content.decode())


def test_other_triggers_and_exits_are_told_in_words(client: Client, segments: Segments, shop: Shop) -> None:
    heard(shop, ("basket.left", segments.found[COFFEE][0], timezone.now() - 3 * DAY))
    made = written(
        client, trigger="happens", trigger_event="basket.left", exit_bought="on", exit_segment=str(COFFEE),
        re_entry="every", every_days="14",
    )  # fmt: skip
    page = said(client, f"/journeys/{made}")
    assert "basket.left is heard about somebody" in page
    assert "somebody buys, somebody is not in “Coffee drinkers” any more" in page
    assert "again after 14 days" in page
    joins = written(client, trigger="joins", trigger_segment=str(COFFEE))
    assert "Somebody joins “Coffee drinkers”" in said(client, f"/journeys/{joins}?try=1")


def test_somebody_is_asked_for_something_on_the_square(client: Client, segments: Segments) -> None:
    step = {"kind_3": "ask", "path_3": "/en/ideas"}
    answer = client.post("/journeys/new", {**FORM, **step})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "the text has to say {{ link }}" in words(answer.content.decode())
    text = {
        "template": "next", "channel": "mail", "examples": "link = https://shop.example/en/ideas",
        "subject_en": "And now?", "text_en": "What next? {{ link }}",
    }  # fmt: skip
    assert client.post("/campaigns/templates", text).status_code == HTTPStatus.FOUND
    made = written(client, **step, template_3="next")
    assert "Ask with “next” for something at /en/ideas of the square" in said(client, f"/journeys/{made}")
    page = client.get(f"/journeys/{made}/change").content.decode()
    assert 'name="path_3" value="/en/ideas"' in page
    assert "contribution.thanked" in page, "kinds of events are proposed"


def test_nobody_without_a_session_and_nothing_that_is_not_there(client: Client, segments: Segments) -> None:
    stranger = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    for path in ("/journeys", "/journeys/new"):
        assert stranger.get(path).status_code == HTTPStatus.FOUND
    assert client.get(f"/journeys/{uuid.uuid4()}").status_code == HTTPStatus.NOT_FOUND
    assert client.post(f"/journeys/{uuid.uuid4()}/switch", {"how": "on"}).status_code == HTTPStatus.NOT_FOUND


def test_what_things_cost_is_said_beforehand_and_stands_on_the_page(client: Client, segments: Segments) -> None:
    costs = {"margin": "30", "cost_per_contact": "0,05", "cost_per_point": "0.01"}
    page = said(client, f"/journeys/{written(client, **costs)}")
    assert "Kept of what is paid 30" in page
    assert "A point costs 0.01" in page
    for wrong, field in (({**costs, "margin": ""}, "margin"), ({**costs, "cost_per_point": "dear"}, "cost_per_point")):
        answer = client.post("/journeys/new", {**FORM, **wrong})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert field in words(answer.content.decode())
    assert len(re.findall(r"First time at store 7", said(client, "/journeys"))) == 1
