"""The live stream: who watches hears every change once, whoever committed it, or that something may be missing."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Coroutine
from typing import Any

from comptoir.foundation.events import sealing, store
from comptoir.foundation.events.contracts import Change
from comptoir.foundation.events.live import LOST, Hub
from comptoir.foundation.kernel import database
from support import casting
from support.gateway import Gateway
from support.shop import Shop

ALICE, ONLINE, BOB = (casting.identify(each) for each in (casting.ALICE, casting.ALICE_ONLINE, casting.BOB))
_SECONDS = 20.0


def change(*customers: str, points: int = 1) -> Change:
    return Change(customers, "01900000-0000-7000-8000-000000000000", points, 0, 0)


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a story to its end; one that waits for ever fails."""

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await story

    asyncio.run(bounded())


def hub(**settings: int) -> Hub:
    return Hub(lambda: database.conninfo("comptoir_counter"), **settings)


async def next_of(queue: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(_SECONDS):
        return await queue.get()


def notify(shop: Shop, *changes: Change, **counts: int) -> None:
    """Commit changes as another process would."""
    with shop.connect() as connection, connection.transaction():
        store.notify_live(connection, changes, counts)


def test_what_another_process_commits_is_heard_by_who_watches_it_and_by_nobody_else(shop: Shop) -> None:
    async def story() -> None:
        ours = hub()
        async with ours.watch([ALICE]) as alice, ours.watch([BOB]) as bob, ours.count() as counting:
            assert ours.subscribers == 3
            await asyncio.to_thread(notify, shop, change(ALICE, points=5), till=3)
            assert await next_of(alice) == change(ALICE, points=5)
            assert await next_of(counting) == {"till": 3}
            assert bob.empty()
        assert ours.subscribers == 0
        await ours.stop()

    run(story())


def test_somebody_who_watches_all_customers_of_a_person_hears_a_change_once(shop: Shop) -> None:
    async def story() -> None:
        ours = hub()
        async with ours.watch([ALICE, ONLINE]) as queue:
            await asyncio.to_thread(notify, shop, change(ALICE, ONLINE, points=1), change(ONLINE, points=2))
            assert [await next_of(queue), await next_of(queue)] == [
                change(ALICE, ONLINE, points=1),
                change(ONLINE, points=2),
            ]
            assert queue.empty()
        await ours.stop()

    run(story())


def test_what_this_process_commits_takes_the_short_way_and_is_not_heard_twice(shop: Shop) -> None:
    async def story() -> None:
        ours = hub()
        with shop.connect() as connection:
            ours.skip(connection.info.backend_pid)
            async with ours.watch([ALICE]) as queue:
                with connection.transaction():
                    store.notify_live(connection, [change(ALICE, points=7)], {})
                ours.publish([change(ALICE, points=7)], {})
                await asyncio.to_thread(notify, shop, change(ALICE, points=8))
                assert [(await next_of(queue)).available, (await next_of(queue)).available] == [7, 8]
                ours.heed(connection.info.backend_pid)
                with connection.transaction():
                    store.notify_live(connection, [change(ALICE, points=9)], {})
                assert (await next_of(queue)).available == 9
        await ours.stop()

    run(story())


def test_after_a_lost_connection_watchers_are_told_and_hear_again(shop: Shop) -> None:
    async def story() -> None:
        ours = hub()
        async with ours.watch([ALICE]) as queue:
            rows = await asyncio.to_thread(
                shop.rows,
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'comptoir live' and datname = current_database()",
            )
            assert len(rows) == 1
            assert await next_of(queue) is LOST
            await asyncio.to_thread(notify, shop, change(ALICE))
            assert await next_of(queue) == change(ALICE)
        await ours.stop()

    run(story())


def test_somebody_who_does_not_keep_up_loses_what_waits_and_is_told_so(shop: Shop) -> None:
    async def story() -> None:
        ours = hub()
        async with ours.watch([ALICE]) as queue:
            for number in range(150):
                ours.publish([change(ALICE, points=number)], {})
            heard = [queue.get_nowait() for _ in range(queue.qsize())]
        assert heard[0] is LOST
        assert heard[-1] == change(ALICE, points=149)
        assert len(heard) == 50
        await ours.stop()

    run(story())


def test_no_more_may_watch_than_were_allowed(shop: Shop) -> None:
    async def story() -> None:
        ours = hub(subscribers_max=2)
        async with ours.watch([ALICE]):
            before = ours.is_full
            async with ours.count():
                while_two_watch = ours.is_full
        assert (before, while_two_watch, ours.is_full) == (False, True, False)
        await ours.stop()

    run(story())


def test_whoever_listens_without_the_key_hears_that_something_happens_and_nothing_else(
    shop: Shop, gateway: Gateway
) -> None:
    """As the square's login role, while every kind of thing happens at the counter."""
    cards = [{"kind": "card", "value": str(number)} for number in range(9_000, 9_040)]
    with shop.connect("comptoir_square") as square:
        square.execute(f"listen {store.CHANNEL}")
        for number, card in enumerate(cards):
            assert gateway.post(casting.sale(f"one-{number}", 5_000, of=card)).json()["status"] == "accepted"
        several = [casting.sale(f"all-{number}", 300, of=card) for number, card in enumerate(cards)]
        assert gateway.post(several).json()["accepted"] == len(cards)
        notices = list(square.notifies(timeout=2))
    assert len(notices) >= len(cards) + 1
    known: set[str] = set()
    for rows in shop.contents().values():
        for row in rows:
            known.update(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", row))
    assert len(known) > len(cards) * 3, "customers, positions, whatever else"
    spoken = [notice.payload for notice in notices]
    assert len(set(spoken)) == len(spoken), "one and the same content is never told in the same words"
    opened = [base64.b64decode(each) for each in spoken]
    for each in known:
        written = (each.encode(), each.replace("-", "").encode(), bytes.fromhex(each.replace("-", "")))
        for payload, raw in zip(spoken, opened, strict=True):
            assert not any(form in raw or form in payload.encode() for form in written)
    # A change of one person says by its length nothing of whose it is, or how many points there are.
    assert len({len(each) for each in spoken[: len(cards)]}) == 1
    stranger = sealing.Sealer(bytes(32))
    assert all(stranger.open(notice.payload, backend=notice.pid) is None for notice in notices)


def test_whoever_speaks_without_the_key_is_not_heard(shop: Shop) -> None:
    """The square's role can notify, too: what it makes up, and what it has heard and says again, reaches nobody."""

    async def story() -> None:
        ours = hub()
        async with ours.watch([ALICE]) as queue, ours.count() as counting:
            with shop.connect("comptoir_square") as square:
                square.execute(f"listen {store.CHANNEL}")
                await asyncio.to_thread(notify, shop, change(ALICE, points=5))
                assert await next_of(queue) == change(ALICE, points=5)
                [heard] = square.notifies(timeout=5, stop_after=1)
                made_up = sealing.Sealer(bytes(32)).seal(b'{"counts":{"till":9}}', backend=heard.pid)
                tampered = heard.payload[:-8] + ("A" if heard.payload[-8] != "A" else "B") + heard.payload[-7:]
                for payload in ("", "{}", '{"counts":{"till":9}}', "AAAA", "é", heard.payload, tampered, made_up):
                    square.execute("select pg_notify(%s, %s)", (store.CHANNEL, payload))
            await asyncio.to_thread(notify, shop, change(ALICE, points=6))
            assert await next_of(queue) == change(ALICE, points=6)
            assert queue.empty()
            assert counting.empty()
        await ours.stop()

    run(story())
