"""What is refused before anybody has looked at it, by pages and gateway alike. No Django."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class BodyTooLarge(Problem):
    """The body is too large."""

    name = "body_too_large"
    status = 413


class BodyTooSlow(Problem):
    """The body took too long to arrive."""

    name = "body_too_slow"
    status = 408


class UploadsEnough(Problem):
    """Many files arrive at once; this one is taken in a moment."""

    name = "uploads_enough"
    status = 503
