"""The door as HTTP has it: keys, media types, the three content modes of CloudEvents, methods, paths, sizes."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import socket
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from comptoir.doors.gateway import limits
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints.commands import list_keys, revoke_key
from support import casting
from support.door import BATCH, SINGLE, Standing, changed, is_refused, nothing_moves, sale, send, with_data
from support.gateway import EXAMPLES, Gateway, issue_keys
from support.processes import wait_until

NOBODY = "00000000-0000-8000-8000-000000000001"


def written(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode()


def over_the_wire(gateway: Gateway, *pieces: bytes, seconds: float = 30) -> bytes:
    """Send bytes as they are, and return all that comes back until the other side closes or falls silent."""
    address = urlsplit(gateway.url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=seconds) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(1.5)
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        return answer


def head(gateway: Gateway, *lines: str, method: str = "POST", path: str = "/v1/events") -> bytes:
    all_lines = [f"{method} {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {gateway.keys['till']}", *lines]
    return "\r\n".join([*all_lines, "", ""]).encode("latin-1")


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer ctp_till_" + "A" * 43,
        "Bearer " + "x" * 5000,
        "Bearer café",
        "Basic " + base64.b64encode(b"till:secret").decode(),
        "Token abc",
    ],
)
def test_without_a_good_key_nothing_is_taken(standing: Standing, authorization: str | None) -> None:
    shop, gateway = standing
    headers = {"Content-Type": SINGLE} | ({} if authorization is None else {"Authorization": authorization})
    given = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    with nothing_moves(shop):
        answer = gateway.client.post("/v1/events", content=written(sale()), headers=given)
        assert answer.json()["type"] == "urn:comptoir:problem:key_not_known"
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/v1/customers/resolve", "/v1/stream?for=staff", f"/v1/customers/{NOBODY}/balance"])
def test_nothing_is_read_without_a_key(standing: Standing, path: str) -> None:
    _, gateway = standing
    method = "POST" if path.endswith("resolve") else "GET"
    is_refused(gateway.client.request(method, path), 401, "key_not_known", "authorization")


def test_two_keys_are_no_key(standing: Standing) -> None:
    shop, gateway = standing
    body = written(sale())
    with nothing_moves(shop):
        answer = over_the_wire(
            gateway,
            head(gateway, "Authorization: Bearer other", f"Content-Type: {SINGLE}", f"Content-Length: {len(body)}"),
            body,
        )
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_a_key_in_another_writing_is_the_same_key(standing: Standing) -> None:
    _, gateway = standing
    for authorization in (f"bearer {gateway.keys['till']}", f"BEARER  {gateway.keys['till']}"):
        answer = gateway.client.post(
            "/v1/events", content=written(sale()), headers={"Authorization": authorization, "Content-Type": SINGLE}
        )
        assert answer.status_code == 200, answer.text


def test_a_key_works_as_soon_as_it_is_made_and_not_long_after_it_is_revoked(standing: Standing) -> None:
    shop, gateway = standing
    fresh = issue_keys(EXAMPLES / "touchpoints.toml")["till"]

    def status() -> int:
        headers = {"Authorization": f"Bearer {fresh}", "Content-Type": SINGLE}
        return gateway.client.post("/v1/events", content=written(sale()), headers=headers).status_code

    assert status() == 200
    with shop.connect(OFFICE.role) as connection:
        key = next(each for each in list_keys(connection) if fresh.startswith(each.shown.rstrip("…")))
        assert revoke_key(connection, key=key.id, now=dt.datetime.now(dt.UTC))
    wait_until(lambda: status() == 401, what="the key's end", seconds_max=10)
    assert gateway.post(sale()).status_code == 200  # the other key stays


def test_what_a_touchpoint_does_not_need_it_does_not_read(standing: Standing) -> None:
    _, gateway = standing
    answer = gateway.get(f"/v1/customers/{uuid.uuid4()}/history", touchpoint="till")
    told = answer.json()
    assert (answer.status_code, told["type"]) == (403, "urn:comptoir:problem:need_not_declared")


# -- media types and content modes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/json", "application/xml", "application/cloudevents+xml",
             "multipart/form-data", "application/cloudevents+json; charset=latin1", "application/cloudevents+jsonx"],
)  # fmt: skip
def test_media_types_that_are_not_understood(standing: Standing, kind: str) -> None:
    shop, gateway = standing
    with nothing_moves(shop):
        is_refused(send(gateway, written(sale()), kind=kind), 415, "media_type_not_accepted", "content-type")


def test_a_compressed_body_is_refused_by_its_header(standing: Standing) -> None:
    _, gateway = standing
    answer = send(gateway, gzip.compress(written(sale())), **{"Content-Encoding": "gzip"})
    is_refused(answer, 415, "media_type_not_accepted", "content-encoding")


@pytest.mark.parametrize("kind", [f"{SINGLE}; charset=UTF-8", f'{SINGLE};charset="utf-8"', SINGLE.upper()])
def test_structured_mode(standing: Standing, kind: str) -> None:
    _, gateway = standing
    answer = send(gateway, written(sale()), kind=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"


def test_batched_mode_and_the_empty_batch(standing: Standing) -> None:
    _, gateway = standing
    answer = send(gateway, b" [ ] ", kind=f"{BATCH}; charset=utf-8")
    assert answer.json() == {"outcomes": [], "accepted": 0, "refused": 0, "duplicates": 0, "repeated": []}
    assert send(gateway, b"[" + written(sale()) + b"]", kind=BATCH).json()["accepted"] == 1


def test_extension_attributes_are_dropped(standing: Standing) -> None:
    shop, gateway = standing
    event = changed(
        sale(), traceparent="00-abc", comexampleextension="extension-left-behind", subject="x", dataschema="y"
    )
    assert gateway.post(event).json()["status"] == "accepted"
    assert not [row for rows in shop.contents().values() for row in rows if "extension-left-behind" in row]


def binary(event: Mapping[str, Any], **changes: str | None) -> dict[str, str]:
    attributes = {name: str(event[name]) for name in ("specversion", "id", "source", "type", "time")}
    headers = {f"ce-{name}": quote(value, safe="/:+ ") for name, value in attributes.items()}
    return {name: value for name, value in {**headers, **changes}.items() if value is not None}


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_binary_mode_is_the_same_event(standing: Standing, kind: str) -> None:
    shop, gateway = standing
    event = changed(sale(), id="café ☕ 100%")
    event = with_data(event, receipt=f"binary {kind}")
    event["id"] += kind
    first = send(gateway, written(event["data"]), kind=kind, **binary(event))
    assert first.json()["status"] == "accepted", first.text
    assert first.json()["id"] == event["id"]
    with nothing_moves(shop):
        assert gateway.post(event).content == first.content


def test_binary_mode_reads_quoted_headers(standing: Standing) -> None:
    _, gateway = standing
    event = sale()
    headers = binary(event, **{"ce-id": f'"{event["id"]} \\"quoted\\""'})
    answer = send(gateway, written(event["data"]), kind="application/json", **headers)
    assert answer.json()["id"] == f'{event["id"]} "quoted"'


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ce-specversion": "0.3"}, "specversion"),
        ({"ce-id": None}, "id"),
        ({"ce-id": ""}, "id"),
        ({"ce-id": "a%0d%0ab"}, "id"),
        ({"ce-id": "%ff"}, "id"),
        ({"ce-id": "x" * 129}, "id"),
        ({"ce-type": None}, "type"),
        ({"ce-source": None}, "source"),
        ({"ce-time": None}, "time"),
        ({"ce-time": "1709571600"}, "time"),
        ({"ce-time": "2024-03-04T17:00:00"}, "time"),
        ({"ce-data_base64": "e30="}, "data_base64"),
    ],
)
def test_binary_mode_with_bad_attributes(standing: Standing, changes: dict[str, str | None], field: str) -> None:
    shop, gateway = standing
    event = sale()
    with nothing_moves(shop):
        answer = send(gateway, written(event["data"]), kind="application/json", **binary(event, **changes))
        is_refused(answer, 400, "envelope_invalid", field)


def test_binary_mode_with_an_attribute_twice_or_in_another_alphabet(standing: Standing) -> None:
    shop, gateway = standing
    event = sale()
    body = written(event["data"])
    lines = [f"{name}: {value}" for name, value in binary(event).items()]
    common = ["Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    with nothing_moves(shop):
        twice = over_the_wire(gateway, head(gateway, *common, "ce-id: another"), body)
        raw = over_the_wire(gateway, head(gateway, *common).replace(b"ce-id: ", b"ce-id: \xe9"), body)
    for answer in (twice, raw):
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"envelope_invalid" in answer
        assert b'"field":"id"' in answer


def test_binary_mode_reads_data_by_the_contract(standing: Standing) -> None:
    shop, gateway = standing
    event = sale()
    with nothing_moves(shop):
        for body, field in ((b"", "data.receipt"), (b"{}", "data.receipt")):
            answer = send(gateway, body, kind="application/json", **binary(event))
            is_refused(answer, 422, "field_missing", field)
        for body in (b"{", b"[" * 100_000, b"\xff", b"7"):
            answer = send(gateway, body, kind="application/json", **binary(event))
            is_refused(answer, 422, "field_invalid", "data")


# -- methods and addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/events", "POST"),
        ("/v1/stream", "GET"),
        ("/v1/customers/resolve", "POST"),
        (f"/v1/customers/{NOBODY}/balance", "GET, HEAD"),
        ("/health", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
def test_other_methods_are_told_which_ones_there_are(standing: Standing, path: str, allowed: str) -> None:
    _, gateway = standing
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        if method in allowed:
            continue
        answer = gateway.client.request(method, path)
        is_refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


def test_head_is_get_without_a_body(standing: Standing) -> None:
    _, gateway = standing
    for path in ("/health", "/openapi.json"):
        one, other = gateway.client.head(path), gateway.client.get(path)
        assert (one.status_code, one.content) == (200, b"")
        assert one.headers["content-length"] == other.headers["content-length"] == str(len(other.content))


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v1/events/", "//v1/events", "/v1//events", "/V1/events", "/v1/events.json",
        "/v1%2Fevents", "/v1/event%73", "/%6Detrics", "/v1/./events", "/v1/x/../events", "/v1/events;a=b",
        "/v1/events%00", "/../metrics", "/v1/customers", "/v1/customers/", "/v1/customers//balance",
        "/v1/customers/a/b/balance", "/v1/customers/x/other",
        "/v1/customers/..%2f..%2fmetrics", "/v1/customers/resolve/balance/", "/admin", "/static/", "/.env",
    ],
)  # fmt: skip
def test_addresses_that_are_none(standing: Standing, path: str) -> None:
    _, gateway = standing
    for method in ("GET", "POST"):
        answer = over_the_wire(
            gateway, head(gateway, "Content-Length: 0", "Connection: close", method=method, path=path)
        )
        assert answer.startswith(b"HTTP/1.1 404 "), (path, answer)
        assert b"urn:comptoir:problem:not_found" in answer


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/customers/1/balance", "customer"),
        ("/v1/customers/resolve/balance", "customer"),
        ("/v1/customers/%7B0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10%7D/balance", "customer"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a1g/balance", "customer"),
        ("/v1/customers/0c8f2f2e6a548d0b9c1d0b7f5d7f3a10/balance", "customer"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/balance?x=1", "x"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=0", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=201", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=%2B5", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=%D9%A5", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=" + "9" * 5000, "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?limit=5&limit=6", "limit"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?before=now", "before"),
        ("/v1/customers/0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10/history?before=2024-01-01T00:00:00/x", "before"),
        ("/v1/stream", "customer"),
        ("/v1/stream?for=everybody", "customer"),
        ("/v1/stream?customer=1", "customer"),
        ("/v1/stream?customer=0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10&for=staff", "customer"),
        ("/v1/stream?%ff=1", None),
        ("/v1/stream?" + "&".join(f"a{n}=1" for n in range(5_000)), None),
    ],
)
def test_parts_of_an_address_that_cannot_be(standing: Standing, path: str, field: str | None) -> None:
    _, gateway = standing
    is_refused(gateway.get(path, touchpoint="app"), 400, "query_invalid", field)


def test_headers_cannot_be_injected_through_what_is_repeated(standing: Standing) -> None:
    _, gateway = standing
    answer = gateway.post(changed(sale(), id="x\r\nSet-Cookie: a=b\r\n\r\n<script>", source="<script>"))
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n",
        b"POST /v1 /events HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_requests_that_are_no_http(standing: Standing, request_bytes: bytes) -> None:
    shop, gateway = standing
    with nothing_moves(shop):
        answer = over_the_wire(gateway, request_bytes)
    assert answer[:12] in {b"", b"HTTP/1.1 400"}, answer
    assert gateway.post(sale()).is_success


# -- sizes ------------------------------------------------------------------------------------------------------------


def test_a_body_that_is_announced_too_large(standing: Standing) -> None:
    shop, gateway = standing
    with nothing_moves(shop):
        # Only the announcement is sent: it is answered at once.
        lines = (f"Content-Type: {BATCH}", f"Content-Length: {limits.BODY_BYTES_MAX + 1}")
        assert over_the_wire(gateway, head(gateway, *lines)).startswith(b"HTTP/1.1 413 ")
        lines = (f"Content-Type: {BATCH}", f"Content-Length: {'9' * 18}")
        assert over_the_wire(gateway, head(gateway, *lines))[:12] in {b"HTTP/1.1 413", b"HTTP/1.1 400"}
        answer = send(gateway, b" " * (limits.BODY_BYTES_MAX + 1))
        is_refused(answer, 413, "body_too_large")


def test_a_body_that_grows_too_large(standing: Standing) -> None:
    shop, gateway = standing

    def pieces() -> Iterator[bytes]:
        for _ in range(limits.BODY_BYTES_MAX // 65536 + 1):
            yield b" " * 65536

    headers = {"Authorization": f"Bearer {gateway.keys['till']}", "Content-Type": BATCH}
    with nothing_moves(shop):
        try:
            answer = gateway.client.post("/v1/events", content=pieces(), headers=headers)
        except httpx.WriteError:
            return  # the door was closed before everything was said
        is_refused(answer, 413, "body_too_large")


def test_the_largest_body_is_read(standing: Standing) -> None:
    _, gateway = standing
    body = written(sale())
    answer = send(gateway, body + b" " * (limits.BODY_BYTES_MAX - len(body)))
    assert answer.json()["status"] == "accepted"


def test_the_largest_batch_is_read_and_one_more_is_refused(standing: Standing) -> None:
    shop, gateway = standing
    events = [sale() for _ in range(limits.BATCH_EVENTS_MAX)]
    assert gateway.post(events).json()["accepted"] == limits.BATCH_EVENTS_MAX
    with nothing_moves(shop):
        is_refused(gateway.post([*events, sale()]), 413, "batch_too_large")
        assert gateway.post(events).json()["repeated"] == list(range(limits.BATCH_EVENTS_MAX))


def test_a_client_that_leaves_in_the_middle_leaves_nothing(standing: Standing) -> None:
    shop, gateway = standing
    body = written(sale())
    with nothing_moves(shop):
        address = urlsplit(gateway.url)
        with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
            lines = (f"Content-Type: {SINGLE}", f"Content-Length: {len(body) + 1}")
            connection.sendall(head(gateway, *lines) + body)
        assert gateway.client.get("/health").is_success


def test_requests_on_one_connection_are_answered_in_order(standing: Standing) -> None:
    _, gateway = standing
    bodies = [written(sale()) for _ in range(5)]
    asked = b"".join(head(gateway, f"Content-Type: {SINGLE}", f"Content-Length: {len(body)}") + body for body in bodies)
    answers = over_the_wire(gateway, asked)
    assert answers.count(b"HTTP/1.1 200 ") == 5
    places = [answers.index(b'"id":"' + json.loads(body)["id"].encode() + b'"') for body in bodies]
    assert places == sorted(places)


# -- reads ------------------------------------------------------------------------------------------------------------


def test_a_balance_and_its_history(standing: Standing) -> None:
    _, gateway = standing
    who = {"kind": "card", "value": "reads"}
    first = gateway.post(sale(customer=who, lines=[casting.line(10_000, category="PRODUCE")], total=10_000)).json()
    spent = gateway.post(casting.redeem(30, of=who)).json()
    customer = first["customer"]
    state = gateway.get(f"/v1/customers/{customer.upper()}/balance").json()
    assert state == {
        "customer": customer,
        "known": True,
        "balance": {"available": 170, "held": 0, "owed": 0},
        "as_of": spent["event"],
    }
    resolved = gateway.client.post(
        "/v1/customers/resolve", json=who, headers={"Authorization": f"Bearer {gateway.keys['app']}"}
    )
    assert resolved.json() == state
    whole = gateway.get(f"/v1/customers/{customer}/history", touchpoint="app").json()
    assert [(entry["event"], entry["points"]) for entry in whole["entries"]] == [
        (spent["event"], -30), (first["event"], 100), (first["event"], 100),
    ]  # fmt: skip
    assert whole["before"] is None
    # The entries of one event stay together, so a page of one entry may have two.
    pages: list[list[Any]] = []
    before: str | None = ""
    while before is not None:
        page = gateway.get(f"/v1/customers/{customer}/history?limit=1{before}", touchpoint="app").json()
        pages.append(page["entries"])
        before = f"&before={page['before']}" if page["before"] else None
    assert [len(page) for page in pages] == [1, 2]
    assert [entry for page in pages for entry in page] == whole["entries"]


def test_somebody_who_was_never_seen(standing: Standing) -> None:
    _, gateway = standing
    nobody = str(uuid.uuid4())
    empty = {"available": 0, "held": 0, "owed": 0}
    answer = gateway.get(f"/v1/customers/{nobody}/balance").json()
    assert answer == {"customer": nobody, "known": False, "balance": empty, "as_of": None}
    history = gateway.get(f"/v1/customers/{nobody}/history", touchpoint="app").json()
    assert history == {"customer": nobody, "entries": [], "before": None}


@pytest.mark.parametrize(
    ("body", "kind", "status", "name", "field"),
    [
        (b"{", "application/json", 400, "malformed_json", None),
        (b"[]", "application/json", 422, "field_invalid", None),
        (b'{"kind":"card"}', "application/json", 422, "field_missing", "value"),
        (b'{"kind":"card","value":7}', "application/json", 422, "field_invalid", "value"),
        (b'{"kind":"CARD","value":"7"}', "application/json", 422, "field_invalid", "kind"),
        (b'{"kind":"card","value":"7","name":"x"}', "application/json", 422, "undeclared_field", "name"),
        (b'{"kind":"customer","value":"7"}', "application/json", 422, "field_invalid", "value"),
        (b'{"kind":"card","value":"7"}', "text/plain", 415, "media_type_not_accepted", "content-type"),
    ],
)
def test_identifiers_that_cannot_be(
    standing: Standing, body: bytes, kind: str, status: int, name: str, field: str | None
) -> None:
    _, gateway = standing
    headers = {"Authorization": f"Bearer {gateway.keys['app']}", "Content-Type": kind}
    is_refused(gateway.client.post("/v1/customers/resolve", content=body, headers=headers), status, name, field)


def test_the_connection_stays_usable_after_each_refusal(standing: Standing) -> None:
    _, gateway = standing
    for _ in range(3):
        assert gateway.post(sale(currency="EUR")).status_code == 422
        assert gateway.post(sale()).status_code == 200
