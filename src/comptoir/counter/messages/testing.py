"""The test persons of a preview: made up, one for each thing that goes wrong with real ones. No Django.

A preview shows a template as one of them would get it; nobody has to be looked up for that. Not here: sending a test to
oneself, which the vault does (``vault/messages``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.messages import rendering
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.messages.rendering import Rendered

#: The code that a test person's coupon shows; no coupon has it.
CODE: Final = "TEST-TEST-TEST"


class TestPerson(msgspec.Struct, frozen=True):
    """Somebody made up: by which name a page picks them, what they are there for, and what the vault would know."""

    __test__ = False

    key: str
    what: str
    name: str
    has_coupon: bool = True


PERSONS: Final[Mapping[str, TestPerson]] = {
    each.key: each
    for each in (
        TestPerson("alice", "An ordinary customer", "Alice Martin"),
        TestPerson("nameless", "Whose name is not known", "", has_coupon=False),
        TestPerson("hanako", "A name in another script", "山田 花子"),
        TestPerson("long", "A very long name", "Maria Magdalena Theresia Eleonora von und zu Hohenlohe-Langenburg"),
        TestPerson("tricky", "A name that looks like markup", "O'Brien <b>{{ shop }}</b> & =SUM(A1)"),
    )
}


def preview(text: TemplateText, *, person: TestPerson, language: str, shop: str, values: Mapping[str, Any]) -> Rendered:
    """Return what a test person would get. Raises :class:`TemplateFailed`."""
    template = rendering.template_of(text)
    rendering.check(template, examples=values)
    return template.render(given(person.name, CODE if person.has_coupon else None, language, shop) | dict(values))


def try_out(text: TemplateText, *, language: str, examples: Mapping[str, Any]) -> int:
    """Fill a template in for every test person; returns how many characters the longest text has.

    Raises :class:`TemplateFailed` for whichever it fails.
    """
    return max(
        len(preview(text, person=person, language=language, shop="Shop", values=examples).text)
        for person in PERSONS.values()
    )


def given(name: str, code: str | None, language: str, shop: str) -> dict[str, Any]:
    """Return what every template may name (:data:`rendering.GIVEN`)."""
    return {"name": name, "coupon": None if code is None else {"code": code}, "language": language, "shop": shop}
