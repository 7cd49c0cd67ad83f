"""What the audit chain says to whom it is about is said in words: every purpose and action of the sources has some.

The sources are read, not run: a purpose is whatever literal is given as ``purpose``, an action whatever literal is
given to what writes into the chain. What somebody types, or hands on under that name, is told as it stands.
"""

from __future__ import annotations

import ast
import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import comptoir
from comptoir.foundation.rooms.commands import set_up_django

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import translation

from comptoir.foundation.events.audit import Entry
from comptoir.foundation.events.queries import AuditedEntry
from comptoir.vault.credentials import safety
from comptoir.vault.rights import telling

VAULT = Path(comptoir.__file__).parent / "vault"
#: What writes into the chain, or hands on to what does; its first argument is the action.
WRITERS = {"note", "_note", "record", "append", "Entry"}
#: Entries about the shop, in which nobody is named: nobody is told of them.
OF_THE_SHOP = {"contacts.rotate", "devices.registered", "devices.removed", "payments.gave_back", "key rotation"}
#: Actions of which a part is filled in, and what with. Those of lists are about an entry of one, and not about a user.
FILLED_IN = {"rights.{}_forgotten": ("card", "purchase"), "lists.{}": (), "credentials.{}": tuple(safety.NOTICES)}
_ACTION = re.compile(r"[a-z]+\.[a-z_{}]+")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(VAULT.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def constants(module: ast.Module) -> dict[str, list[str]]:
    """Return the texts that a module's own names stand for."""
    found: dict[str, list[str]] = {}
    for each in module.body:
        if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            for target in each.targets if isinstance(each, ast.Assign) else [each.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = texts(each.value, {})
    return found


def texts(value: ast.expr, named: dict[str, list[str]]) -> list[str]:
    """Return the texts that an expression can be: literals, names of the module, one of two, values of a mapping."""
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)]
        case ast.IfExp(body=first, orelse=second):
            return texts(first, named) + texts(second, named)
        case ast.Name(id=name):
            return named.get(name, [])
        case ast.Dict(values=values):
            return [text for each in values for text in texts(each, named)]
    return []


def names(each: ast.keyword | ast.Assign) -> list[str | None]:
    """Return the names that get a value."""
    if isinstance(each, ast.keyword):
        return [each.arg]
    return [target.id for target in each.targets if isinstance(target, ast.Name)]


def purposes() -> set[str]:
    found: set[str] = set()
    for path, module in modules():
        named = constants(module)
        for name, said in named.items():
            if "PURPOSE" in name and path.name != "telling.py":
                found.update(said)
        for each in ast.walk(module):
            if isinstance(each, ast.keyword | ast.Assign) and "purpose" in names(each):
                found.update(texts(each.value, named))
            elif isinstance(each, ast.arguments):
                for argument, default in zip(each.kwonlyargs, each.kw_defaults, strict=True):
                    if argument.arg == "purpose" and default is not None:
                        found.update(texts(default, named))
    return found - OF_THE_SHOP


def actions() -> set[str]:
    found: set[str] = set()
    for _, module in modules():
        named = constants(module)
        for each in ast.walk(module):
            if isinstance(each, ast.Call):
                name = each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")
                said = [keyword.value for keyword in each.keywords if keyword.arg == "action"]
                said += each.args[:1] if name in WRITERS else []
                found.update(text for value in said for text in texts(value, named) if _ACTION.fullmatch(text))
    open_ones = {each for each in found if "{}" in each}
    assert open_ones == set(FILLED_IN)
    filled = {pattern.replace("{}", word) for pattern, words in FILLED_IN.items() for word in words}
    return found - open_ones - OF_THE_SHOP | filled


def said_of(*, action: str, purpose: str) -> telling.Access:
    user = uuid.uuid4()
    entry = Entry(
        at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), room="vault", actor="worker", action=action, purpose=purpose,
        subject=user, detail={},
    )  # fmt: skip
    return telling.told(AuditedEntry(1, entry), user=user)


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_every_purpose_and_every_action_is_told_in_words(language: str) -> None:
    found = {"purposes": purposes(), "actions": actions()}
    assert len(found["purposes"]) > 30, "too few were found for this to say anything"
    assert len(found["actions"]) > 35, "too few were found for this to say anything"
    with translation.override(language):
        # A number is filled in as it is by the clock.
        why = {
            each: said_of(action="contacts.read", purpose=each.replace("{}", "730")).why for each in found["purposes"]
        }
        what = {each: said_of(action=each, purpose="").what for each in found["actions"]}
    if language == "en":
        known = telling._PURPOSES.keys() | telling._ACTIONS.keys()
        assert [
            each for each, told in (why | what).items() if told == each.replace("{}", "730") and each not in known
        ] == []
    else:
        english = {each: str(said_of(action=each, purpose=each.replace("{}", "730"))) for each in why | what}
        for each, told in (why | what).items():
            assert told not in english[each], (each, told)
