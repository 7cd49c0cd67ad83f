"""Numbers as pages write them: exactly, or so roughly that one person more or less is not told.

Not here: which numbers are told roughly (``office/segments/telling.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from comptoir.office.segments.telling import STEP, roughly

#: Writes a number of people.
Write = Callable[[int], str]


def exact(count: int) -> str:
    """Return a whole number as the reader writes it."""
    return str(number_format(count, 0, force_grouping=True))


def rough(count: int) -> str:
    """Return a number of people by the score."""
    if count < STEP:
        return _("fewer than %(number)s") % {"number": exact(STEP)}
    return _("about %(number)s") % {"number": exact(roughly(count))}
