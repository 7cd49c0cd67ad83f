"""A key is shown once, kept as a hash, and ends for good when it is revoked."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from comptoir.config import registry
from comptoir.foundation.touchpoints import commands, store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.errors import KeyNotKnown, TouchpointNotInMap
from support.shop import Shop

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def demo() -> TouchpointMap:
    return registry.shop_map(registry.example_map_path())


def test_a_key_opens_the_door_until_it_is_revoked(shop: Shop, demo: TouchpointMap) -> None:
    with shop.connect("comptoir_office") as office, shop.connect() as counter:
        first = commands.issue_key(office, touchpoint="till", declared=demo, now=NOW, note="store 406")
        second = commands.issue_key(office, touchpoint="webshop", declared=demo, now=NOW + dt.timedelta(seconds=1))
        assert first.text.startswith("ctp_till_")
        assert len(first.text) > len("ctp_till_") + 40
        keys = store.load_keys(counter)
        assert (keys.touchpoint_of(first.text), keys.touchpoint_of(second.text)) == ("till", "webshop")
        assert len(keys) == 2
        for other in ("", "ctp_till_", first.text[:-1], first.text + "x", first.text.upper(), "x" * 9_999, "\ud800"):
            with pytest.raises(KeyNotKnown):
                keys.touchpoint_of(other)

        # By a clock that runs behind the one that issued the other key.
        assert commands.revoke_key(office, key=first.id, now=NOW)
        assert not commands.revoke_key(office, key=first.id, now=NOW + dt.timedelta(days=2))
        assert store.keys_version(counter) != keys.version
        keys = store.load_keys(counter)
        assert store.keys_version(counter) == keys.version
        with pytest.raises(KeyNotKnown):
            keys.touchpoint_of(first.text)
        assert keys.touchpoint_of(second.text) == "webshop"

        listed = commands.list_keys(office)
        assert [(row.touchpoint, row.note, row.revoked_at) for row in listed] == [
            ("webshop", "", None),
            ("till", "store 406", NOW),
        ]
        assert listed[1].shown == first.text[:15] + "…"


def test_nothing_in_the_database_gives_a_key_away(shop: Shop, demo: TouchpointMap) -> None:
    with shop.connect("comptoir_office") as office:
        issued = commands.issue_key(office, touchpoint="till", declared=demo, now=NOW)
    everything = "".join(row for rows in shop.contents().values() for row in rows)
    assert issued.shown.removesuffix("…") in everything
    assert issued.text[:20] not in everything
    assert issued.text.encode().hex() not in everything


def test_gateways_hear_of_a_new_key_at_its_commit(shop: Shop, demo: TouchpointMap) -> None:
    with shop.connect("comptoir_office") as office, shop.connect() as counter:
        counter.execute(f"LISTEN {store.KEYS_CHANNEL}".encode())
        commands.issue_key(office, touchpoint="till", declared=demo, now=NOW)
        assert [each.channel for each in counter.notifies(timeout=10, stop_after=1)] == [store.KEYS_CHANNEL]


def test_a_key_is_for_a_touchpoint_of_the_map(shop: Shop, demo: TouchpointMap) -> None:
    with shop.connect("comptoir_office") as office, shop.unchanged(), pytest.raises(TouchpointNotInMap):
        commands.issue_key(office, touchpoint="kiosk", declared=demo, now=NOW)


@pytest.mark.parametrize("role", ["comptoir_counter", "comptoir_square", "comptoir_vault"])
def test_only_the_office_issues_keys(shop: Shop, demo: TouchpointMap, role: str) -> None:
    with (
        shop.connect(role) as connection,
        shop.unchanged(),
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        commands.issue_key(connection, touchpoint="till", declared=demo, now=NOW)
