"""The order of the house: what no linter sees, held here."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.shop import Shop

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "comptoir"

#: The list of the kernel's files is closed: a new one is a decision for all packages, so it is made here.
KERNEL = {
    "__init__",
    "clock",
    "codec",
    "connection",
    "database",
    "embedded",
    "ids",
    "money",
    "numbers",
    "outbound",
    "problem",
    "shop",
}

#: What a file of this name holds is the same in every package (see ARCHITECTURE.md). Another name is allowed where
#: the package's own docstring says what the file is for.
FIXED_NAMES = {
    "__init__", "apps", "commands", "contracts", "errors", "handlers", "jobs", "migrations", "models", "queries",
    "rules", "store", "views", "urls", "templates", "static", "locale",
}  # fmt: skip

#: Names that gather what nobody wanted to place.
DUMPING_GROUNDS = {"util", "utils", "helper", "helpers", "common", "misc", "lib", "shared", "tools", "stuff", "base"}

#: Files that one head can hold have at most this many lines; those of tests, whose parts stand side by side, some more.
LINES_MAX, TEST_LINES_MAX = 600, 800
#: Longer ones, each with the reason why it is one thing all the same.
LONG_FILES: dict[str, str] = {}


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)


def packages() -> list[Path]:
    """Return the packages of the rooms, the foundation and the doors: two levels below the source."""
    return sorted(path.parent for path in SOURCE.glob("*/*/__init__.py") if path.parent.parent.name != "config")


def committed() -> Iterator[tuple[Path, str]]:
    """Return every text file that git keeps or would keep."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(filter(None, listing.stdout.decode().split("\0"))):
        path = ROOT / name
        if path.is_file():
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


