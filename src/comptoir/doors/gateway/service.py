"""The gateway's parts, put together: what it decides by, its lanes, its upkeep, its way to read.

Not here: HTTP (``application.py``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import msgspec
import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from comptoir.counter.answers import rules as answer_rules
from comptoir.counter.answers import store as answers
from comptoir.counter.answers.codes import KEY_NAME, check_code, digest_of
from comptoir.counter.answers.contracts import CodeShown
from comptoir.counter.answers.errors import AnswerCodeUsed
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS, handlers_for
from comptoir.counter.baskets import quoting as laid
from comptoir.counter.baskets import store as baskets
from comptoir.counter.baskets.errors import BasketUnknown, BasketWithoutGoods
from comptoir.counter.baskets.quoting import Read
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.customers.store import find_members
from comptoir.counter.giftcards.codes import GiftCardCodes, number_of
from comptoir.counter.giftcards.contracts import Blank
from comptoir.counter.loyalty import store as loyalty
from comptoir.counter.loyalty.codes import Codes
from comptoir.counter.loyalty.commands import adopt_programme
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.contracts import CODE_KIND
from comptoir.counter.loyalty.programme import read_programme
from comptoir.counter.loyalty.rules import Ledger
from comptoir.counter.offers import quoting
from comptoir.counter.offers import store as offers
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.contracts import BasketAsked, Priced
from comptoir.counter.offers.pricing import Circumstances
from comptoir.counter.orders import telling
from comptoir.counter.orders.codes import pickup_codes
from comptoir.counter.orders.contracts import OrderShown
from comptoir.counter.orders.telling import OrderTold
from comptoir.counter.taxes.reading import load_rates
from comptoir.counter.windows import queries as windows
from comptoir.counter.windows.contracts import WindowTold
from comptoir.doors.gateway import limits
from comptoir.doors.gateway.errors import Busy, DatabaseAway
from comptoir.doors.gateway.intake import Intake, Rules
from comptoir.doors.gateway.metrics import Metrics
from comptoir.doors.gateway.pace import Attempts
from comptoir.doors.gateway.reading import Reader
from comptoir.foundation.events.contracts import Balance
from comptoir.foundation.events.live import Hub
from comptoir.foundation.kernel import database, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import store as touchpoints
from comptoir.foundation.touchpoints.compiling import CompiledMap, CompiledTouchpoint, compile_map
from comptoir.foundation.touchpoints.errors import KeyNotKnown, MapContradictsItself
from comptoir.foundation.touchpoints.freshness import Recorder
from comptoir.foundation.touchpoints.reading import load_map, map_path

_log = logging.getLogger(__name__)
_READERS_MAX: Final = 4

P = ParamSpec("P")
T = TypeVar("T")


def programme_path() -> Path:
    """Return where the shop's programme lies: ``COMPTOIR_PROGRAMME``, or ``programme.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_PROGRAMME") or shop.folder() / "programme.toml")


class State(msgspec.Struct, frozen=True):
    """What a person has: its customers, its balance, the position that this rests on, whether there are accounts."""

    members: tuple[Id, ...]
    balance: Balance
    position: Id | None
    is_known: bool


