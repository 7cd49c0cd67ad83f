"""What the ledger is compared with: ``pgbench``, which comes with the embedded server, on the same server.

The plainest honest equivalent of an event: insert it, insert two entries, update a balance, commit.
"""

from __future__ import annotations

import re
import subprocess
import time
from typing import Final

import psycopg

from comptoir.foundation.kernel import database, embedded, shop

CLIENTS: Final = 32
_THREADS: Final = 2
_TABLES: Final = """
create schema if not exists reference;
create table if not exists reference.event (
  id uuid primary key, account bigint not null, body jsonb not null, at timestamptz not null default now()
);
create table if not exists reference.entry (
  id bigint generated always as identity primary key, account bigint not null, points bigint not null,
  at timestamptz not null default now()
);
create table if not exists reference.balance (account bigint primary key, points bigint not null)
  with (fillfactor = 60);
"""
_SCRIPT: Final = """
\\set account random(1, {customers})
\\set points random(1, 40)
\\set minus 0 - :points
begin;
insert into reference.event (id, account, body) values (gen_random_uuid(), :account,
  '{{"receipt": "31198570044", "store": "330", "currency": "USD", "total": 1234, "lines": 2}}');
insert into reference.entry (account, points) values (:account, :points);
insert into reference.entry (account, points) values (0, :minus);
update reference.balance set points = points + :points where account = :account;
commit;
"""
_COUPON_TABLES: Final = """
create table if not exists reference.coupon (coupon bigint primary key, used bigint not null) with (fillfactor = 60);
create table if not exists reference.redemption (
  id bigint generated always as identity primary key, coupon bigint not null, discount bigint not null,
  at timestamptz not null default now()
);
create table if not exists reference.kept_event (
  id bigint generated always as identity primary key, source text not null, name text not null, body jsonb not null,
  answer jsonb not null, at timestamptz not null default now(), unique (source, name)
);
create table if not exists reference.kept_coupon (
  id bigint primary key, code uuid not null unique, promotion bigint not null, customer uuid not null,
  issued_at timestamptz not null default now(), used bigint not null, uses_max bigint not null,
  check (used <= uses_max)
) with (fillfactor = 60);
create table if not exists reference.kept_redemption (
  event bigint primary key, coupon bigint not null, use bigint not null, customer uuid not null,
  discount bigint not null, at timestamptz not null default now(), unique (coupon, use)
);
create index if not exists kept_redemption_of on reference.kept_redemption (customer);
create table if not exists reference.kept_outbox (
  id bigint generated always as identity primary key, event bigint not null, at timestamptz not null default now()
);
"""
_SHELF_TABLES: Final = """
create table if not exists reference.shelf (article bigint primary key, pieces bigint not null check (pieces >= 0))
  with (fillfactor = 60);
create table if not exists reference.hold (
  id uuid primary key, article bigint not null, quantity bigint not null, expires_at timestamptz not null
);
insert into reference.shelf values (1, 1000000000) on conflict do nothing;
"""
_SHELF_SCRIPT: Final = """
begin;
select pieces from reference.shelf where article = 1 for update;
insert into reference.event (id, account, body) values (gen_random_uuid(), 1,
  '{"hold": "31198570044", "lines": [{"store": "1", "sku": "1029743", "quantity": 1}]}');
insert into reference.hold (id, article, quantity, expires_at)
  values (gen_random_uuid(), 1, 1, now() + interval '1 hour');
update reference.shelf set pieces = pieces - 1 where article = 1;
commit;
"""
_COUPON_SCRIPT: Final = """
\\set coupon {coupon}
\\set discount random(1, 400)
begin;
insert into reference.event (id, account, body) values (gen_random_uuid(), :coupon,
  '{{"receipt": "31198570044", "basket": [{{"product": "1029743", "quantity": 2, "amount": 1198}}]}}');
update reference.coupon set used = used + 1 where coupon = :coupon;
insert into reference.redemption (coupon, discount) values (:coupon, :discount);
commit;
"""
#: What a person would write by hand who promises the same: a repeat is known by its name, the coupon is found by what
#: is kept of its code and used as often as it allows, whose it was is known, the answer is kept, and others hear of it.
_KEPT_SCRIPT: Final = """
\\set coupon {coupon}
\\set discount random(1, 400)
begin;
select id, customer, used + 1 as use from reference.kept_coupon
  where code = md5(:coupon::text)::uuid and used < uses_max for no key update \\gset
insert into reference.kept_event (source, name, body, answer) values ('/stores/330/tills/1', gen_random_uuid()::text,
  '{{"receipt": "31198570044", "basket": [{{"product": "1029743", "quantity": 2, "amount": 1198}}]}}',
  '{{"before": 1198, "discount": 120, "total": 1078, "because": "10% off, on everything"}}')
  returning id as event \\gset
update reference.kept_coupon set used = used + 1 where id = :id;
insert into reference.kept_redemption (event, coupon, use, customer, discount)
  values (:event, :id, :use, :customer, :discount);
insert into reference.kept_outbox (event) values (:event);
commit;
"""
_RATE: Final = re.compile(r"tps = ([0-9.]+)")
_FLUSH: Final = re.compile(r"fdatasync\s+([0-9.]+) ops/sec")


