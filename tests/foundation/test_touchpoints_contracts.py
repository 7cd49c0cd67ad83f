"""The compiled contract lets through what was declared, and names the field of everything else."""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config import registry
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.counter.baskets.contracts import BasketChanged
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.compiling import (
    INTEGER_MAX,
    LIST_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    CompiledMap,
    compile_map,
    contract_struct,
)
from comptoir.foundation.touchpoints.contracts import CustomerReference, EventType
from comptoir.foundation.touchpoints.declared import shapes
from comptoir.foundation.touchpoints.errors import (
    FieldInvalid,
    FieldMissing,
    NeedNotDeclared,
    OccurredInFuture,
    OccurredTooEarly,
    SourceNotDeclared,
    TypeNotDeclared,
    UndeclaredField,
    UnknownType,
)
from comptoir.foundation.touchpoints.reading import load_map

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)

SALE: dict[str, Any] = {
    "receipt": "4711",
    "store": "406",
    "customer": {"kind": "card", "value": "2613"},
    "currency": "USD",
    "total": 349,
    "lines": [{"product": "1095275", "quantity": 1, "amount": 349}, {"product": "2", "quantity": 1, "amount": 0}],
}


@pytest.fixture(scope="module")
def demo() -> CompiledMap:
    return compile_map(registry.shop_map(registry.example_map_path()))


def refused(demo: CompiledMap, value: Any, *, touchpoint: str = "till", type_name: str = "sale.closed") -> Problem:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(Problem) as caught:
        demo.touchpoint(touchpoint).read(type_name, data)
    return caught.value


def with_field(path: list[Any], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(SALE)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


def test_what_was_declared_is_read_and_what_was_left_out_has_its_default(demo: CompiledMap) -> None:
    sale = demo.touchpoint("till").read("sale.closed", json.dumps(SALE).encode())
    assert (sale.receipt, sale.store, sale.customer.value, len(sale.lines)) == ("4711", "406", "2613", 2)
    without_store = {name: value for name, value in SALE.items() if name != "store"}
    sale = demo.touchpoint("webshop").read("sale.closed", msgspec.Raw(json.dumps(without_store).encode()))
    assert sale.store is None
    assert sale.lines[0].category is None


def test_an_optional_field_that_was_not_declared_is_refused(demo: CompiledMap) -> None:
    issued = {
        "customer": {"kind": "customer", "value": "2613"}, "promotion": "0b6f9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10",
        "campaign": "0b6f9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10",
    }  # fmt: skip
    problem = refused(demo, issued, touchpoint="console", type_name="coupon.issued")
    assert (type(problem), problem.field) == (UndeclaredField, "data.campaign")


def test_a_type_declared_whole_is_the_built_in_one(demo: CompiledMap) -> None:
    changed = {"basket": "0b6f9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10", "put": [{"product": "1095275"}]}
    assert isinstance(demo.touchpoint("till").read("basket.changed", json.dumps(changed).encode()), BasketChanged)


@pytest.mark.parametrize(
    ("path", "value", "problem", "field"),
    [
        (["birth_date"], "1990-01-01", UndeclaredField, "data.birth_date"),
        (["lines", 0, "birth_date"], "1990-01-01", UndeclaredField, "data.lines[0].birth_date"),
        (["lines", 1, "note"], None, UndeclaredField, "data.lines[1].note"),
        (["customer", "name"], "Alice", UndeclaredField, "data.customer.name"),
        (["alice@example.com"], 1, UndeclaredField, "data.(unnamed)"),
        (["x" * 65], 1, UndeclaredField, "data.(unnamed)"),
        (["total"], "349", FieldInvalid, "data.total"),
        (["total"], 3.5, FieldInvalid, "data.total"),
        (["total"], 10**30, FieldInvalid, "data.total"),
        (["total"], None, FieldInvalid, "data.total"),
        (["lines"], {}, FieldInvalid, "data.lines"),
        (["lines", 1], 7, FieldInvalid, "data.lines[1]"),
        (["lines", 1], {"product": "1"}, FieldMissing, "data.lines[1].quantity"),
        (["receipt"], "x" * 1000, FieldInvalid, "data.receipt"),
        (["receipt"], "a\x00b", FieldInvalid, "data"),
        (["customer", "kind"], "A card", FieldInvalid, "data.customer.kind"),
        (["customer"], {"kind": "card"}, FieldMissing, "data.customer.value"),
    ],
)
def test_a_refusal_names_the_field(
    demo: CompiledMap, path: list[Any], value: Any, problem: type[Problem], field: str
) -> None:
    raised = refused(demo, with_field(path, value))
    assert (type(raised), raised.field) == (problem, field)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"7", b'{"receipt":"\xff"}', b'{"receipt":"\\ud800"}', b"[" * 5000, b'{"total":1e999}'],
)
def test_what_is_no_data_at_all_is_refused(demo: CompiledMap, data: bytes) -> None:
    assert isinstance(refused(demo, data), FieldInvalid)


