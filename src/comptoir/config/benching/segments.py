"""``bench segments``: ten definitions over a year of everybody, against the same questions written by hand.

Over the lake in DuckDB, each side in a process of its own, so that its memory is its own, and in turns, so that other
work on the machine is fair to both; and one customer at a time in PostgreSQL, against a look-up by primary key and
against the same question written by hand. Who is found has to be the same, or nothing is reported.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime as dt
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.config.benching import stage
from comptoir.counter.audiences.lake import Lake, Manifest
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.office.segments import engines, store
from comptoir.office.segments.compiling import Terms
from comptoir.office.segments.lake import duckdb_over
from comptoir.office.segments.language import read

TODAY: Final = dt.date(2025, 12, 31)
_TERMS: Final = Terms(TODAY, 100)
_DAYS: Final = 365
_ROUNDS: Final = 2
_TURNS: Final = 2
_LINES_A_CUSTOMER: Final = 50
_CHECKED: Final = 100_000
_SECONDS: Final = 8.0
#: From simple to nasty; ``segments.sql`` has the same as somebody who knows the tables writes it in DuckDB.
DEFINITIONS: Final[Mapping[str, str]] = {
    "points": "points() > 500",
    "recency": "days_since_purchase() > 3 AND purchases_ever() >= 3",
    "spend": "spend(90) > 100",
    "bought": "bought('C3', 60)",
    "manual": "spend_days(90) > 100 AND bought('C3', 60) AND NOT visited(store => 7, days => 30)",
    "elsewhere": "spend(365) > 500 AND NOT visited('7', 365)",
    "basket": "spend(90) / purchases(90) > 25",
    "growing": "spend(30) > spend(90) / 3 AND categories(90) >= 4",
    "either": (
        "(bought('C3', 30) OR bought('C4', 30)) AND NOT (bought('C5', 180) OR spend(180, category => 'C6') > 50)"
    ),
    "nasty": (
        "spend(365) / purchases(365) BETWEEN 5 AND 50 AND (items(90, category => 'C1') * 2 >"
        " items(180, category => 'C1') OR did('newsletter.subscribed', 180)) AND NOT bought('P17', 365)"
    ),
}


class Segments(msgspec.Struct, frozen=True):
    """Seconds and megabytes over all definitions, ours and by hand; ``*_ratio`` are ours over those by hand.

    Ours read an expression and compile it within their time (``compiling_ms``, over all definitions); what is written
    by hand needs neither. Megabytes are a process's at its peak, of which it had ``base_mb`` before it asked.

    Of one customer: how many checks a second, and the times within which half and 99 of 100 are answered, in
    milliseconds: of a check, of a look-up by primary key, and of the same question by hand.
    """

    customers: int
    lines: int
    seconds: float
    seconds_by_hand: float
    time_ratio: float
    worst_time_ratio: float
    compiling_ms: float
    memory_mb: float
    memory_by_hand_mb: float
    memory_ratio: float
    base_mb: float
    ratios: dict[str, float]
    memory_ratios: dict[str, float]
    found: dict[str, int]
    checks_per_second: float
    check_p50_ms: float
    check_p99_ms: float
    lookup_p50_ms: float
    lookup_p99_ms: float
    by_hand_p50_ms: float
    by_hand_p99_ms: float
    check_p50_ratio: float
    check_p99_ratio: float
    check_p99_ratio_by_hand: float


def measure(
    say: stage.Say, *, customers: int = 1_000_000, lines: int | None = None, seconds: float = _SECONDS,
    lake: Path | None = None,
) -> Segments:  # fmt: skip
    """Measure in a folder and a house of its own; ``lake`` is a folder that keeps the lake for the next time."""
    wanted = customers * _LINES_A_CUSTOMER if lines is None else lines
    sides = ("by hand", "ours")
    best: dict[str, list[float]] = {side: [] for side in sides}
    peaks: dict[str, list[float]] = {side: [] for side in sides}
    found: dict[str, int] = {}
    compiling: list[float] = []
    bases: list[float] = []
    by_hands = database.load_statements("comptoir.config.benching", "segments.sql")
    with _filled(say, customers, wanted, lake) as where:
        for number, (name, expression) in enumerate(DEFINITIONS.items(), 1):
            query, took = _compiled(expression)
            compiling.append(took)
            queries = {"by hand": by_hands[name], "ours": query}
            runs: dict[str, list[_Run]] = {side: [] for side in sides}
            for turn in range(_TURNS):
                say(f"definition {number} of {len(DEFINITIONS)}, turn {turn + 1} of {_TURNS}")
                for side in sides:
                    runs[side].append(_alone(where, queries[side]))
            answers = {(each.count, each.digest) for each in (*runs["by hand"], *runs["ours"])}
            assert len(answers) == 1, f"{expression}: {answers}"
            found[name] = runs["ours"][0].count
            for side in sides:
                best[side].append(min(each.seconds for each in runs[side]) + (took if side == "ours" else 0.0))
                bases.extend(each.base_mb for each in runs[side])
                peaks[side].append(max(each.peak_mb for each in runs[side]))
    ratios = _ratios(best["ours"], best["by hand"])
    checks = _check_one(say, customers=min(customers, _CHECKED), seconds=seconds)
    p50 = {name: statistics.median(each) * 1_000 for name, each in checks.items()}
    p99 = {name: statistics.quantiles(each, n=100)[98] * 1_000 for name, each in checks.items()}
    return Segments(
        customers=customers,
        lines=wanted,
        seconds=sum(best["ours"]),
        seconds_by_hand=sum(best["by hand"]),
        time_ratio=sum(best["ours"]) / sum(best["by hand"]),
        worst_time_ratio=max(ratios.values()),
        compiling_ms=sum(compiling) * 1_000,
        memory_mb=max(peaks["ours"]),
        memory_by_hand_mb=max(peaks["by hand"]),
        memory_ratio=max(peaks["ours"]) / max(peaks["by hand"]),
        base_mb=max(bases),
        ratios=ratios,
        memory_ratios=_ratios(peaks["ours"], peaks["by hand"]),
        found=found,
        checks_per_second=len(checks["check"]) / sum(checks["check"]),
        check_p50_ms=p50["check"],
        check_p99_ms=p99["check"],
        lookup_p50_ms=p50["lookup"],
        lookup_p99_ms=p99["lookup"],
        by_hand_p50_ms=p50["by hand"],
        by_hand_p99_ms=p99["by hand"],
        check_p50_ratio=p50["check"] / p50["lookup"],
        check_p99_ratio=p99["check"] / p99["lookup"],
        check_p99_ratio_by_hand=p99["check"] / p99["by hand"],
    )


def _ratios(ours: list[float], by_hand: list[float]) -> dict[str, float]:
    return {name: a / b for name, a, b in zip(DEFINITIONS, ours, by_hand, strict=True)}


# -- the lake -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _filled(say: stage.Say, customers: int, lines: int, kept: Path | None) -> Iterator[str]:
    """Have a lake of this size while the block runs: one that is there already, or a new one."""
    with tempfile.TemporaryDirectory(prefix="comptoir-bench-") as folder:
        where = Path(folder) / "lake" if kept is None else kept / f"{customers}-{lines}"
        lake = Lake(str(where))
        if lake.manifest() is None:
            say("writing the lake")
            _fill(lake, customers, lines)
        yield str(where)


def _fill(lake: Lake, customers: int, lines: int) -> None:
    """Write a year: a file a day, in which somebody buys between one and nine lines at a time."""
    import duckdb  # noqa: PLC0415 - an extra

    manifest = Manifest(files={"events": {}, "lines": {}, "acts": {}, "figures": {}})
    a_day = max(1, lines // _DAYS)
    with duckdb.connect() as connection:
        connection.execute("select setseed(0.5)")
        connection.execute(
            "create table who as select i, uuid()::text as customer from range($customers) t(i)",
            {"customers": customers},
        )
        for number in range(_DAYS):
            day = (TODAY - dt.timedelta(days=_DAYS - 1 - number)).isoformat()
            for part, query in (("lines", _LINES), ("acts", _ACTS)):
                table = connection.sql(
                    query,
                    params={"customers": customers, "n": a_day if part == "lines" else a_day // 50, "day": number},
                ).to_arrow_table()
                manifest.files[part][day] = [lake.write(part, day, table)]
        table = connection.sql(_FIGURES).to_arrow_table()
        manifest.files["figures"][""] = [lake.write("figures", "", table)]
    lake.commit(manifest)


_LINES: Final = """
select w.customer, 'S' || (s.i % 40)::varchar as position, 1::bigint as number, (s.i % 40)::varchar as store,
  'C' || (hash(s.i, $day, 1) % 60)::varchar as category, 'P' || (hash(s.i, $day, 2) % 5000)::varchar as product,
  1 + (hash(s.i, $day, 3) % 3)::bigint as quantity, 50 + (hash(s.i, $day, 4) % 2000)::bigint as amount,
  0::bigint as discount, (s.i % 5 = 0)::bigint as opens
