"""The rooms on the web: hosts, headers, sessions, tickets, forms, and views that stand in the wrong place."""

from __future__ import annotations

import datetime as dt
import gzip
import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from comptoir.foundation.rooms.commands import clear_expired_sessions, set_up_django
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms import tickets, web
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import current_room, entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, ROOMS, SQUARE, VAULT, Assurance, Room
from comptoir.foundation.rooms.headers import headers_of
from comptoir.foundation.rooms.models import ADMISSIONS, SESSIONS
from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
from comptoir.foundation.rooms.tickets import LIFE, TicketRefused, admit, issue_ticket
from comptoir.foundation.rooms.visits import Visit, begin_visit, visit_of

ALL = list(ROOMS.values())
NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
ALICE = Visit("alice", Assurance.STAFF, ("passkey",), since=NOW, name="Alice")


def headers(room: Room, **more: str) -> dict[str, str]:
    return {"host": f"{host_of(room)}:8000", **more}


def arrive(client: Client, ticket: str, *, room: Room = OFFICE, origin: str | None = None) -> Any:
    return client.post("/arrive/", {"ticket": ticket}, headers=headers(room, origin=origin or origin_of(VAULT)))


def fresh_ticket(*, path: str = "/health", now: dt.datetime | None = None) -> str:
    now = now or dt.datetime.now(dt.UTC)
    return issue_ticket(origin=VAULT, destination=OFFICE, path=path, visit=ALICE, now=now)


# -- hosts and headers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost.evil.example", "x.localhost", "office.localhost.", "a b", ""]
)
def test_a_host_that_is_no_rooms_gets_nothing(host: str) -> None:
    answer = Client().get("/health", headers={"host": host})
    assert answer.status_code == 404
    assert answer.content == b"No room answers to this name.\n"
    assert not answer.cookies


@pytest.mark.parametrize("room", ALL, ids=lambda room: room.name)
def test_each_room_answers_under_its_own_host_and_asks_the_database_as_itself(shop: Shop, room: Room) -> None:
    answer = Client().get("/health", headers=headers(room))
    assert (answer.status_code, answer.content) == (200, b"open\n")
    assert current_room() is None


def test_a_process_for_one_room_does_not_answer_for_the_others(shop: Shop) -> None:
    with environment(COMPTOIR_ROOMS="vault"):
        assert Client().get("/health", headers=headers(VAULT)).status_code == 200
        assert Client().get("/health", headers=headers(OFFICE)).status_code == 404


