"""The rows of a customer list, understood: each becomes a listed customer, or is refused with its line and a reason.

A cell that cannot be used is left out and noted, since a wrong telephone number is no reason to lose a customer; a row
without an identifier, or that contradicts an earlier one, is refused as a whole. Notes name lines, columns and
reasons, never a value. Not here: the bytes of the file (``replaying/rows.py``), what is kept (``vault/lists``).
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from comptoir.config.listing.mapping import ConsentColumns, ContactColumns, IdentifierColumn, ListMapping
from comptoir.config.replaying import rows
from comptoir.config.replaying.rows import RowsError
from comptoir.vault.contacts import rules as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.contacts.errors import ContactInvalid
from comptoir.vault.lists.contracts import (
    IDENTIFIER_CHARACTERS_MAX,
    ROWS_MAX,
    TEXT_CHARACTERS_MAX,
    Consent,
    Details,
    Identifier,
    Listed,
)
from comptoir.vault.lists.rules import tidied, values_of

_TOLD_EVERY: Final = 500
#: Where the family name is written first, unless the mapping says otherwise.
_FAMILY_FIRST: Final = frozenset({"JP", "CN", "KR", "TW", "HU", "VN"})
#: The pieces of contact data: the column that each comes from, and the details without it.
_PIECES: Final[Mapping[str, tuple[Callable[[ContactColumns], str | None], dict[str, Any]]]] = {
    "name": (lambda of: of.name or of.family_name or of.given_name, {"given_name": "", "family_name": ""}),
    "addresses": (lambda of: next(iter(of.lines), None), {"lines": ()}),
    "email": (lambda of: of.email, {"email": ""}),
    "phone": (lambda of: of.phone, {"phone": ""}),
}
_COUNTRY = re.compile(r"[A-Z]{2}")


class Note(NamedTuple):
    """What was not taken: the line, the reason's name, the column, a detail without values.

    ``is_refusal``: the whole row was refused; otherwise one cell was left out.
    """

    line: int
    reason: str
    column: str | None = None
    detail: str = ""
    is_refusal: bool = False


class Reading(NamedTuple):
    """A list as it was read. ``rows`` is the sum of the listed, the repeated and the refused ones."""

    listed: list[Listed]
    notes: list[Note]
    rows: int
    repeated: int
    left_out: list[str]

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return self.rows - len(self.listed) - self.repeated


class _RefusedError(Exception):
    def __init__(self, reason: str, column: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column


def read(path: Path, mapping: ListMapping, *, passed: Callable[[int], None] | None = None) -> Reading:
    """Read a whole list.

    Raises :class:`~comptoir.config.replaying.rows.RowsError` and
    :class:`~comptoir.config.replaying.mapping.MappingError` where the file as a whole cannot be used.
    """
    headings = rows.headings(path, mapping.file)
    mapping.check(headings)
    understand = _Understanding(mapping)
    listed: dict[Identifier, Listed] = {}
    notes: list[Note] = []
    count = repeated = 0
    for row in rows.read(path, mapping.file):
        count += 1
        if count > ROWS_MAX:
            raise RowsError(f"more than {ROWS_MAX:,} rows; take the list in pieces")
        if passed is not None and count % _TOLD_EVERY == 0:
            passed(count)
        if row.reason is not None:
            notes.append(Note(row.line, row.reason, None, row.detail, is_refusal=True))
            continue
        try:
            understood = understand(row.line, row.cells, notes)
        except _RefusedError as error:
            notes.append(Note(row.line, error.reason, error.column, is_refusal=True))
            continue
        before = listed.setdefault(understood.identifiers[0], understood)
        if before is understood:
            continue
        if msgspec.structs.replace(before, line=row.line) == understood:
            repeated += 1
        else:
            column = mapping.identifiers[0].column
            notes.append(Note(row.line, "identifier_of_two_rows", column, is_refusal=True))
    if passed is not None:
        passed(count)
    return Reading(list(listed.values()), notes, count, repeated, mapping.left_out(headings))


class _Understanding:
    """Turns the cells of one row into a listed customer."""

    def __init__(self, mapping: ListMapping) -> None:
        self._mapping = mapping

    def __call__(self, line: int, cells: dict[str, str], notes: list[Note]) -> Listed:
        identifiers = tuple(self._identifiers(line, cells, notes))
        found: list[Note] = []
        details = self._details(line, cells, found)
        consents, unproven = [], 0
        for columns in self._mapping.consents:
            if tidied(cells[columns.column]) not in columns.given:
                continue
            consent = _consent(columns, line, cells, found)
            if consent is None:
                unproven += 1
            else:
                consents.append(consent)
        notes += found
        return Listed(line, identifiers, details, tuple(consents), unproven)

    def _identifiers(self, line: int, cells: dict[str, str], notes: list[Note]) -> Iterator[Identifier]:
        for index, column in enumerate(self._mapping.identifiers):
            try:
                value = _identifier(column, cells[column.column])
            except _RefusedError as error:
                if index == 0:
                    raise
                # A row that can be told apart is not lost for a second number that cannot be used.
                notes.append(Note(line, error.reason, error.column))
                continue
            if value:
                yield Identifier(column.kind, value)
            elif index == 0:
                raise _RefusedError("no_identifier", column.column)

    def _details(self, line: int, cells: dict[str, str], notes: list[Note]) -> Details:
        contact = self._mapping.contact

        def text(column: str | None) -> str:
            value = tidied(cells[column]) if column is not None else ""
            if len(value) <= TEXT_CHARACTERS_MAX:
                return value
            notes.append(Note(line, "text_too_long", column))
            return ""

        def checked(column: str | None, check: Callable[[str], str | None], reason: str) -> str:
            value = text(column)
            good = check(value) if value else ""
            if good is None:
                notes.append(Note(line, reason, column))
            return good or ""

        country = checked(contact.country_column, _country, "not_a_country") or contact.country or ""
        given, family = text(contact.given_name), text(contact.family_name)
        order = contact.name_order or ("family_first" if country in _FAMILY_FIRST else "given_first")
        if contact.name is not None:
            given, family = _split(text(contact.name), order)
        details = Details(
            given_name=given,
            family_name=family,
            family_first=order == "family_first",
            reading=text(contact.reading),
            email=checked(contact.email, _email, "not_an_email_address"),
            phone=checked(contact.phone, lambda value: _phone(value, country), "not_a_telephone_number"),
            lines=tuple(value for column in contact.lines if (value := text(column))),
            postcode=text(contact.postcode),
            city=text(contact.city),
            region=text(contact.region),
            country=country,
        )
        return self._keepable(line, details, notes)

    def _keepable(self, line: int, details: Details, notes: list[Note]) -> Details:
        """Return the details without what the vault would not keep."""
        contact = self._mapping.contact
        if details.lines and not details.country:
            notes.append(Note(line, "address_without_country", contact.lines[0]))
        for field, piece in values_of(details).given().items():
            try:
                contacts.pieces_of(ContactValues(**{field: piece}))
            except ContactInvalid:
                column, emptied = _PIECES[field]
                notes.append(Note(line, f"{field}_not_kept", column(contact)))
                details = msgspec.structs.replace(details, **emptied)
        return details


def _identifier(column: IdentifierColumn, cell: str) -> str:
    value = tidied(cell).removesuffix(column.remove_suffix)
    if len(value) > IDENTIFIER_CHARACTERS_MAX:
        raise _RefusedError("identifier_too_long", column.column)
    if not value:
        return ""
    if column.is_email:
        address = _email(value)
        if address is None:
            raise _RefusedError("not_an_email_address", column.column)
        return contacts.index_of_email(address)
    if "@" in unicodedata.normalize("NFKC", value):
        raise _RefusedError("identifier_is_an_address", column.column)
    return value


def _split(name: str, order: str) -> tuple[str, str]:
    """Return the given and the family name out of one text."""
    first, _, rest = name.partition(" ")
    if not rest:
        return "", first
    if order == "family_first":
        return rest, first
    given, _, family = name.rpartition(" ")
    return given, family


def _email(text: str) -> str | None:
    try:
        contacts.index_of_email(text)
    except ContactInvalid:
        return None
    return unicodedata.normalize("NFKC", text)


def _phone(text: str, country: str) -> str | None:
    try:
        return contacts.index_of_phone(text, country=country or None)
    except ContactInvalid:
        return None


def _country(text: str) -> str | None:
    code = unicodedata.normalize("NFKC", text).upper()
    return code if _COUNTRY.fullmatch(code) else None


def _consent(columns: ConsentColumns, line: int, cells: dict[str, str], notes: list[Note]) -> Consent | None:
    """Return a consent that the row proves, or ``None`` with a note of what is missing."""
    how = columns.how or (tidied(cells[columns.how_column]) if columns.how_column is not None else "")
    given_at = _moment(tidied(cells[columns.at]), columns) if columns.at is not None else None
    if given_at is None:
        notes.append(Note(line, "consent_without_time", columns.at or columns.column))
        return None
    if not how or len(how) > TEXT_CHARACTERS_MAX:
        notes.append(Note(line, "consent_without_how", columns.how_column or columns.column))
        return None
    return Consent(columns.purpose, columns.channel, given_at, how)


def _moment(text: str, columns: ConsentColumns) -> dt.datetime | None:
    try:
        local = (
            dt.datetime.fromisoformat(text) if columns.format == "iso" else dt.datetime.strptime(text, columns.format)  # noqa: DTZ007 - the zone follows
        )
        zoned = local if local.tzinfo is not None else local.replace(tzinfo=zoneinfo.ZoneInfo(columns.zone))
        return zoned.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