from range($n) s(i) join who w on w.i = hash(s.i // 5, $day) % $customers order by w.customer
"""
_ACTS: Final = """
select w.customer, 'A' as position,
  case when s.i % 4 = 0 then 'newsletter.subscribed' else 'coupon.redeemed' end as type
from range($n) s(i) join who w on w.i = hash(s.i, $day, 9) % $customers order by w.customer
"""
_FIGURES: Final = """
select customer, case when i % 20 = 1 then lag(customer) over (order by i) else customer end as person,
  date '2025-01-01' as since, i % 50 <> 7 as allows_store, i % 50 <> 8 as allows_web, date '2025-01-05' as first_day,
  date '2025-12-31' - (i % 90)::int as last_day, (i % 12)::bigint as purchases, (i % 90000)::bigint as spend,
  (i % 1000)::bigint as points, 0::bigint as asked, 0::bigint as answered, 0::bigint as trust
from who order by customer
"""


class _Run(msgspec.Struct, frozen=True):
    """The fastest of a query's rounds, its process's memory before it and at the peak, how many it found, and which."""

    seconds: float
    base_mb: float
    peak_mb: float
    count: int
    digest: int


def _compiled(expression: str) -> tuple[str, float]:
    """Return the query that an expression becomes, and the seconds that it took to read and compile it."""
    query, times = "", []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        query = engines.sql_of_tree(read(expression), "duckdb", _TERMS)
        times.append(time.perf_counter() - started)
    return query, min(times)


def _alone(where: str, query: str) -> _Run:
    """Run a query in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_run, where, query).result()


