"""Named problems of short links."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ShortLinkInvalid(Problem):
    """This is no short link."""

    name = "short_link_invalid"
