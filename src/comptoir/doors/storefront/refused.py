"""Why the counter did not take what somebody did on a page, in that person's language.

Problems carry their titles in English, for whoever sends events. Not here: when something is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.house import Trouble


def words(problem: Problem | Trouble, own: Mapping[str, str] | None = None) -> str:
    """Say a problem: by a page's own words for its name, else by those that all pages share.

    A title that nobody has translated is for readers of English; everybody else hears what to do next.
    """
    known = {
        "gateway_away": _("The shop's counter does not answer just now. Try again in a moment."),
        "too_many_attempts": _("That was too often in a short time. Try again in a minute."),
        **(own or {}),
    }
    if problem.name in known:
        return known[problem.name]
    if (get_language() or "en").startswith("en"):
        return problem.title() if isinstance(problem, Problem) else problem.title
    return _("The shop did not take this, and nothing was changed. Try again later, or ask in the shop.")
