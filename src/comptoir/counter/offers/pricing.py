"""What a basket costs after promotions, and why. Pure: promotions, the basket and its circumstances come in.

Those that go together are taken one after the other, the highest priority first, each from what the ones before it have
left of its goods; so no line falls below nothing. One that stands alone is weighed against all of those together, and
whatever leaves the customer the lower price is taken. Sums are split over lines by largest remainder, so that what is
off the lines adds up to the promotion's deduction.

Not here: whether a code may be used at all (``rules.py``), words (``wording.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from comptoir.counter.offers import wording
from comptoir.counter.offers.contracts import (
    Amount,
    BasketLine,
    Bundle,
    Deducted,
    Deduction,
    FreeItem,
    NotApplied,
    Percentage,
    Points,
    Priced,
    Promotion,
)
from comptoir.foundation.kernel.ids import Id

#: How many promotions at most are remembered with what follows from them.
_REMEMBERED_MAX: Final = 2048
#: So many promotions that are used up are told of at one basket.
_TOLD_MAX: Final = 8


class Candidate(msgspec.Struct, frozen=True):
    """A promotion that may be given: by the code in place ``code`` (0: without one); what is left of its budget.

    ``is_holders`` tells whether whoever buys is known to be the coupon's customer.
    """

    id: Id
    promotion: Promotion
    code: int = 0
    discount_left: int | None = None
    is_holders: bool = False


class Circumstances(msgspec.Struct, frozen=True):
    """Where and when a basket stands (``local``: by the shop's clock), and whether the customer is recognised."""

    at: dt.datetime
    local: dt.datetime
    source: str
    channel: str
    currency: str
    is_recognised: bool = False


#: Why a promotion gives nothing: the name of a reason, and what its words need.
Reason = tuple[str, tuple[object, ...]]


#: A promotion that is used up, and how: ``used_up`` by all together, ``had`` by whoever buys.
Spent = tuple[Candidate, str]


def price(
    basket: Sequence[BasketLine], candidates: Iterable[Candidate], where: Circumstances, spent: Sequence[Spent] = ()
) -> Priced:
    """Return what a basket costs with the best of these promotions, and why each shown code gives nothing that does.

    A promotion without a code that gives nothing because it is used up is told of too, as code 0, where it would be
    given otherwise: whoever counted on it is to hear why the price is the full one. ``spent`` are those of which
    nothing is left; one of whose money too little is left is found here.
    """
    candidates = list(candidates)
    priced = _price(basket, candidates, where)
    given = {each.promotion for each in priced.deductions}
    short = [
        (each, "used_up")
        for each in candidates
        if each.discount_left is not None and not each.code and each.id not in given
    ]
    gone = [each for each in (*spent, *short) if _misfit(each[0], basket, where) is None]
    if not gone:
        return priced
    unlimited = {each.id: msgspec.structs.replace(each, discount_left=None) for each, _ in gone}
    wished = _price(basket, [*(each for each in candidates if each.id not in unlimited), *unlimited.values()], where)
    would = {each.promotion for each in wished.deductions}
    told = [_not_applied(each, (why, ())) for each, why in gone if each.id in would - given]
    every = sorted((*priced.not_applied, *told[:_TOLD_MAX]), key=lambda each: each.code)
    return msgspec.structs.replace(priced, not_applied=tuple(every))


def _price(basket: Sequence[BasketLine], candidates: Iterable[Candidate], where: Circumstances) -> Priced:
    fit: list[Candidate] = []
    refused: list[tuple[Candidate, Reason]] = []
    seen: set[Id] = set()
    ordered = list(candidates)
    if len(ordered) > 1:
        ordered.sort(key=lambda one: (-one.promotion.priority, one.id, one.code))
    for each in ordered:
        reason: Reason | None = ("once_a_basket", ()) if each.id in seen else _misfit(each, basket, where)
        if reason is None:
            fit.append(each)
            seen.add(each.id)
        else:
            refused.append((each, reason))
    if len(fit) > 1:
        together = [each for each in fit if each.promotion.stacking == "together"]
        choices = [together, *([each] for each in fit if each.promotion.stacking == "alone")]
        outcomes = [_take(basket, choice) for choice in choices]
        best = max(range(len(choices)), key=lambda number: _worth(outcomes[number]))
        chosen, taken = choices[best], outcomes[best]
    else:
        chosen, taken = fit, _take(basket, fit)
    if len(taken) < len(fit):
        applied = {candidate.id for candidate, *_ in taken}
        refused.extend(
            (each, ("nothing_left" if each in chosen else "better_without", ()))
            for each in fit
            if each.id not in applied
        )
    before = sum(line.amount for line in basket)
    deductions = tuple(
        Deduction(
            each.id, each.promotion.titles, sum(parts.values()),
            tuple([Deducted(line + 1, parts[line]) for line in sorted(parts)]),
            _explained(each.promotion, where.currency), each.code, times,
        )
        for each, parts, times in taken
    )  # fmt: skip
    discount, times = 0, 1
    for deduction in deductions:
        discount += deduction.amount
        times = max(times, deduction.times)
    return Priced(
        before, discount, before - discount, deductions,
        tuple([_not_applied(each, reason) for each, reason in refused if each.code]), times,
    )  # fmt: skip


_Taken = tuple[Candidate, dict[int, int], int]


def _worth(taken: Sequence[_Taken]) -> tuple[int, int]:
    """Weigh by the money first, then by the points."""
    return sum(sum(parts.values()) for _, parts, _ in taken), sum(times for _, _, times in taken)


def _take(basket: Sequence[BasketLine], chosen: Sequence[Candidate]) -> list[_Taken]:
    """Take these promotions one after the other off the basket; one that gives nothing is left out."""
    left = [line.amount for line in basket]
    taken: list[_Taken] = []
    for each in chosen:
        if isinstance(each.promotion.benefit, Points):
            taken.append((each, {}, each.promotion.benefit.times))
            continue
        parts = deduct(each.promotion, basket, left)
        amount = sum(parts.values())
        if not amount or (each.discount_left is not None and amount > each.discount_left):
            continue
        for line, part in parts.items():
            left[line] -= part
        taken.append((each, parts, 1))
    return taken


def deduct(promotion: Promotion, basket: Sequence[BasketLine], left: Sequence[int]) -> dict[int, int]:
    """Return what a promotion takes off each line (counted from 0), given what is left of each."""
    goods = {number: cost for number in matching(promotion, basket) if (cost := left[number])}
    match promotion.benefit:
        case Percentage(percent=percent, amount_max=most):
            amount = (sum(goods.values()) * percent + 50) // 100
            return split(amount if most is None else min(amount, most), goods)
        case Amount(amount=amount):
            return split(amount, goods)
        case FreeItem(quantity=quantity):
            return _free(quantity, basket, goods)
        case Bundle() as bundle:
            return _bundled(bundle, basket, goods)
        case _:
            return {}


def matching(promotion: Promotion, basket: Sequence[BasketLine]) -> list[int]:
    """Return which lines, counted from 0, hold goods that a promotion is for."""
    if not promotion.items.products and not promotion.items.categories:
        return list(range(len(basket)))
    products, categories = _goods_of(promotion)
    return [
        number
        for number, line in enumerate(basket)
        if line.product in products or line.category in categories or (line.gtin is not None and line.gtin in products)
    ]


_Answer = TypeVar("_Answer")


class _Remembered(Generic[_Answer]):
    """What follows from a promotion alone: read once, since a basket of two lines may meet twenty thousand products.

    A definition never changes, and whoever reads promotions from the database has the same value for the same text.
    """

    def __init__(self, make: Callable[..., _Answer]) -> None:
        self._make = make
        self._known: dict[tuple[int, str], tuple[Promotion, _Answer]] = {}

    def __call__(self, promotion: Promotion, said: str = "") -> _Answer:
        found = self._known.get((id(promotion), said))
        if found is None or found[0] is not promotion:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            found = (promotion, self._make(promotion, said))
            self._known[id(promotion), said] = found
        return found[1]


_explained: Final = _Remembered(lambda promotion, currency: wording.explained(promotion, currency=currency))
_goods_of: Final = _Remembered(
    lambda promotion, _: (frozenset(promotion.items.products), frozenset(promotion.items.categories))
)


def split(amount: int, goods: dict[int, int]) -> dict[int, int]:
    """Split a sum over lines by what they cost, by largest remainder; never more than they cost together."""
    whole = sum(goods.values())
    if amount >= whole:
        return {number: cost for number, cost in goods.items() if cost}
    rest = amount
    parts: dict[int, int] = {}
    for number, cost in goods.items():
        part = parts[number] = amount * cost // whole
        rest -= part
    if rest:
        by_remainder = sorted(goods, key=lambda number: (-(amount * goods[number] % whole), number))
        for number in by_remainder[:rest]:
            parts[number] += 1
    return parts if all(parts.values()) else {number: part for number, part in parts.items() if part}


def _runs(basket: Sequence[BasketLine], goods: dict[int, int]) -> list[tuple[int, int, int]]:
    """Return the units of each line as (price of one, how many, line), the dearest first: a thousand are one run."""
    runs = [(cost // basket[number].quantity, basket[number].quantity, number) for number, cost in goods.items()]
    return sorted(runs, key=lambda run: (-run[0], run[2]))


def _free(quantity: int, basket: Sequence[BasketLine], goods: dict[int, int]) -> dict[int, int]:
    parts: dict[int, int] = {}
    for each, count, number in reversed(_runs(basket, goods)):
        taken = min(quantity, count)
        quantity -= taken
        if taken and each:
            parts[number] = taken * each
    return parts


def _bundled(bundle: Bundle, basket: Sequence[BasketLine], goods: dict[int, int]) -> dict[int, int]:
    """Count through the units, the dearest first, in whole groups of ``take``; what is over pays in full."""
    runs = _runs(basket, goods)
    counted = sum(count for _, count, _ in runs) // bundle.take * bundle.take
    at = 0
    inside: dict[int, int] = {}
    free: dict[int, int] = {}
    for each, count, number in runs:
        end = min(at + count, counted)
        if end > at:
            inside[number] = (end - at) * each
            if bundle.pay is not None:
                free[number] = (_free_before(end, bundle) - _free_before(at, bundle)) * each
        at += count
    if bundle.pay is not None:
        return {number: part for number, part in free.items() if part}
    assert bundle.price is not None, "a bundle has one of both"
    return split(max(0, sum(inside.values()) - counted // bundle.take * bundle.price), inside)


def _free_before(position: int, bundle: Bundle) -> int:
    """Return how many units before a position are free: of each group the last ones."""
    assert bundle.pay is not None
    groups, rest = divmod(position, bundle.take)
    return groups * (bundle.take - bundle.pay) + max(0, rest - bundle.pay)


def _misfit(candidate: Candidate, basket: Sequence[BasketLine], where: Circumstances) -> Reason | None:
    """Return why a promotion does not hold for this basket here and now, as far as its code is good."""
    promotion, conditions = candidate.promotion, candidate.promotion.conditions
    if not _is_time(promotion, where):
        return "not_now", ()
    if conditions.channels and where.channel not in conditions.channels:
        return "not_here", ()
    if conditions.places and not any(_is_below(where.source, place) for place in conditions.places):
        return "not_here", ()
    needs_somebody = conditions.audience == "recognised" or promotion.budget.per_customer_max is not None
    if (needs_somebody and not where.is_recognised) or (conditions.audience == "holder" and not candidate.is_holders):
        return "who_is_it", ()
    lines = matching(promotion, basket)
    if not lines:
        return "no_such_goods", ()
    if conditions.amount_min is not None and sum(basket[number].amount for number in lines) < conditions.amount_min:
        return "amount_too_small", (wording.money(conditions.amount_min, where.currency),)
    least = conditions.quantity_min or 1
    if isinstance(promotion.benefit, Bundle):
        least = max(least, promotion.benefit.take)
    if least > 1 and sum(basket[number].quantity for number in lines) < least:
        return "too_few", (least,)
    return None


def _is_time(promotion: Promotion, where: Circumstances) -> bool:
    """Tell whether it is the day and the hour; hours that go past midnight belong to the day on which they begin."""
    conditions = promotion.conditions
    day = where.local.weekday()
    if conditions.hours is not None:
        first, last = conditions.hours
        now = where.local.strftime("%H:%M")
        if first <= last:
            if not first <= now < last:
                return False
        elif now < last:
            day = (day - 1) % 7
        elif now < first:
            return False
    return not conditions.weekdays or day in conditions.weekdays


def is_in_force(promotion: Promotion, at: dt.datetime) -> bool:
    """Tell whether a promotion has begun and not ended by its own dates."""
    begins, ends = promotion.conditions.starts_at, promotion.conditions.ends_at
    return (begins is None or begins <= at) and (ends is None or at < ends)


def _is_below(source: str, place: str) -> bool:
    return source == place or source.startswith(place.rstrip("/") + "/")


def _not_applied(candidate: Candidate, reason: Reason) -> NotApplied:
    name, values = reason
    return NotApplied(candidate.code, name, wording.reason(name, *values), candidate.id, candidate.promotion.titles)
