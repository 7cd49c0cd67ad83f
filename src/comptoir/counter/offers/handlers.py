"""What promotions and coupons do when a batch arrives: publish, issue, take for a basket, hold, post, release.

Whoever takes something first looks at the coupons without a lock: that no use is taken twice is the database's to say
(``coupon_use_once``), and whoever comes second decides again, now with the coupons that were shown locked, in one
order. Promotions with a budget are always locked, in one order. What is taken is decided on what is left then. Not
here: what a basket costs (``pricing.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from comptoir.counter.customers.contracts import SALE_FORGET
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.store import lock_links
from comptoir.counter.offers import pricing, rules, store
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.contracts import (
    CLOSING,
    ENDED,
    ISSUED,
    POST,
    PROMOTIONS,
    PUBLISHED,
    REDEEMED,
    RESERVE,
    RETURN,
    TAKING,
    TARGETED,
    Deduction,
    Elsewhere,
    Points,
    Priced,
)
from comptoir.counter.offers.errors import (
    UNUSABLE,
    CouponUnusable,
    NothingTaken,
    PromotionInvalid,
    PromotionTaken,
    PromotionUnknown,
    RedemptionOver,
    RedemptionTaken,
    RedemptionUnknown,
)
from comptoir.counter.offers.multiplying import Multiplied
from comptoir.counter.offers.pricing import Candidate, Circumstances, Spent
from comptoir.counter.offers.rules import Coupon, Offered
from comptoir.counter.offers.store import Alert, Key, Redemption, Targeting
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.store import find_identities
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE

_log = logging.getLogger(__name__)
_ABOUT_PROMOTIONS: Final = PROMOTIONS | {ISSUED, REDEEMED}
#: After these a customer's coupons look otherwise on their own pages.
_SEEN: Final = TAKING | CLOSING | {ISSUED, REDEEMED, RETURN}


class Given(msgspec.Struct, frozen=True, array_like=True):
    """What the log keeps of a promotion that was given to a basket: the decision, of which nothing is decided again.

    Without a promotion it is a reservation that holds nothing, and can be closed like any other.
    """

    promotion: Id | None
    coupon: Id | None
    customer: Id | None
    use: int | None
    turn: int | None
    discount: int


class OffersHandler:
    """One batch's promotions and coupons."""

    def __init__(
        self,
        *,
        customers: CustomersHandler,
        codes: CouponCodes,
        currency: str,
        local: Callable[[dt.datetime], dt.datetime],
        channels: Mapping[str, str],
        multiplied: Multiplied,
    ) -> None:
        """Decide for the customers of the same batch; ``local`` is the shop's clock, ``channels`` those of the map.

        ``multiplied`` is told which sales are to earn their points several times.
        """
        self._multiplied = multiplied
        self._customers = customers
        self._codes = codes
        self._currency = currency
        self._local = local
        self._now: tuple[dt.datetime, dt.datetime] | None = None
        self._channels = channels
        self._coupons: dict[str, Coupon] = {}
        self._shared: dict[str, Id] = {}
        self._honey: dict[str, Id] = {}
        self._automatic: list[Id] = []
        self._offered: dict[Id, Offered] = {}
        self._uses: dict[Id, set[int]] = {}
        self._turns: dict[tuple[Id, tuple[Id, ...]], set[int]] = {}
        self._had: list[tuple[Id, Id, int]] = []
        self._reserved: set[Key] = set()
        self._held: dict[Key, list[Redemption]] = {}
        #: What events have taken, by source and id.
        self._redeemed: dict[tuple[str, str], list[Redemption]] = {}
        self._issued_before: set[tuple[Id, Id | None, Id]] = set()
        self._taken_codes: set[str] = set()
        self._series: set[str] = set()
        # What the batch decides.
        self._published: list[tuple[Arrival, str | None, list[str]]] = []
        self._ended: list[Arrival] = []
        self._new_coupons: list[tuple[Coupon, str]] = []
        self._given: list[Redemption] = []
        self._fresh: set[Id] = set()
        self._closed: list[Redemption] = []
        self._counted: set[Id] = set()
        self._alerts: list[Alert] = []
        self._targetings: list[Targeting] = []

    # -- prepare and load ---------------------------------------------------------------------------------------------

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock what may be taken or given back: reservations, coupons, promotions with a budget; each in one order."""
        taking = [arrival for arrival in batch.arrivals if arrival.type in TAKING]
        closing = {_key(arrival) for arrival in batch.arrivals if arrival.type in CLOSING}
        publishing = [arrival for arrival in batch.arrivals if arrival.type == PUBLISHED]
        named = {arrival.data.promotion for arrival in batch.arrivals if arrival.type in _ABOUT_PROMOTIONS}
        lock_links(connection, exclusive=False)  # before all others, as everybody does
        if closing:
            self._held = store.lock_reserved(connection, closing)
            for held in self._held.values():
                batch.saw(held[0].position)
        returning = {_redemption_of(arrival) for arrival in batch.arrivals if arrival.type == RETURN}
        if returning:
            self._find_redeemed(connection, batch, returning)
        self._look_up(connection, batch, {digest for arrival in taking for digest in arrival.data.codes})
        if taking:
            self._automatic = store.find_automatic(connection)
            reserving = {_key(arrival) for arrival in taking if arrival.type == RESERVE}
            if reserving:
                self._reserved = store.find_reserved(connection, reserving)
        series = {arrival.data.series for arrival in batch.arrivals if arrival.type == TARGETED}
        if series:
            self._series = store.find_series(connection, series)
        own = {digest for arrival in publishing if (digest := self._digest_of(arrival)) is not None}
        if own:
            self._taken_codes = set(store.find_shared(connection, own))
        wanted = {
            *named, *self._automatic, *self._shared.values(), *(each.promotion for each in self._coupons.values()),
            *(
                each.promotion for held in (*self._held.values(), *self._redeemed.values()) for each in held
                if each.promotion is not None
            ),
        }  # fmt: skip
        if wanted:
            self._offered = store.find_promotions(connection, wanted)
            limited = [each.id for each in self._offered.values() if _is_counted(each)]
            if limited and (taking or closing or returning):
                self._offered.update(store.lock_promotions(connection, limited))
        holders = {each.customer for each in self._coupons.values()}
        taken = (*self._held.values(), *self._redeemed.values())
        holders |= {each.customer for held in taken for each in held if each.customer is not None}
        if holders:
            self._customers.include(connection, holders)

    def _find_redeemed(self, connection: Connection, batch: Batch, returning: set[tuple[str, str]]) -> None:
        """Lock what is to be given back; what is closed in the same batch is the same thing."""
        known = {(each.position, each.ordinal): each for held in self._held.values() for each in held}
        events = {position: event for event, (position, _) in find_identities(connection, list(returning)).items()}
        for position, redeemed in store.lock_redeemed(connection, events).items():
            self._redeemed[events[position]] = [known.get((each.position, each.ordinal), each) for each in redeemed]
            batch.saw(position)

    def _look_up(self, connection: Connection, batch: Batch, digests: set[str]) -> None:
        """Find out what the codes that were shown are of; where somebody else was quicker before, lock the coupons."""
        if not digests:
            return
        if batch.is_trusting:
            self._coupons, self._uses = store.find_coupons(connection, digests)
        else:
            self._coupons = store.lock_coupons(connection, digests)
        for coupon in self._coupons.values():
            batch.saw(coupon.id)
        unknown = digests - self._coupons.keys()
        if unknown:
            self._shared = store.find_shared(connection, unknown)
            unknown -= self._shared.keys()
        if unknown:
            self._honey = store.find_honey(connection, unknown)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read which uses are taken, now that nobody else takes any, and which turns these customers have had."""
        if self._coupons and not batch.is_trusting:
            self._uses = store.find_uses(connection, {each.id for each in self._coupons.values()})
        by_turn = [each.id for each in self._offered.values() if each.promotion.budget.per_customer_max is not None]
        buyers = {
            member
            for arrival in batch.fresh
            if arrival.type in TAKING and arrival.customer is not None
            for member in self._customers.members(arrival.customer)
        }
        if by_turn and buyers:
            self._had = store.find_turns(connection, by_turn, buyers)
        issued = [arrival for arrival in batch.fresh if arrival.type == ISSUED and arrival.customer is not None]
        for promotion, campaign in {(arrival.data.promotion, arrival.data.campaign) for arrival in issued}:
            customers = {arrival.customer for arrival in issued if arrival.customer is not None}
            found = store.find_issued(connection, promotion, campaign, customers)
            self._issued_before |= {(promotion, campaign, customer) for customer in found}

    # -- decide -------------------------------------------------------------------------------------------------------

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        for arrival in batch.fresh:
            if arrival.refusal is not None:
                continue
            if arrival.type in TAKING:
                arrival.refusal = self._take(arrival)
            elif arrival.type in CLOSING:
                arrival.refusal = self._close(arrival)
            elif arrival.type == RETURN:
                arrival.refusal = self._return(arrival)
            elif arrival.type == ISSUED:
                arrival.refusal = self._issue(arrival)
            elif arrival.type == REDEEMED:
                arrival.refusal = self._note(arrival)
            elif arrival.type == TARGETED:
                arrival.refusal = self._target(arrival)
            elif arrival.type == PUBLISHED:
                arrival.refusal = self._publish(arrival)
            elif arrival.type == ENDED:
                arrival.refusal = self._end(arrival)
            if arrival.refusal is None and arrival.customer is not None and arrival.type in _SEEN:
                batch.looks.update(self._customers.members(arrival.customer))

    def _take(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if arrival.type == RESERVE and _key(arrival) in self._reserved:
            return RedemptionTaken(field="data.reservation")
        shown = [self._shown(arrival, digest) for digest in data.codes]
        if None in shown:
            return CouponUnusable(UNUSABLE, field="data.codes")
        priced = self._price(arrival, [each for each in shown if each is not None])
        arrival.basket = priced
        if data.codes and not priced.deductions:
            arrival.basket = None
            return NothingTaken("The answer says why.", field="data.codes", not_applied=priced.not_applied)
        given = [self._give(arrival, number, each) for number, each in enumerate(priced.deductions)]
        if arrival.type == RESERVE and not given:
            given = [self._hold_nothing(arrival)]
        if given:
            arrival.decision = given
            if arrival.customer is None:
                arrival.customer = next((each.customer for each in given if each.customer is not None), None)
        if arrival.type == RESERVE:
            self._reserved.add(_key(arrival))
        return None

    def _shown(self, arrival: Arrival, digest: str) -> tuple[Offered, Coupon | None] | None:
        """Return what a code is good for now, or ``None``, whatever is wrong with it."""
        at = arrival.received_at
        if digest in self._honey:
            assert arrival.position is not None
            _log.warning("a honey code was shown at %s", arrival.source)
            alert = Alert(arrival.position, digest, self._honey[digest], arrival.touchpoint, arrival.source, at)
            if alert not in self._alerts:
                self._alerts.append(alert)
            return None
        coupon = self._coupons.get(digest)
        offered = self._offered.get(coupon.promotion if coupon is not None else self._shared.get(digest, ""))
        if offered is None or not offered.is_open(at):
            return None
        if coupon is not None:
            ends_at = coupon.ends_at(offered.promotion)
            if (ends_at is not None and at >= ends_at) or self._free_use(coupon, offered) is None:
                return None
        return offered, coupon

    def _price(self, arrival: Arrival, shown: list[tuple[Offered, Coupon | None]]) -> Priced:
        buyers = () if arrival.customer is None else self._customers.members(arrival.customer)
        candidates = [
            Candidate(
                offered.id, offered.promotion, number, offered.discount_left,
                coupon is not None and coupon.customer in buyers,
            )
            for number, (offered, coupon) in enumerate(shown, start=1)
        ]  # fmt: skip
        spent: list[Spent] = []
        for promotion in self._automatic:
            offered = self._offered[promotion]
            if not offered.is_running(arrival.received_at):
                continue
            if offered.is_used_up:
                spent.append((Candidate(promotion, offered.promotion), "used_up"))
            else:
                candidates.append(Candidate(promotion, offered.promotion, 0, offered.discount_left))
        if buyers:
            spent.extend((each, "had") for each in candidates if self._free_turn(each.id, buyers) is None)
            candidates = [each for each in candidates if self._free_turn(each.id, buyers) is not None]
        where = Circumstances(
            arrival.received_at, self._local_time(arrival.received_at), arrival.source,
            self._channels.get(arrival.touchpoint, arrival.touchpoint), self._currency, bool(buyers),
        )  # fmt: skip
        return pricing.price(arrival.proof, candidates, where, spent)

    def _local_time(self, at: dt.datetime) -> dt.datetime:
        """Return a moment by the shop's clock; what came with one request has one moment."""
        if self._now is None or self._now[0] is not at:
            self._now = (at, self._local(at))
        return self._now[1]

    def _give(self, arrival: Arrival, ordinal: int, deduction: Deduction) -> Given:
        """Take one of the uses, of the turns and of the budget for a deduction."""
        data, promotion, discount = arrival.data, deduction.promotion, deduction.amount
        offered = self._offered[promotion]
        coupon = self._coupons.get(data.codes[deduction.code - 1]) if deduction.code else None
        use = turn = None
        customer = arrival.customer
        if coupon is not None:
            use, customer = self._free_use(coupon, offered), coupon.customer
            assert use is not None
            self._uses.setdefault(coupon.id, set()).add(use)
        if offered.promotion.budget.per_customer_max is not None:
            assert arrival.customer is not None, "whoever takes turns is recognised"
            buyers = self._customers.members(arrival.customer)
            turn, customer = self._free_turn(promotion, buyers), arrival.customer
            assert turn is not None
            self._turns_of(promotion, buyers).add(turn)
        self._count(offered, 1, discount)
        given = Given(promotion, None if coupon is None else coupon.id, customer, use, turn, discount)
        self._keep(arrival, ordinal, given, self._receipt(offered, arrival))
        return given

    def _hold_nothing(self, arrival: Arrival) -> Given:
        """Hold a name for a basket that gets nothing: whoever made the reservation closes it like any other."""
        given = Given(None, None, None, None, None, 0)
        self._keep(arrival, 0, given, None)
        return given

    def _keep(self, arrival: Arrival, ordinal: int, given: Given, receipt: str | None) -> None:
        assert arrival.position is not None
        self._fresh.add(arrival.position)
        is_held = arrival.type == RESERVE
        self._given.append(
            Redemption(
                arrival.position, ordinal, given.promotion, given.coupon, given.customer, given.use, given.turn,
                given.discount, rules.HELD if is_held else rules.REDEEMED, arrival.touchpoint, arrival.source,
                arrival.data.reservation if is_held else None, receipt, arrival.received_at,
                arrival.received_at + dt.timedelta(seconds=arrival.data.expires_in) if is_held else None,
            )
        )  # fmt: skip
        self._redeemed.setdefault((arrival.source, arrival.id), []).append(self._given[-1])
        if is_held:
            self._held.setdefault(_key(arrival), []).append(self._given[-1])

    def _receipt(self, offered: Offered, arrival: Arrival) -> str | None:
        """Return the receipt if its sale is to earn more points by this promotion; nobody else has to know it."""
        if not isinstance(offered.promotion.benefit, Points) or arrival.type == RESERVE or not arrival.data.receipt:
            return None
        self._multiplied.note((arrival.source, arrival.data.receipt), offered.promotion.benefit.times)
        receipt: str = arrival.data.receipt
        return receipt

    def _close(self, arrival: Arrival) -> Problem | None:
        """Redeem or release what is held under a name: that, and nothing else."""
        held = self._held.get(_key(arrival))
        if not held:
            return RedemptionUnknown(field="data.reservation")
        at, is_clock = arrival.received_at, arrival.source == CLOCK_SOURCE
        first = held[0]
        is_over = first.expires_at is not None and at >= first.expires_at
        if first.status != rules.HELD or (is_over and not is_clock) or (is_clock and not is_over):
            return RedemptionOver(f"It is {rules.EXPIRED if is_over else first.status}.", field="data.reservation")
        arrival.customer = next((each.customer for each in held if each.customer is not None), None)
        for each in held:
            if arrival.type == POST:
                each.status = rules.REDEEMED
                if each.promotion is not None:
                    each.receipt = self._receipt(self._offered[each.promotion], arrival)
                each.sale_source = rules.sale_source(each.receipt, reserved=each.source, posted=arrival.source)
            else:
                self._free(each, rules.EXPIRED if is_clock else rules.RELEASED)
            if each.position not in self._fresh:
                self._closed.append(each)
        return None

    def _return(self, arrival: Arrival) -> Problem | None:
        """Give back what an event took, all of it, once: its uses and its part of the budget can be had again."""
        redeemed = self._redeemed.get(_redemption_of(arrival))
        if not redeemed:
            return RedemptionUnknown(field="data.redemption")
        if redeemed[0].status != rules.REDEEMED:
            return RedemptionOver(f"It is {redeemed[0].status}.", field="data.redemption")
        arrival.customer = next((each.customer for each in redeemed if each.customer is not None), None)
        for each in redeemed:
            self._free(each, rules.RETURNED)
            if each.position not in self._fresh:
                self._closed.append(each)
        return None

    def _free(self, redemption: Redemption, status: str) -> None:
        redemption.status = status
        if redemption.promotion is None:
            return
        self._count(self._offered[redemption.promotion], -1, -redemption.discount)
        if redemption.coupon is not None:
            self._uses.get(redemption.coupon, set()).discard(redemption.use or 0)

    def _issue(self, arrival: Arrival) -> Problem | None:
        data, customer = arrival.data, arrival.customer
        assert customer is not None
        assert arrival.position is not None
        offered = self._offered.get(data.promotion)
        if offered is None or offered.ended_at is not None or offered.promotion.codes != "each":
            return PromotionUnknown(field="data.promotion")
        key = (data.promotion, data.campaign, customer)
        if key in self._issued_before:
            return PromotionTaken("The customer has this coupon.", field="data.customer")
        self._issued_before.add(key)
        coupon = Coupon(arrival.position, data.promotion, customer, arrival.occurred_at, data.campaign)
        self._new_coupons.append((coupon, self._codes.digest(self._codes.code(coupon.id))))
        return None

    def _note(self, arrival: Arrival) -> Problem | None:
        """Note what another system has given."""
        data = arrival.data
        offered = self._offered.get(data.promotion)
        if offered is None or not isinstance(offered.promotion.benefit, Elsewhere):
            return PromotionUnknown(field="data.promotion")
        assert arrival.position is not None
        self._given.append(
            Redemption(
                arrival.position, 0, data.promotion, None, arrival.customer, None, None, data.discount,
                rules.REDEEMED, arrival.touchpoint, arrival.source, None, None, arrival.occurred_at, None,
            )
        )  # fmt: skip
        arrival.decision = [Given(data.promotion, None, arrival.customer, None, None, data.discount)]
        return None

    def _target(self, arrival: Arrival) -> Problem | None:
        """Note whom another system has told of what it gives."""
        data, customer = arrival.data, arrival.customer
        if data.series not in self._series:
            return PromotionUnknown("No promotion of another system belongs to this.", field="data.series")
        assert customer is not None
        assert arrival.position is not None
        self._targetings.append(Targeting(arrival.position, customer, data.series, arrival.occurred_at))
        return None

    def _publish(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if data.promotion in self._offered:
            return PromotionTaken(field="data.promotion")
        definition = data.definition
        try:
            rules.check(definition)
        except PromotionInvalid as problem:
            return problem
        digest = self._digest_of(arrival)
        if digest in self._taken_codes:
            return PromotionTaken("Its code is that of another one; end that first.", field="data.definition.code")
        if digest is not None:
            self._taken_codes.add(digest)
        honey = [self._codes.digest(self._codes.honey(data.promotion, number)) for number in range(definition.honey)]
        self._offered[data.promotion] = Offered(data.promotion, definition)
        self._published.append((arrival, digest, honey))
        if definition.series is not None and isinstance(definition.benefit, Elsewhere):
            self._series.add(definition.series)
        return None

    def _digest_of(self, arrival: Arrival) -> str | None:
        """Return the digest of the code that everybody is to use."""
        code = arrival.data.definition.code
        return None if code is None else self._codes.digest(code)

    def _end(self, arrival: Arrival) -> Problem | None:
        offered = self._offered.get(arrival.data.promotion)
        if offered is None:
            return PromotionUnknown(field="data.promotion")
        # Whatever follows in the same batch finds it ended.
        offered.ended_at = min(filter(None, (offered.ended_at, arrival.occurred_at)))
        self._ended.append(arrival)
        return None

    # -- write --------------------------------------------------------------------------------------------------------

    def write(self, connection: Connection, batch: Batch) -> None:
        """Write all of it as sets."""
        for arrival, digest, honey in self._published:
            data = arrival.data
            assert arrival.position is not None
            store.insert_promotion(
                connection, data.promotion, data.definition, position=arrival.position, digest=digest,
                at=arrival.occurred_at,
            )  # fmt: skip
            store.insert_honey(connection, data.promotion, honey)
        for arrival in self._ended:
            store.end_promotion(connection, arrival.data.promotion, arrival.occurred_at)
        if self._new_coupons:
            store.insert_coupons(connection, self._new_coupons)
        if self._closed:
            store.close_reserved(connection, self._closed)  # what they free may be taken in this very batch
        if self._given:
            # In one order, so that two batches that show the same coupons never wait for each other in a circle.
            self._given.sort(key=lambda each: (each.coupon or "", each.position, each.ordinal))
            store.insert_redemptions(connection, self._given)
        if self._counted:
            store.count_given(connection, [self._offered[each] for each in self._counted])
        if self._alerts:
            store.insert_alerts(connection, self._alerts)
        if self._targetings:
            store.insert_targetings(connection, self._targetings)
        for arrival in batch.fresh:
            if arrival.type == SALE_FORGET and arrival.refusal is None and arrival.customer is not None:
                sale = arrival.data.sale
                members = self._customers.members(arrival.customer)
                store.forget_receipt(connection, sale.source or arrival.source, sale.receipt, members)

    # -- what is left -------------------------------------------------------------------------------------------------

    def _free_use(self, coupon: Coupon, offered: Offered) -> int | None:
        return rules.first_free(self._uses.get(coupon.id, ()), offered.promotion.uses_max)

    def _free_turn(self, promotion: Id, buyers: tuple[Id, ...]) -> int | None:
        most = self._offered[promotion].promotion.budget.per_customer_max
        return 0 if most is None else rules.first_free(self._turns_of(promotion, buyers), most)

    def _turns_of(self, promotion: Id, buyers: tuple[Id, ...]) -> set[int]:
        key = (promotion, buyers)
        if key not in self._turns:
            self._turns[key] = {turn for one, customer, turn in self._had if one == promotion and customer in buyers}
        return self._turns[key]

    def _count(self, offered: Offered, redemptions: int, discount: int) -> None:
        if _is_counted(offered):
            offered.redemptions += redemptions
            offered.discount += discount
            self._counted.add(offered.id)


def _is_counted(offered: Offered) -> bool:
    budget = offered.promotion.budget
    return budget.redemptions_max is not None or budget.discount_max is not None


def _key(arrival: Arrival) -> Key:
    return (arrival.touchpoint, arrival.data.reservation)


def _redemption_of(arrival: Arrival) -> tuple[str, str]:
    reference = arrival.data.redemption
    return (reference.source or arrival.source, reference.id)
