"""``bench forget``: how long it takes to forget one person among many, and by which ways their events are found.

A house of its own is filled as earlier years would have left it; then persons are forgotten one after another, as the
gateway does it. That nothing is read from its beginning is told by the server's own counters of scans.
"""

from __future__ import annotations

import datetime as dt
import re
import statistics
import time
import uuid

import msgspec
import psycopg

from comptoir.config.benching import growth, stage
from comptoir.config.benching.load import card
from comptoir.counter.assembly import handlers_for
from comptoir.counter.customers.contracts import FORGOTTEN, CustomerForgotten, Identifier
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.commands import adopt_programme
from comptoir.counter.loyalty.programme import Programmes, read_programme
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec, database, shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.declaration import COUNTER

EVENTS = 10_000_000
PERSONS = 50
_AT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


class Forgetting(msgspec.Struct, frozen=True):
    """Seconds to forget one person; whole scans of tables meanwhile; the plans of one, statement by statement."""

    customers: int
    events: int
    events_of_one: float
    seconds_median: float
    seconds_max: float
    scans: int
    scanned: list[str]
    plans: list[str]


def measure(
    say: stage.Say, *, seconds: float = 10.0, customers: int = stage.CUSTOMERS, events: int = EVENTS,
    persons: int = PERSONS,
) -> Forgetting:  # fmt: skip
    """Measure in a house of its own; ``seconds`` bounds how long persons are forgotten, beside their number."""
    with stage.own_house(say):
        stage.fill_customers(say, customers)
        growth.fill_to(say, customers + events)
        programme = read_programme((shop.folder() / "programme.toml").read_text())
        with database.connect(COUNTER.role) as connection:
            programmes = adopt_programme(connection, programme=programme, now=dt.datetime.now(dt.UTC))
        say("forgetting")
        with database.connect_lane(COUNTER.role) as lane:
            forget(lane, programmes, 0)  # the first one pays for what every connection has to read once
            before = _scans()
            took: list[float] = []
            while len(took) < persons and sum(took) < seconds:
                took.append(forget(lane, programmes, 1 + len(took)))
            lane.execute("select pg_stat_force_next_flush()")
        scanned = {name: count - before.get(name, 0) for name, count in _scans().items()}
        scanned = {name: count for name, count in scanned.items() if count}
        plans = _plans(customer_id(shop.secret("identifiers"), "card", card(1 + len(took))))
    return Forgetting(
        customers, events, events / customers, statistics.median(took), max(took), sum(scanned.values()),
        sorted(scanned), plans,
    )  # fmt: skip


def forget(connection: Connection, programmes: Programmes, number: int) -> float:
    """Forget the person with this card, as the gateway does; return the seconds it took."""
    who = customer_id(shop.secret("identifiers"), "card", card(number))
    data = CustomerForgotten(Identifier("card", who))
    written = codec.encode(data)
    arrival = Arrival(
        source="/vault", id=str(uuid.uuid4()), type=FORGOTTEN, touchpoint="vault", occurred_at=_AT, received_at=_AT,
        data=data, written=written, fingerprint=content_fingerprint(FORGOTTEN, _AT.isoformat(), written), customer=who,
    )  # fmt: skip
    started = time.perf_counter()
    record(connection, [arrival], handlers=handlers_for(programmes))
    took = time.perf_counter() - started
    assert arrival.refusal is None, arrival.refusal
    return took


def _scans() -> dict[str, int]:
    """Return how often each table was read from its beginning; one that has a page at most is read no other way."""
    with psycopg.connect(database.owner_conninfo()) as connection:
        return dict(connection.execute("select relname::text, seq_scan from pg_stat_user_tables").fetchall())


def _plans(who: str) -> list[str]:
    """Return the plans of what forgetting a person looks for, statement by statement, in their own words."""
    with database.connect_lane(COUNTER.role) as lane, lane.transaction():
        lane.execute("set local enable_bitmapscan = on")  # as the function itself has it
        named = {
            f"{package.rpartition('.')[2]}: {name}": database.load_statements(package)[name]
            for package, names in _LOOKING.items()
            for name in names
        }
        row = lane.execute("select prosrc from pg_proc where proname = 'events_sever'").fetchone()
        assert row is not None
        looked_for = _FOUND.search(row[0])
        assert looked_for is not None
        named["events_sever: where they are named"] = (
            looked_for[1].replace("elsewhere", "%s::uuid[]").replace("(customers)", "(%s::uuid[])")
            .replace("&& customers", "&& %s::uuid[]")
        )  # fmt: skip
        plans = []
        for name, statement in named.items():
            values = [_VALUES.get(kind, "{" + who + "}") for kind in _PLACE.findall(statement)]
            lines = lane.execute(f"explain {statement}".encode(), values).fetchall()
            plans.append("\n".join([f"-- {name}", *(line for (line,) in lines)]))
    return plans


_FOUND = re.compile(r"found := array\((.*?)\n    \);", re.DOTALL)
_VALUES = {"text[]": "{till}", "bytea[]": "{}", "": ""}
_PLACE = re.compile(r"%s(?:::([a-z]+(?:\[\])?))?")
#: What each package looks for or severs, by the names of its statements.
_LOOKING = {
    "comptoir.counter.customers": ("find_members", "find_marks", "delete_links", "delete_links_up", "delete_customers"),
    "comptoir.counter.sales": ("sever_sales",),
    "comptoir.counter.loyalty": ("find_positions", "sever_accounts", "sever_transfers", "sever_reservations"),
}
