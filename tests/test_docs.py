"""The docs say what the code does: a heading for everything that has a name, and none for what is gone."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from comptoir.config import command

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "comptoir"
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

# In a process of its own, since the tests' process has no use for Django and for every module of the house.
_CENSUS = """
import importlib, json, pkgutil, re, sys
import django
django.setup()
import comptoir
from comptoir.foundation.kernel.problem import Problem
for module in pkgutil.walk_packages(comptoir.__path__, "comptoir."):
    if ".migrations" not in module.name and not module.name.endswith("asgi"):
        importlib.import_module(module.name)
def below(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from below(sub)
problems = [
    {"name": p.name, "title": p.title(), "status": p.status, "module": p.__module__}
    for p in below(Problem) if "name" in vars(p)
]
types = [
    {"name": t.name, "title": t.title}
    for name, module in sorted(sys.modules.items()) if name.startswith("comptoir.") and name.endswith(".contracts")
    for t in getattr(module, "EVENT_TYPES", ())
]
constants = {
    value
    for name, module in sys.modules.items() if name.startswith("comptoir.") and name.endswith(".contracts")
    for value in vars(module).values() if isinstance(value, str) and re.fullmatch("[a-z_]+[.][a-z_]+", value)
}
products = [
    p.name
    for name, module in sorted(sys.modules.items()) if name.startswith("comptoir.") and name.endswith(".contracts")
    for p in getattr(module, "PRODUCTS", ())
]
print(json.dumps({"problems": problems, "types": types, "products": products, "constants": sorted(constants)}))
"""


@functools.cache
def census() -> dict[str, Any]:
    """Return what the running house has: its problems, its event types, its products."""
    done = subprocess.run(
        [sys.executable, "-c", _CENSUS],
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "comptoir.config.settings"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def headings(page: str) -> dict[str, str]:
    """Return the text below every heading of a page that is a word in backquotes, by that word."""
    parts = re.split(r"(?m)^#+ `([^`]+)`\n", (DOCS / page).read_text())[1:]
    names = parts[::2]
    assert len(names) == len(set(names)), f"{page} has a heading twice"
    return {name: re.split(r"(?m)^##? ", text)[0] for name, text in zip(names, parts[1::2], strict=True)}


def inside(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- everything has its heading -----------------------------------------------------------------------------------


def test_every_setting_is_described_and_none_that_is_gone() -> None:
    places = [
        *(path for path in SOURCE.rglob("*") if path.suffix in {".py", ".toml", ".html"}),
        *(ROOT / "tests").rglob("*.py"),
        ROOT / "Makefile",
    ]
    used = {name for path in places for name in re.findall(r"\bCOMPTOIR_[A-Z][A-Z_]*[A-Z]\b", path.read_text())}
    assert set(headings("settings.md")) == used - {"COMPTOIR_TEST"}


def test_every_problem_is_described_and_none_that_is_gone() -> None:
    described = headings("problems.md")
    known = {problem["name"]: problem for problem in census()["problems"]}
    assert set(described) == set(known)
    for name, problem in known.items():
        assert described[name].strip().startswith(f"{problem['status']}. {problem['title']}"), name


def test_a_problems_name_means_one_thing() -> None:
    names = [problem["name"] for problem in census()["problems"]]
    assert sorted(names) == sorted(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_event_type_is_described_with_an_example_and_none_that_is_gone() -> None:
    described = headings("events.md")
    titles = {kind["name"]: kind["title"] for kind in census()["types"]}
    # Types that only the house itself sends have a name and no declaration.
    assert set(described) == {*titles, *census()["constants"]}
    for name, text in described.items():
        assert text.strip().startswith(titles.get(name, "")), name
        example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
        assert example, name
        json.loads(example.group(1))


def test_every_example_of_an_event_decodes_as_what_it_shows() -> None:
    kinds: dict[str, type] = {}
    for path in SOURCE.glob("*/*/contracts.py"):
        module = importlib.import_module(".".join(("comptoir", *path.parent.parts[-2:], "contracts")))
        kinds.update((kind.name, kind.data) for kind in getattr(module, "EVENT_TYPES", ()))
    for name, text in headings("events.md").items():
        for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL):
            if name in kinds:
                msgspec.json.decode(example, type=kinds[name])


def test_every_product_is_described() -> None:
    text = (DOCS / "events.md").read_text()
    assert {name for name in census()["products"] if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("verb", command.VERBS)
def test_a_verb_has_help_with_an_example_and_a_heading(verb: str) -> None:
    assert f"comptoir {verb}" in headings("operations.md")
    group = _examples([verb])
    for words in _leaves([verb]):
        call = f"comptoir {' '.join(words)}"
        assert call in group or call in _examples(words), f"neither {call} --help nor its group's shows an example"


def test_no_verb_is_described_that_is_gone() -> None:
    described = {name.split()[1] for name in headings("operations.md") if name.startswith("comptoir ")}
    assert described == set(command.VERBS)


def _examples(words: list[str]) -> str:
    done = CliRunner().invoke(command.main, [*words, "--help"])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.partition("Example")[2].split())


def _leaves(words: list[str]) -> list[list[str]]:
    """Return the verb, or all that can be done with it where it is a group."""
    context = click.Context(command.main)
    found: click.Command | None = command.main
    for word in words:
        assert isinstance(found, click.Group)
        found = found.get_command(context, word)
    if not isinstance(found, click.Group):
        return [words]
    return [leaf for name in found.list_commands(context) for leaf in _leaves([*words, name])]


# -- words --------------------------------------------------------------------------------------------------------


def glossary() -> list[str]:
    return re.findall(r"(?m)^- \*\*([^*]+)\*\*:", (DOCS / "glossary.md").read_text())


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    words = glossary()
    assert words == sorted(set(words))


def test_every_word_that_a_package_defines_is_in_the_glossary() -> None:
    defined: dict[str, str] = {}
    for path in SOURCE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        for word in re.findall(r"(?<!\*)\*([A-Za-z][A-Za-z -]+)\*(?!\*)", text):
            defined[word.lower()] = inside(path)
    missing = {word: where for word, where in defined.items() if word not in glossary()}
    assert not missing


def test_every_word_of_the_glossary_is_used() -> None:
    text = "\n".join(
        path.read_text().lower()
        for path in [*SOURCE.rglob("*.py"), *PAGES]
        if path.name != "glossary.md"
    )  # fmt: skip
    assert [word for word in glossary() if not re.search(rf"\b{re.escape(word)}", text)] == []


# -- decisions ----------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_a_gap_and_have_one_shape() -> None:
    pages = sorted((DOCS / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.name[:4]}. "), page.name
        assert re.findall(r"(?m)^## (.+)$", text) == ["Context", "Decision", "Consequences"], page.name
        assert re.search(r"(?m)^Status: (accepted|superseded by \[?\d{4})", text), page.name


# -- what the pages point to --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=inside)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        # The pictures are made by `make screenshots`; a test there says that they are made.
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert not broken


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", ROOT / "README.md"], ids=inside)
def test_files_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"`([\w.\-/]+/[\w.\-/]*)`", page.read_text()))
    # Capital letters stand for a name of one's own.
    ordinary = {name for name in named if not re.search(r"[A-Z]{3}", name) and not name.startswith("/")}
    made_when_needed = {"keys/", "var/shop"}
    missing = {
        name for name in ordinary - made_when_needed if not (ROOT / name).exists() and not (SOURCE / name).exists()
    }
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=inside)
def test_commands_that_are_named_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z]+):", makefile))
    assert set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", page.read_text())) <= targets
    verbs = set(re.findall(r"(?:`|bin/|^\s*)comptoir ([a-z]+)", page.read_text(), re.MULTILINE))
    assert verbs <= set(command.VERBS)


def test_every_key_of_the_programme_is_described_and_its_example_is_one() -> None:
    from comptoir.counter.loyalty.programme import EarningRule, Programme, read_programme

    text = (DOCS / "programme.md").read_text()
    described = set(re.findall(r"`((?:programme|earn)\.\w+)`", text)) - {"programme.toml"}
    fields = [f"programme.{name}" for name in Programme.__struct_fields__ if name != "earn"]
    assert described == {*fields, *(f"earn.{name}" for name in EarningRule.__struct_fields__)}
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert len(read_programme(example[1]).earn) == 2


def test_every_fact_has_its_formula_in_one_table() -> None:
    facts = importlib.import_module("comptoir.office.segments.facts").FACTS
    lines = (DOCS / "segments.md").read_text(encoding="utf-8").splitlines()
    first = lines.index("| fact | formula |") + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("| `"):
            break
        name, formula = line.strip("| ").split(" | ", 1)
        assert len(formula) > 5, line
        rows.append(re.sub(r"\(.*", "", name.strip("`")))
    assert sorted(rows) == sorted(facts)