def _run(where: str, query: str) -> _Run:
    times = []
    with duckdb_over(Lake(where)) as connection:
        base = _peak_mb()
        row: Any = None
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            row = connection.execute(
                f"select count(*), coalesce(bit_xor(hash(person)), 0) from ({query}) found"  # noqa: S608 - our own
            ).fetchone()
            times.append(time.perf_counter() - started)
    return _Run(min(times), base, _peak_mb(), int(row[0]), int(row[1]))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# -- one customer -------------------------------------------------------------------------------------------------


def _check_one(say: stage.Say, *, customers: int, seconds: float) -> dict[str, list[float]]:
    """Return the seconds that each check has taken, each look-up, and each question by hand; the three in turn."""
    tree = read(DEFINITIONS["manual"])
    with stage.own_house(say), database.connect(COUNTER.role) as connection:
        say("filling PostgreSQL")
        for statement in (_PG_FIGURES, _PG_LINES):
            connection.execute(statement, {"n": customers, "lines": customers * _LINES_A_CUSTOMER})
        stage.settle()
        with database.connect(OFFICE.role) as office:
            ids = [row[0] for row in office.execute("select customer::text from audiences_figures order by customer")]
            asked: dict[str, Callable[[str], object]] = {
                "lookup": lambda customer: office.ask(_LOOKUP, customer),
                "by hand": lambda customer: office.ask(_BY_HAND, customer),
                "check": lambda customer: store.is_member(office, tree, _TERMS, customer),
            }
            chance = random.Random(1)  # noqa: S311 - which customer is asked
            for customer in chance.sample(ids, min(len(ids), 1_000)):
                assert bool(office.ask(_BY_HAND, customer)) == store.is_member(office, tree, _TERMS, customer)
            took: dict[str, list[float]] = {name: [] for name in asked}
            say("one customer at a time")
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                for name, ask in asked.items():
                    for customer in chance.sample(ids, 20):
                        started = time.perf_counter()
                        ask(customer)
                        took[name].append(time.perf_counter() - started)
    return {name: each[200:] for name, each in took.items()}


_LOOKUP: Final = "select person, allows_store, last_day, spend from audiences_figures where customer = %s::uuid"
#: The check of the definition "manual" for one customer, as somebody who knows the tables writes it.
_BY_HAND: Final = """
with f as materialized (
  select customer, allows_store from audiences_figures
  where person = (select person from audiences_figures where customer = %s::uuid)
)
select 1 from (select bool_and(allows_store) as allowed from f) a, (
  select sum(amount) as spent,
    count(*) filter (where (product = 'C3' or category = 'C3') and day > date '2025-11-01') as bought,
    count(*) filter (where store = '7' and day > date '2025-12-01') as visits
  from audiences_line where customer = any(array(select customer from f))
    and day > date '2025-10-02' and day <= date '2025-12-31'
) l where allowed and spent > 10000 and bought > 0 and visits = 0
"""
_PG_FIGURES: Final = """
insert into audiences_figures
select c, c, date '2025-01-01', i %% 50 <> 7, true, date '2025-01-05', date '2025-12-30', 5,
  9000, i %% 1000, 0, 0, 0
from generate_series(1, %(n)s) i, lateral (select md5(i::text)::uuid as c) m
"""
_PG_LINES: Final = """
insert into audiences_line
select md5((1 + i %% %(n)s)::text)::uuid, gen_random_uuid(), 1,
  date '2025-12-31' - ((i / %(n)s) * 7)::int, (i %% 40)::text,
  'C' || (i %% 61), 'P' || (i %% 5003), 1, 50 + i %% 2000, 0, 1
from generate_series(0, %(lines)s - 1) i
"""
