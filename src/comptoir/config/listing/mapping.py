"""The mapping of a customer list: a file in which a shop says what the columns mean.

TOML, one table for each thing that a list says: the list, the file, identifiers, contact data, consents. Unknown
settings are refused, dates of birth by name. Not here: the reading of a list (``reading.py``).
"""

from __future__ import annotations

import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.config.replaying.mapping import FileFormat, MappingError
from comptoir.counter.customers.contracts import Channel, ChosenPurpose
from comptoir.foundation.touchpoints.classes import class_by_name
from comptoir.vault.lists.contracts import IDENTIFIERS_MAX
from comptoir.vault.lists.rules import names_a_birth

_NAME = r"^[a-z][a-z0-9_]{0,31}$"
_LINES_MAX: Final = 4
_CONSENTS_MAX: Final = 20

#: What to do in place of taking a date of birth or an age.
INSTEAD_OF_A_BIRTH: Final = (
    "no date of birth and no age is kept anywhere. For a threshold, keep the answer: staff see it in person and say so "
    '("over 18"), or the customer proves it. For a birthday treat, the customer gives month and day, by consent'
)


class ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The list's name, under which it is known from now on, and what happens to a row that says something else later.

    ``changed``: ``keep`` what was taken first and report the row, or ``replace`` it, unless the customer has taken
    the entry in hand.
    """

    name: Annotated[str, Meta(pattern=_NAME)]
    changed: Literal["keep", "replace"] = "keep"
    threshold: Annotated[float, Meta(ge=4, le=40)] | None = None


class IdentifierColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the old system knows somebody by: the column and the kind. The first one tells the rows apart.

    ``remove_suffix`` takes off what a spreadsheet has put on. ``is_email`` says that the system knows its customers by
    their e-mail address and by nothing else; the kind then belongs to this list alone.
    """

    column: str
    kind: Annotated[str, Meta(pattern=_NAME)]
    remove_suffix: str = ""
    is_email: bool = False


class ContactColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who somebody is and where they can be reached.

    The name is in two columns, or in one (``name``); ``name_order`` says how it is written (unset: as the country
    does). ``reading`` is how a Japanese name is read. ``country`` is for rows without ``country_column``; telephone
    numbers without a country code belong to it.
    """

    given_name: str | None = None
    family_name: str | None = None
    name: str | None = None
    name_order: Literal["given_first", "family_first"] | None = None
    reading: str | None = None
    email: str | None = None
    phone: str | None = None
    lines: Annotated[list[str], Meta(max_length=_LINES_MAX)] = []
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    country_column: str | None = None


class ConsentColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A consent that the old system recorded: for what, by which channel, and what proves it.

    ``column`` says whether it was given (``given`` lists what the cell says then); ``at`` says when, in ``format``
    (``iso`` or strptime's) and ``zone``; ``how`` says by what, the same for all rows, or ``how_column`` does.
    """

    purpose: ChosenPurpose
    channel: Channel
    column: str
    given: Annotated[list[str], Meta(min_length=1, max_length=20)]
    at: str | None = None
    format: str = "iso"
    zone: str = "UTC"
    how: Annotated[str, Meta(max_length=200)] | None = None
    how_column: str | None = None


class ListMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole mapping; ``about`` is its table ``list``."""

    identifiers: Annotated[list[IdentifierColumn], Meta(min_length=1, max_length=IDENTIFIERS_MAX)]
    about: ListSettings = msgspec.field(name="list")
    contact: ContactColumns = ContactColumns()
    consents: Annotated[list[ConsentColumns], Meta(max_length=_CONSENTS_MAX)] = []
    file: FileFormat = FileFormat()

    def columns(self) -> dict[str, str]:
        """Return every column that the mapping names, by the setting that names it."""
        contact = self.contact
        named: dict[str, str | None] = {
            f"identifiers[{index}].column": each.column for index, each in enumerate(self.identifiers)
        }
        for setting in ("given_name", "family_name", "name", "reading", "email", "phone", "postcode", "city",
                        "region", "country_column"):  # fmt: skip
            named[f"contact.{setting}"] = getattr(contact, setting)
        named |= {f"contact.lines[{index}]": column for index, column in enumerate(contact.lines)}
        for index, consent in enumerate(self.consents):
            for setting in ("column", "at", "how_column"):
                named[f"consents[{index}].{setting}"] = getattr(consent, setting)
        return {setting: column for setting, column in named.items() if column is not None}

    def check(self, headings: list[str]) -> None:
        """Raise :class:`MappingError` for a column that the list does not have."""
        for setting, column in self.columns().items():
            if column not in headings:
                there = ", ".join(name for name in headings if not name.startswith("\0"))
                raise MappingError(f"{setting}: no column {column!r} in the file. It has: {there}")

    def left_out(self, headings: list[str]) -> list[str]:
        """Return the columns that the mapping does not take."""
        taken = set(self.columns().values())
        return [name for name in headings if name not in taken and not name.startswith("\0")]


def load(path: Path) -> ListMapping:
    """Read a mapping; :class:`MappingError` names what is wrong in it."""
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"not TOML: {error}") from None


def parse(members: dict[str, Any]) -> ListMapping:
    """Build a mapping from what TOML says; :class:`MappingError` names what is wrong in it."""
    # A setting such as contact.birth_date is unknown, and deserves a better answer than that.
    for setting in _settings(members):
        if names_a_birth(setting.rpartition(".")[2]):
            raise MappingError(f"{setting}: {INSTEAD_OF_A_BIRTH}")
    try:
        mapping = msgspec.convert(members, ListMapping)
    except msgspec.ValidationError as error:
        raise MappingError(str(error)) from None
    for fault in _faults(mapping):
        raise MappingError(fault)
    return mapping


def _settings(members: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in members.items():
        found.append(prefix + name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                found += _settings(inner, f"{prefix}{name}.")
    return found


def _faults(mapping: ListMapping) -> list[str]:
    """Return what contradicts itself or is not taken, in words that name the setting."""
    contact = mapping.contact
    faults = [
        f"{setting}: {column!r}: {INSTEAD_OF_A_BIRTH}"
        for setting, column in mapping.columns().items()
        if names_a_birth(column)
    ]
    if contact.name is not None and (contact.given_name is not None or contact.family_name is not None):
        faults.append("contact.name: either the whole name in one column, or contact.given_name and .family_name")
    if contact.phone is not None and contact.country is None:
        faults.append("contact.country: such as FR; a telephone number without a country code belongs to it")
    faults += _identifier_faults(mapping)
    for index, consent in enumerate(mapping.consents):
        where = f"consents[{index}]"
        if consent.how is not None and consent.how_column is not None:
            faults.append(f"{where}.how: either the same for all rows, or {where}.how_column")
        if consent.format != "iso" and "%" not in consent.format:
            faults.append(f"{where}.format: iso, or a format such as %d/%m/%Y %H:%M")
        try:
            zoneinfo.ZoneInfo(consent.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            faults.append(f"{where}.zone: no such time zone: {consent.zone!r}; one such as Europe/Paris")
    if len({(consent.purpose, consent.channel) for consent in mapping.consents}) < len(mapping.consents):
        faults.append("consents: two of them are for the same purpose and channel")
    return faults


def _identifier_faults(mapping: ListMapping) -> list[str]:
    faults = []
    reachable = {mapping.contact.email, mapping.contact.phone, mapping.contact.name, mapping.contact.family_name}
    for index, identifier in enumerate(mapping.identifiers):
        where = f"identifiers[{index}]"
        if class_by_name(identifier.kind) is not None or identifier.kind in {"customer", "user", "name"}:
            faults.append(f"{where}.kind: {identifier.kind!r} is no kind of identifier; one such as card or account")
        if identifier.column in reachable and not identifier.is_email:
            faults.append(
                f"{where}.column: {identifier.column!r} is contact data, and nothing is linked by that. Where the "
                "system has no number of its own, say is_email = true: the kind then belongs to this list alone"
            )
    kinds = [identifier.kind for identifier in mapping.identifiers]
    if len(set(kinds)) < len(kinds):
        faults.append("identifiers: two columns have the same kind")
    return faults
