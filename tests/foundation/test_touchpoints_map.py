"""A map is read whole or refused whole: every refusal by a small map that contradicts itself."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comptoir.config import registry
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints import reading, rules
from comptoir.foundation.touchpoints.compiling import source_matcher
from comptoir.foundation.touchpoints.contracts import Fault, Link, Timing, TouchpointMap
from comptoir.foundation.touchpoints.errors import MapContradictsItself
from comptoir.foundation.touchpoints.reading import load_map

ROOT = Path(__file__).parents[2]

SALE = """\
[touchpoint.till]
channel = "store"
system = "register"
source = "/stores/*"
[touchpoint.till.sends."sale.closed"]
purpose = "points"
timing = "live"
fields.receipt = "sale"
fields.currency = "sale"
fields.total = "sale"
fields.lines = "sale"
"""


def load(text: str) -> TouchpointMap:
    return load_map(text, types=EVENT_TYPES, products=PRODUCTS)


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(MapContradictsItself) as caught:
        load(text)
    return caught.value.faults


def told(text: str) -> list[tuple[str, int, str]]:
    return [(fault.name, fault.line, fault.field) for fault in faults(text)]


def touchpoint(name: str, rest: str) -> str:
    return f'[touchpoint.{name}]\nchannel = "web"\nsystem = "x"\n{rest}'


def changed(before: str, after: str) -> str:
    assert before in SALE
    return SALE.replace(before, after)


NEED = '[[touchpoint.till.needs]]\ndata = "points.balance"\ntiming = "live"\n'
REDEEM = """\
[touchpoint.till.sends."points.redeem"]
purpose = "points"
timing = "live"
fields.customer = "pseudonym"
fields.points = "points"
fields.proof = "pseudonym"
"""
SPENDS = 'touchpoint.till.sends."points.redeem".fields'
SENDS = 'touchpoint.till.sends."sale.closed"'
TYPE = '[type."review.published".fields]\ncustomer = { is = "customer", class = "pseudonym" }\n'

#: For each refusal: a map, the line that is at fault, and the field.
CONTRADICTIONS: list[tuple[str, str, int, str]] = [
    ("not_toml", "title = \n", 1, ""),
    ("not_toml", "a = 1\na = 2\n", 2, ""),
    ("not_toml", "a = " + "[" * 3000, 1, ""),
    ("too_large", "#" * (reading.BYTES_MAX + 1), 1, ""),
    ("too_many", changed('"/stores/*"', str([f"/s{n}" for n in range(17)])), 4, "touchpoint.till.source"),
    ("too_many", SALE + f"fields.a{'.a' * 7} = 'sale'", 12, f"{SENDS}.fields{'.a' * 6}"),
    ("unknown_key", "nmae = 1\n" + SALE, 1, "nmae"),
    ("unknown_key", changed("source", "syst = 1\nsource"), 4, "touchpoint.till.syst"),
    ("key_missing", changed('system = "register"\n', ""), 1, "touchpoint.till"),
    ("key_missing", "title = 'x'", 1, ""),
    ("key_missing", touchpoint("web", ""), 1, "touchpoint.web"),
    ("value_invalid", changed('"register"', '""'), 3, "touchpoint.till.system"),
    ("value_invalid", "touchpoint = 1", 1, "touchpoint"),
    ("value_invalid", "touchpoint.a = 1", 1, "touchpoint.a"),
    ("value_invalid", SALE.replace('"sale.closed"', "sale.closed"), 5, "touchpoint.till.sends.sale"),
    ("name_invalid", SALE.replace("till", "Till"), 1, "touchpoint.Till"),
    ("name_invalid", SALE + "[type.review]\n", 12, "type.review"),
    ("name_invalid", SALE + TYPE + "Class = {}", 14, 'type."review.published".fields.Class'),
    ("duration_invalid", changed("source", 'offline_max = "72 hours"\nsource'), 4, "touchpoint.till.offline_max"),
    ("duration_invalid", changed("source", "clock_tolerance = 5\nsource"), 4, "touchpoint.till.clock_tolerance"),
    ("unknown_channel", changed('"store"', '"shop"'), 2, "touchpoint.till.channel"),
    ("unknown_room", changed("source", 'room = "cellar"\nsource'), 4, "touchpoint.till.room"),
    ("unknown_type", changed("sale.closed", "sale.opened"), 5, 'touchpoint.till.sends."sale.opened"'),
    ("unknown_class", changed('fields.total = "sale"', 'fields.total = "money"'), 10, f"{SENDS}.fields.total"),
    ("unknown_class", changed('fields.total = "sale"', "fields.total = 1"), 10, f"{SENDS}.fields.total"),
    ("unknown_data", SALE + NEED.replace("balance", "ballance"), 13, "touchpoint.till.needs[0].data"),
    ("unknown_timing", changed('"live"', '"fast"'), 7, f"{SENDS}.timing"),
    ("unknown_source", SALE + NEED + 'slower = { web = "daily" }', 15, "touchpoint.till.needs[0].slower.web"),
    ("timing_missing", changed('timing = "live"\n', ""), 5, SENDS),
    ("purpose_missing", changed('purpose = "points"\n', ""), 5, f"{SENDS}.purpose"),
    ("purpose_missing", changed('"points"', '""'), 6, f"{SENDS}.purpose"),
    (
        "purpose_missing",
        changed('fields.total = "sale"', 'fields.total = { class = "sale", purpose = "" }'),
        10,
        f"{SENDS}.fields.total.purpose",
    ),
    ("type_taken", SALE + '[type."sale.closed".fields]\n', 12, 'type."sale.closed"'),
    ("customer_missing", SALE + '[type."review.published".fields]\n', 12, 'type."review.published"'),
    ("field_unknown", SALE + 'fields.weather = "public"', 12, f"{SENDS}.fields.weather"),
    (
        "field_unknown",
        changed('lines = "sale"', 'lines = { product = "sale", quantity = "sale", amount = "sale", x = "sale" }'),
        11,
        f"{SENDS}.fields.lines.x",
    ),
    ("field_required", changed('fields.total = "sale"\n', ""), 8, f"{SENDS}.fields"),
    (
        "field_required",
        changed('fields.lines = "sale"', 'fields.lines = { product = "sale", quantity = "sale" }'),
        8,
        f"{SENDS}.fields",
    ),
    ("class_differs", SALE + 'fields.store = "sale"', 12, f"{SENDS}.fields.store"),
    ("class_not_allowed_in_room", SALE + 'fields.email = "activity"', 12, f"{SENDS}.fields.email"),
    (
        "class_not_allowed_in_room",
        SALE + TYPE + 'who = { is = "text", class = "identity" }',
        14,
        'type."review.published".fields.who',
    ),
    (
        "class_not_allowed_in_room",
        SALE + touchpoint("forum", 'room = "square"\n') + NEED.replace("till", "forum"),
        17,
        "touchpoint.forum.needs[0].data",
    ),
    ("data_instead_of_answer", SALE + 'fields.birthDate = "sale"', 12, f"{SENDS}.fields.birthDate"),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'age = { is = "integer", class = "activity" }',
        14,
        'type."review.published".fields.age',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'cohort = { is = "date", class = "birth" }',
        14,
        'type."review.published".fields.cohort',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'over_18 = { is = "date", class = "answer" }',
        14,
        'type."review.published".fields.over_18',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'over_18 = { is = "integer", class = "answer" }',
        14,
        'type."review.published".fields.over_18',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'over_18 = { is = "text", class = "answer" }',
        14,
        'type."review.published".fields.over_18',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'date_de_naissance = { is = "text", class = "activity" }',
        14,
        'type."review.published".fields.date_de_naissance',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'geburtsdatum = { is = "date", class = "activity" }',
        14,
        'type."review.published".fields.geburtsdatum',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'member_dob = { is = "date", class = "activity" }',
        14,
        'type."review.published".fields.member_dob',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'year = { is = "integer", class = "activity" }\nmonth = { is = "integer", class = "activity" }',
        14,
        'type."review.published".fields.year',
    ),
    (
        "data_instead_of_answer",
        SALE + TYPE + 'p_day = { is = "integer", class = "activity" }\np_year = { is = "text", class = "activity" }',
        15,
        'type."review.published".fields.p_year',
    ),
    (
        "room_differs",
        SALE + touchpoint("kiosk", 'source = "/kiosk"\n') + '[touchpoint.kiosk.sends."answer.proven"]\npurpose = "x"\n'
        'timing = "live"\nfields.customer = "pseudonym"\nfields.predicate = "answer"\nfields.method = "answer"\n',
        16,
        'touchpoint.kiosk.sends."answer.proven"',
    ),
    ("source_missing", changed('source = "/stores/*"\n', ""), 1, "touchpoint.till"),
    ("source_invalid", changed('"/stores/*"', '"/stores/**"'), 4, "touchpoint.till.source"),
    ("source_invalid", changed('"/stores/*"', '"/a b"'), 4, "touchpoint.till.source"),
    ("source_reserved", changed('"/stores/*"', '"/comptoir/clock"'), 4, "touchpoint.till.source"),
    ("source_reserved", changed('"/stores/*"', '"/*/clock"'), 4, "touchpoint.till.source"),
    (
        "source_overlaps",
        SALE + SALE.replace("touchpoint.till", "touchpoint.box").replace("/stores/*", "/s*/1"),
        15,
        "touchpoint.box.source",
    ),
    ("nobody_sends", touchpoint("web", "") + NEED.replace("till", "web"), 4, "touchpoint.web.needs[0]"),
    ("faster_than_source", changed('"live"', '"soon"') + NEED, 14, "touchpoint.till.needs[0].timing"),
    ("duplicate_need", SALE + NEED + NEED, 15, "touchpoint.till.needs[1]"),
    ("unknown_spending", changed("source", 'spending = "card"\nsource') + REDEEM, 4, "touchpoint.till.spending"),
    ("unknown_spending", changed("source", "spending = 1\nsource") + REDEEM, 4, "touchpoint.till.spending"),
    ("spending_missing", SALE.replace('"store"', '"web"') + REDEEM, 1, "touchpoint.till"),
    ("spending_unused", changed("source", 'spending = "code"\nsource'), 4, "touchpoint.till.spending"),
    (
        "spending_not_in_store",
        changed("source", 'spending = "own_sign_in"\nsource') + REDEEM,
        4,
        "touchpoint.till.spending",
    ),
    ("proof_undeclared", SALE + REDEEM.replace('fields.proof = "pseudonym"\n', ""), 15, SPENDS),
    (
        "offline_hides_timing",
        changed("source", 'offline_max = "72h"\nsource') + touchpoint("web", "") + NEED.replace("till", "web"),
        16,
        "touchpoint.web.needs[0]",
    ),
    (
        "offline_hides_timing",
        SALE + touchpoint("app", 'offline_max = "1h"\n') + NEED.replace("till", "app"),
        16,
        "touchpoint.app.needs[0]",
    ),
]


@pytest.mark.parametrize(
    ("name", "text", "line", "field"),
    CONTRADICTIONS,
    ids=[f"{name}-{number}" for number, (name, *_) in enumerate(CONTRADICTIONS)],
)
def test_a_contradiction_is_refused_by_name_line_and_field(name: str, text: str, line: int, field: str) -> None:
    assert told(text) == [(name, line, field)]


def test_every_refusal_is_tried_and_explained() -> None:
    assert {name for name, *_ in CONTRADICTIONS} == set(rules.REFUSALS)
    page = (ROOT / "docs" / "touchpoints.md").read_text()
    assert re.findall(r"(?m)^### `(\w+)`$", page) == list(rules.REFUSALS)


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = SALE.replace('"store"', '"shop"').replace('"live"', '"fast"').replace("fields.total", "fields.totall") + NEED
    assert told(text) == [
        ("unknown_channel", 2, "touchpoint.till.channel"),
        ("unknown_timing", 7, f"{SENDS}.timing"),
        ("field_required", 8, f"{SENDS}.fields"),
        ("field_unknown", 10, f"{SENDS}.fields.totall"),
    ]


def test_what_is_wrong_says_what_to_do() -> None:
    (fault,) = faults(SALE + 'fields.birth_date = "sale"')
    assert "over_18" in fault.message
    (fault,) = faults(SALE + 'fields.email = "activity"')
    assert "vault" in fault.message
    with pytest.raises(MapContradictsItself, match=r"touchpoints.toml:12: touchpoint.+email: .+ \[class_not_allowed"):
        load(SALE + 'fields.email = "activity"')


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_bytes(b"title = 'x'\ny = '\xff'")
    with pytest.raises(MapContradictsItself) as caught:
        load_map(path, types=EVENT_TYPES, products=PRODUCTS)
    assert [(fault.line, fault.name) for fault in caught.value.faults] == [(2, "not_toml")]
    assert str(path) in str(caught.value)


def test_the_demo_shops_map() -> None:
    declared = registry.shop_map(registry.example_map_path())
    till = declared.touchpoint("till")
    assert till.offline_seconds_max == 72 * 3600
    assert till.accepts_from == dt.datetime(2017, 1, 1, tzinfo=dt.UTC)
    assert {each.name for each in declared.touchpoints} == {
        "till", "webshop", "app", "newsletter", "console", "lists", "storefront", "vault", "square", "carried",
    }  # fmt: skip
    assert declared.activities == {"newsletter.subscribed", "review.published"}
    assert Link("till", "sale.closed", "webshop", "points.balance", Timing.LIVE) in declared.links
    assert Link("newsletter", "newsletter.subscribed", "webshop", "points.balance", Timing.SOON) in declared.links
    assert len(declared.links) == len({link.name for link in declared.links})


def test_fields_are_named_one_by_one_or_by_their_group_and_may_have_a_purpose_of_their_own() -> None:
    one_by_one = 'lines = { product = "sale", quantity = "sale", amount = { class = "sale", purpose = "service" } }'
    send = load(changed('lines = "sale"', one_by_one)).touchpoint("till").sends[0]
    assert [(field.path, field.purpose) for field in send.fields][-3:] == [
        ("lines.product", "points"),
        ("lines.quantity", "points"),
        ("lines.amount", "service"),
    ]


@pytest.mark.parametrize(
    ("pattern", "source", "matches"),
    [
        ("/stores/*/tills/*", "/stores/406/tills/1", True),
        ("/stores/*/tills/*", "/stores/406/tills/1/2", False),
        ("/stores/*/tills/*", "/stores//tills/1", False),
        ("/a.b", "/aXb", False),
        ("/till-*", "/till-7", True),
        ("/till-*", "/till-7\n", True),
        ("urn:shop:*", "urn:shop:7", True),
    ],
)
def test_a_star_stands_for_one_part_of_a_source(pattern: str, source: str, matches: bool) -> None:
    assert (source_matcher([pattern])(source) is not None) is matches


PATTERNS = st.lists(st.sampled_from(["", "a", "b", "*", "a*", "*b", "a*b", "b*"]), max_size=3).map("/".join)
PARTS = ["", "a", "b", "ab", "bb", "aab"]
SOURCES = ["/".join(parts) for count in range(4) for parts in itertools.product(PARTS, repeat=count)]


@given(PATTERNS, PATTERNS)
def test_two_patterns_overlap_where_some_source_matches_both(one: str, other: str) -> None:
    first, second = source_matcher([one]), source_matcher([other])
    assert rules.overlaps(one, other) == any(first(source) and second(source) for source in SOURCES)


def names_of_faults(text: str) -> set[str]:
    try:
        load(text)
    except MapContradictsItself as error:
        return {fault.name for fault in error.faults}
    return set()


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert names_of_faults(SALE + text) <= set(rules.REFUSALS)


VALUES = st.sampled_from(
    ["1979-05-27", "1", "true", '""', '"x"', "[]", "{}", "[1]", "[{}]", "{ a = 1 }", '"live"', '["a"]', "1.5"]
)


@settings(max_examples=60)
@given(st.data())
def test_any_value_at_any_place_is_read_or_refused(data: st.DataObject) -> None:
    lines = registry.example_map_path().read_text().splitlines()
    places = [number for number, line in enumerate(lines) if re.match(r"^[\w.]+ = ", line)]
    place = data.draw(st.sampled_from(places))
    lines[place] = lines[place].split(" = ")[0] + " = " + data.draw(VALUES)
    assert names_of_faults("\n".join(lines)) <= set(rules.REFUSALS)


def test_what_only_sounds_like_a_date_of_birth_is_let_in() -> None:
    fields = "\n".join(
        f'{name} = {{ is = "{kind}", class = "{data_class}" }}'
        for name, kind, data_class in (
            ("over_18", "boolean", "answer"), ("image", "text", "activity"), ("page", "integer", "activity"),
            ("year", "integer", "activity"), ("yearly", "boolean", "activity"), ("monthly", "boolean", "activity"),
            ("delivered_on", "date", "activity"), ("birch_wood", "boolean", "activity"),
        )
    )  # fmt: skip
    consent = 'answer = { is = "text", class = "answer", one_of = ["yes", "no"] }'
    declared = load(f"{SALE}{TYPE}{fields}\n{consent}")
    assert len(declared.types["review.published"].classes) == 10
