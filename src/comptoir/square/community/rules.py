"""Which texts can be public names, and what a name looks like. Pure.

A name is made of letters, digits and a few signs that join them, in one script (Japanese mixes its own three with
Latin letters). What cannot be seen, or turns the direction of the text, is refused; so is what looks like a name of the
shop's own. Looks are compared by skeletons, after the idea of Unicode's UTS #39 (https://www.unicode.org/reports/tr39/),
with a table of our own for the letters that Latin names are imitated with. Not here: who has which name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.errors import PersonaNameInvalid, PersonaNameReserved

CHARACTERS_MAX: Final = 40
_MARKS_IN_A_ROW_MAX: Final = 2
_JOINING: Final = frozenset(" -_.'’·・ー〜")
_FIELD: Final = "data.name"

#: Words that would let somebody speak for the shop, in the languages of its pages.
RESERVED_WORDS: Final = frozenset({
    "admin", "administrator", "administrateur", "boutique", "caisse", "cashier", "comptoir", "direction", "employee",
    "equipe", "helpdesk", "magasin", "manager", "management", "moderateur", "moderation", "moderator", "official",
    "officiel", "operator", "owner", "patron", "personnel", "root", "sav", "security", "service", "shop", "staff",
    "store", "support", "system", "team",
})  # fmt: skip
#: The same where words are not set apart.
RESERVED_PARTS: Final = (
    "店員",
    "店長",
    "店舗",
    "公式",
    "運営",
    "管理者",
    "管理人",
    "スタッフ",
    "サポート",
    "コントワール",
)

#: Letters that are taken for Latin ones. NFKC has replaced full-width and mathematical letters before.
_LOOKS: Final[Mapping[str, str]] = {
    **dict(zip("аеорсухіјѕԁԛԝһѵвкмнтгпзьбԍ", "aeopcyxijsdqwhvbkmhtrn3b6g", strict=True)),
    **dict(zip("αβγδεζηικνορστυχωϲϳ", "abydezniknopotuxwcj", strict=True)),
    **dict(zip("ɑɡıɩʟɴʀᴀᴄᴅᴇᴋᴍɴᴏᴘᴛᴜᴠᴡᴢ", "agiilnracdekmnoptuvwz", strict=True)),
    **dict(zip("սհոցօզրյաե", "uhngoqpjue", strict=True)),
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t",
}  # fmt: skip
#: Digits and letters that are taken for each other.
_SAME: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "8": "b", "3": "e", "4": "a", "7": "t"})
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
#: Letters and marks that show nothing (Default_Ignorable_Code_Point, as far as they are letters or marks), or a blank.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_LATIN_MARKS: Final = re.compile("[̀-ͯ]")
_SPACES: Final = re.compile(r"[\s\-_.'’·・〜]+")


def judge(name: str) -> Problem | None:
    """Return why a text cannot be a public name, or ``None``."""
    if not 0 < len(name) <= CHARACTERS_MAX:
        return PersonaNameInvalid(f"A name has 1 to {CHARACTERS_MAX} characters.", field=_FIELD)
    if unicodedata.normalize("NFC", name) != name or name != " ".join(name.split()):
        return PersonaNameInvalid("Write it in composed characters, with single spaces inside only.", field=_FIELD)
    if _INVISIBLE.search(name):
        return PersonaNameInvalid("Letters, digits, and - _ . ' between them; nothing invisible.", field=_FIELD)
    run = 0
    for character in name:
        category = unicodedata.category(character)
        run = run + 1 if category in {"Mn", "Mc"} else 0
        if run > _MARKS_IN_A_ROW_MAX or not (category[0] in "LM" or category == "Nd" or character in _JOINING):
            return PersonaNameInvalid("Letters, digits, and - _ . ' between them; nothing invisible.", field=_FIELD)
    if unicodedata.category(name[0])[0] not in "LN" or len(_scripts(name)) > 1:
        return PersonaNameInvalid("A name begins with a letter or digit, and is in one script.", field=_FIELD)
    words = {_look(word) for word in _SPACES.split(name)}
    if words & _RESERVED_LOOKS or skeleton(name) in _RESERVED_LOOKS:
        return PersonaNameReserved(field=_FIELD)
    folded = unicodedata.normalize("NFKC", name)
    if any(part in folded for part in RESERVED_PARTS):
        return PersonaNameReserved(field=_FIELD)
    return None


def skeleton(name: str) -> str:
    """Return what a name looks like: equal skeletons are one name to whoever reads them."""
    return _look(_SPACES.sub("", name))


def _look(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    text = _LATIN_MARKS.sub("", unicodedata.normalize("NFD", text))
    text = "".join(_LOOKS.get(character, character) for character in text)
    text = unicodedata.normalize("NFC", text).translate(_SAME)
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return text


def _scripts(name: str) -> set[str]:
    """Return the scripts of a name's letters; Japanese counts its three and Latin as one."""
    found = set()
    for character in unicodedata.normalize("NFKC", name):
        if unicodedata.category(character)[0] == "L":
            script = unicodedata.name(character, "UNKNOWN").split()[0].split("-")[0]
            found.add("JAPANESE" if script in _OF_JAPANESE else script)
    return found - {"LATIN"} if "JAPANESE" in found else found


_OF_JAPANESE: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC"})
_RESERVED_LOOKS: Final = frozenset(_look(word) for word in RESERVED_WORDS)
