"""Nobody is asked when they were born: no form, no column, no field of an event has a place for it.

A birthday treat needs a month and a day, by consent; these two may stand in the vault's contact data, a year nowhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from comptoir.counter.assembly import EVENT_TYPES
from comptoir.foundation.touchpoints.classes import class_by_name, parts_of_a_day
from comptoir.foundation.touchpoints.declared import FieldShape, shapes
from support.shop import Shop

SOURCE = Path(__file__).parents[2] / "src" / "comptoir"
#: What the customer may give for a treat, and where.
TREAT = {"birthday", "birthday_month", "birthday_day"}
_DATE_INPUT = re.compile(r"""<input[^>]*\btype=["']?(date|datetime-local|month|week)\b""", re.IGNORECASE)
#: When something of the shop's own begins or runs out, and the day of a wish list, refused unless it lies ahead.
_OF_THE_SHOP = re.compile(r'\bname="(?:starts_at|opens_on|expires)"')
_NAMED = re.compile(r"""<(?:input|select|textarea)[^>]*\bname=["']([^"'{]+)["']""", re.IGNORECASE)
_DATE_FIELDS = {"DateField", "DateTimeField", "SelectDateWidget", "DateInput", "SplitDateTimeField"}


def _is_birth(name: str) -> bool:
    return class_by_name(name) == "birth"


def inside(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_no_page_has_a_place_for_a_date_of_birth() -> None:
    for path in sorted(SOURCE.rglob("*.html")):
        text = path.read_text()
        asking = [found[0] for found in _DATE_INPUT.finditer(text) if not _OF_THE_SHOP.search(found[0])]
        assert not asking, f"{inside(path)} asks for a date"
        names = _NAMED.findall(text)
        asked = {name for name in names if class_by_name(name) == "birth"}
        assert asked <= (TREAT if inside(path).startswith("vault/") else set()), inside(path)
        assert parts_of_a_day(names) is None, inside(path)


def test_no_form_has_a_place_for_a_date_of_birth() -> None:
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for name, field in _fields_of_forms(ast.parse(path.read_text())):
            assert field not in _DATE_FIELDS, f"{inside(path)}: {name} asks for a date"
            assert class_by_name(name) != "birth" or name in TREAT, f"{inside(path)}: {name}"


def _fields_of_forms(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef) and any("Form" in ast.unparse(base) for base in each.bases):
            for line in each.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call):
                    yield ast.unparse(line.targets[0]), ast.unparse(line.value.func).rpartition(".")[2]


def test_no_column_holds_a_date_of_birth(shop: Shop) -> None:
    columns = shop.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'public' order by 1, 2"
    )
    assert len(columns) > 100
    found = {(each["table_name"], each["column_name"]) for each in columns if _is_birth(each["column_name"])}
    assert {table for table, _ in found} <= {"contacts_contact"}, "a treat is sealed in the vault, as month and day"
    assert {column for _, column in found} <= TREAT
    by_table: dict[str, list[str]] = {}
    for each in columns:
        by_table.setdefault(each["table_name"], []).append(each["column_name"])
    assert [table for table, names in by_table.items() if parts_of_a_day(names)] == []


def test_no_event_carries_a_date_of_birth() -> None:
    def paths(fields: tuple[FieldShape, ...]) -> Iterator[str]:
        for field in fields:
            yield field.path
            yield from paths(field.children)

    for event_type in EVENT_TYPES.values():
        names = list(paths(shapes(event_type)))
        assert [name for name in names if class_by_name(name) == "birth"] == [], event_type.name
        assert parts_of_a_day(names) is None, event_type.name
