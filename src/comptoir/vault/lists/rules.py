"""How entries of customer lists are kept, and how they are spelled when they are compared. Pure.

French, Japanese and English conventions: accents, particles and titles; full-width letters, kana readings, variant
characters and block numbers; abbreviations of streets. Nothing here decides that two entries are one person, and
what is spelled for a comparison is never shown or kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from comptoir.foundation.touchpoints.classes import class_by_name
from comptoir.vault.contacts.contracts import ContactValues, Field, PostalAddress
from comptoir.vault.lists.contracts import Compared, Details

#: The pieces of contact data that a list gives.
FIELDS: Final[tuple[Field, ...]] = ("name", "addresses", "email", "phone")

#: A column that says when somebody was born, in the languages of the lists that are likely to come.
_BIRTH = re.compile(
    r"birth|\bdob\b|\bage\b|\bborn\b|naissance|anniversaire|\bné\b|\bnée\b|\bâge\b"
    r"|geburt|nacimiento|nascita|nascimento|誕生|生年|年齢|年令",
    re.IGNORECASE,
)

_TITLES: Final = frozenset({
    "m", "mme", "mlle", "monsieur", "madame", "mademoiselle", "mr", "mrs", "ms", "miss", "mx", "dr", "prof",
})  # fmt: skip
_HONORIFIC = re.compile(r"(?:様|さん|さま|殿)$")
#: Characters of names that are written in more than one way, and the one that is compared.
_VARIANTS: Final = str.maketrans(
    "齋齊斉邊邉髙﨑嵜澤濱濵嶋嶌國廣櫻眞惠德瀨龍圓實榮壽藏冨淵彌壯",
    "斎斎斎辺辺高崎崎沢浜浜島島国広桜真恵徳瀬竜円実栄寿蔵富渕弥壮",
)
#: Small kana are read as large ones, since some systems know no small ones.
_SMALL_KANA: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
_HIRAGANA: Final = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_KANJI_DIGITS: Final = str.maketrans("〇一二三四五六七八九", "0123456789")
_KANJI_NUMBER = re.compile(r"([一二三四五六七八九]?)十([一二三四五六七八九]?)(?=丁目|番|号)")
_KANJI_DIGIT = re.compile(r"[〇一二三四五六七八九]+(?=丁目|番|号)")
_BLOCK_WORDS = re.compile(r"(?<=\d)(?:丁目|番地|番|号室|号)(?:の)?")
_DASHES = re.compile(r"[‐‑‒–—―−ー－](?=\d)")

#: Words of streets, each with the short one that is compared.
_STREET_WORDS: Final = {
    "rue": "r", "avenue": "av", "ave": "av", "boulevard": "bd", "blvd": "bd", "boul": "bd", "chemin": "ch", "che": "ch",
    "place": "pl", "allee": "all", "impasse": "imp", "route": "rte", "faubourg": "fg", "fbg": "fg", "saint": "st",
    "sainte": "ste", "square": "sq", "quai": "q", "street": "st", "str": "st", "road": "rd", "lane": "ln",
    "drive": "dr", "court": "ct", "close": "cl", "crescent": "cres", "gardens": "gdns", "terrace": "ter",
    "apartment": "flat", "apt": "flat", "appartement": "flat", "appt": "flat", "batiment": "bat",
}  # fmt: skip
_STREET_FILLERS: Final = frozenset({"de", "du", "des", "la", "le", "les", "l", "d", "the", "of"})


def names_a_birth(column: str) -> bool:
    """Tell whether the name of a column or setting says that it holds a date of birth or an age."""
    return class_by_name(column) == "birth" or bool(_BIRTH.search(column.replace("_", " ").replace("-", " ")))


def tidied(text: str) -> str:
    """Return a text without blanks at its ends and with single ones within, as it is kept."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def values_of(details: Details) -> ContactValues:
    """Return what of an entry's details is kept as contact data."""
    address = None
    if details.lines and details.country:
        address = PostalAddress(
            lines=details.lines,
            city=details.city,
            country=details.country,
            postcode=details.postcode,
            region=details.region,
        )
    return ContactValues.of(
        name=name_of(details) or None,
        addresses=(address,) if address else None,
        email=details.email or None,
        phone=details.phone or None,
    )


def name_of(details: Details) -> str:
    """Return the name as it is written."""
    parts = (details.given_name, details.family_name)
    return " ".join(filter(None, reversed(parts) if details.family_first else parts))


