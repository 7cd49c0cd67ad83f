"""Whether askers go on buying who were sent elsewhere: counted where it is known who they are, told as two sums.

Nobody has drawn lots who gets which answer, so this compares and proves nothing. Not here: who has asked what, which is
said in public (``square/health/honesty.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from comptoir.counter.contributions.purchases import sales_of
from comptoir.counter.customers.store import find_holders, find_members
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.health import rules
from comptoir.square.health.honesty import Asked
from comptoir.square.health.rules import Difference

#: For so many days after a question purchases are counted.
BOUGHT_DAYS: Final = 90
#: Of fewer people on one side nothing is told at all.
PEOPLE_MIN: Final = 20


def bought_again(connection: Connection, asked: Sequence[Asked], *, until: dt.datetime) -> Difference | None:
    """Return how many askers bought something within 90 days of their question: those sent elsewhere, and the others.

    ``None`` where one side has fewer than twenty people. Whoever was ever sent elsewhere counts there, and once;
    questions that are not 90 days old do not count.
    """
    within = dt.timedelta(days=BOUGHT_DAYS)
    ripe = [each for each in asked if each.at <= until - within]
    holders = find_holders(connection, personas={each.persona for each in ripe}, skeletons=(), customers=())
    behind = {holder.persona: holder.customer for holder in holders}
    members = find_members(connection, set(behind.values())) if behind else {}
    people: dict[Id, tuple[bool, dt.datetime, tuple[Id, ...]]] = {}
    for each in sorted(ripe, key=lambda one: (not one.is_honest, one.at)):
        customer = behind.get(each.persona)
        if customer is not None:
            whole = members.get(customer, (customer,))
            people.setdefault(whole[0], (each.is_honest, each.at, whole))
    sides = [sum(is_honest is side for is_honest, _, _ in people.values()) for side in (True, False)]
    if min(sides) < PEOPLE_MIN:
        return None
    times: dict[Id, list[dt.datetime]] = {}
    for sale in sales_of(connection, {one for _, _, whole in people.values() for one in whole}):
        times.setdefault(sale.customer, []).append(sale.occurred_at)
    bought = {True: 0, False: 0}
    for is_honest, at, whole in people.values():
        bought[is_honest] += any(at < moment <= at + within for one in whole for moment in times.get(one, ()))
    return rules.difference(bought[True], sides[0], bought[False], sides[1])
