"""Which texts the pages say, and the catalogues that translate them: ``python tests/doors/catalogues.py`` renews both.

Texts are found as Django itself finds them (templates), and in the syntax tree (Python); GNU gettext is not needed.
Renewing keeps every translation whose text still exists, adds new texts without one, and compiles ``.po`` to ``.mo``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib  # type: ignore[import-untyped]
from django.utils.translation.template import templatize

SOURCE = Path(__file__).parents[2] / "src" / "comptoir"
LOCALE = SOURCE / "config" / "locale"
LANGUAGES = ("fr", "ja")
_PLURAL_FORMS = {"fr": "nplurals=2; plural=(n > 1);", "ja": "nplurals=1; plural=0;"}
_CALLS = {"_": (0, 1), "gettext": (0, 1), "gettext_lazy": (0, 1), "pgettext": (1, 1), "pgettext_lazy": (1, 1),
          "ngettext": (0, 2), "ngettext_lazy": (0, 2), "npgettext": (1, 2)}  # fmt: skip
_LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b({'|'.join(_CALLS)})\(({_LITERAL}(?:\s*,\s*{_LITERAL})*)")


class Text(NamedTuple):
    """A text to translate: its context (empty: none), itself, its plural (empty: none)."""

    context: str
    text: str
    plural: str


def texts() -> dict[Text, list[str]]:
    """Return every text that the pages say, with the files it stands in."""
    found: dict[Text, list[str]] = {}
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in {".html", ".txt"} and "templates" in path.parts:
            new = _in_template(path.read_text())
        elif path.suffix == ".py":
            new = _in_python(path.read_text())
        else:
            continue
        for text in new:
            found.setdefault(text, []).append(str(path.relative_to(SOURCE)))
    return found


def load(language: str) -> polib.POFile:
    """Return a language's catalogue; an empty one if there is none yet."""
    path = _path(language)
    if path.exists():
        return polib.pofile(str(path), wrapwidth=110)
    return polib.POFile(wrapwidth=110)


def key(entry: polib.POEntry) -> Text:
    """Return the text that an entry translates."""
    return Text(entry.msgctxt or "", entry.msgid, entry.msgid_plural or "")


def renew(language: str) -> None:
    """Bring a language's catalogue into step with the pages, and compile it."""
    former = {key(entry): entry for entry in load(language)}
    renewed = polib.POFile(wrapwidth=110)
    renewed.metadata = {
        "Project-Id-Version": "comptoir",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": _PLURAL_FORMS[language],
    }
    for text, files in sorted(texts().items(), key=lambda item: (item[1][0], item[0].text)):
        entry = polib.POEntry(msgctxt=text.context or None, msgid=text.text, msgid_plural=text.plural or "")
        old = former.get(text)
        if old is not None:
            entry.msgstr, entry.msgstr_plural = old.msgstr, dict(old.msgstr_plural)
        elif text.plural:
            entry.msgstr_plural = dict.fromkeys(range(1 if language == "ja" else 2), "")
        entry.occurrences = [(file, "") for file in sorted(set(files))]
        if "%(" in text.text:
            entry.flags.append("python-format")
        renewed.append(entry)
    path = _path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    renewed.save(str(path))
    path.with_suffix(".mo").write_bytes(compiled(renewed))


def compiled(catalogue: polib.POFile) -> bytes:
    """Return a catalogue as gettext reads it."""
    return bytes(catalogue.to_binary())


def _path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def _in_template(source: str) -> Iterator[Text]:
    for match in _CALL.finditer(templatize(source)):
        strings = [ast.literal_eval(literal) for literal in re.findall(_LITERAL, match[2])]
        yield _text(match[1], strings)


def _in_python(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            strings = [
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            if strings:
                yield _text(node.func.id, strings)


def _text(call: str, strings: list[str]) -> Text:
    contexts, count = _CALLS[call]
    texts = strings[contexts : contexts + count]
    return Text(strings[0] if contexts else "", texts[0], texts[1] if len(texts) > 1 else "")


def main() -> None:
    """Renew every catalogue and say what is still to be translated."""
    for language in LANGUAGES:
        renew(language)
        missing = [entry.msgid for entry in load(language) if not entry.translated()]
        print(f"{language}: {len(load(language))} texts, {len(missing)} without a translation")  # noqa: T201
        for text in missing:
            print(f"  {text}")  # noqa: T201


if __name__ == "__main__":
    main()
