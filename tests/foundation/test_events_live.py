"""The live stream: who watches hears every change once, whoever committed it, or that something may be missing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from comptoir.foundation.events import store
from comptoir.foundation.events.contracts import Change
from comptoir.foundation.events.live import LOST, Hub
from comptoir.foundation.kernel import database
from support import casting
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
