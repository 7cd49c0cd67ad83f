"""What is a piece of contact data, how it is written, and how it is found again. Pure. Not here: sealing."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import phonenumbers

from comptoir.foundation.kernel import codec
from comptoir.vault.contacts.contracts import Birthday, ContactValues, Field, Hidden, PostalAddress
from comptoir.vault.contacts.errors import ContactInvalid

NAME_LENGTH_MAX: Final = 100
EMAIL_LENGTH_MAX: Final = 254
_LOCAL_PART_LENGTH_MAX: Final = 64
ADDRESSES_MAX: Final = 5
ADDRESS_LINES_MAX: Final = 4
_LINE_LENGTH_MAX: Final = 100
_POSTCODE_LENGTH_MAX: Final = 16
_PHONE_LENGTH_MAX: Final = 40
#: The longest month of any year, so that who was born on 29 February has a birthday.
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_LOCAL_PART: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]+")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class Piece(msgspec.Struct, frozen=True):
    """One piece, ready to be sealed: its bytes, and the text by which it is found again (``None``: by none)."""

    data: Hidden[bytes]
    findable: Hidden[str] | None = None


def pieces_of(values: ContactValues, *, country: str | None = None) -> Mapping[Field, Piece]:
    """Return the pieces of contact values, each checked and written in one way.

    ``country`` (two letters) is where a telephone number without ``+`` is from. Raises :class:`ContactInvalid` with
    the field at fault.
    """
    return {field: _WRITERS[field](value.reveal(), country) for field, value in values.given().items()}


def value_of(field: Field, data: bytes) -> Hidden[Any]:
    """Return the value that a piece's bytes stand for."""
    return Hidden(_DECODERS[field].decode(data))


def values_of(pieces: Iterable[tuple[str, bytes]]) -> ContactValues:
    """Return the contact values that pieces' bytes stand for, by field."""
    return ContactValues(**{field: Hidden(_DECODERS[field].decode(data)) for field, data in pieces})


def index_of_email(text: str) -> str:
    """Return the form in which equal e-mail addresses are equal.

    Unicode's compatibility form (NFKC) and small letters, for the domain and for the part before the @ too: a server
    may tell ``Alice`` from ``alice`` (RFC 5321 section 2.4), and hardly any does, while people write both. The domain
    is in ASCII, as it is asked for in the DNS. Raises :class:`ContactInvalid`.
    """
    normal = unicodedata.normalize("NFKC", text.strip())
    local, at, domain = normal.rpartition("@")
    if not at or len(normal) > EMAIL_LENGTH_MAX or not _LOCAL_PART.fullmatch(local):
        raise ContactInvalid("It is not an e-mail address.", field="email")
    try:
        ascii_domain = _ascii_domain(domain)
    except UnicodeError:
        raise ContactInvalid("It is not an e-mail address.", field="email") from None
    if len(local.encode()) > _LOCAL_PART_LENGTH_MAX or not _DOMAIN.fullmatch(ascii_domain):
        raise ContactInvalid("It is not an e-mail address.", field="email")
    return f"{local.lower()}@{ascii_domain}"


@functools.lru_cache(maxsize=4_096)
def _ascii_domain(domain: str) -> str:
    return domain.encode("idna").decode().lower()


def index_of_phone(text: str, *, country: str | None = None) -> str:
    """Return a telephone number in the form of E.164, such as ``+33142685300``. Raises :class:`ContactInvalid`."""
    written = unicodedata.normalize("NFKC", text.strip())
    if len(written) > _PHONE_LENGTH_MAX:
        raise ContactInvalid("It is not a telephone number.", field="phone")
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        hint = "" if country else " Begin with + and the country's code."
        raise ContactInvalid(f"It is not a telephone number.{hint}", field="phone") from None
    if not phonenumbers.is_valid_number(number):
        raise ContactInvalid("No telephone has such a number.", field="phone")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def grouped_phone(number: str) -> str:
    """Return a number of E.164 in groups, as it is written between countries; anything else as it is."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def _name(value: Any, _country: str | None) -> Piece:
    return Piece(Hidden(codec.encode(_text(value, "name", NAME_LENGTH_MAX))))


def _email(value: Any, _country: str | None) -> Piece:
    text = _text(value, "email", EMAIL_LENGTH_MAX)
    return Piece(Hidden(codec.encode(text)), Hidden(index_of_email(text)))


def _phone(value: Any, country: str | None) -> Piece:
    number = index_of_phone(_text(value, "phone", _PHONE_LENGTH_MAX), country=country)
    return Piece(Hidden(codec.encode(number)), Hidden(number))


def _addresses(value: Any, _country: str | None) -> Piece:
    if not isinstance(value, tuple | list) or not 1 <= len(value) <= ADDRESSES_MAX:
        raise ContactInvalid(f"Give between one and {ADDRESSES_MAX} addresses.", field="addresses")
    return Piece(Hidden(codec.encode([_address(each, f"addresses[{place}]") for place, each in enumerate(value)])))


def _address(value: Any, field: str) -> PostalAddress:
    assert isinstance(value, PostalAddress), "an address has its own shape"
    lines = tuple(
        _text(line, f"{field}.lines[{place}]", _LINE_LENGTH_MAX) for place, line in enumerate(value.lines) if line
    )
    if not 1 <= len(lines) <= ADDRESS_LINES_MAX:
        raise ContactInvalid(f"Give between one and {ADDRESS_LINES_MAX} lines.", field=f"{field}.lines")
    if not _COUNTRY.fullmatch(value.country):
        raise ContactInvalid("Name the country by its two letters.", field=f"{field}.country")
    return PostalAddress(
        lines=lines,
        # Lists of other systems have whole addresses in one column.
        city=_text(value.city, f"{field}.city", _LINE_LENGTH_MAX, may_be_empty=True),
        country=value.country,
        postcode=_text(value.postcode, f"{field}.postcode", _POSTCODE_LENGTH_MAX, may_be_empty=True),
        region=_text(value.region, f"{field}.region", _LINE_LENGTH_MAX, may_be_empty=True),
    )


def _birthday(value: Any, _country: str | None) -> Piece:
    assert isinstance(value, Birthday), "a birthday has its own shape"
    if not 1 <= value.month <= len(_DAYS):
        raise ContactInvalid("There are twelve months.", field="birthday.month")
    if not 1 <= value.day <= _DAYS[value.month - 1]:
        raise ContactInvalid("That month does not have this day.", field="birthday.day")
    return Piece(Hidden(codec.encode(value)))


def _text(value: Any, field: str, length_max: int, *, may_be_empty: bool = False) -> str:
    assert isinstance(value, str), "a text"
    text = unicodedata.normalize("NFC", value.strip())
    if not text and not may_be_empty:
        raise ContactInvalid("It is empty.", field=field)
    if len(text) > length_max:
        raise ContactInvalid(f"It is longer than {length_max} characters.", field=field)
    # Control characters and lone surrogates: no name has them, and a line's end could begin another header of a mail.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ContactInvalid("It holds characters that cannot be written.", field=field)
    return text


_WRITERS: Final[Mapping[Field, Callable[[Any, str | None], Piece]]] = {
    "name": _name,
    "addresses": _addresses,
    "email": _email,
    "phone": _phone,
    "birthday": _birthday,
}
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    "name": msgspec.json.Decoder(str),
    "addresses": msgspec.json.Decoder(tuple[PostalAddress, ...]),
    "email": msgspec.json.Decoder(str),
    "phone": msgspec.json.Decoder(str),
    "birthday": msgspec.json.Decoder(Birthday),
}
