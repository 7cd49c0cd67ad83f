"""Limits in words, for pages: one sentence for each thing that is said. Needs Django. Not here: which limits."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from comptoir.counter.loyalty.spending import Limits


def told(limits: Limits, *, name_of: Callable[[str], str] = str) -> list[str]:
    """Return limits as sentences; ``name_of`` says what people call a place."""
    if limits.locked or limits.places == ():
        return [_("Nowhere: my points are locked.")]
    if limits.places is None:
        said = [_("Wherever points are taken.")]
    else:
        said = [_("Only at: %(places)s.") % {"places": ", ".join(name_of(each) for each in limits.places)}]
    if limits.points_per_day is None:
        said.append(_("As many points a day as there are."))
    else:
        said.append(_("At most %(points)s points a day.") % {"points": f"{limits.points_per_day:,}"})
    if limits.points_without_passkey is None:
        said.append(_("The code on my card is enough for any amount."))
    else:
        points = f"{limits.points_without_passkey:,}"
        said.append(_("More than %(points)s points at once only with my passkey.") % {"points": points})
    return said