@pytest.mark.parametrize("address", ["/no-such-page", "/static/comptoir/house.css"])
@pytest.mark.parametrize("room", ALL, ids=lambda room: room.name)
def test_every_response_carries_the_rooms_headers(shop: Shop, room: Room, address: str) -> None:
    answer = Client().get(address, headers=headers(room))
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert (
        answer.headers["Cross-Origin-Opener-Policy"] == answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    camera = "(self)" if room == COUNTER else "()"  # which reads bars into a basket
    assert f"camera={camera}" in answer.headers["Permissions-Policy"]
    assert "web-share" not in answer.headers["Permissions-Policy"], "Chromium does not know it, and says so"
    if not address.startswith("/static/"):
        is_private = room in {VAULT, OFFICE}
        assert (answer.headers.get("Cache-Control") == "no-store") is is_private
    assert ("trusted-types" in policy) is (room == VAULT)


def test_a_text_of_the_house_is_sent_compressed_to_whoever_takes_it(shop: Shop) -> None:
    def get(path: str = "comptoir/house.css", **more: str) -> Any:
        return Client().get(f"/static/{path}", headers={**headers(OFFICE), **more})

    plain, packed = get(), get(**{"accept-encoding": "br, gzip"})
    assert (gzip.decompress(packed.content), packed.headers["Content-Encoding"]) == (plain.content, "gzip")
    assert len(packed.content) * 3 < len(plain.content)
    assert packed.headers["Content-Length"] == str(len(packed.content))
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["ETag"] == f"W/{plain.headers['ETag']}", "other bytes of the same file"
    for tag in (packed.headers["ETag"], plain.headers["ETag"]):
        again = get(**{"accept-encoding": "gzip", "if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    part = get(**{"accept-encoding": "gzip", "range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, plain.content[:10])
    for said in ("gzip;q=0", "br, gzip; q=0.0, deflate", "identity"):
        assert "Content-Encoding" not in get(**{"accept-encoding": said}).headers, said
    assert "Content-Encoding" in get(**{"accept-encoding": "gzip;q=0.5"}).headers
    picture = get("comptoir/icon-512.png", **{"accept-encoding": "gzip"})
    assert not {"Content-Encoding", "Vary"} & set(picture.headers), "a picture is compressed already"


def test_the_vault_is_the_strictest(shop: Shop) -> None:
    answer = Client().get("/no-such-page", headers=headers(VAULT))
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self' http://my.localhost:8000 http://office.localhost:8000; "
        "frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_forms_of_other_rooms_go_nowhere_else() -> None:
    assert "form-action 'self';" in headers_of(OFFICE)["Content-Security-Policy"]
    # Into the basket, without a ticket: the counter believes nothing of such a form but where it comes from.
    assert f"form-action 'self' {origin_of(COUNTER)};" in headers_of(SQUARE)["Content-Security-Policy"]
    assert (
        f"form-action 'self' {origin_of(SQUARE)} {origin_of(VAULT)};" in headers_of(COUNTER)["Content-Security-Policy"]
    )


# -- views --------------------------------------------------------------------------------------------------------


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def errors_of(view: Any, *, room: Room = COUNTER) -> list[str | None]:
    patterns = [path("somewhere/", view)]
    return [error.id for error in web._errors_of(room, web._views(patterns, "/"))]


def test_a_view_without_a_room_is_refused() -> None:
    assert errors_of(nothing) == ["rooms.E001"]


def test_a_view_of_another_room_is_refused() -> None:
    assert errors_of(web.in_room(OFFICE)(nothing)) == ["rooms.E002"]
    assert errors_of(web.in_room(COUNTER)(nothing)) == []


def test_a_librarys_views_are_taken_in_without_changing_the_library() -> None:
    from django.urls import include

    patterns = [path("inner/", include(([path("one/", nothing, name="one")], "library")))]
    bound = web.all_in_room(VAULT, patterns)
    assert list(web._errors_of(VAULT, web._views(bound, "/"))) == []
    assert not hasattr(nothing, "room")


def test_every_view_of_the_house_is_in_its_room() -> None:
    assert web.every_view_is_in_one_room() == []
    counts = {room.name: len(list(web.views_of(room))) for room in ALL}
    assert all(count > 0 for count in counts.values()), counts


def test_a_view_reached_in_another_room_does_not_exist() -> None:
    from django.http import Http404

    request = RequestFactory().get("/")
    request.room = SQUARE  # type: ignore[attr-defined]
    with pytest.raises(Http404):
        web.in_room(OFFICE, is_open=True)(nothing)(request)


# -- who may enter ------------------------------------------------------------------------------------------------


def test_a_stranger_in_the_office_is_sent_to_the_vault() -> None:
    answer = Client().get("/?day=today", headers=headers(OFFICE))
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{origin_of(VAULT)}/continue/office/?next=%2F%3Fday%3Dtoday"


def test_a_part_of_a_page_sends_the_whole_page_to_the_vault() -> None:
    answer = Client().get("/", headers=headers(OFFICE, **{"HX-Request": "true"}))
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith(f"{origin_of(VAULT)}/continue/office/")


def test_a_customer_who_is_recognised_is_not_staff(shop: Shop) -> None:
    request = RequestFactory().get("/")
    request.room = OFFICE  # type: ignore[attr-defined]
    request.session = RoomSession(room=OFFICE)
    with entered(OFFICE):
        begin_visit(request, Visit("somebody", Assurance.CONFIRMED, (), since=NOW))
        assert web.in_room(OFFICE)(nothing)(request).status_code == 302
        begin_visit(request, ALICE)
        assert web.in_room(OFFICE)(nothing)(request).status_code == 200


# -- sessions -----------------------------------------------------------------------------------------------------


def test_a_cookie_of_one_room_is_worthless_in_another(shop: Shop) -> None:
    client = Client()
    assert arrive(client, fresh_ticket()).status_code == 302
    key = client.cookies[cookie_name(OFFICE)].value
    for room in (SQUARE, COUNTER, VAULT):
        with entered(room):
            assert RoomSession(key, room=room).load() == {}
        intruder = Client()
        intruder.cookies[cookie_name(room)] = key
        intruder.cookies[cookie_name(OFFICE)] = key
        if room == VAULT:
            assert intruder.get("/", headers=headers(room)).headers["Location"].endswith("/sign-in/?next=%2F")
    with entered(OFFICE):
        assert visit_of_key(key) == ALICE


def visit_of_key(key: str) -> Visit | None:
    request = RequestFactory().get("/")
    request.session = RoomSession(key, room=OFFICE)
    return visit_of(request)


def test_the_table_does_not_hold_what_the_cookie_does(shop: Shop) -> None:
    client = Client()
    arrive(client, fresh_ticket())
    key = client.cookies[cookie_name(OFFICE)].value
    assert key not in "".join(shop.contents("rooms_officesession")["rooms_officesession"])


@pytest.mark.parametrize("room", ALL, ids=lambda room: room.name)
def test_a_session_ends_when_nobody_was_there_and_after_its_time(shop: Shop, room: Room) -> None:
    with entered(room):
        session = RoomSession(room=room)
        session["visit"] = "somebody"
        session.save()
        key = session.session_key
        rows = SESSIONS[room.name]._default_manager
        now = dt.datetime.now(dt.UTC)

        def is_known() -> bool:
            return RoomSession(key, room=room).load() == {"visit": "somebody"}

        assert is_known()
        rows.update(seen_at=now - dt.timedelta(seconds=room.session_idle_seconds + 1))
        assert not is_known()
        rows.update(seen_at=now, begun_at=now - dt.timedelta(seconds=room.session_absolute_seconds + 1))
        assert not is_known()
        rows.update(begun_at=now - dt.timedelta(seconds=room.session_absolute_seconds - 60))
        assert is_known()
        assert clear_expired_sessions(now=now) == 0
        assert clear_expired_sessions(now=now + dt.timedelta(seconds=61)) == 1
        assert not is_known()


def test_a_visit_gets_a_new_key_and_the_old_one_is_dead(shop: Shop) -> None:
    client = Client()
    arrive(client, fresh_ticket())
    first = client.cookies[cookie_name(OFFICE)].value
    arrive(client, fresh_ticket())
    second = client.cookies[cookie_name(OFFICE)].value
    assert first != second
    with entered(OFFICE):
        assert visit_of_key(first) is None
        assert visit_of_key(second) == ALICE


def test_a_cookie_made_up_by_somebody_else_is_not_taken_over(shop: Shop) -> None:
    client = Client()
    client.cookies[cookie_name(OFFICE)] = "chosen-by-an-attacker"
    arrive(client, fresh_ticket())
    assert client.cookies[cookie_name(OFFICE)].value != "chosen-by-an-attacker"


def test_cookies_of_production_are_bound_to_their_host(shop: Shop) -> None:
    client = Client()
    with environment(COMPTOIR_DOMAIN="shop.example"):
        assert cookie_name(VAULT) == "__Host-comptoir-vault"
        from django.test import override_settings

        with override_settings(ALLOWED_HOSTS=["office.shop.example"]):
            answer = client.post(
                "/arrive/",
                {"ticket": fresh_ticket()},
                headers={"host": "office.shop.example", "origin": "https://safe.shop.example"},
                secure=True,
            )
    cookie = answer.cookies["__Host-comptoir-office"]
    assert cookie["secure"] is True
    assert cookie["httponly"] is True
    assert cookie["domain"] == ""
    assert cookie["path"] == "/"


# -- tickets ------------------------------------------------------------------------------------------------------


def test_a_ticket_lets_in_once(shop: Shop) -> None:
    client, ticket = Client(), fresh_ticket(path="/health")
    answer = arrive(client, ticket)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/health")
    with entered(OFFICE):
        assert visit_of_key(client.cookies[cookie_name(OFFICE)].value) == ALICE
    with shop.unchanged():
        thief = Client()
        assert arrive(thief, ticket).status_code == 403
        assert cookie_name(OFFICE) not in thief.cookies


def refused(text: str, *, room: Room = OFFICE, now: dt.datetime = NOW) -> bool:
    with entered(room):
        try:
            admit(text, room=room, now=now)
        except TicketRefused:
            return True
    return False


def test_a_ticket_is_good_for_a_minute_and_for_one_room(shop: Shop) -> None:
    ticket = fresh_ticket(now=NOW)
    with shop.unchanged():
        assert refused(ticket, now=NOW + LIFE)
        assert refused(ticket, now=NOW - dt.timedelta(minutes=1))
        assert refused(ticket, room=COUNTER)
    assert not refused(ticket, now=NOW + LIFE - dt.timedelta(seconds=1))
    assert refused(ticket)


def test_a_ticket_that_was_touched_is_refused(shop: Shop) -> None:
    ticket = fresh_ticket(now=NOW)
    with shop.unchanged():
        for place in range(0, len(ticket), 7):
            other = "A" if ticket[place] != "A" else "B"
            assert refused(ticket[:place] + other + ticket[place + 1 :])
        for text in ("", "x", ticket[:-4], ticket + "AAAA", "é" * 100, "A" * 100_000):
            assert refused(text)
    assert not refused(ticket)


def test_a_room_can_make_no_ticket_for_another(shop: Shop) -> None:
    """Whoever holds the counter's key can't make a ticket that opens the office."""
    forged = issue_ticket(origin=VAULT, destination=COUNTER, path="/", visit=ALICE, now=NOW)
    with shop.unchanged():
        assert refused(forged, room=OFFICE)


def test_rooms_lead_only_where_they_are_declared_to() -> None:
    for origin in (SQUARE, COUNTER, OFFICE):
        for destination in ALL:
            if origin is COUNTER and destination in (SQUARE, VAULT):
                continue
            with pytest.raises(TicketRefused):
                issue_ticket(origin=origin, destination=destination, path="/", visit=ALICE, now=NOW)


@pytest.mark.parametrize(
    "way_out", ["//evil.example/", "https://evil.example/", "/\\evil.example", "", "ledger", "/\n/"]
)
def test_a_ticket_leads_to_no_other_place(way_out: str) -> None:
    with pytest.raises(TicketRefused):
        fresh_ticket(path=way_out)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://office.localhost:8000", "http://localhost:8000", "null"]
)
def test_a_ticket_counts_only_from_the_vaults_own_page(shop: Shop, origin: str) -> None:
    """Nobody's page sends a visitor in under the name of whoever wrote the page."""
    with shop.unchanged():
        client = Client()
        assert arrive(client, fresh_ticket(), origin=origin).status_code == 403
        answer = client.post("/arrive/", {"ticket": fresh_ticket()}, headers=headers(OFFICE))
        assert answer.status_code == 403
        assert client.get("/arrive/", headers=headers(OFFICE)).status_code == 405


def test_two_uses_at_once_are_one(shop: Shop) -> None:
    import threading

    ticket, outcomes = fresh_ticket(now=NOW), []
    barrier = threading.Barrier(4)

    def use() -> None:
        from django.db import connections

        barrier.wait()
        outcomes.append(refused(ticket))
        connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True, True, True]
    with entered(OFFICE):
        assert ADMISSIONS["office"]._default_manager.count() == 1


def test_tickets_of_two_visits_differ() -> None:
    assert fresh_ticket(now=NOW) != fresh_ticket(now=NOW)
    assert dt.timedelta(seconds=60) == tickets.LIFE


# -- forms --------------------------------------------------------------------------------------------------------


def test_a_form_of_another_room_is_refused(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/sign-in/", headers=headers(VAULT))
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[0]
    form = {"csrfmiddlewaretoken": token, "email": "nobody@shop.example"}
    for room in (SQUARE, COUNTER, OFFICE):
        answer = client.post("/sign-in/code/", form, headers=headers(VAULT, origin=origin_of(room)))
        assert answer.status_code == 403
    assert client.post("/sign-in/code/", {}, headers=headers(VAULT, origin=origin_of(VAULT))).status_code == 403
    assert client.post("/sign-in/code/", form, headers=headers(VAULT, origin=origin_of(VAULT))).status_code == 302