def test_a_refusal_repeats_no_value(demo: CompiledMap) -> None:
    for path in (["total"], ["lines"], ["customer"], ["customer", "kind"], ["lines", 0, "product"]):
        for value in ("Alice Liddell", {"Alice Liddell": 1}, ["Alice Liddell"]):
            if path[-1] == "product" and value == "Alice Liddell":
                continue
            problem = refused(demo, with_field(path, value))
            assert "Alice" not in json.dumps(problem.as_members())


NAMES = st.one_of(st.text(max_size=20), st.sampled_from(["birth_date", "Total", "total ", "lines", "store", "email"]))


@given(
    name=NAMES, place=st.sampled_from([[], ["lines", 0], ["lines", 1], ["customer"]]), value=st.integers() | st.text()
)
def test_every_name_that_was_not_declared_is_refused(
    demo: CompiledMap, name: str, place: list[Any], value: Any
) -> None:
    within: Any = SALE
    for part in place:
        within = within[part]
    if name in within:
        return
    sent = with_field([*place, name], value)
    if name == "category" and place and place[0] == "lines":
        return
    problem = refused(demo, sent)
    assert isinstance(problem, UndeclaredField)
    assert problem.field is not None
    assert problem.field.startswith(
        "data." + {0: "", 1: "customer.", 2: f"lines[{place[-1] if place else 0}]."}[len(place)]
    )


@given(st.sets(st.sampled_from(["store", "customer"])), st.booleans())
def test_any_choice_of_optional_fields_is_enforced(chosen: set[str], category: bool) -> None:
    lines: dict[str, Any] = dict.fromkeys(["product", "quantity", "amount"], "whole")
    if category:
        lines["category"] = "whole"
    tree: Any = dict.fromkeys(["receipt", "currency", "total", *chosen], "whole") | {"lines": lines}
    struct = contract_struct(EVENT_TYPES["sale.closed"], tree)
    decoder = msgspec.json.Decoder(struct)
    allowed = {name: value for name, value in SALE.items() if name not in {"store", "customer"} - chosen}
    sale: Any = decoder.decode(json.dumps(allowed))
    assert (sale.store, sale.customer is None) == (
        SALE["store"] if "store" in chosen else None,
        "customer" not in chosen,
    )
    assert sale.lines[0].category is None
    for name in {"store", "customer"} - chosen:
        with pytest.raises(msgspec.ValidationError, match=f"unknown field `{name}`"):
            decoder.decode(json.dumps(allowed | {name: SALE[name]}))
    allowed["lines"] = [{**SALE["lines"][0], "category": "MEAT"}]
    if category:
        assert decoder.decode(json.dumps(allowed)).lines[0].category == "MEAT"  # type: ignore[attr-defined]
    else:
        with pytest.raises(msgspec.ValidationError, match="unknown field `category`"):
            decoder.decode(json.dumps(allowed))


class Open(msgspec.Struct):
    """A Struct that leaves everything open."""

    text: str
    number: int
    texts: list[str]
    pair: tuple[int, ...] = ()
    short: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    renamed: int = msgspec.field(default=0, name="other")
    made: list[int] = msgspec.field(default_factory=list)

    @property
    def twice(self) -> int:
        """Twice the number."""
        return 2 * self.number

    def __post_init__(self) -> None:
        """Refuse one number."""
        if self.number == 13:
            raise ValueError("not 13")


OPEN = EventType("open.sent", "Open", Open, dict.fromkeys(msgspec.structs.asdict(Open("", 0, [])), "public"))