def prepare(customers: int) -> None:
    """Make the reference's tables, with a balance for each customer."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        for statement in _TABLES.split(";")[:-1]:
            connection.execute(statement)
        connection.execute(
            "insert into reference.balance select number, 0 from generate_series(1, %s) number on conflict do nothing",
            (customers,),
        )


def prepare_coupons(coupons: int) -> None:
    """Make the reference's tables for coupons, and one coupon each."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        for statement in (_TABLES + _COUPON_TABLES).split(";")[:-1]:
            connection.execute(statement)
        connection.execute(
            "insert into reference.coupon select number, 0 from generate_series(0, %s) number on conflict do nothing",
            (coupons,),
        )


def prepare_kept_coupons(coupons: int) -> None:
    """Make one coupon each of the reference that promises the same; it allows many uses, since pgbench draws by lot."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(
            "insert into reference.kept_coupon (id, code, promotion, customer, used, uses_max)"
            " select number, md5(number::text)::uuid, 1, gen_random_uuid(), 0, 1000000000"
            " from generate_series(0, %s) number on conflict do nothing",
            (coupons,),
        )


def measure_kept_coupons(coupons: int, seconds: float, *, is_hot: bool) -> float:
    """Return pgbench's redemptions a second where each keeps what a redemption here promises."""
    return _pgbench(_KEPT_SCRIPT.format(coupon="0" if is_hot else f"random(1, {coupons})"), seconds)


def prepare_last_piece() -> None:
    """Make the table of what is on the shelves, with more of one thing than can be held."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        for statement in (_TABLES + _SHELF_TABLES).split(";")[:-1]:
            connection.execute(statement)


def measure_last_piece(seconds: float) -> float:
    """Return how many pieces of one thing pgbench holds a second: asked, written down, counted down, committed."""
    return _pgbench(_SHELF_SCRIPT, seconds)


def measure_coupons(coupons: int, seconds: float, *, is_hot: bool) -> float:
    """Return pgbench's redemptions a second: on one coupon, or spread over all of them."""
    return _pgbench(_COUPON_SCRIPT.format(coupon="0" if is_hot else f"random(1, {coupons})"), seconds)


def drop() -> None:
    """Drop the reference's tables."""
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute("drop schema if exists reference cascade")


def measure(customers: int, seconds: float) -> float:
    """Return pgbench's transactions a second."""
    return _pgbench(_SCRIPT.format(customers=customers), seconds)


def _pgbench(text: str, seconds: float) -> float:
    script = shop.folder() / "reference.sql"
    script.write_text(text)
    output = subprocess.run(  # noqa: S603 - a program of the server's
        [
            *(str(embedded.bin_folder() / "pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(_THREADS)),
            *("-T", str(max(1, round(seconds))), "-h", str(embedded.socket_folder()), "-U", embedded.SUPERUSER),
            *("-f", str(script), database.database_name()),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = _RATE.search(output)
    assert found is not None, output
    return float(found[1])


def flush_rate(seconds: int = 1) -> float | None:
    """Return how many times a second the disk confirms 8 kB (pg_test_fsync, fdatasync); ``None`` if it won't say."""
    path = shop.folder() / "flush"
    output = subprocess.run(  # noqa: S603 - a program of the server's
        [str(embedded.bin_folder() / "pg_test_fsync"), "-s", str(seconds), "-f", str(path)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = _FLUSH.search(output)
    return float(found[1]) if found else None


class Bare:
    """Commit, NOTIFY and LISTEN by bare psycopg: what no live link can beat."""

    def __init__(self) -> None:
        """Open a writing and a listening connection, and a table of its own."""
        self._writer = psycopg.connect(database.administrator_conninfo(), autocommit=True)
        self._writer.execute("create schema if not exists reference")
        self._writer.execute("create table if not exists reference.heard (id bigserial primary key, at float8)")
        self._listener = psycopg.connect(database.administrator_conninfo(), autocommit=True)
        self._listener.execute("listen reference_heard")

    def once(self) -> float:
        """Return the milliseconds from sending a row until its commit is heard of."""
        started = time.perf_counter()
        with self._writer.pipeline(), self._writer.transaction():
            self._writer.execute("insert into reference.heard (at) values (1.0)", prepare=True)
            self._writer.execute("select pg_notify('reference_heard', 'x')", prepare=True)
        for _ in self._listener.notifies(timeout=10, stop_after=1):
            break
        return (time.perf_counter() - started) * 1000

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._listener.close()
