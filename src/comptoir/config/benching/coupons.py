"""``bench coupons``: redemptions a second over HTTP, durable, on one hot coupon and on many, against pgbench.

The reference does the least that a redemption is: insert an event, update the coupon, insert the redemption, commit; on
one coupon, and spread over all. A second one keeps what a redemption here promises: a repeat is known, the coupon is
found by what is kept of its code, is used as often as it allows and no more, and belongs to somebody, the answer is
kept, and others hear of it. Both are compared with. Rounds take turns, so that a machine whose speed drifts is fair to
all; medians are compared.
"""

from __future__ import annotations

import statistics
import uuid
from typing import Final, Literal, get_args

import msgspec
import psycopg

from comptoir.config.benching import reference, stage
from comptoir.config.benching.load import HOT_CODE, Plan, card, coupon
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.contracts import Budget, Percentage, Promotion, Titles
from comptoir.foundation.kernel import codec, database, shop

BATCH: Final = 500
_CONNECTIONS: Final = 4
_WARM_UP_EVENTS: Final = 20_000
_PORTION: Final = 50_000
_Kind = Literal["hot", "single"]
_KINDS: Final[tuple[_Kind, ...]] = get_args(_Kind)
_SIDES: Final = ("", " reference", " kept reference")
_CUSTOMERS: Final = 1_000_000
_EACH, _HOT = (str(uuid.UUID(int=number, version=4)) for number in (1, 2))


class Coupons(msgspec.Struct, frozen=True):
    """Rates in redemptions a second, in batches; ``ratio`` is the lower of the two.

    ``hot_ratio_spread`` compares the one hot coupon with the reference that spreads over all coupons. ``*_kept_*`` is
    about the reference that promises the same; the ratios without it are about the one that does the least.
    """

    coupons: int
    hot_rate: float
    single_rate: float
    hot_reference_rate: float
    single_reference_rate: float
    hot_kept_reference_rate: float
    single_kept_reference_rate: float
    hot_kept_ratio: float
    single_kept_ratio: float
    hot_ratio: float
    single_ratio: float
    hot_ratio_spread: float
    ratio: float
    flush_rate: float | None
    gateway_peak_mb: float
    rounds: dict[str, list[float]]


def measure(say: stage.Say, *, rounds: int = 3, seconds: float = 10.0, customers: int = _CUSTOMERS) -> Coupons:
    """Measure in a house of its own, in which each of ``customers`` has a coupon that is good once."""
    rates: dict[str, list[float]] = {f"{kind}{which}": [] for which in _SIDES for kind in _KINDS}
    shown = 0
    with stage.own_house(say):
        stage.fill_customers(say, customers)
        _fill_coupons(say, customers)
        reference.prepare_coupons(customers)
        reference.prepare_kept_coupons(customers)
        stage.settle()
        flushes = reference.flush_rate()
        with stage.gateway(say) as running:

            def send(kind: _Kind, length: float, *, seed: int, most: int) -> float:
                nonlocal shown
                events = min(most, customers - shown) if kind == "single" else most
                plan = Plan(
                    running.port,
                    running.key,
                    length,
                    _CONNECTIONS,
                    BATCH,
                    customers,
                    seed,
                    coupons=kind,
                    first=shown,
                )
                result = stage.send(plan, running, events_prepared=events)
                assert not result.failed, f"{result.failed} redemptions were not answered"
                assert not result.refused, f"{result.refused} redemptions were refused"
                if kind == "single":
                    shown += events + BATCH
                return result.accepted / result.seconds

            say("warming up")
            for kind in _KINDS:
                send(kind, 600.0, seed=0, most=min(_WARM_UP_EVENTS, customers // 20))
            each = (customers - shown) // rounds - BATCH
            for number in range(rounds):
                for kind in _KINDS:
                    say(f"round {number + 1} of {rounds}: the reference, {kind}")
                    rates[f"{kind} reference"].append(
                        reference.measure_coupons(customers, seconds, is_hot=kind == "hot")
                    )
                    say(f"round {number + 1} of {rounds}: the reference that promises the same, {kind}")
                    rates[f"{kind} kept reference"].append(
                        reference.measure_kept_coupons(customers, seconds, is_hot=kind == "hot")
                    )
                    say(f"round {number + 1} of {rounds}: {kind}")
                    rates[kind].append(send(kind, seconds, seed=10 * number + 1, most=each))
            peak = running.peak_bytes
    hot, single, hot_base, single_base, hot_kept, single_kept = (statistics.median(each) for each in rates.values())
    return Coupons(
        coupons=customers,
        hot_rate=hot,
        single_rate=single,
        hot_reference_rate=hot_base,
        single_reference_rate=single_base,
        hot_kept_reference_rate=hot_kept,
        single_kept_reference_rate=single_kept,
        hot_kept_ratio=hot / hot_kept,
        single_kept_ratio=single / single_kept,
        hot_ratio=hot / hot_base,
        single_ratio=single / single_base,
        hot_ratio_spread=hot / single_base,
        ratio=min(hot / hot_base, single / single_base),
        flush_rate=flushes,
        gateway_peak_mb=peak / 2**20,
        rounds=rates,
    )


def _fill_coupons(say: stage.Say, count: int) -> None:
    """Put two promotions in, and a coupon for each customer, directly."""
    say(f"putting {count:,} coupons in")
    codes, key = CouponCodes.of_shop(), shop.secret("identifiers")
    percentage = Percentage(10)
    each = Promotion(Titles("Each"), percentage, codes="each")
    hot = Promotion(Titles("Hot"), percentage, codes="shared", code=HOT_CODE, budget=Budget(redemptions_max=10**9))
    with psycopg.connect(database.owner_conninfo()) as connection:
        for promotion, definition in ((_EACH, each), (_HOT, hot)):
            connection.execute(
                "insert into offers_promotion (id, position, definition, codes, digest, published_at, redemptions,"
                " discount) values (%s, %s, %s, %s, %s, now(), 0, 0)",
                (
                    promotion, promotion, codec.encode(definition).decode(), definition.codes,
                    None if definition.code is None else codes.digest(definition.code),
                ),
            )  # fmt: skip
        columns = "id, digest, promotion, customer, issued_at"
        for first in range(0, count, _PORTION):
            with connection.cursor().copy(f"copy offers_coupon ({columns}) from stdin") as copy:
                copy.write(
                    "".join(
                        f"{coupon(number)}\t{codes.digest(codes.code(coupon(number)))}\t{_EACH}\t"
                        f"{customer_id(key, 'card', card(number))}\t2026-01-01\n"
                        for number in range(first, min(first + _PORTION, count))
                    )
                )
    stage.settle()