def compared(details: Details) -> Compared:
    """Return details in the spelling in which they are compared."""
    given, family = _name(details.given_name), _name(details.family_name)
    words, numbers = _street(details)
    return Compared(
        given=given,
        family=family,
        whole=" ".join(sorted(f"{family} {given}".split())),
        reading=_reading(details),
        email=_email(details.email),
        phone=details.phone,
        postcode=_postcode(details.postcode, details.country),
        words=words,
        numbers=numbers,
    )


def keys(spelled: Compared) -> dict[str, str]:
    """Return by which keys an entry is found: only entries that share one are compared at all.

    Whatever two entries of one person have in common must be among them: an address, a number, a name in one place.
    """
    return {
        name: key
        for name, key in (
            ("email", spelled.email),
            ("phone", spelled.phone),
            ("name", spelled.whole if spelled.given and spelled.family else ""),
            ("reading", spelled.reading),
            ("name_there", _joined(spelled.postcode, spelled.family[:4], spelled.given[:1])),
            ("street", _joined(spelled.postcode, spelled.numbers, spelled.words[-6:])),
        )
        if key
    }


def too_common(values: Iterable[str], *, rows_max: int) -> frozenset[str]:
    """Return which values more than ``rows_max`` entries share: placeholders, or names that lead nowhere."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return frozenset(value for value, count in counts.items() if count > rows_max)


def probabilities(weight: float) -> tuple[float, float]:
    """Return how probable an agreement is for one person and for two, so that its weight is so many bits.

    The weight of Fellegi and Sunter (1969) is the logarithm to base 2 of the first over the second.
    """
    likely = 0.9
    return (likely, likely * 2**-weight) if weight >= 0 else (likely * 2**weight, likely)


def _joined(*parts: str) -> str:
    return "|".join(parts) if all(parts) else ""


def _plain(text: str) -> str:
    """Return a text in one width, without case and without accents; kana keep their voice marks."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    stripped = "".join(sign for sign in decomposed if not 0x300 <= ord(sign) <= 0x36F)
    return unicodedata.normalize("NFC", stripped).replace("œ", "oe").replace("æ", "ae")


def _name(text: str) -> str:
    words = re.sub(r"[^\w\s]", " ", _plain(text).replace("'", "").replace("’", "")).split()
    kept = [word for word in words if word not in _TITLES] or words
    return _katakana(_HONORIFIC.sub("", " ".join(kept))).translate(_VARIANTS)


def _katakana(text: str) -> str:
    return text.translate(_HIRAGANA)


def _reading(details: Details) -> str:
    """Return how a name is read, if the list says so or the name is written in kana."""
    said = details.reading or details.family_name + details.given_name
    kana = re.sub(r"[\s・･=＝]", "", _katakana(unicodedata.normalize("NFKC", said))).translate(_SMALL_KANA)
    return kana if re.fullmatch(r"[ァ-ヺー]{2,}", kana) else ""


def _email(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFKC", text).casefold().partition("@")
    return f"{local.partition('+')[0]}@{domain}" if at else ""


def _postcode(text: str, country: str) -> str:
    signs = re.sub(r"[^0-9a-z]", "", _plain(text))
    if country == "FR" and re.fullmatch(r"\d{4}", signs):
        return f"0{signs}"  # a spreadsheet has taken the zero away
    return signs


def _street(details: Details) -> tuple[str, str]:
    """Return the words of a street and its numbers: one sign in a number is another house, one in a word a slip."""
    # A Japanese address is one line from the prefecture to the house, and lists cut it in different places.
    parts = (details.region, details.city, *details.lines) if details.country == "JP" else details.lines
    text = _KANJI_NUMBER.sub(_tens, unicodedata.normalize("NFKC", "".join(parts) if details.country == "JP"
                                                          else " ".join(parts)))  # fmt: skip
    text = _KANJI_DIGIT.sub(lambda found: found[0].translate(_KANJI_DIGITS), text)
    text = _DASHES.sub("-", _BLOCK_WORDS.sub("-", text))
    numbers = "-".join(re.findall(r"\d+", text))
    words = re.sub(r"[\d\W_]+", " ", _plain(text).translate(_VARIANTS)).split()
    short = [_STREET_WORDS.get(word, word) for word in words if word not in _STREET_FILLERS]
    return " ".join(short), numbers


def _tens(found: re.Match[str]) -> str:
    tens, ones = (part.translate(_KANJI_DIGITS) for part in found.groups())
    return f"{tens or 1}{ones or 0}"
