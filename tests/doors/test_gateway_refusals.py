"""What bad input gets: each a named problem with its field, alone and in a batch, and nothing moves."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest

from comptoir.counter.sales.contracts import LINES_MAX
from support import casting
from support.casting import ALICE, Event
from support.door import (
    BATCH,
    EMBARRASSING,
    INTERNAL,
    Standing,
    changed,
    is_refused,
    line,
    nothing_moves,
    sale,
    send,
    with_data,
    without,
)

# -- one event, alone and among good ones ---------------------------------------------------------------------------

LONG_AGO = dt.datetime(2016, 12, 31, 23, 59, 59, tzinfo=dt.UTC).isoformat()
CASES: dict[str, tuple[Callable[[], Event], int, str, str | None]] = {
    # the envelope
    "another version": (lambda: changed(sale(), specversion="0.3"), 400, "envelope_invalid", "specversion"),
    "no version": (
        lambda: {k: v for k, v in sale().items() if k != "specversion"}, 400, "envelope_invalid", "specversion"),
    "no id": (lambda: {k: v for k, v in sale().items() if k != "id"}, 400, "envelope_invalid", "id"),
    "an empty id": (lambda: changed(sale(), id=""), 400, "envelope_invalid", "id"),
    "an id that is a number": (lambda: changed(sale(), id=7), 400, "envelope_invalid", "id"),
    "an id too long": (lambda: changed(sale(), id="x" * 129), 400, "envelope_invalid", "id"),
    "a line feed in the id": (lambda: changed(sale(), id="a\r\nset-cookie: b"), 400, "envelope_invalid", "id"),
    "NUL in the id": (lambda: changed(sale(), id="a\0"), 400, "envelope_invalid", "id"),
    "a direction mark in the source": (
        lambda: changed(sale(), source="/stores/1/tills/\u202e1"), 400, "envelope_invalid", "source"),
    "a source too long": (lambda: changed(sale(), source="/" * 201), 400, "envelope_invalid", "source"),
    "a type that is a list": (lambda: changed(sale(), type=["sale.closed"]), 400, "envelope_invalid", "type"),
    "data in base64": (
        lambda: changed({k: v for k, v in sale().items() if k != "data"}, data_base64="e30="),
        400, "envelope_invalid", "data_base64"),
    "data that is XML": (
        lambda: changed(sale(), datacontenttype="application/xml"), 400, "envelope_invalid", "datacontenttype"),
    "data that is nearly JSON": (
        lambda: changed(sale(), datacontenttype="application/jsonl"), 400, "envelope_invalid", "datacontenttype"),
    "data in another charset": (
        lambda: changed(sale(), datacontenttype="application/json; charset=latin1"),
        400, "envelope_invalid", "datacontenttype"),
    # time
    "no time": (lambda: {k: v for k, v in sale().items() if k != "time"}, 400, "envelope_invalid", "time"),
    "a time without zone": (lambda: changed(sale(), time="2024-03-04T17:00:00"), 400, "envelope_invalid", "time"),
    "a time that is none": (lambda: changed(sale(), time="yesterday"), 400, "envelope_invalid", "time"),
    "a time as a number": (lambda: changed(sale(), time=1709571600), 400, "envelope_invalid", "time"),
    "a clock years ahead": (lambda: changed(sale(), time="2099-01-01T00:00:00Z"), 422, "occurred_in_future", "time"),
    "the last moment there is": (
        lambda: changed(sale(), time="9999-12-31T23:59:59-14:00"), 422, "occurred_in_future", "time"),
    "a clock years back": (lambda: changed(sale(), time="1970-01-01T00:00:00Z"), 422, "occurred_too_early", "time"),
    "the first moment there is": (
        lambda: changed(sale(), time="0001-01-01T00:00:00+14:00"), 422, "occurred_too_early", "time"),
    "a second too early": (lambda: changed(sale(), time=LONG_AGO), 422, "occurred_too_early", "time"),
    # who says what
    "an unknown type": (lambda: changed(sale(), type="sale.dreamt"), 422, "unknown_type", "type"),
    "a type with control characters": (lambda: changed(sale(), type="sale\nclosed\0"), 422, "unknown_type", "type"),
    "a type of somebody else": (
        lambda: changed(casting.adjust(5), source=casting.TILL), 403, "type_not_declared", "type"),
    "the house's own type": (
        lambda: changed(sale(), type="points.expire", data={"customer": ALICE, "before": "2024-01-01"}),
        422, "unknown_type", "type"),
    "a source of somebody else": (lambda: changed(sale(), source="/webshop"), 403, "source_not_declared", "source"),
    "the house's own source": (lambda: changed(sale(), source="/comptoir/clock"), 403, "source_not_declared", "source"),
    "a source that climbs": (
        lambda: changed(sale(), source="/stores/1/tills/1/2"), 403, "source_not_declared", "source"),
    # data against the contract
    "no data": (lambda: {k: v for k, v in sale().items() if k != "data"}, 422, "field_missing", "data.receipt"),
    "data that is null": (lambda: changed(sale(), data=None), 422, "field_invalid", "data"),
    "data that is a list": (lambda: changed(sale(), data=[1]), 422, "field_invalid", "data"),
    "data that is a text": (lambda: changed(sale(), data=json.dumps({})), 422, "field_invalid", "data"),
    "an undeclared field": (
        lambda: sale(birth_date=EMBARRASSING), 422, "undeclared_field", "data.birth_date"),
    "an undeclared field inside": (
        lambda: sale(customer={**ALICE, "name": EMBARRASSING}), 422, "undeclared_field", "data.customer.name"),
    "an undeclared field in a line": (
        lambda: sale(lines=[line(), line(note=EMBARRASSING)]), 422, "undeclared_field", "data.lines[1].note"),
    "an undeclared field with a telling name": (
        lambda: sale(**{f"card {EMBARRASSING}": 1}), 422, "undeclared_field", "data.(unnamed)"),
    "a missing field": (lambda: without(sale(), "currency"), 422, "field_missing", "data.currency"),
    "a missing field in a line": (
        lambda: sale(lines=[{"product": "bread", "quantity": 1}]), 422, "field_missing", "data.lines[0].amount"),
    "a number with a fraction": (lambda: sale(total=1000.5), 422, "field_invalid", "data.total"),
    "a whole number as a fraction": (lambda: sale(total=1000.0), 422, "field_invalid", "data.total"),
    "a number as a text": (lambda: sale(total="1000"), 422, "field_invalid", "data.total"),
    "a truth as a number": (lambda: sale(total=True), 422, "field_invalid", "data.total"),
    "a number beyond all bounds": (lambda: sale(total=10**30), 422, "field_invalid", "data.total"),
    "a number of many digits": (lambda: sale(total=10**400), 422, "field_invalid", "data.total"),
    "a number just too large": (lambda: sale(total=10**12 + 1), 422, "field_invalid", "data.total"),
    "a negative quantity": (lambda: sale(lines=[line(quantity=-1)]), 422, "field_invalid", "data.lines[0].quantity"),
    "no lines": (lambda: sale(lines=[]), 422, "field_invalid", "data.lines"),
    "too many lines": (
        lambda: sale(lines=[line(amount=0)] * (LINES_MAX + 1), total=0), 422, "field_invalid", "data.lines"),
    "an empty receipt": (lambda: sale(receipt=""), 422, "field_invalid", "data.receipt"),
    "a receipt too long": (lambda: sale(receipt="x" * 65), 422, "field_invalid", "data.receipt"),
    "NUL in a text": (lambda: sale(receipt="a\0b"), 422, "field_invalid", "data"),
    "a kind that is no name": (
        lambda: sale(customer={"kind": "Card!", "value": "1"}), 422, "field_invalid", "data.customer.kind"),
    "an identifier too long": (
        lambda: sale(customer={"kind": "card", "value": EMBARRASSING * 30}),
        422, "field_invalid", "data.customer.value"),
    "an opaque id that is none": (
        lambda: sale(customer={"kind": "customer", "value": EMBARRASSING}),
        422, "field_invalid", "data.customer.value"),
    "zero points": (lambda: casting.redeem(0), 422, "field_invalid", "data.points"),
    "negative points": (lambda: casting.redeem(-10), 422, "field_invalid", "data.points"),
    "a hold of no time": (lambda: casting.reserve(10, "r", seconds=0), 422, "field_invalid", "data.expires_in"),
    "a return of line zero": (
        lambda: casting.goods_back("b", sale="s", lines=[(0, 1, 1)]), 422, "field_invalid", "data.lines[0].line"),
    "a return of a negative amount": (
        lambda: with_data(casting.goods_back("b", sale="s", lines=[(1, 1, -5)]), total=0),
        422, "field_invalid", "data.lines[0].amount"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_bad_event_is_named_and_leaves_no_trace(standing: Standing, case: str) -> None:
    shop, gateway = standing
    make, status, name, field = CASES[case]
    with nothing_moves(shop):
        answer = gateway.post(make())
        is_refused(answer, status, name, field)
        outcome = answer.json()["outcome"]
        assert outcome["status"] == "refused"
        assert "event" not in outcome


@pytest.mark.parametrize("case", CASES)
def test_a_bad_event_never_spoils_its_neighbours(standing: Standing, case: str) -> None:
    shop, gateway = standing
    make, status, name, field = CASES[case]
    before = shop.value("select count(*) from events_event")
    answer = gateway.post([sale(), make(), sale()])
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["accepted"], told["refused"], told["duplicates"], told["repeated"]) == (2, 1, 0, [])
    assert [each["status"] for each in told["outcomes"]] == ["accepted", "refused", "accepted"]
    problem = told["outcomes"][1]["problem"]
    expected = (status, f"urn:comptoir:problem:{name}", field)
    assert (problem["status"], problem["type"], problem.get("field")) == expected
    assert not INTERNAL.search(answer.text)
    assert EMBARRASSING not in answer.text
    assert shop.value("select count(*) from events_event") == before + 2


# -- what can only be said in bytes -----------------------------------------------------------------------------------


def raw(event: Event, old: str, new: bytes) -> bytes:
    written = json.dumps(event).encode()
    assert old.encode() in written
    return written.replace(old.encode(), new, 1)


BYTES: dict[str, tuple[Callable[[], bytes], int, str, str | None]] = {
    "nothing": (lambda: b"", 400, "malformed_json", None),
    "half an event": (lambda: json.dumps(sale()).encode()[:-5], 400, "malformed_json", None),
    "something behind it": (lambda: json.dumps(sale()).encode() + b"{}", 400, "malformed_json", None),
    "a byte order mark": (lambda: b"\xef\xbb\xbf" + json.dumps(sale()).encode(), 400, "malformed_json", None),
    "UTF-16": (lambda: json.dumps(sale()).encode("utf-16"), 400, "malformed_json", None),
    "a form": (lambda: b"id=1&type=sale.closed", 400, "malformed_json", None),
    "NaN": (lambda: raw(sale(), '"total": 1000', b'"total": NaN'), 400, "malformed_json", None),
    "a leading zero": (lambda: raw(sale(), '"total": 1000', b'"total": 01000'), 400, "malformed_json", None),
    "a trailing comma": (lambda: raw(sale(), '"specversion"', b',"specversion"'), 400, "malformed_json", None),
    "a bare control character": (lambda: raw(sale(), '"bread"', b'"br\x01ead"'), 400, "malformed_json", None),
    "a text instead of an event": (lambda: b'"sale.closed"', 400, "envelope_invalid", None),
    "a list in the place of one event": (lambda: b"[]", 400, "envelope_invalid", None),
    "invalid UTF-8 in a field": (lambda: raw(sale(), '"bread"', b'"br\xffead"'), 422, "field_invalid", "data"),
    "half a surrogate pair in a field": (
        lambda: raw(sale(), '"bread"', b'"br\\ud800ead"'), 400, "malformed_json", None),
    "invalid UTF-8 in the id": (
        lambda: raw(changed(sale(), id="IDENTITY"), "IDENTITY", b"\xc3\x28"), 400, "malformed_json", None),
    "a number out of range": (
        lambda: raw(sale(), '"total": 1000', b'"total": 1e999'), 422, "field_invalid", "data.total"),
    "data nested too deeply": (
        lambda: raw(changed(sale(), data="DEEP"), '"DEEP"', b"[" * 100_000 + b"]" * 100_000),
        400, "malformed_json", None),
    "data nested deeply": (
        lambda: raw(changed(sale(), data="DEEP"), '"DEEP"', b"[" * 500 + b"]" * 500), 422, "field_invalid", "data"),
    "a field nested too deeply": (
        lambda: raw(sale(store="DEEP"), '"DEEP"', b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        400, "malformed_json", None),
    "an extension nested too deeply": (
        lambda: raw(changed(sale(), id=1, ext="DEEP"), '"DEEP"', b"[" * 100_000 + b"]" * 100_000),
        400, "malformed_json", None),
}  # fmt: skip


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_no_event(standing: Standing, case: str) -> None:
    shop, gateway = standing
    make, status, name, field = BYTES[case]
    with nothing_moves(shop):
        is_refused(send(gateway, make()), status, name, field)


#: Nobody can tell where these end, so they cannot be told from their neighbours.
ENDLESS = {"nothing", "half an event"}


@pytest.mark.parametrize("case", sorted(BYTES.keys() - ENDLESS))
def test_bytes_that_are_no_event_spoil_no_neighbour(standing: Standing, case: str) -> None:
    shop, gateway = standing
    make, _, name, _ = BYTES[case]
    before = shop.value("select count(*) from events_event")
    good = [json.dumps(sale()).encode() for _ in range(2)]
    told = send(gateway, b"[" + good[0] + b", " + make() + b" ," + good[1] + b"]", kind=BATCH).json()
    assert (told["accepted"], told["refused"]) == (2, 1), told
    assert [each["status"] for each in told["outcomes"]] == ["accepted", "refused", "accepted"]
    assert told["outcomes"][1]["problem"]["type"] == f"urn:comptoir:problem:{name}"
    assert shop.value("select count(*) from events_event") == before + 2


@pytest.mark.parametrize("case", sorted(ENDLESS))
def test_a_batch_in_which_nobody_can_tell_the_events_apart_is_refused_whole(standing: Standing, case: str) -> None:
    shop, gateway = standing
    good = json.dumps(sale()).encode()
    with nothing_moves(shop):
        body = b"[" + good + b"," + BYTES[case][0]() + b"," + good + b"]"
        is_refused(send(gateway, body, kind=BATCH), 400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"{}", b"null", b'"[]"', b"[{}] x", b"[1,]", b"\xff", b"[" * 200_000],
    ids=lambda body: repr(body[:8]),
)
def test_a_batch_that_is_no_list_is_refused_whole(standing: Standing, body: bytes) -> None:
    shop, gateway = standing
    with nothing_moves(shop):
        is_refused(send(gateway, body, kind=BATCH), 400, "malformed_json")
