"""``comptoir demo``: a shop with a year of real sales, from nothing, with pages to look at while it fills."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime as dt
import itertools
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from comptoir.config.replaying.bought import Good
    from comptoir.config.replaying.keyring import Keyring
    from comptoir.config.replaying.recordings import Entry
    from comptoir.config.serving import House

STAFF_EMAIL: Final = "demo@office.localhost"

_FIRST_PART = dt.datetime(2017, 1, 15)  # noqa: DTZ001 - click's own form; the zone is added below
_YEAR = (dt.datetime(2017, 1, 1, tzinfo=dt.UTC), dt.datetime(2018, 1, 1, 4, 2, tzinfo=dt.UTC))
_FIRST_DAY_ENDS = dt.datetime(2017, 1, 2, tzinfo=dt.UTC)
_DAY_SECONDS = 86_400
_TEND_SECONDS = 0.5
_ASK_AGAIN_SECONDS = 0.5


@click.command(epilog="Example: comptoir demo, or comptoir demo --no-serve --json --until 2017-01-15")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    default=_FIRST_PART,
    show_default="2017-01-15",
    help="Load the sales before this day at once.",
)
@click.option("--serve/--no-serve", default=True, help="Open the pages and go on replaying, or end after the loading.")
@click.option("--plain", is_flag=True, help="The real sales only: no returns, reviews, redemptions or mistakes added.")
@click.option("--day-seconds", type=click.FloatRange(0.01), default=20, show_default=True, help="How long a day takes.")
@click.option(
    "--dump",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A Stack Exchange dump to carry to the square. Unset: one in ../shared/data, if there is one.",
)
@click.option("--fresh", is_flag=True, help="Throw the earlier demo of this folder away first.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True, help="The pages' port.")
@click.option("--gateway-port", type=click.IntRange(1, 65_535), default=8001, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result of the loading as one JSON object.")
def command(
    *,
    until: dt.datetime,
    serve: bool,
    plain: bool,
    day_seconds: float,
    dump: Path | None,
    fresh: bool,
    port: int,
    gateway_port: int,
    as_json: bool,
) -> None:
    """Open a shop with a real year of a grocery chain, and look at it.

    Starts the database, creates the tables, opens the house, loads the first two weeks through the gateway, says
    what to open and what to try, and goes on with the year, a day in twenty seconds, until Ctrl-C. The next demo
    finds everything where it was.
    """
    from comptoir.config import opening
    from comptoir.config.replaying import journey, progress
    from comptoir.config.replaying.sending import SendingError
    from comptoir.config.serving import HouseFell

    output = progress.console()
    # Ctrl-C also where a script has started this in the background, for which a shell has it ignored.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.default_int_handler)
    if not serve:
        gateway_port = _free_port()
        os.environ.setdefault("COMPTOIR_PRETEND_PORT", str(_free_port()))
    os.environ.setdefault("COMPTOIR_PORT", str(port))
    os.environ.setdefault("COMPTOIR_PAYMENTS", "pretend")
    os.environ.setdefault("COMPTOIR_PAY_IN_STORE_HOURS", "72")
    demo = _Demo(
        output=output,
        until=until.replace(tzinfo=dt.UTC),
        is_plain=plain,
        day_seconds=day_seconds,
        dump=dump,
        port=port,
        gateway_port=gateway_port,
    )
    try:
        result = demo.run(serve=serve, fresh=fresh, loaded=_printed if as_json else _nothing)
    except (opening.NotTheDemo, journey.JourneyError, SendingError, HouseFell) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        output.print("Closed before it was open; the next demo goes on from here.")
        raise SystemExit(130) from None
    if not result["ledger_ok"]:
        raise click.ClickException("the ledger's balances are not the sums of its entries: run comptoir doctor")


async def until_told(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do some work until it is done, or until Ctrl-C or SIGTERM, which end it wherever it is; its errors are raised.

    One request to end can get lost: where it meets an answer that has just come, ``asyncio`` before 3.12 and what
    builds on it may hand over the answer and forget the request. So it is asked again until it has ended.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, told.set)
    doing, hearing = asyncio.ensure_future(work()), asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait({doing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        while not doing.done():
            doing.cancel()
            await asyncio.wait({doing}, timeout=_ASK_AGAIN_SECONDS)
    finally:
        hearing.cancel()
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    if not doing.cancelled():
        doing.result()


def _printed(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def _nothing(result: dict[str, Any]) -> None:
    """Tell nobody."""


class _Demo:
    """One demo, from the database to the last line."""

    def __init__(
        self,
        *,
        output: Console,
        until: dt.datetime,
        is_plain: bool,
        day_seconds: float,
        dump: Path | None,
        port: int,
        gateway_port: int,
    ) -> None:
        self._output = output
        self._until = until
        self._is_plain = is_plain
        self._day_seconds = day_seconds
        self._dump = dump
        self._port = port
        self._gateway_port = gateway_port
        self._shelves: Mapping[str, Sequence[Good]] = {}

    def run(self, *, serve: bool, fresh: bool, loaded: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Do all of it; returns the result of the loading, which ``loaded`` gets as soon as it is known."""
        from comptoir.config import equipping, opening
        from comptoir.config.serving import PRETEND, House
        from comptoir.foundation.kernel import database, shop
        from comptoir.foundation.rooms.commands import migrate_house

        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            with self._output.status("Starting the database"):
                stack.enter_context(database.server())
            if fresh:
                opening.start_anew(self._say)
            opening.write_examples(self._say)
            with self._output.status("Creating roles, tables and grants"):
                migrate_house()
            opening.claim_database()
            equipping.prepare_vault(self._say)
            keyring = opening.open_channels(self._say)
            equipping.equip_pages(self._say)
            equipping.reserve_staff_names()
            house = House(
                () if serve else ("gateway", PRETEND),
                port=self._port,
                gateway_port=self._gateway_port,
                log_folder=shop.folder() / "log",
                report=self._say,
            )
            with self._output.status("Opening the house"):
                stack.enter_context(house)
            # What this process says for the house's own pages goes the same way.
            os.environ.setdefault("COMPTOIR_GATEWAY_URL", house.gateway_url)
            self._say(f"The house is open after {time.monotonic() - began:.1f} s.")
            result = self._load(house, keyring, resume=serve)
            result["catalog"] = self._list(house)
            result["community"] = self._talk(house)
            result["coupons"] = self._offer(house)
            if not self._is_plain:
                result["campaign"] = self._promote(house)
                result["selling"] = self._sell(house)
            result["recommendations"] = self._recommend(house)
            result |= opening.figures()._asdict() | {"seconds": round(time.monotonic() - began, 1)}
            loaded(result)
            self._say(
                f"{result['customers']:,} people have earned {result['points_earned']:,} points; the ledger is "
                + ("in order." if result["ledger_ok"] else "[red]not in order[/].")
            )
            if serve:
                self._live(house, keyring)
        return result

    def _load(self, house: House, keyring: Keyring, *, resume: bool) -> dict[str, Any]:
        """Send the first part as fast as it goes. ``resume`` passes over what an earlier demo has sent."""
        from comptoir.config.replaying import progress, sending
        from comptoir.config.replaying.phone import Phone

        with progress.sending_bar("Loading", span=(_YEAR[0], max(self._until, _FIRST_DAY_ENDS))) as bar:
            sender = sending.Sender(house.gateway_url, keyring, phone=Phone.of_shop(), progress=bar)

            async def load() -> None:
                async with _tended(house):
                    if resume:
                        await sender.resume(self._first_part, self._bookmark("first"))
                    else:
                        await sender.send(self._first_part())

            asyncio.run(load())
        self._output.print(progress.summary(sender.tally))
        tally = sender.tally.as_members()
        return {name: tally[name] for name in _LOADED}

    def _talk(self, house: House) -> dict[str, Any]:
        """Let the demo's members talk on the square, and carry a community there where its dump is at hand."""
        from comptoir.config import opening
        from comptoir.config.carrying import taking
        from comptoir.config.carrying.stackexchange import StackExchange, place_of
        from comptoir.config.replaying import conversations, journey, progress, sending
        from comptoir.config.replaying.keyring import Keyring
        from comptoir.foundation.touchpoints import house as house_touchpoint

        began = time.monotonic()
        told = conversations.load()
        cards = told.cards(itertools.islice(journey.baskets(), 500))
        said = told.events(cards, opened_at=self._opened_at())
        sent = sending.Tally()
        with progress.sending_bar("The square") as bar:
            for source, entries in itertools.groupby(said, key=lambda entry: entry.source):
                # One key after the other, so that everything is heard in its order.
                key = house_touchpoint.key_path(_TALKING[source]).read_text()
                sender = sending.Sender(house.gateway_url, Keyring.of_one_key(key), in_flight=1, progress=bar)
                sender.tally = sent
                asyncio.run(sender.send(entries))
        result: dict[str, Any] = {"said": sent.as_members()}
        folder = self._dump or _dump_beside()
        place = place_of(folder) if folder else None
        keyring = Keyring.load()
        if folder is not None and place is not None and keyring is not None:
            with progress.sending_bar("A community carried along") as bar:
                result["carried"] = taking.take(
                    StackExchange(folder, place, language="fr"), gateway=house.gateway_url, keyring=keyring,
                    progress=bar,
                )  # fmt: skip
        result["confirmed"], result["thanked"] = opening.look_at_contributions()
        result["seconds"] = round(time.monotonic() - began, 1)
        carried = result.get("carried", {})
        self._say(
            f"The square has {sent.accepted + sent.duplicates:,} things said, done and voted by the demo's members"
            + (f", and {carried['posts']:,} posts of {carried['place']}." if carried else ".")
        )
        self._say(
            f"{result['confirmed']} reviews are by people who had bought the product; {result['thanked']} customers got"
            " points for what they contributed."
        )
        return result

    def _list(self, house: House) -> dict[str, Any]:
        """List what was sold so far, and the stores: the shop window."""
        from comptoir.config.replaying import bought, journey, progress, sending, wares, wished
        from comptoir.config.replaying.keyring import Keyring

        keyring = Keyring.load()
        assert keyring is not None, "the demo's channels have their keys"
        stores: dict[int, collections.Counter[int]] = collections.defaultdict(collections.Counter)
        laid_before: list[str] = []
        for basket in journey.baskets(until=self._until.date()):
            stores[int(basket.sale.store)].update(int(line.product) for line in basket.sale.lines)
            if basket.sale.customer.value == journey.CARD:
                laid_before.extend(line.product for line in basket.sale.lines)
        sold = {product for some in stores.values() for product in some}
        listed = list(wares.listings(sold, stores))
        counts = list(wares.counts(stores, self._until))
        self._shelves = bought.shelves(listed, counts)
        products = sum(event.type == "product.listed" for event in listed)
        with progress.sending_bar("The shop window", len(listed) + len(counts)) as bar:
            # One batch after the other: a product comes after its category.
            sender = sending.Sender(house.gateway_url, keyring, in_flight=1, progress=bar)
            asyncio.run(sender.send(event.encode() for event in (*listed, *counts)))
        laid = wares.laid(journey.CARD, listed, laid_before, at=self._opened_at())
        if laid is not None:
            once = sending.Sender(house.gateway_url, keyring, in_flight=1)
            asyncio.run(once.send(iter([laid.encode()])))
        wished.wish(house.gateway_url, journey.CARD, listed, laid_before, at=self._opened_at())
        self._say(
            f"The shop window has {products:,} products, those that were sold so far of {wares.PRODUCTS:,},"
            f" and {len(stores):,} stores, whose hours are made up."
        )
        articles = sum(len(event.data["lines"]) for event in counts if event.type == "stock.counted")
        self._say(f"{articles:,} articles are counted and have a place on the shelves; these figures are made up too.")
        return {
            **sender.tally.as_members(), "products": products, "stores": len(stores), "articles": articles,
        }  # fmt: skip

    def _offer(self, house: House) -> dict[str, Any]:
        """Bring in the data set's coupons, which another system gave, and give the demo's card a coupon to try."""
        from comptoir.config.replaying import journey, offered, progress, sending
        from comptoir.config.replaying.keyring import Keyring
        from comptoir.foundation.touchpoints import house as house_touchpoint

        key = house_touchpoint.key_path(house_touchpoint.CONSOLE).read_text()
        with progress.sending_bar("Coupons") as bar:
            sender = sending.Sender(house.gateway_url, Keyring.of_one_key(key), in_flight=1, progress=bar)
            asyncio.run(sender.send(event.encode() for event in (*offered.to_try(journey.CARD), *offered.events())))
        tally = sender.tally
        self._say(
            f"{offered.CAMPAIGNS} campaigns of coupons with {offered.ROWS:,} products, sent {offered.TARGETINGS:,} "
            f"times, and {offered.REDEMPTIONS:,} redemptions are told as what they are: not randomised, so nothing is "
            "claimed of what they changed."
        )
        return {"accepted": tally.accepted + tally.duplicates, "refused": tally.refused_total}

    def _promote(self, house: House) -> dict[str, Any] | None:
        """Let a campaign happen, from a segment to what it changed; made-up readers, drawn by lot."""
        from comptoir.config import promoting

        with self._output.status("A campaign"):
            went = promoting.promote(house.gateway_url, until=max(self._until, _FIRST_DAY_ENDS))
        if went is None:
            return None
        told = {"better": "They bought more", "worse": "They bought less"}.get(went.verdict, "One cannot tell")
        if went.effect is not None:
            told += f": {went.effect:+.2f} each (between {went.low:.2f} and {went.high:.2f})"
        self._say(
            f"A campaign wrote to {went.sent:,} made-up readers of {went.matched:,} customers and held "
            f"{went.held_out:,} out; {went.redeemed:,} came with their coupon, drawn by lot. {told}."
        )
        return {name: value for name, value in msgspec.to_builtins(went).items() if value is not None}

    def _sell(self, house: House) -> dict[str, Any] | None:
        """Let customers order and pay in every way, and let some of it come back."""
        from comptoir.config import selling
        from comptoir.config.replaying import journey

        began = time.monotonic()
        with self._output.status("Orders, gift cards and returns"):
            went = selling.sell(house.gateway_url, card=journey.CARD, shelves=self._shelves, at=self._opened_at())
        if went is None:
            return None
        for line in selling.told(went):
            self._say(line)
        return {**msgspec.to_builtins(went), "seconds": round(time.monotonic() - began, 1)}

    def _recommend(self, house: House) -> dict[str, Any]:
        """Find what goes with what, and let some customers agree to be shown what fits them."""
        from comptoir.config import agreeing

        went = agreeing.demonstrate(self._say)
        if self._is_plain:
            return went
        return went | agreeing.agree(house.gateway_url, until=max(self._until, _FIRST_DAY_ENDS), say=self._say)

    def _opened_at(self) -> dt.datetime:
        """Return the hour in which this demo was first opened: what is said on the square counts back from it."""
        from comptoir.config.replaying import recordings
        from comptoir.foundation.kernel.clock import SYSTEM_CLOCK

        path = recordings.folder() / "demo-conversations.bookmark"
        with contextlib.suppress(FileNotFoundError, ValueError):
            return dt.datetime.fromisoformat(path.read_text())
        moment = SYSTEM_CLOCK.now().replace(minute=0, second=0, microsecond=0)
        path.write_text(moment.isoformat())
        return moment

    def _live(self, house: House, keyring: Keyring) -> None:
        """Say what there is to see, and go on with the year until Ctrl-C."""
        from comptoir.config.replaying import progress, sending
        from comptoir.config.replaying.phone import Phone

        with progress.sending_bar("The year", span=_YEAR) as bar:
            sender = sending.Sender(house.gateway_url, keyring, phone=Phone.of_shop(), progress=bar)
            pace = sending.Pace(_DAY_SECONDS / self._day_seconds, catch_up=True)

            async def live() -> None:
                # Said in here, where Ctrl-C ends the loop in order: whoever reads the addresses may press it at once.
                # In a thread, since it asks the database.
                await asyncio.to_thread(self._introduce, house, keyring)
                async with _tended(house), self._links_on_request():
                    await sender.resume(self._rest, self._bookmark("rest"), pace=pace)
                    self._say("The year is over. The house stays open; Ctrl-C closes it.")
                    await asyncio.Event().wait()

            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(until_told(live))
        self._say("Closing.")
        self._output.print(progress.summary(sender.tally))
        self._say("Closed. The next demo goes on from here; `comptoir demo --fresh` starts anew.")

    def _entries(self) -> Iterator[Entry]:
        from comptoir.config.replaying import additions, journey

        baskets = journey.baskets()
        events = (
            additions.plain(baskets) if self._is_plain else additions.with_additions(baskets, open_from=self._until)
        )
        return (event.encode() for event in events)

    def _first_part(self) -> Iterator[Entry]:
        return itertools.takewhile(lambda entry: entry.time < self._until, self._entries())

    def _rest(self) -> Iterator[Entry]:
        return itertools.dropwhile(lambda entry: entry.time < self._until, self._entries())

    def _bookmark(self, part: str) -> Any:
        from comptoir.config.replaying.bookmarks import Bookmark

        return Bookmark(f"demo-{'plain' if self._is_plain else 'lively'}-{self._until:%Y-%m-%d}-{part}")

    def _introduce(self, house: House, keyring: Keyring) -> None:
        """Print the addresses and what to try."""
        from comptoir.config import introducing

        introducing.introduce(self._output, house, keyring, self._staff_link(), is_plain=self._is_plain)
        self._say(f"\nThe year goes on, a day in {self._day_seconds:g} seconds. Ctrl-C closes the shop.\n")

    @contextlib.asynccontextmanager
    async def _links_on_request(self) -> AsyncIterator[None]:
        """Print a fresh link for the console whenever somebody presses Enter."""
        if not sys.stdin or not sys.stdin.isatty():
            yield
            return
        loop = asyncio.get_running_loop()

        async def show() -> None:
            self._say(await asyncio.to_thread(self._staff_link))

        tasks: set[asyncio.Task[None]] = set()

        def pressed() -> None:
            if not os.read(sys.stdin.fileno(), 1024):
                loop.remove_reader(sys.stdin.fileno())
                return
            task = loop.create_task(show())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        loop.add_reader(sys.stdin.fileno(), pressed)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin.fileno())

    def _staff_link(self) -> str:
        from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
        from comptoir.vault.credentials import commands as credentials

        now = SYSTEM_CLOCK.now()
        credentials.take_on(name="Demo", email=STAFF_EMAIL, now=now)
        return credentials.one_time_link(email=STAFF_EMAIL, now=now)

    def _say(self, line: str) -> None:
        self._output.print(line, soft_wrap=True)


