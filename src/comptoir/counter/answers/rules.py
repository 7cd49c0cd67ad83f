"""What answers what: ages in predicates, how long an answer holds, which one is given. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final

import msgspec

from comptoir.counter.answers.errors import AnswerLastsTooLong
from comptoir.foundation.kernel.ids import Id

_PREFIX: Final = "age_over_"
#: An age in a predicate has two digits.
AGE_MIN: Final = 10
AGE_MAX: Final = 99
#: A visit, where nobody asked that the answer be remembered: as long as the vault's own.
VISIT: Final = dt.timedelta(minutes=30)
#: How long an answer is remembered that the customer lets the shop remember.
REMEMBERED: Final = dt.timedelta(days=365)
REMEMBERED_MAX: Final = dt.timedelta(days=366)


def age_of(predicate: str) -> int:
    """Return the age in a predicate that has passed its pattern."""
    return int(predicate.removeprefix(_PREFIX))


def predicate_for(age: int) -> str:
    """Return the predicate that asks for an age (10 to 99)."""
    assert AGE_MIN <= age <= AGE_MAX, "an age in a predicate has two digits"
    return f"{_PREFIX}{age}"


class Answer(msgspec.Struct, frozen=True):
    """Somebody's yes: to be over ``age``, shown by ``method`` at ``given_at``, remembered until ``valid_until``.

    ``position`` is the event's place in the log; ``by`` the opaque id of the member of staff who saw it.
    """

    position: Id
    customer: Id
    age: int
    method: str
    given_at: dt.datetime
    valid_until: dt.datetime
    by: str | None = None


class Withdrawal(msgspec.Struct, frozen=True):
    """That a customer wants no answer remembered any more that says as much as this predicate."""

    customer: Id
    age: int
    withdrawn_at: dt.datetime


def end_of(given_at: dt.datetime, valid_until: dt.datetime | None) -> dt.datetime:
    """Return when an answer ends; raises :class:`AnswerLastsTooLong`."""
    if valid_until is None:
        return given_at + VISIT
    if not given_at < valid_until <= given_at + REMEMBERED_MAX:
        raise AnswerLastsTooLong(field="data.valid_until")
    return valid_until


def given(answers: Iterable[Answer], withdrawals: Iterable[Withdrawal], *, age: int, now: dt.datetime) -> Answer | None:
    """Return the answer that says yes to ``age`` at ``now`` for the longest, or ``None`` if nobody has said so.

    The answers and withdrawals are those of one person. Who is over 20 is over 18, never the other way round.
    """
    last = list(withdrawals)
    holding = [
        each
        for each in answers
        if each.age >= age
        and each.given_at <= now < each.valid_until
        and not any(one.age <= each.age and one.withdrawn_at >= each.given_at for one in last)
    ]
    return max(holding, key=lambda each: (each.valid_until, each.given_at, each.position), default=None)
