"""Whole numbers out of what somebody typed, or what a setting, a header or an address says.

Not here: amounts of money (``money.py``).
"""

from __future__ import annotations

from typing import Final

#: The digits as a Japanese keyboard types them.
_WIDE: Final = {0xFF10 + digit: str(digit) for digit in range(10)}


def whole(text: str, most: int, *, least: int = 0) -> int | None:
    """Return the number that a text of the digits 0 to 9 says; ``None`` if it says none from ``least`` to ``most``.

    Full-width digits are digits. ``str.isdigit`` takes a ``²``, which ``int`` refuses, as it does what has more than
    4,300 digits. So no more digits are read than ``most`` has.
    """
    digits = text[: len(str(most)) + 1].translate(_WIDE)
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))):
        return None
    number = int(digits)
    return number if least <= number <= most else None