#: Which of the house's own touchpoints says what comes from where.
_TALKING: Final = {"/console": "console", "/storefront": "storefront", "/square": "square"}
#: Where a dump is looked for, beside the checkout.
_DUMPS: Final = Path("../shared/data")


def _dump_beside() -> Path | None:
    """Return the folder of a Stack Exchange dump that lies beside the checkout, if there is one."""
    found = sorted(_DUMPS.glob("*/Posts.xml")) if _DUMPS.is_dir() else []
    return found[0].parent if found else None


_LOADED = ("events", "accepted", "refused", "refused_by_reason", "duplicates", "skipped", "events_per_second")


@contextlib.asynccontextmanager
async def _tended(house: House) -> AsyncIterator[None]:
    """Look after the house while the block runs; what cannot be kept up ends the block with its error."""
    block = asyncio.current_task()
    assert block is not None
    fallen: list[BaseException] = []

    async def tend() -> None:
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            try:
                house.tend()
            except Exception as error:  # noqa: BLE001 - raised below, where somebody hears it
                fallen.append(error)
                block.cancel()
                return

    tending = asyncio.create_task(tend())
    try:
        yield
    except asyncio.CancelledError:
        if fallen:
            raise fallen[0] from None
        raise
    finally:
        tending.cancel()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