def inside(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_kernels_files_are_a_closed_list() -> None:
    found = {path.stem for path in (SOURCE / "foundation" / "kernel").iterdir() if path.name != "__pycache__"}
    assert found == KERNEL


@pytest.mark.parametrize("path", modules(), ids=inside)
def test_a_module_opens_with_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "say what lives here, and what does not"


@pytest.mark.parametrize("path", [path for path in modules() if path.name == "__init__.py"], ids=inside)
def test_an_init_is_a_docstring_and_no_code(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert len(tree.body) == 1
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("package", packages(), ids=inside)
def test_a_package_keeps_to_the_fixed_names_or_explains_its_own(package: Path) -> None:
    if package.name == "kernel":
        return  # has its own list
    explained = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    names = {path.stem for path in package.iterdir() if path.name != "__pycache__" and not path.name.startswith(".")}
    unexplained = {name for name in names - FIXED_NAMES if not re.search(rf"\b{re.escape(name)}\b", explained)}
    assert not unexplained, f"the docstring of {inside(package)}/__init__.py does not say what these files are for"


def test_there_is_no_dumping_ground() -> None:
    names = {inside(path): path.stem for path in (ROOT / "src").rglob("*") if path.suffix in {".py", ""}}
    # Django gives this one name: a database backend's classes stand in `base.py`, its templates' frame in `base.html`.
    found = {path for path, name in names.items() if name in DUMPING_GROUNDS and not path.endswith("backend/base.py")}
    assert not found


@pytest.mark.parametrize("path", [*modules(), *sorted((ROOT / "tests").rglob("*.py"))], ids=inside)
def test_a_file_is_one_thing_that_a_head_can_hold(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    allowed = LINES_MAX if path.is_relative_to(SOURCE) else TEST_LINES_MAX
    if inside(path) in LONG_FILES:
        assert lines > allowed, "it is short again: take it off the list"
    else:
        assert lines <= allowed


def test_no_merge_was_left_half_done() -> None:
    left = re.compile("^(?:" + "<" * 7 + "|" + ">" * 7 + ") ", re.MULTILINE)
    assert [inside(path) for path, text in committed() if left.search(text)] == []


def test_no_file_names_a_registry_or_somebodys_machine() -> None:
    # Written in pieces, so that this file is not the first to be found.
    hosts = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js", "crates" + ".io")
    folders = tuple(f"/{name}/" for name in ("root", "home", "work", "Users", "tmp/team"))
    pattern = re.compile("|".join(map(re.escape, (*hosts, *folders))))
    found = {inside(path): sorted(set(pattern.findall(text))) for path, text in committed() if pattern.search(text)}
    assert not found


def test_every_requirement_is_locked_with_its_hash() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        entries = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^#.*\n", "", path.read_text()))
        for entry in filter(str.strip, entries):
            assert re.match(r"\s*[\w.\-\[\]]+==\S+", entry), f"{path.name}: {entry.splitlines()[0]}"
            assert "--hash=sha256:" in entry, f"{path.name}: {entry.splitlines()[0]}"


def test_the_gateway_loads_no_django() -> None:
    script = "import json, sys, comptoir.doors.gateway.application; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    slow_to_load = {"django", "allauth", "altair", "pandas", "pyarrow", "rich", "sklearn", "numpy"}
    assert {name.split(".")[0] for name in json.loads(loaded.stdout.splitlines()[-1])} & slow_to_load == set()


#: Every package that has tables; what other frameworks keep here beside them is Django's own.
LABELS = sorted({path.parent.name for path in SOURCE.glob("*/*/models.py")} | {"rooms", "console", "storefront"})
#: Which statements read other packages' tables, whose, and why that is not asked of the owner row by row. Nothing but
#: their own is written by any of them.
READS: Mapping[str, tuple[set[str], str]] = {
    "config/carrying/archive.sql": ({"community"}, "an archive is one snapshot of all that is public"),
    "config/shelving/writing.sql": ({"catalog", "stock"}, "lists for staff to fill in put names beside figures"),
    "counter/audiences/store.sql": (
        {"community", "customers", "events", "loyalty", "messages", "offers", "sales", "trips"},
        "figures are made from what others keep, for everybody at once",
    ),
    "counter/recommendations/queries.sql": (
        {"audiences", "catalog"},
        "what somebody bought is looked up as products, if they agreed to it, in the same statement",
    ),
    "counter/recommendations/store.sql": (
        {"audiences", "catalog", "customers"},
        "what people bought is counted as products that are sold; whom chance has to draw follows from who agreed",
    ),
    "square/companions/queries.sql": (
        {"catalog", "community", "stock"},
        "what goes with a product is shown if it can be had, with what members say of it",
    ),
    "office/segments/store.sql": (
        {"audiences", "customers", "offers"},
        "members are found among all figures in one statement",
    ),
    "square/health/figures.sql": ({"community", "stewardship"}, "the square's figures count what was said and decided"),
    "square/health/honesty.sql": ({"community"}, "how many answers send elsewhere is counted over all of them"),
    "square/health/store.sql": ({"community"}, "the figures follow posts, in sums brought in line by differences"),
    "square/hearing/queries.sql": (
        {"charter", "community", "stewardship"},
        "what somebody hears of is one list in one order: posts, ideas, proposals, decisions",
    ),
    "square/hearing/store.sql": ({"community"}, "whose news a post is follows from who wrote it and in which thread"),
    "square/programme/outcomes.sql": (
        {"community", "health"},
        "what an experiment changed is counted over conversations and sums",
    ),
    "square/programme/steps.sql": (
        {"community", "health"},
        "which step is due follows from what the square has had so far",
    ),
    "square/stewardship/queries.sql": ({"community"}, "what waits for staff is shown with the posts, in one page"),
    "square/stewardship/store.sql": (
        {"community"},
        "a flag, a notice, a decision is about a post, read with its author",
    ),
    "square/stock/queries.sql": ({"catalog"}, "a shelf is shown with its store's name and hours"),
    "vault/checkout/store.sql": (
        {"orders", "sales"},
        "whether an order was called off, or came back, is asked with its checkout, by the clock",
    ),
}
#: The doctor holds all tables against each other; a benchmark makes a square of a million posts as no member could.
ACROSS = {"config/checking.sql": False, "config/benching/square.sql": True}
_WRITES = r"(?i)\b(?:insert\s+into|update|delete\s+from|truncate|alter\s+table|drop\s+table)\s+(\w+)"
#: The tables of segments lie in the counter, where the gateway keeps their members current.
WRITES_THERE = {"office/segments/store.sql": "audiences_"}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.sql")), ids=inside)
def test_a_packages_statements_touch_its_own_tables_only(path: Path) -> None:
    # import-linter does not read SQL.
    name, own = str(path.relative_to(SOURCE)), f"{path.parent.name}_"
    text = re.sub(r"--.*", "", path.read_text())
    named = re.findall(rf"\b(?:from|join|into|update|table)\s+({'|'.join(LABELS)})_\w+", text, re.IGNORECASE)
    written = {table for table in re.findall(_WRITES, text) if re.match(rf"({'|'.join(LABELS)})_", table)}
    if name in ACROSS:
        assert ACROSS[name] or not written, "it may look, not touch"
        return
    others, _why = READS.get(name, (set(), ""))
    assert {label for label in named if f"{label}_" != own} == others, "say whose tables are read, and why"
    assert {table for table in written if not table.startswith(WRITES_THERE.get(name, own))} == set()


def test_whatever_reads_across_is_there() -> None:
    assert {name for name in (*READS, *ACROSS) if not (SOURCE / name).exists()} == set()


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("store.sql")), ids=inside)
def test_a_statement_has_a_name_and_one_line_that_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith("-- name: "):
            assert re.fullmatch(r"-- [A-Z].*\.", lines[number + 1]), f"{inside(path)}:{number + 2}"


# -- migrations ---------------------------------------------------------------------------------------------------


def migration_folders() -> list[Path]:
    return sorted(path for path in SOURCE.glob("*/*/migrations") if path.is_dir())


@pytest.mark.parametrize("folder", migration_folders(), ids=inside)
def test_migrations_are_numbered_in_one_line_and_named(folder: Path) -> None:
    names = sorted(path.stem for path in folder.glob("[0-9]*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        assert re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", name)
        assert "auto" not in name.split("_"), "a migration's name says what it does"


def test_migrations_say_everything_that_the_models_say(shop: Shop) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run", "--verbosity=2"],
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "comptoir.config.settings"},
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_two_packages_wait_for_each_other_by_the_same_number() -> None:
    owners: dict[str, set[str]] = {}
    for path in (*SOURCE.rglob("*.sql"), *SOURCE.rglob("*.py")):
        for number in re.findall(r"\b7209\d{3}\b", path.read_text()):
            parts = path.relative_to(SOURCE).parts
            owners.setdefault(number, set()).add("/".join(parts[:2]))
    assert owners, "locks are numbered"
    assert {number: packages for number, packages in owners.items() if len(packages) > 1} == {}


def test_all_csv_that_the_house_writes_is_harmless_in_a_spreadsheet() -> None:
    """A heading is the house's own words; every other row goes cell by cell through the one function."""
    writing = [path for path in modules() if "csv.writer(" in path.read_text()]
    assert len(writing) >= 3
    for path in writing:
        text = path.read_text()
        assert "codec import harmless" in text, path
        assert text.count(".writerow(") <= text.count("harmless(cell)") + text.count('.writerow(["'), path
        assert ".writerows(" not in text, path
