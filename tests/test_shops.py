"""What tests stand on: no connection of Django's outlives the shop that it was opened to."""

from __future__ import annotations

import asyncio

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import shop as shops

set_up_django()  # before Django's connections

# ruff: noqa: E402
from django.db import connection


def asked() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        (name,) = cursor.fetchone()
    return str(name)


@pytest.mark.usefixtures("server")
def test_whoever_asks_next_is_in_the_next_shop_though_a_browser_came_in_between() -> None:
    with shops.copied_from(shops.TEMPLATE) as first:
        assert asked() == first.database
        loop = asyncio.new_event_loop()
        # As the browser's is, when the last test of a module has ended.
        asyncio._set_running_loop(loop)
    try:
        with shops.copied_from(shops.TEMPLATE) as second, shops.without_a_loop():
            assert asked() == second.database
    finally:
        asyncio._set_running_loop(None)
        loop.close()
