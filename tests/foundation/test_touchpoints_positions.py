"""The index of positions agrees with ``tomllib`` about what there is, and with the writer about where it stands."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comptoir.foundation.touchpoints.positions import Path, describe, index

KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=4),
    st.sampled_from(["a.b", "sale.closed", "[x]", "#", '"', "'", "=", "\\", ""]),
)
PLAIN = st.one_of(
    st.integers(-99, 99), st.booleans(), st.sampled_from(["", "x", "a # b", "[", "]", "{", "}", ",", "'", '"""', "\\"])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8
)


@dataclass
class Writer:
    """Writes values as TOML in a drawn style, and notes on which line each path was written first."""

    draw: Any
    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)

    def put(self, text: str) -> None:
        self.text += text

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def one_of(self, *choices: str) -> str:
        chosen: str = self.draw(st.sampled_from(choices))
        return chosen

    def key(self, key: str) -> str:
        plain = bool(key) and all(each.isascii() and (each.isalnum() or each in "-_") for each in key)
        forms = [json.dumps(key, ensure_ascii=True).replace("\x7f", "\\u007f")]
        if plain:
            forms.append(key)
        if "'" not in key:
            forms.append(f"'{key}'")
        if any(ord(each) > 0xFFFF for each in key):  # JSON writes these as two halves, which TOML does not know
            forms = [form for form in forms if not form.startswith('"')] or [f'"{key}"']
        return self.one_of(*forms)

    def value(self, value: Any, path: Path) -> None:
        if isinstance(value, dict):
            self.put("{")
            for number, (key, inner) in enumerate(value.items()):
                self.put(", " if number else self.one_of("", " "))
                self.note((*path, key))
                self.put(self.key(key) + self.one_of("=", " = "))
                self.value(inner, (*path, key))
            self.put("}")
        elif isinstance(value, list):
            self.put("[")
            for number, inner in enumerate(value):
                self.put(self.one_of("", " ", "\n", "# ] in a comment\n\t"))
                self.note((*path, number))
                self.value(inner, (*path, number))
                self.put(self.one_of(",", " ,", "\n,"))
            self.put(self.one_of("", "\n") + "]")
        elif isinstance(value, bool):
            self.put("true" if value else "false")
        elif isinstance(value, int):
            self.put(str(value))
        else:
            forms = [json.dumps(value)]
            if "'" not in value:
                forms += [f"'{value}'", f"'''\n{value}'''"]
            if '"' not in value and "\\" not in value:
                forms += [f'"""{value}"""', f'"""\\\n   {value}"""' if value else '""']
            self.put(self.one_of(*forms))

    def pairs(self, table: dict[str, Any], path: Path) -> None:
        for key, value in table.items():
            self.put(self.one_of("", "  ", "\n", "# a = 1\n"))
            here = (*path, key)
            self.note(here)
            if isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
                ((inner_key, inner),) = value.items()
                self.note((*here, inner_key))
                self.put(f"{self.key(key)}{self.one_of('.', ' . ')}{self.key(inner_key)} = ")
                self.value(inner, (*here, inner_key))
            else:
                self.put(self.key(key) + self.one_of("=", " = "))
                self.value(value, here)
            self.put(self.one_of("\n", " # says nothing\n", "\r\n"))


@st.composite
def documents(draw: Any) -> tuple[str, dict[str, Any], dict[Path, int]]:
    """A text, the values that it stands for, and the line of every path in it."""
    writer = Writer(draw)
    top = draw(st.dictionaries(KEYS, VALUES, max_size=3))
    tables = draw(st.dictionaries(KEYS.filter(lambda key: key not in top), st.dictionaries(KEYS, VALUES), max_size=3))
    lists = draw(
        st.dictionaries(
            KEYS.filter(lambda key: key not in top and key not in tables),
            st.lists(st.dictionaries(KEYS, VALUES, max_size=2), min_size=1, max_size=3),
            max_size=2,
        )
    )
    writer.pairs(top, ())
    for name, table in tables.items():
        writer.note((name,))
        writer.put(f"[{writer.key(name)}]\n")
        writer.pairs(table, (name,))
    for name, entries in lists.items():
        for number, table in enumerate(entries):
            writer.note((name,))
            writer.note((name, number))
            writer.put(f"[[ {writer.key(name)} ]]\n")
            writer.pairs(table, (name, number))
    return writer.text, {**top, **tables, **lists}, writer.lines


def paths(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        found |= paths(each, (*path, key))
    return found


@settings(max_examples=60)
@given(documents())
def test_every_path_has_the_line_where_it_was_written(document: tuple[str, dict[str, Any], dict[Path, int]]) -> None:
    text, values, lines = document
    assert tomllib.loads(text) == values
    found = index(text)
    assert set(found.paths()) == paths(values)
    assert {path: found.line(path) for path in found.paths()} == lines


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("[a.b.c]\nd = 1\n[a]\ne = 1", ("a", "e"), 4),
        ("[[a]]\n[a.b]\nx=1\n[[a.c]]\ny=1\n[[a.c]]\n[[a]]\n[[a.c]]\nz=1", ("a", 1, "c", 0, "z"), 9),
        ("[[a]]\n[a.b]\nx=1\n[[a.c]]\ny=1\n[[a.c]]\n[[a]]\n[[a.c]]\nz=1", ("a", 0, "c", 1), 6),
        ('a = """\n]\n""""\nb = 1', ("b",), 4),
        ("a = '''\n'''''\nb = 1", ("b",), 3),
        ("a = 1979-05-27 07:32:00 # x\nb.c.d = [ 1.5e3, inf ]", ("b", "c", "d", 1), 2),
        ("a = [[\n1], [\n2]]", ("a", 1, 0), 3),
        ("", ("gone",), 1),
        ("a.b = 1\n\na.c = 2", ("a", "gone", "deeper"), 1),
    ],
)
def test_examples(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)
    assert index(text).line(path) == line


def test_a_path_is_written_as_people_do() -> None:
    path = ("touchpoint", "till", "sends", "sale.closed", "fields", 2, "x")
    assert describe(path) == 'touchpoint.till.sends."sale.closed".fields[2].x'
