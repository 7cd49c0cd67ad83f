"""Reads for pages: what a person's answers are. Every function runs in the current room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from comptoir.counter.answers import models, rules
from comptoir.counter.answers.rules import Answer, Withdrawal


def answers_of(customers: Sequence[uuid.UUID], *, now: dt.datetime) -> list[Answer]:
    """Return the answers of a person's customers that hold at ``now``: for each age the one that holds longest."""
    rows = models.Answer.objects.filter(customer__in=customers, valid_until__gt=now)
    answers = [
        Answer(str(row.position), str(row.customer), row.over, row.method, row.given_at, row.valid_until, row.by)
        for row in rows
    ]
    withdrawals = [
        Withdrawal(str(row.customer), row.over, row.withdrawn_at)
        for row in models.Withdrawal.objects.filter(customer__in=customers)
    ]
    found = (
        rules.given([one for one in answers if one.age == age], withdrawals, age=age, now=now)
        for age in sorted({one.age for one in answers}, reverse=True)
    )
    return [each for each in found if each is not None]
