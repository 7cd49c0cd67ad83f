"""What fits somebody, found when a page is opened. Runs in the counter's room; nothing of it is kept."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Final, Literal

import msgspec

from comptoir.counter.answers import queries as answers
from comptoir.counter.customers import queries as customers
from comptoir.counter.recommendations import rules
from comptoir.counter.recommendations.contracts import HIDDEN_MAX
from comptoir.counter.recommendations.making import WINDOW
from comptoir.counter.recommendations.rules import Companion, Reason
from comptoir.counter.windows import queries as windows
from comptoir.counter.windows.models import Window
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms import reading
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.composing import Composed
from comptoir.square.catalog.queries import Ware
from comptoir.square.companions import queries as companions
from comptoir.square.companions.contracts import POPULAR_MAX

#: What is asked of the customer, and where: in words of ``counter/customers``.
PURPOSE: Final = "personalisation"
CHANNEL: Final = "web"
#: So much of what somebody bought is looked at for what goes with it, the latest first; all of the year is left out.
_OWN_MAX: Final = 300
_YEAR_MAX: Final = 5_000
#: A person may have linked several cards.
_HIDDEN_MAX: Final = 10 * HIDDEN_MAX
_SQL: Final = load_statements(__package__, "queries.sql")

#: ``own``: by what they bought. ``unasked``: they have not agreed. ``held_out``: by chance they see what all see.
#: ``waiting``: they have agreed, and chance has not drawn yet. ``new``: nothing is known that they bought.
State = Literal["own", "unasked", "held_out", "waiting", "new"]


class Fitting(msgspec.Struct, frozen=True):
    """What somebody is shown, and on what it rests. ``wares`` has what can be had of it, by product."""

    state: State
    reasons: Sequence[Reason]
    wares: dict[str, Ware]


def fitting(
    customer: uuid.UUID,
    members: Collection[uuid.UUID],
    *,
    now: dt.datetime,
    limit: int,
    without: Collection[str] = (),
) -> Fitting:
    """Return what fits a person, the best first, filled up with what is popular.

    ``without`` are products that are not to be shown, whatever else holds: what lies in the basket. Nor is anything
    shown that the customer's own window leaves out.
    """
    made = companions.made()
    until = now.date() if made is None else made.until
    bought = _bought(customer, members, since=until - WINDOW)
    never = {*without, *bought, *(product for product, _at in hidden(members))}
    state = _state(customer, members, has_bought=bool(bought))
    reasons: list[Reason] = []
    if state == "own":
        own = list(bought)[:_OWN_MAX]
        reasons = rules.choose(_companions(own), kind="bought", never=never, own=frozenset(own))
    chosen = {each.product for each in reasons}
    reasons += [
        Reason(each.product, "popular", "", each.people, 0.0)
        for each in companions.popular(limit=POPULAR_MAX)
        if each.product not in never | chosen
    ]
    return _there(state, reasons, members, now=now, limit=limit)


def beside(products: Collection[str], members: Collection[uuid.UUID], *, now: dt.datetime, limit: int) -> Fitting:
    """Return what goes with what lies in a basket; the same for everybody, but for what somebody hid."""
    never = {product for product, _at in hidden(members)} if members else set()
    reasons = rules.choose(_companions(products), kind="basket", never=never, own=frozenset(products))
    return _there("new", reasons, members, now=now, limit=limit)


def hidden(members: Collection[uuid.UUID]) -> list[tuple[str, dt.datetime]]:
    """Return what a person does not want recommended, and since when, the latest first."""
    rows = reading.rows(_SQL["hidden"], {"members": list(members), "limit": _HIDDEN_MAX})
    return [(row[0], row[1]) for row in rows]


def _state(customer: uuid.UUID, members: Collection[uuid.UUID], *, has_bought: bool) -> State:
    if not customers.permits(customer, purpose=PURPOSE, channel=CHANNEL):
        return "unasked"
    if not has_bought:
        return "new"
    drawn = reading.rows(_SQL["drawn"], {"members": list(members)})
    if not drawn:
        return "waiting"
    return "own" if drawn[0][0] == "shown" else "held_out"


def _bought(customer: uuid.UUID, members: Collection[uuid.UUID], *, since: dt.date) -> dict[str, dt.date]:
    asked = {"customer": customer, "members": list(members), "since": since, "limit": _YEAR_MAX}
    return dict(reading.rows(_SQL["bought"], asked))


def _companions(products: Collection[str]) -> list[Companion]:
    return [
        Companion(each.product, each.companion, each.weight, each.people) for each in companions.companions(products)
    ]


def _there(
    state: State, reasons: Sequence[Reason], members: Collection[uuid.UUID], *, now: dt.datetime, limit: int
) -> Fitting:
    """Leave out what cannot be had, what asks for an age that was not shown, and what their own window leaves out."""
    wares = companions.there(each.product for each in reasons)
    ages = [each.age for each in answers.answers_of(list(members), now=now)] if members else []
    old, window = max(ages, default=0), _window(members)

    def fits(product: str) -> bool:
        ware = wares.get(product)
        return ware is not None and (ware.asks_over or 0) <= old and (window is None or catalog.admits(window, ware))

    fit = [each for each in reasons if fits(each.product)]
    return Fitting(state, fit[:limit], {each.product: wares[each.product] for each in fit[:limit]})


def _window(members: Collection[uuid.UUID]) -> Composed | None:
    """Return a person's own window, as it is applied; ``None`` without one."""
    somebody = [str(each) for each in members][:1]
    return next(iter(windows.composed_of(borrowed(Window), somebody).values()), None) if somebody else None
