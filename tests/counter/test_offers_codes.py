"""Codes of coupons however they come: typed, scanned as a square, or as bars with what a scanner adds to them."""

from __future__ import annotations

import re

import pytest

from comptoir.counter.offers.codes import CODE_CHARACTERS, CouponCodes, normal
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.commands import set_up_django

set_up_django()  # before what draws for templates

# ruff: noqa: E402
from barcode.charsets.code128 import CODES

from comptoir.config.presentation import bar_code

CODES_OF_A_SHOP = CouponCodes(b"k" * 32)
_STOP, _FNC1 = "1100011101011", 102


def modules_of(svg: str) -> str:
    """Read the bars back from the picture: 1 where it is dark."""
    found = re.search(r'viewBox="0 0 (\d+) 1"', svg)
    assert found is not None
    dark = ["0"] * int(found[1])
    for start, length in re.findall(r"M(\d+) 0h(\d+)", svg):
        dark[int(start) : int(start) + int(length)] = ["1"] * int(length)
    return "".join(dark)


def symbols_of(modules: str) -> list[int]:
    """Read Code 128: eleven modules a symbol; the last one, which is longer, says that it ends."""
    body = modules.strip("0")
    assert body.endswith(_STOP)
    return [CODES.index(body[at : at + 11]) for at in range(0, len(body) - len(_STOP), 11)]


def test_bars_say_the_code_with_its_identifier_and_a_true_check_character() -> None:
    for _ in range(20):
        code = CODES_OF_A_SHOP.code(str(IDS.new()))
        modules = modules_of(bar_code(code, "Bars"))
        assert modules.startswith("0" * 10)
        assert modules.endswith("0" * 10)
        *said, check = symbols_of(modules)
        assert check == (said[0] + sum(place * symbol for place, symbol in enumerate(said[1:], start=1))) % 103
        assert said[1] == _FNC1  # what makes it GS1-128
        assert read(said) == f"99{code}"


def read(said: list[int]) -> str:
    """Read the characters of sets B and C (ISO/IEC 15417, table 1)."""
    in_c = said[0] == 105
    text = ""
    for symbol in said[2:]:
        if symbol == 99 and not in_c:
            in_c = True
        elif symbol == 100 and in_c:
            in_c = False
        else:
            text += f"{symbol:02}" if in_c else chr(symbol + 32)
    return text


@pytest.mark.parametrize("before", ["", "]C1", "]Q3", "]C199", "99", "(99)", "]C1\x1d99", " 99-"])
def test_whatever_a_scanner_adds_it_is_the_same_code(before: str) -> None:
    code = CODES_OF_A_SHOP.code(str(IDS.new()))
    assert len(code) == CODE_CHARACTERS
    assert normal(before + code) == code
    assert normal(before + code.lower()) == code
    assert CODES_OF_A_SHOP.digest(before + code) == CODES_OF_A_SHOP.digest(code)


def test_a_word_that_staff_chose_stays_what_it_is() -> None:
    assert normal("99-red-balloons") == "99REDBA1100NS"
    assert normal("99") == "99"
