"""Pages read on connections that stay: as their room, read only, and again when the server has closed one."""

from __future__ import annotations

import threading

import psycopg
import pytest

from comptoir.foundation.rooms import reading
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from support.shop import Shop

set_up_django()

WHO = "select current_user::text, pg_backend_pid()"


def test_each_room_reads_as_itself_on_a_connection_that_stays(shop: Shop) -> None:
    seen = []
    for room in (SQUARE, COUNTER, SQUARE):
        with entered(room):
            seen += reading.rows(WHO)
    assert [role for role, _ in seen] == ["comptoir_square", "comptoir_counter", "comptoir_square"]
    assert seen[0] == seen[2]
    stay = "select count(*) from pg_stat_activity where datname = current_database() and application_name like %s"
    assert shop.value(stay, "comptoir % reads") == 2


def test_nothing_is_written_and_a_wrong_statement_spoils_nothing(shop: Shop) -> None:
    with entered(COUNTER), shop.unchanged("community_topic"):
        before = reading.rows(WHO)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reading.rows("delete from community_topic returning slug")
        with pytest.raises(psycopg.errors.UndefinedTable):
            reading.rows("select 1 from nothing_like_it")
        assert reading.rows(WHO) == before
    with entered(SQUARE), pytest.raises(psycopg.errors.InsufficientPrivilege):
        reading.rows("select 1 from customers_personaholder")


def test_a_connection_that_the_server_closed_is_replaced(shop: Shop) -> None:
    with entered(SQUARE):
        ((_, process),) = reading.rows(WHO)
        shop.rows("select pg_terminate_backend(%s, 10000)", process)
        ((_, other),) = reading.rows(WHO)
    assert other != process


@pytest.mark.usefixtures("shop")
def test_only_so_many_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAIT_SECONDS_MAX", 0.05)
    asked = threading.Barrier(reading.CONNECTIONS_MAX + 1)
    may_end = threading.Event()

    def hold() -> None:
        with reading._free:
            asked.wait(10)
            may_end.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(reading.CONNECTIONS_MAX)]
    for each in threads:
        each.start()
    asked.wait(10)
    with entered(SQUARE), pytest.raises(TimeoutError, match="did not end"):
        reading.rows(WHO)
    may_end.set()
    for each in threads:
        each.join()
    with entered(SQUARE):
        assert len(reading.rows(WHO)) == 1


def test_a_room_of_plain_views_refuses_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from comptoir.foundation.rooms import staying

    assert staying.views_are_plain() == []
    monkeypatch.setattr(staying, "ROOMS", frozenset({COUNTER}))
    assert [each.id for each in staying.views_are_plain()] == ["rooms.E003"]
