"""Classes of data: what a field is about, and in which rooms such data may be.

The classes are few on purpose: a shop picks one for each field, and the room follows from it. Not here: the rooms
themselves (``foundation/rooms``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from comptoir.foundation.rooms.declaration import ROOMS


class DataClass(msgspec.Struct, frozen=True):
    """A class of data: what it means, and what to do where it may not be.

    ``held_as`` is the coarser class by which a room says what it may hold (``foundation/rooms``).
    """

    name: str
    title: str
    held_as: str
    instead: str = ""


_KEEP_CONTACT_IN_VAULT: Final = (
    "let the customer enter it in the vault's own pages, and send the card or account number as the customer here"
)

CLASSES: Final = {
    each.name: each
    for each in (
        DataClass("public", "What anybody may read: a product, a price, a published text", "public"),
        DataClass("place", "A store, a till, a region", "public"),
        DataClass("time", "When something happened, how long something holds", "public"),
        DataClass("persona", "A public name that somebody chose", "persona"),
        DataClass("member", "Under which public name somebody does something, by its random id", "persona"),
        DataClass("words", "What somebody has written for everybody to read", "public"),
        DataClass("pseudonym", "An opaque identifier of a customer: a card, an account, a device", "opaque"),
        DataClass("sale", "What was bought or returned, for how much", "opaque"),
        DataClass("points", "Points and their movements", "opaque"),
        DataClass("activity", "What somebody did other than buying: subscribed, reviewed, voted", "opaque"),
        DataClass("answer", 'A yes or no in place of data, such as "over 18"', "opaque"),
        DataClass("consent", "What somebody agreed to, or no longer agrees to", "opaque"),
        DataClass("reason", "Why somebody of the shop did something, in words", "opaque"),
        DataClass(
            "contact", "Where a person can be reached: e-mail, phone, address", "contact", _KEEP_CONTACT_IN_VAULT
        ),
        DataClass("identity", "Who a person is: a name, a document, a bank account", "contact", _KEEP_CONTACT_IN_VAULT),
        DataClass(
            "birth",
            "When a person was born",
            "contact",
            'ask for the answer instead: a field such as over_18 with is = "boolean" and class = "answer"',
        ),
    )
}

#: Events are kept in the log, which the counter reads; whoever sends them, this is where their data ends up.
ROOM_OF_EVENTS: Final = "counter"

_ANSWER_INSTEAD: Final = frozenset({
    "age", "agegroup", "ageinyears", "ageinmonths", "ages", "bornat", "bornin", "bornon", "bornyear", "yearborn",
    "yearsofage", "yearsold",
})  # fmt: skip
#: One of these words anywhere in a name gives a date of birth away, in the languages of the house and a few more.
_BIRTH_WORDS: Final = frozenset({
    "birth", "birthdate", "birthday", "birthyear", "dob", "geburt", "geburtsdatum", "naissance", "nacimiento",
    "nascita", "seinengappi", "tanjoubi",
})  # fmt: skip
#: However it is run together with other words.
_BIRTH_ENDINGS: Final = ("birth", "birthdate", "birthday", "birthyear")
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
#: The parts of a date, each by the words that say so in the languages of the house and one more.
_PARTS: Final = {
    "year": re.compile(r"(?<![a-z])(?:year|yyyy|annee|jahr|nen)(?![a-z])"),
    "month": re.compile(r"(?<![a-z])(?:month|mm|mois|monat|tsuki)(?![a-z])"),
    "day": re.compile(r"(?<![a-z])(?:day|dd|jour|tag|nichi)(?![a-z])"),
}
_CONTACT: Final = frozenset({
    "address", "addressline", "deliveryaddress", "email", "emailaddress", "homeaddress", "mail", "mobile",
    "mobilenumber", "mobilephone", "phone", "phonenumber", "postaladdress", "streetaddress", "telephone",
})  # fmt: skip
_IDENTITY: Final = frozenset({
    "creditcard", "creditcardnumber", "familyname", "firstname", "forename", "fullname", "givenname", "iban",
    "idnumber", "lastname", "middlename", "nationalid", "passport", "passportnumber", "realname",
    "socialsecuritynumber", "ssn", "surname", "taxid",
})  # fmt: skip


def class_by_name(field: str) -> str | None:
    """Return the personal class that a field's name gives away (``birth``, ``contact``, ``identity``), or ``None``.

    ``birthDate``, ``birth_date`` and ``birth-date`` are the same; the last part of a path decides.
    """
    name = field.rsplit(".", 1)[-1]
    if not _BIRTH_WORDS.isdisjoint(word.lower() for word in _WORDS.findall(name)):
        return "birth"
    word = re.sub(r"[^a-z]", "", name.lower())
    word = word.removeprefix("customer").removeprefix("user") or word
    if word in _ANSWER_INSTEAD or any(word.endswith(each) for each in _BIRTH_ENDINGS):
        return "birth"
    if word in _CONTACT:
        return "contact"
    if word in _IDENTITY:
        return "identity"
    return None


def parts_of_a_day(names: Iterable[str]) -> str | None:
    """Return the name of a year that stands beside its own month or day (``year`` and ``month``), or ``None``.

    Together they are a date that nobody declared as one. What the names have in common before and after
    does not matter: ``member_year`` belongs to ``member_month``.
    """
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for part, words in _PARTS.items():
            if match := words.search(name.lower()):
                rest = name.lower()[: match.start()] + "*" + name.lower()[match.end() :]
                found.setdefault(rest, {})[part] = name
    for parts in found.values():
        if "year" in parts and len(parts) > 1:
            return parts["year"]
    return None


def is_allowed(data_class: str, room: str) -> bool:
    """Tell whether data of a class may be in a room."""
    return CLASSES[data_class].held_as in ROOMS[room].data_classes


def rooms_of(data_class: str) -> list[str]:
    """Return the rooms where data of a class may be, from the outermost inwards."""
    return [room for room in ROOMS if is_allowed(data_class, room)]
