"""Refusals of the ledger, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class InsufficientPoints(Problem):
    """There are not enough points to spend."""

    name = "insufficient_points"
    status = 409


class BelowMinimum(Problem):
    """The programme does not let so few points be spent at once."""

    name = "below_minimum"


class NothingToAdjust(Problem):
    """An adjustment of zero points does nothing."""

    name = "nothing_to_adjust"


class ReservationUnknown(Problem):
    """This touchpoint holds no reservation of that name."""

    name = "reservation_unknown"
    status = 404


class ReservationTaken(Problem):
    """A reservation of that name exists already."""

    name = "reservation_taken"
    status = 409


class ReservationPosted(Problem):
    """The reservation was posted already."""

    name = "reservation_posted"
    status = 409


class ReservationVoided(Problem):
    """The reservation was voided already."""

    name = "reservation_voided"
    status = 409


class ReservationExpired(Problem):
    """The reservation has expired."""

    name = "reservation_expired"
    status = 409


class ReservationTooSmall(Problem):
    """Less is held than should be posted."""

    name = "reservation_too_small"
    status = 409


class ProgrammeInvalid(Problem):
    """The programme's rules contradict themselves or say something unknown."""

    name = "programme_invalid"


class ProgrammeTooLate(Problem):
    """A version of the programme cannot start in the past: sales were decided by the rules of their day."""

    name = "programme_too_late"
