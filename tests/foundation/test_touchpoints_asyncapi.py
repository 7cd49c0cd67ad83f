"""The official schema accepts the AsyncAPI document of any valid map, and its schemas say what the door does."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comptoir.config import registry
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.asyncapi import render_asyncapi
from comptoir.foundation.touchpoints.classes import is_allowed
from comptoir.foundation.touchpoints.compiling import compile_map
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.declared import FieldShape, shapes
from comptoir.foundation.touchpoints.reading import CHANNELS, load_map

SCHEMA = Path(__file__).parents[1] / "data" / "asyncapi" / "3.0.0.json"


@functools.cache
def official() -> Any:
    schema = json.loads(SCHEMA.read_text())
    return jsonschema.Draft7Validator(schema)


def document_of(declared: TouchpointMap) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(render_asyncapi(declared)))
    return written


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def resolved(document: dict[str, Any], reference: str) -> Any:
    value: Any = document
    for part in reference.removeprefix("#/").split("/"):
        value = value[part.replace("~1", "/").replace("~0", "~")]
    return value


def assert_sound(document: dict[str, Any]) -> None:
    assert [error.message for error in official().iter_errors(document)] == []
    for reference in references(document):
        resolved(document, reference)


def test_the_demo_shops_document_is_accepted_by_the_official_schema() -> None:
    declared = registry.shop_map(registry.example_map_path())
    document = document_of(declared)
    assert_sound(document)
    operations = document["operations"]
    assert len(operations) == sum(len(each.sends) + len(each.needs) for each in declared.touchpoints)
    assert operations["till.sends.sale.closed"]["x-comptoir-timing"] == "live"
    assert operations["till.sends.sale.closed"]["x-comptoir-offline-seconds-max"] == 72 * 3600
    needed = operations["webshop.needs.points.balance"]
    assert needed["x-comptoir-sources"]["newsletter"] == {"newsletter.subscribed": "soon"}
    assert needed["x-comptoir-sources"]["till"]["sale.closed"] == "live"
    sale = document["components"]["messages"]["till.sale.closed"]["payload"]["properties"]["data"]
    store = resolved(document, sale["$ref"])["properties"]["store"]
    assert (store["x-comptoir-class"], store["x-comptoir-purpose"]) == ("place", "points")


def test_the_official_schema_refuses_what_it_should() -> None:
    document = document_of(registry.shop_map(registry.example_map_path()))
    document["operations"]["till.sends.sale.closed"]["action"] = "shout"
    assert not official().is_valid(document)


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({}, True),
        ({"birth_date": "1990-01-01"}, False),
        ({"total": "349"}, False),
        ({"lines": [{"product": "1", "quantity": 1, "amount": 1, "note": "x"}]}, False),
        ({"customer": {"kind": "card", "value": "1"}}, True),
        ({"customer": {"kind": "card", "value": "1", "name": "Alice"}}, False),
        ({"store": "406"}, True),
        ({"receipt": "x" * 65}, False),
    ],
)
def test_the_schemas_say_what_the_door_does(change: dict[str, Any], is_valid: bool) -> None:
    declared = registry.shop_map(registry.example_map_path())
    document = document_of(declared)
    sale: dict[str, Any] = {"receipt": "1", "currency": "USD", "total": 1}
    sale |= {"lines": [{"product": "1", "quantity": 1, "amount": 1}]} | change
    event = {"specversion": "1.0", "id": "1", "source": "/stores/1/tills/1", "type": "sale.closed"}
    event |= {"time": "2026-05-01T12:00:00Z"}
    payload = document["components"]["messages"]["till.sale.closed"]["payload"]
    schema = {**payload, "components": document["components"]}
    assert jsonschema.Draft202012Validator(schema).is_valid({**event, "data": sale}) is is_valid
    try:
        compile_map(declared).touchpoint("till").read("sale.closed", json.dumps(sale).encode())
        is_read = True
    except Problem:
        is_read = False
    assert is_read is is_valid
    assert not jsonschema.Draft202012Validator(schema).is_valid({**event, "source": "/webshop", "data": sale})


@st.composite
def fields(draw: Any, found: tuple[FieldShape, ...]) -> str:
    """Declare the required fields and some of the others, by group or one by one, as an inline table."""
    parts = []
    for shape in found:
        if not shape.is_required and not draw(st.booleans()):
            continue
        name = shape.path.rpartition(".")[2]
        if shape.children and (shape.data_class is None or draw(st.booleans())):
            parts.append(f"{name} = {draw(fields(shape.children))}")
        elif draw(st.booleans()):
            parts.append(f'{name} = {{ class = "{shape.data_class}", purpose = "service" }}')
        else:
            parts.append(f'{name} = "{shape.data_class}"')
    return "{ " + ", ".join(parts) + " }"


@st.composite
def maps(draw: Any) -> str:
    """A map without contradictions: every sender is live, so every need can be met."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), min_size=1, max_size=3, unique=True))
    text = []
    for number, name in enumerate(names):
        types = draw(st.lists(st.sampled_from(sorted(EVENT_TYPES)), min_size=1, max_size=3, unique=True))
        room = next(filter(None, (EVENT_TYPES[type_name].only_from for type_name in types)), "")
        types = [type_name for type_name in types if EVENT_TYPES[type_name].only_from in {"", room}]
        channel = draw(st.sampled_from(sorted(CHANNELS)))
        text.append(f'[touchpoint.{name}]\nchannel = "{channel}"\nsystem = "x"\nsource = "/{number}/*.v{number}"')
        text += [f'room = "{room}"'] if room else []
        spending = None
        if any(EVENT_TYPES[type_name].spends for type_name in types):
            spending = "code" if channel == "store" else draw(st.sampled_from(["code", "own_sign_in"]))
            text.append(f'spending = "{spending}"')
        for type_name in types:
            declared = draw(fields(shapes(EVENT_TYPES[type_name])))
            if spending == "code" and EVENT_TYPES[type_name].spends and "proof" not in declared:
                declared = declared[:-2] + ', proof = "pseudonym" }'
            text.append(f'[touchpoint.{name}.sends."{type_name}"]\npurpose = "points"\ntiming = "live"')
            text.append(f"fields = {declared}")
        timing = draw(st.sampled_from(["live", "soon", "daily"]))
        made = sorted(
            data
            for data, product in PRODUCTS.items()
            if not product.made_from.isdisjoint(types) and (not room or is_allowed(product.data_class, room))
        )
        open_to_all = not room or all(is_allowed(each, room) for each in EVENT_TYPES[types[0]].classes.values())
        needed = draw(st.sets(st.sampled_from([*made, types[0]] if open_to_all else made or [""])))
        text += [f'[[touchpoint.{name}.needs]]\ndata = "{each}"\ntiming = "{timing}"' for each in sorted(needed - {""})]
    return "\n".join(text)


@settings(max_examples=40)
@given(maps())
def test_any_valid_map_makes_a_valid_document_and_compiles(text: str) -> None:
    declared = load_map(text, types=EVENT_TYPES, products=PRODUCTS)
    assert_sound(document_of(declared))
    compiled = compile_map(declared)
    for touchpoint in declared.touchpoints:
        assert set(compiled.touchpoint(touchpoint.name).decoders) == {send.type for send in touchpoint.sends}
