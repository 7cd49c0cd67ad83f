"""Every text that the pages say has its translation, and what is compiled is what is written."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    # Found by its path, so that it can also be run by itself: python tests/doors/catalogues.py
    specification = importlib.util.spec_from_file_location("catalogues", Path(__file__).parent / "catalogues.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


catalogues = _load()
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_TEXT_IN_TEMPLATE = re.compile(r">[^<>{}]*[A-Za-z]{2}[^<>{}]*<")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    catalogue = catalogues.load(language)
    assert {catalogues.key(entry) for entry in catalogue} == set(catalogues.texts())
    assert [entry.msgid for entry in catalogue if not entry.translated() or entry.fuzzy or entry.obsolete] == []


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    for entry in catalogues.load(language):
        wanted = set(_PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        for translation in [entry.msgstr] if not entry.msgid_plural else entry.msgstr_plural.values():
            found = set(_PLACEHOLDER.findall(translation))
            # A singular may leave out the number.
            assert found <= wanted, entry.msgid
            assert wanted - found <= {"number", "minutes"}, entry.msgid


def test_french_has_the_apostrophe_that_it_is_set_with() -> None:
    entries = catalogues.load("fr")
    said = [text for entry in entries for text in (entry.msgstr, *entry.msgstr_plural.values())]
    assert [text for text in said if re.search(r"[^\W\d_]'[^\W\d_]", text)] == []


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    path = catalogues.LOCALE / language / "LC_MESSAGES" / "django.mo"
    assert path.read_bytes() == catalogues.compiled(catalogues.load(language)), "run python tests/doors/catalogues.py"


def test_no_text_of_a_template_stands_outside_a_translation() -> None:
    allowed = {"Comptoir", "touchpoints.toml", "comptoir map check"}
    bare: list[str] = []
    for path in catalogues.SOURCE.rglob("*.html"):
        if "doors" not in path.parts and "house" not in path.parts:
            continue
        source = path.read_text()
        source = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", source, flags=re.DOTALL)
        source = re.sub(r"{%\s*blocktranslate.*?endblocktranslate\s*%}", "{}", source, flags=re.DOTALL)
        source = re.sub(r"{%.*?%}|{{.*?}}", "{}", source, flags=re.DOTALL)
        bare.extend(
            f"{path.name}: {found}"
            for found in (text.strip("<> \n·") for text in _TEXT_IN_TEMPLATE.findall(source))
            if found not in allowed
        )
    assert bare == []


def test_views_say_nothing_in_one_language_only() -> None:
    for name in ("console", "storefront"):
        tree = ast.parse((catalogues.SOURCE / "doors" / name / "views.py").read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_bare_response(node)]


def _is_bare_response(node: ast.Call) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    return name == "HttpResponse" and bool(node.args)