@pytest.mark.parametrize(
    ("change", "is_allowed"),
    [
        ({}, True),
        ({"text": "x" * TEXT_LENGTH_MAX, "number": -INTEGER_MAX, "texts": ["x"] * LIST_LENGTH_MAX}, True),
        ({"text": "x" * (TEXT_LENGTH_MAX + 1)}, False),
        ({"number": INTEGER_MAX + 1}, False),
        ({"number": -INTEGER_MAX - 1}, False),
        ({"number": 13}, False),
        ({"texts": ["x"] * (LIST_LENGTH_MAX + 1)}, False),
        ({"texts": ["x" * (TEXT_LENGTH_MAX + 1)]}, False),
        ({"pair": [1] * (LIST_LENGTH_MAX + 1)}, False),
        ({"short": "xxxx"}, False),
        ({"short": None}, True),
        ({"other": 1}, True),
        ({"renamed": 1}, False),
    ],
)
def test_what_a_type_leaves_open_gets_limits(change: dict[str, Any], is_allowed: bool) -> None:
    declared: Any = dict.fromkeys(["text", "number", "texts", "pair", "short", "renamed"], "whole")
    decoder = msgspec.json.Decoder(contract_struct(OPEN, declared))
    sent = json.dumps({"text": "a", "number": 1, "texts": []} | change)
    if is_allowed:
        read: Any = decoder.decode(sent)
        assert read.twice == 2 * read.number
        assert read.made == []
    else:
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(sent)


def test_a_required_field_cannot_be_left_out() -> None:
    with pytest.raises(KeyError, match="number is required"):
        contract_struct(OPEN, {"text": "whole", "texts": "whole"})
    with pytest.raises(KeyError, match="no field gone"):
        contract_struct(OPEN, {"gone": "whole"})


def test_every_built_in_field_has_a_class() -> None:
    for event_type in EVENT_TYPES.values():
        assert shapes(event_type)
    with pytest.raises(AssertionError, match="no class for number"):
        shapes(EventType("open.sent", "Open", Open, {"text": "public"}))


def test_a_shops_own_type_is_read_like_a_built_in_one(demo: CompiledMap) -> None:
    data = {"customer": {"kind": "account", "value": "alice"}, "list": "weekly"}
    newsletter = demo.touchpoint("newsletter")
    read = newsletter.read("newsletter.subscribed", json.dumps(data).encode())
    assert isinstance(read.customer, CustomerReference)
    assert read.list == "weekly"
    del data["list"]
    assert newsletter.read("newsletter.subscribed", json.dumps(data).encode()).list is None
    problem = refused(demo, {"list": "x"}, touchpoint="newsletter", type_name="newsletter.subscribed")
    assert (problem.name, problem.field) == ("field_missing", "data.customer")


def test_a_touchpoint_speaks_for_its_sources_sends_its_types_and_reads_its_needs(demo: CompiledMap) -> None:
    till = demo.touchpoint("till")
    assert till.accepts_source("/stores/406/tills/1")
    assert not till.accepts_source("/webshop")
    till.check_source("/stores/406/tills/1")
    with pytest.raises(SourceNotDeclared):
        till.check_source("/webshop")
    with pytest.raises(TypeNotDeclared):
        till.decoder("points.adjust")
    with pytest.raises(UnknownType):
        till.decoder("sale.opened")
    assert till.rights == {
        "points.balance", "customer.answers", "basket.price", "basket.content", "customer.coupons", "order.content",
    }  # fmt: skip
    till.check_right("points.balance")
    with pytest.raises(NeedNotDeclared):
        till.check_right("points.history")
    with pytest.raises(KeyError):
        demo.touchpoint("kiosk")


def test_a_clock_may_be_a_little_ahead_and_an_outage_has_a_limit(demo: CompiledMap) -> None:
    text = registry.example_map_path().read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("accepts_from"))
    newsletter = compile_map(load_map(text, types=EVENT_TYPES, products=PRODUCTS)).touchpoint("newsletter")
    newsletter.check_occurred(NOW + dt.timedelta(minutes=10), NOW)
    with pytest.raises(OccurredInFuture):
        newsletter.check_occurred(NOW + dt.timedelta(minutes=10, seconds=1), NOW)
    newsletter.check_occurred(NOW - dt.timedelta(hours=25), NOW)
    with pytest.raises(OccurredTooEarly):
        newsletter.check_occurred(NOW - dt.timedelta(hours=25, seconds=1), NOW)
    till = demo.touchpoint("till")
    first = dt.datetime(2017, 1, 1, tzinfo=dt.UTC)
    till.check_occurred(first, NOW)
    with pytest.raises(OccurredTooEarly):
        till.check_occurred(first - dt.timedelta(seconds=1), NOW)
    recent = till.recent_from(NOW.timestamp())
    assert first.timestamp() < recent
    assert (NOW - dt.timedelta(hours=72)).timestamp() >= recent
    assert (till.earliest(NOW), till.latest(NOW)) == (first, NOW + dt.timedelta(minutes=5))