class Service:
    """One gateway. :meth:`start` raises what keeps it from serving: no map, a map with faults, no database."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Prepare; nothing is opened yet."""
        self._clock = clock
        self._identifier_key = shop.secret("identifiers")
        self._code_key = shop.secret(KEY_NAME)
        self._codes = Codes.of_shop()
        self._confirmations = Confirmations.of_shop()
        self.hub = Hub(lambda: database.conninfo(COUNTER.role), subscribers_max=limits.STREAMS_MAX)
        self.recorder = Recorder()
        self.metrics = Metrics(waiting=lambda: self.intake.waiting, streams=lambda: self.hub.subscribers)
        self.intake = Intake(
            connect=lambda: database.connect_lane(COUNTER.role),
            rules=lambda: self._rules,
            hub=self.hub,
            recorder=self.recorder,
            metrics=self.metrics,
            clock=clock,
        )
        self._asking = 0
        #: By a digest of the key; only known keys have one, so there are no more than were ever issued.
        self._attempts: dict[bytes, Attempts] = {}
        self._loading_keys = threading.Lock()
        self._looking = asyncio.Lock()
        self._look_to_come: asyncio.Task[None] | None = None
        self._looked_at = -math.inf
        self._readers = concurrent.futures.ThreadPoolExecutor(_READERS_MAX, "reader")
        self._closing = threading.Event()
        self._upkeep = threading.Thread(target=self._keep_up, name="upkeep", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the map, the programme and the keys, and open for business."""
        self._map_stamp = _stamp(map_path())
        self.map = self._read_map()
        with database.connect(COUNTER.role) as connection:
            path = programme_path()
            if path.exists():
                programme = read_programme(path.read_text())
                self._programmes = adopt_programme(connection, programme=programme, now=self._clock.now())
            else:
                found = loyalty.find_programmes(connection)
                if found is None:
                    raise RuntimeError(f"there is no programme yet: write {path}")
                self._programmes = found
            self.keys = touchpoints.load_keys(connection)
            self._multiplies = offers.has_points(connection)
        self._make_rules()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            database.conninfo(COUNTER.role),
            connection_class=Connection,
            min_size=1,
            max_size=_READERS_MAX,
            kwargs={
                "autocommit": True,
                "application_name": "comptoir gateway reads",
                "options": f"-c statement_timeout={limits.READ_SECONDS_MAX:.0f}s",
            },
            timeout=limits.READ_SECONDS_MAX,
            open=True,
        )
        loop.call_soon_threadsafe(self.intake.start, loop)
        self._upkeep.start()

    async def stop(self) -> None:
        """Finish what waits, write the last figures, close everything."""
        await self.intake.stop()
        self._closing.set()
        await asyncio.to_thread(self._upkeep.join, 5)
        await self.hub.stop()
        self._readers.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._pool.close)

    def attempts_of(self, key: str) -> Attempts:
        """Return the bucket of a key that is known, however it was written in a header."""
        return self._attempts.setdefault(touchpoints.digest_of(key), Attempts())

    async def touchpoint_of(self, key: str) -> CompiledTouchpoint:
        """Return the touchpoint that a key belongs to; ``KeyNotKnown`` for any other text.

        A key that is not known is looked for in the database first: one that was made just now opens the door.
        Raises what :meth:`ask` raises if the database cannot be asked.
        """
        try:
            return self._known_touchpoint_of(key)
        except KeyNotKnown:
            await self._look_for_keys()
            return self._known_touchpoint_of(key)

    def _known_touchpoint_of(self, key: str) -> CompiledTouchpoint:
        name = self.keys.touchpoint_of(key)
        try:
            return self.map.touchpoint(name)
        except KeyError:
            raise KeyNotKnown("The map has no such touchpoint any more.") from None

    async def _look_for_keys(self) -> None:
        """See whether keys have changed, after the call. All who wait for a look that has not begun share it.

        So however many keys somebody tries, the database is asked one question at a time, with a pause in between.
        """
        if self._look_to_come is None:
            self._look_to_come = asyncio.create_task(self._look())
        await asyncio.shield(self._look_to_come)

    async def _look(self) -> None:
        async with self._looking:
            await asyncio.sleep(self._looked_at + limits.KEY_LOOK_SECONDS - time.monotonic())
            self._look_to_come = None  # whoever comes from here on is too late for this one
            try:
                await self.ask(self._load_keys_again)
            finally:
                self._looked_at = time.monotonic()

    def _load_keys_again(self) -> None:
        with self._pool.connection() as connection:
            self._refresh_keys(connection)

    def _refresh_keys(self, connection: Connection) -> None:
        """Load the keys if they have changed. One at a time, or else older ones could take the place of newer ones."""
        with self._loading_keys:
            if touchpoints.keys_version(connection) != self.keys.version:
                self.keys = touchpoints.load_keys(connection)

    @property
    def currency(self) -> str:
        """The currency the shop sells in."""
        return self._programmes.currency

    def identify(self, kind: str, value: str) -> Id:
        """Return the opaque id of an identifier; ``FieldInvalid`` for a code that is none."""
        if kind == CODE_KIND:
            return self._rules.reader.customer_of_code(value, field="value")
        return customer_id(self._identifier_key, kind, value)

    async def ask(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Ask the database, by one of the functions below, in a thread.

        Raises :class:`Busy` if too many ask, :class:`DatabaseAway` if it does not answer in time.
        """
        if self._asking >= limits.READS_WAITING_MAX:
            raise Busy
        self._asking += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._readers, functools.partial(self._ask_again, functools.partial(function, *arguments, **named))
            )
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            _log.warning("a question was not answered: %s", type(error).__name__)
            raise DatabaseAway from None
        finally:
            self._asking -= 1

    def state(self, customer: Id) -> State:
        """Return what a person has at present. Blocks."""
        with self._pool.connection() as connection:
            members = find_members(connection, [customer]).get(customer, (customer,))
            accounts = loyalty.find_accounts(connection, members)
        last = max((each.last_position for each in accounts.values() if each.last_position), default=None)
        return State(members, Balance(*Ledger(accounts).balance(members)), last, bool(accounts))

    def history(self, customer: Id, before: tuple[dt.datetime, Id], limit: int) -> list[loyalty.HistoryRow]:
        """Return what every event did for a person's points, the latest first. Blocks."""
        with self._pool.connection() as connection:
            members = find_members(connection, [customer]).get(customer, (customer,))
            return loyalty.find_history(connection, members, before=before, limit=limit)

    def answer(self, customer: Id, predicate: str) -> answer_rules.Answer | None:
        """Return the answer that says yes to a predicate for a person at present, if there is one. Blocks."""
        age, now = answer_rules.age_of(predicate), self._clock.now()
        with self._pool.connection() as connection:
            members = find_members(connection, [customer]).get(customer, (customer,))
            found = answers.find_answers(connection, members, age=age, now=now)
            withdrawn = answers.find_withdrawals(connection, members) if found else []
        return answer_rules.given(found, withdrawn, age=age, now=now)

    def has_treat(self, customer: Id, channel: str) -> bool:
        """Tell whether a treat is due for a person who allows that on a channel. Blocks."""
        with self._pool.connection() as connection:
            members = find_members(connection, [customer]).get(customer, (customer,))
            return answers.has_treat(connection, members, channel=channel, now=self._clock.now())

    def coupons(self, customer: Id) -> list[quoting.CouponTold]:
        """Return a person's coupons and what became of them. Blocks."""
        with self._pool.connection() as connection:
            members = find_members(connection, [customer]).get(customer, (customer,))
            return quoting.coupons_of(connection, members, now=self._clock.now(), currency=self.currency)

    def window(self, customer: Id) -> WindowTold:
        """Return what a person wants to see of the shop. Blocks."""
        with self._pool.connection() as connection:
            return windows.told(connection, customer)

    def price(self, asked: BasketAsked, touchpoint: CompiledTouchpoint) -> Priced:
        """Return what a basket costs at present; nothing is taken. Blocks. Raises what its source is refused by."""
        touchpoint.check_source(asked.source)
        customer = None if asked.customer is None else self.identify(asked.customer.kind, asked.customer.value)
        now = self._clock.now()
        with self._pool.connection() as connection:
            members = () if customer is None else find_members(connection, [customer]).get(customer, (customer,))
            where = Circumstances(
                now, self._programmes.at(now).local_time(now), asked.source, touchpoint.declared.channel,
                self.currency, bool(members),
            )  # fmt: skip
            return quoting.quote(
                connection, asked.basket, asked.codes, where, members=members, codes=CouponCodes.of_shop()
            )

    def basket(self, number: str, source: str, touchpoint: CompiledTouchpoint) -> Read:
        """Return what is in a basket and what it costs at a source now. Blocks.

        ``number`` is its id, or the short one under which it is being shown, or the code of the customer whose it is.
        Raises :class:`BasketUnknown`, :class:`BasketWithoutGoods`, what the source and the code are refused by, and
        :class:`TaxesInvalid`.
        """
        touchpoint.check_source(source)
        now = self._clock.now()
        with self._pool.connection() as connection:
            basket, found = self._find_basket(connection, number, now)
            quote = laid.quote(
                connection, found.content, members=found.members, source=source,
                channel=touchpoint.declared.channel, at=now, programmes=self._programmes, rates=load_rates(),
            )  # fmt: skip
            accounts = loyalty.find_accounts(connection, found.members) if found.members else {}
        available = Ledger(accounts).balance(found.members)[0] if found.members else 0
        passes = tuple(CouponCodes.of_shop().pass_of(each) for each in quote.codes)
        return Read(basket, found.customer, found.changed_at, available, quote, passes)

    def _find_basket(self, connection: Connection, number: str, now: dt.datetime) -> tuple[Id, laid.Found]:
        if laid.is_customers(number):
            customer = laid.whose(self._codes.open(number), now=now)
            members = find_members(connection, [customer]).get(customer, (customer,))
            found = laid.find_of(connection, members)
            if not found.content.lines:
                raise BasketWithoutGoods(field="code")
            return found.baskets[0], found
        basket = baskets.find_numbered(connection, number, now=now) if number.isdecimal() else number
        one = None if basket is None else laid.find(connection, basket)
        if basket is None or one is None:
            raise BasketUnknown("It may be over, or another number is shown now.", field="basket")
        return basket, one

    def order(self, shown: OrderShown, touchpoint: CompiledTouchpoint) -> OrderTold:
        """Return the order that a pick-up code is for, and what is to be taken for it. Blocks.

        Raises :class:`OrderUnknown`, :class:`OrderElsewhere`, and what the source is refused by.
        """
        touchpoint.check_source(shown.source)
        with self._pool.connection() as connection:
            return telling.told(connection, shown, pickup_codes().digest(shown.code))

    def blank(self) -> Blank:
        """Return a code for a gift card that is to be issued; it is worth nothing yet, and kept nowhere."""
        codes = GiftCardCodes.of_shop()
        code = codes.new()
        return Blank(code, number_of(codes.digest(code)))

    def use_code(self, shown: CodeShown) -> dt.datetime:
        """Use up a till code that says yes to a predicate; return when it would have ended. Blocks.

        Raises a problem for a code that is not this shop's, is over, answers for a lower age, or was used.
        """
        now = self._clock.now()
        end = check_code(shown.code, key=self._code_key, age=answer_rules.age_of(shown.predicate), now=now)
        with self._pool.connection() as connection:
            if not answers.use_code(connection, digest=digest_of(shown.code), ends_at=end, now=now):
                raise AnswerCodeUsed(field="code")
        return end

    def _ask_again(self, function: Callable[[], T]) -> T:
        """Ask, and again if the connection had died unnoticed, as each of them has when the server was away."""
        for _ in range(_READERS_MAX):
            try:
                return function()
            except (psycopg.errors.QueryCanceled, PoolTimeout):
                raise
            except psycopg.OperationalError:
                continue
        return function()

    def is_healthy(self) -> bool:
        """Tell whether the database answers."""
        try:
            with self._pool.connection(timeout=1) as connection:
                connection.execute("select 1")
        except psycopg.Error:
            return False
        return True

    def _make_rules(self) -> None:
        self._rules = Rules(
            self._reader(),
            handlers_for(
                self._programmes,
                types=self.map.declared.types,
                channels={each.name: each.channel for each in self.map.declared.touchpoints},
                multiplies=self._multiplies,
            ),
        )

    def _reader(self) -> Reader:
        return Reader(self.map, key=self._identifier_key, codes=self._codes, confirmations=self._confirmations)

    def _read_map(self) -> CompiledMap:
        return compile_map(load_map(map_path(), types=EVENT_TYPES, products=PRODUCTS))

    def _keep_up(self) -> None:
        """Once a second: see whether keys, map or programme have changed, and write the figures.

        Nothing ends this but the end of the gateway, or else a revoked key would stay valid.
        """
        connection: Connection | None = None
        is_last = False
        while not is_last:
            is_last = self._closing.wait(limits.UPKEEP_SECONDS)
            try:
                if connection is None or connection.closed:
                    connection = database.connect(COUNTER.role)
                    connection.execute(f"set statement_timeout = {limits.READ_SECONDS_MAX * 1000:.0f}")
                self._look_for_changes(connection)
                self._write_figures(connection)
            except psycopg.Error as error:
                _log.warning("upkeep: %s", type(error).__name__)
                if connection is not None:
                    connection.close()
                connection = None
            except Exception:  # noqa: BLE001 - see above
                _log.exception("upkeep failed")
        if connection is not None:
            connection.close()

    def _write_figures(self, connection: Connection) -> None:
        taken = self.recorder.take()
        if taken.is_empty:
            return
        try:
            touchpoints.flush(connection, taken)
        except psycopg.Error:
            self.recorder.give_back(taken)
            raise

    def _look_for_changes(self, connection: Connection) -> None:
        self._refresh_keys(connection)
        programmes = loyalty.find_programmes(connection)
        is_changed = programmes is not None and len(programmes.versions) != len(self._programmes.versions)
        if is_changed:
            assert programmes is not None
            self._programmes = programmes
        if not self._multiplies and offers.has_points(connection):
            self._multiplies = is_changed = True
        stamp = _stamp(map_path())
        if stamp != self._map_stamp:
            self._map_stamp = stamp
            try:
                self.map = self._read_map()
                is_changed = True
            except (MapContradictsItself, OSError, ValueError):
                _log.exception("the changed map has faults; the one before stays in force")
        if is_changed:
            self._make_rules()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
