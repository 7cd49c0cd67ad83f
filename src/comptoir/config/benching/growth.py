"""``bench growth``: does the ledger get slower as it grows? Batches with 1, 3 and 10 million transfers present.

Steps take turns with nothing, since each needs the one before; each step is measured several times, right after a
vacuum and a warm-up of its own.
"""

from __future__ import annotations

import statistics

import msgspec
import psycopg

from comptoir.config.benching import stage
from comptoir.config.benching.load import Plan
from comptoir.foundation.kernel import database

STEPS = (1_000_000, 3_000_000, 10_000_000)
_BATCH = 500
_CONNECTIONS = 4


class Growth(msgspec.Struct, frozen=True):
    """Events a second with so many transfers present; ``ratio`` is the last step's rate over the first one's."""

    rates: dict[str, float]
    ratios: dict[str, float]
    ratio: float
    rounds: dict[str, list[float]]


def measure(
    say: stage.Say, *, rounds: int = 3, seconds: float = 10.0, customers: int = stage.CUSTOMERS,
    steps: tuple[int, ...] = STEPS,
) -> Growth:  # fmt: skip
    """Measure in a house of its own."""
    measured: dict[str, list[float]] = {}
    with stage.own_house(say):
        stage.fill_customers(say, customers)
        with stage.gateway(say) as running:
            for step in steps:
                fill_to(say, step)
                say(f"{step:,} transfers: warming up")
                _rate(running, customers, 600.0, seed=step, events=min(150_000, customers))
                rates = measured[str(step)] = []
                for number in range(rounds):
                    say(f"{step:,} transfers: round {number + 1} of {rounds}")
                    rates.append(_rate(running, customers, seconds, seed=step + 1 + number))
    medians = {step: statistics.median(rates) for step, rates in measured.items()}
    first = next(iter(medians.values()))
    ratios = {step: rate / first for step, rate in medians.items()}
    return Growth(medians, ratios, ratios[str(steps[-1])], measured)


def fill_to(say: stage.Say, count: int) -> None:
    """Add events, sales and transfers directly, as earlier years would have left them, until there are so many."""
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as connection:
        row = connection.execute("select count(*) from loyalty_transfer").fetchone()
        assert row is not None
        missing = count - int(row[0])
        if missing > 0:
            connection.execute(_NUMBER)
            for first in range(0, missing, _PORTION):
                say(f"{count:,} transfers: adding {missing - first:,}")
                number = min(_PORTION, missing - first)
                connection.execute(_FILL, {"count": number, "had": int(row[0]) + first})
            connection.execute(
                "insert into loyalty_programmebalance values (11, 0, %s) on conflict (account, shard) "
                "do update set points = loyalty_programmebalance.points + excluded.points",
                (-missing,),
            )
    stage.settle()


def _rate(running: stage.Gateway, customers: int, seconds: float, *, seed: int, events: int | None = None) -> float:
    plan = Plan(running.port, running.key, seconds, _CONNECTIONS, _BATCH, customers, seed)
    result = stage.send(plan, running, events_prepared=events)
    assert not result.failed, f"{result.failed} events were not answered"
    return result.accepted / result.seconds


_PORTION = 250_000
_NUMBER = """
drop table if exists numbered;
create temporary table numbered as
  select customer, row_number() over () as number, count(*) over () as total from customers_customer;
alter table numbered add primary key (number);
analyze numbered;
"""
# Each row becomes an event with its identity, a sale, a transfer of one point, and part of its customer's account.
_FILL = """
with made as materialized (
  select c.customer, n, ('00000001-' || lpad(to_hex(n / 65536 %% 65536), 4, '0') || '-7000-8000-'
    || lpad(to_hex(n), 12, '0'))::uuid as position,
    '/stores/' || n %% 457 || '/tills/1' as source, 'grown-' || lpad(n::text, 12, '0') as id
  from generate_series(%(had)s + 1, %(had)s + %(count)s) n
  join numbered c on c.number = 1 + (n::bigint * 7919) %% (select total from numbered limit 1)
), event as (
  insert into events_event (position, customer, occurred_at, received_at, source, id, type, touchpoint, status, data,
    outcome, decision)
  select position, customer, '2026-01-01', '2026-01-01', source, id, 'sale.closed', 'till', 'accepted',
    json_build_object('receipt', id, 'currency', 'USD', 'total', 100, 'customer',
      json_build_object('kind', 'card', 'value', customer),
      'lines', json_build_array(json_build_object('product', '1', 'quantity', 1, 'amount', 100))),
    json_build_object('id', id, 'source', source, 'status', 'accepted'),
    json_build_array(json_build_array(customer, 11, 1, 1, '2041-12-31', 'base', position, '2026-01-01T00:00:00Z'))
  from made
), identity as (
  insert into events_identity (source, id, position, fingerprint) select source, id, position, '\\x00'::bytea from made
), sale as (
  insert into sales_sale (source, receipt, position, customer, occurred_at, currency, total_minor)
  select source, id, position, customer, '2026-01-01', 'USD', 100 from made
), account as (
  update loyalty_account a set available = available + added.points, lot_points[1] = lot_points[1] + added.points
  from (select customer, count(*) as points from made group by customer) added where a.customer = added.customer
)
insert into loyalty_transfer (customer, position, ordinal, cause, occurred_at, debit, credit, points, day, reason)
select customer, position, 0, position, '2026-01-01', 11, 1, 1, '2041-12-31', 'base' from made
"""
