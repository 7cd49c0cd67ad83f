"""``bench ledger``: events a second, over HTTP, durable, with everything that belongs to an event, against pgbench.

Rounds of the reference, of batches and of single events take turns, so that a machine whose speed drifts is fair to
all; medians are compared.
"""

from __future__ import annotations

import statistics

import msgspec

from comptoir.config.benching import reference, stage
from comptoir.config.benching.load import Plan

BATCH = 500
_BATCH_CONNECTIONS = 4
_SINGLE_CONNECTIONS = 64
_WARM_UP_EVENTS = 250_000


class Ledger(msgspec.Struct, frozen=True):
    """Rates in events (the reference: transactions) a second; ``*_ratio`` compares with the reference's median."""

    customers: int
    reference_rate: float
    batch_rate: float
    single_rate: float
    batch_ratio: float
    single_ratio: float
    ratio: float
    single_p50_ms: float
    single_p99_ms: float
    flush_rate: float | None
    batch_per_flush: float | None
    gateway_peak_mb: float
    rounds: dict[str, list[float]]


def measure(say: stage.Say, *, rounds: int = 3, seconds: float = 10.0, customers: int = stage.CUSTOMERS) -> Ledger:
    """Measure in a house of its own. ``ratio`` is the batches'."""
    rates: dict[str, list[float]] = {"reference": [], "batches": [], "singles": []}
    latencies: list[float] = []
    with stage.own_house(say):
        stage.fill_customers(say, customers)
        reference.prepare(customers)
        flushes = reference.flush_rate()
        with stage.gateway(say) as running:
            say("warming up")
            # After a checkpoint the first change of a page is written whole; a shop that is open has that behind it.
            _send(running, customers, BATCH, _BATCH_CONNECTIONS, 600.0, seed=0, events=min(_WARM_UP_EVENTS, customers))
            reference.measure(customers, seconds)
            for number in range(rounds):
                say(f"round {number + 1} of {rounds}: the reference")
                rates["reference"].append(reference.measure(customers, seconds))
                say(f"round {number + 1} of {rounds}: batches of {BATCH}")
                rate, _ = _send(running, customers, BATCH, _BATCH_CONNECTIONS, seconds, seed=10 * number + 1)
                rates["batches"].append(rate)
                say(f"round {number + 1} of {rounds}: single events over {_SINGLE_CONNECTIONS} connections")
                rate, each = _send(running, customers, 1, _SINGLE_CONNECTIONS, seconds, seed=10 * number + 2)
                rates["singles"].append(rate)
                latencies.extend(each)
            peak = running.peak_bytes
    base, batches, singles = (statistics.median(rates[name]) for name in ("reference", "batches", "singles"))
    return Ledger(
        customers=customers,
        reference_rate=base,
        batch_rate=batches,
        single_rate=singles,
        batch_ratio=batches / base,
        single_ratio=singles / base,
        ratio=batches / base,
        single_p50_ms=stage.quantile(latencies, 0.5),
        single_p99_ms=stage.quantile(latencies, 0.99),
        flush_rate=flushes,
        batch_per_flush=batches / flushes if flushes else None,
        gateway_peak_mb=peak / 2**20,
        rounds=rates,
    )


def _send(
    running: stage.Gateway, customers: int, batch: int, connections: int, seconds: float, *, seed: int,
    events: int | None = None,
) -> tuple[float, list[float]]:  # fmt: skip
    plan = Plan(running.port, running.key, seconds, connections, batch, customers, seed)
    result = stage.send(plan, running, events_prepared=events)
    assert not result.failed, f"{result.failed} events were not answered"
    assert not result.refused, f"{result.refused} events were refused"
    return result.accepted / result.seconds, result.latencies_ms
