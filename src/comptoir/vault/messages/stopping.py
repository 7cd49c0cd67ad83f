"""STOP in every language: whether an answer to a text message ends them. Pure.

The whole answer has to be such a word, with or without marks around it: whoever writes a sentence about stopping says
something to a person, and whoever answers in a language that is not here writes STOP, which every message names.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: What carriers demand to be understood (CTIA, GSMA), and the same word in the languages of the world.
_TEXT: Final = """
    stop stopall unsubscribe end quit cancel optout revoke remove
    arret arreter stopp stoppa sluta avsluta abmelden abbestellen ende avslutt afmeld slet lopeta peru
    alto baja parar cancelar detener fin pare sair remover basta annulla ferma disdici cancella
    停止 解除 配信停止 停止する やめる 退会 ストップ ていし 退订 退訂 取消 取消订阅 停 td 중지 수신거부 해지 그만
    стоп отписка отписаться отказ скасувати відписатися спри откажи престани
    durdur iptal dur dejar stope oprire dezabonare anuleaza rezygnuj rezygnacja wypisz zakoncz prestan odhlasit zrusit
    leiratkozas lemondom διακοπη σταματα τελος توقف إيقاف إلغاء قف הסר הפסק עצור बंद रोकें रुको বন্ধ நிறுத்து
    หยุด ยกเลิก huy dung berhenti henti batal tigil ihinto simamisha acha hætta peatu lopp stok atteikties stabdyti
    """
WORDS: Final = frozenset(_TEXT.split())
_MARKS: Final = re.compile(r"[\s.,;:!?¡¿'\"“”„«»()\[\]<>*_#@。、！？「」『』・-]+")
_CHARACTERS_MAX: Final = 40


def is_stop(text: str) -> bool:
    """Tell whether an answer ends the messages: one such word, or the same word several times."""
    if len(text) > _CHARACTERS_MAX:
        return False
    found = {_plain(word) for word in _MARKS.split(text) if word}
    return found in ({"opt", "out"}, {"stop", "all"}, {"配信", "停止"}) or (
        len(found) == 1 and next(iter(found)) in _PLAIN
    )


def _plain(word: str) -> str:
    """Return a word without case, width and accents."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    # Marks of Latin, Greek and Cyrillic fall away; those of other scripts are letters.
    return unicodedata.normalize("NFC", "".join(each for each in folded if not "\u0300" <= each <= "\u036f"))


_PLAIN: Final = frozenset(_plain(word) for word in WORDS)
