"""What a basket would cost, and which coupons somebody has: read without a lock, and nothing is taken by it.

Between a quote and a redemption somebody else may take what was left; only the redemption says what is given. Not here:
the redemption itself (``handlers.py``). Knows no Django.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Mapping, Sequence

import msgspec

from comptoir.counter.offers import pricing, rules, store, wording
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.contracts import BasketLine, Benefit, NotApplied, Priced, Titles
from comptoir.counter.offers.pricing import Candidate, Circumstances, Spent
from comptoir.counter.offers.rules import Coupon, Offered
from comptoir.counter.offers.store import Held
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id

_log = logging.getLogger(__name__)

COUPONS_MAX = 200


class CouponTold(msgspec.Struct, frozen=True):
    """A coupon as channels hear of it: what it gives, whether it can be used, and not its code.

    ``state`` is ``to_come``, ``usable``, ``held``, ``used`` or ``over``; ``at`` and ``source`` are when and where it
    was used last. One that is to come is good from ``starts_at`` on.
    """

    coupon: Id
    promotion: Id
    titles: Titles
    benefit: Benefit
    explained: Mapping[str, str]
    state: str
    uses_left: int
    issued_at: dt.datetime
    ends_at: dt.datetime | None
    at: dt.datetime | None
    source: str | None
    starts_at: dt.datetime | None = None


def told(held: Held, *, now: dt.datetime, currency: str) -> CouponTold:
    """Return what is told of a coupon."""
    promotion = held.offered.promotion
    ends_at = held.coupon.ends_at(promotion)
    starts_at = promotion.conditions.starts_at
    left = promotion.uses_max - held.held - held.redeemed
    if held.redeemed >= promotion.uses_max:
        state = "used"
    elif starts_at is not None and now < starts_at and held.offered.is_open(starts_at):
        state = "to_come"
    elif not held.offered.is_open(now) or (ends_at is not None and now >= ends_at):
        state = "over"
    elif left <= 0:
        state = "held"
    else:
        state = "usable"
    return CouponTold(
        held.coupon.id, held.coupon.promotion, promotion.titles, promotion.benefit,
        wording.explained(promotion, currency=currency), state, max(0, left), held.coupon.issued_at, ends_at,
        held.last_at, held.last_source, starts_at if state == "to_come" else None,
    )  # fmt: skip


def coupons_of(connection: Connection, members: Collection[Id], *, now: dt.datetime, currency: str) -> list[CouponTold]:
    """Return a person's coupons, the latest first, and what became of each."""
    return [
        told(each, now=now, currency=currency) for each in store.find_coupons_of(connection, members, limit=COUPONS_MAX)
    ]


class Candidates(msgspec.Struct, frozen=True):
    """What may be given to a basket, which of the codes that were shown are good for nothing, and what is used up."""

    candidates: tuple[Candidate, ...]
    unusable: tuple[NotApplied, ...]
    spent: tuple[Spent, ...] = ()

    def price(self, basket: Sequence[BasketLine], where: Circumstances) -> Priced:
        """Return what a basket costs with these. Pure."""
        priced = pricing.price(basket, self.candidates, where, self.spent)
        if self.unusable:
            told_of = sorted((*priced.not_applied, *self.unusable), key=lambda each: each.code)
            priced = msgspec.structs.replace(priced, not_applied=tuple(told_of))
        return priced


def quote(
    connection: Connection, basket: Sequence[BasketLine], shown: Sequence[str], where: Circumstances,
    *, members: Sequence[Id], codes: CouponCodes,
) -> Priced:  # fmt: skip
    """Return what a basket costs at present with these codes, as they were shown, for a person (or for nobody)."""
    return candidates(connection, [codes.digest(each) for each in shown], where, members=members).price(basket, where)


def candidates(
    connection: Connection, digests: Sequence[str], where: Circumstances, *, members: Sequence[Id]
) -> Candidates:
    """Return what may be given to a person (or to nobody) at present, by the digests of the codes that were shown."""
    coupons, uses, shared = _find(connection, digests, where.source)
    automatic = store.find_automatic(connection)
    ids = {*automatic, *shared.values(), *(each.promotion for each in coupons.values())}
    offered = store.find_promotions(connection, ids) if ids else {}
    found: list[Candidate] = []
    unusable: list[NotApplied] = []
    for number, digest in enumerate(digests, start=1):
        coupon = coupons.get(digest)
        open_one = offered.get(coupon.promotion if coupon is not None else shared.get(digest, ""))
        if open_one is None or not _is_good(coupon, open_one, uses, where.at):
            unusable.append(NotApplied(number, "unusable", wording.reason("unusable")))
        else:
            is_holders = coupon is not None and coupon.customer in members
            found.append(Candidate(open_one.id, open_one.promotion, number, open_one.discount_left, is_holders))
    found.extend(
        Candidate(each, offered[each].promotion, 0, offered[each].discount_left)
        for each in automatic
        if offered[each].is_open(where.at)
    )
    spent: list[Spent] = [
        (Candidate(each, offered[each].promotion), "used_up")
        for each in automatic
        if offered[each].is_running(where.at) and offered[each].is_used_up
    ]
    by_turn = [each.id for each in found if each.promotion.budget.per_customer_max is not None]
    if by_turn and members:
        had = store.find_turns(connection, by_turn, members)
        spent.extend((each, "had") for each in found if _is_out_of_turns(each, had))
        found = [each for each in found if not _is_out_of_turns(each, had)]
    return Candidates(tuple(found), tuple(unusable), tuple(spent))


def _find(
    connection: Connection, digests: Sequence[str], source: str
) -> tuple[dict[str, Coupon], dict[Id, set[int]], dict[str, Id]]:
    if not digests:
        return {}, {}, {}
    coupons, uses = store.find_coupons(connection, digests)
    unknown = [each for each in digests if each not in coupons]
    shared = store.find_shared(connection, unknown) if unknown else {}
    if len(shared) < len(unknown) and store.find_honey(connection, unknown):
        _log.warning("a honey code was shown at %s, to ask for a price", source)
    return coupons, uses, shared


def _is_good(coupon: Coupon | None, offered: Offered, uses: Mapping[Id, Collection[int]], at: dt.datetime) -> bool:
    if not offered.is_open(at):
        return False
    if coupon is None:
        return True
    ends_at = coupon.ends_at(offered.promotion)
    free = rules.first_free(uses.get(coupon.id, ()), offered.promotion.uses_max)
    return free is not None and (ends_at is None or at < ends_at)


def _is_out_of_turns(candidate: Candidate, had: Sequence[tuple[Id, Id, int]]) -> bool:
    most = candidate.promotion.budget.per_customer_max
    return most is not None and len({turn for promotion, _, turn in had if promotion == candidate.id}) >= most
