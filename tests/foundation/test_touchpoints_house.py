"""The house's own pages as touchpoints: they send through the gateway, with keys of their own."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from comptoir.config.equipping import equip_pages
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.commands import revoke_key
from comptoir.foundation.touchpoints.errors import GatewayAway, HouseNotInMap, HouseWithoutKey
from support.gateway import EXAMPLES, Gateway
from support.shop import Shop, environment

AT = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
EXAMPLE = EXAMPLES / "touchpoints.toml"


def without_pages() -> str:
    """Return the example map as it was before these pages were touchpoints."""
    before, _, after = EXAMPLE.read_text().partition("# The customers' own pages")
    # Orders come from these pages alone, so nobody could need what is in one.
    needs = re.sub(r'\[\[touchpoint\.till\.needs\]\]\s+data = "order\.content"[^[]*', "", before)
    assert needs != before
    return needs + "# Types" + after.partition("# Types")[2]


@pytest.fixture(autouse=True)
def no_keys(shop: Shop) -> Iterator[None]:
    """The workers share the shop's folder: the house's keys of one test are nobody else's."""
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)
    with environment(COMPTOIR_MAP=str(EXAMPLE)):
        yield
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)


def known(user: uuid.UUID, *, request: uuid.UUID | None = None) -> house.Answer:
    data = {"customer": {"kind": "user", "value": str(user)}, "closeness": "known"}
    return house.send("closeness.changed", data, request=request or uuid.uuid4(), at=AT)


def test_the_vault_says_who_is_known_and_saying_it_twice_is_saying_it_once(gateway: Gateway, shop: Shop) -> None:
    equip_pages(print)
    user, request = uuid.uuid4(), uuid.uuid4()
    with environment(COMPTOIR_GATEWAY_URL=gateway.url):
        first = known(user, request=request)
        assert first.problem is None
        with shop.unchanged("customers_choice", "events_event"):
            assert known(user, request=request) == first
    assert shop.rows("select customer, matter, value from customers_choice") == [
        {"customer": first.customer, "matter": "closeness", "value": "known"}
    ]
    assert shop.value("select count(*) from events_event where touchpoint = 'vault'") == 1
    assert str(user) not in str(shop.contents())


def test_a_refusal_is_the_answer(gateway: Gateway, shop: Shop) -> None:
    equip_pages(print)
    with environment(COMPTOIR_GATEWAY_URL=gateway.url), shop.unchanged("customers_choice", "customers_customer"):
        data = {"customer": {"kind": "customer", "value": str(uuid.uuid4())}, "closeness": "known"}
        answer = house.send("closeness.changed", data, request=uuid.uuid4(), at=AT)
        assert answer.problem is not None
        assert answer.problem.name == "customer_unknown"
        data = {"customer": {"kind": "user", "value": "1"}, "closeness": "intimate"}
        answer = house.send("closeness.changed", data, request=uuid.uuid4(), at=AT)
        assert answer.problem is not None
        assert (answer.problem.name, answer.problem.field) == ("field_invalid", "data.closeness")


def test_what_the_map_does_not_let_a_page_send_is_told_with_what_to_add(shop: Shop, tmp_path: Path) -> None:
    lacking = tmp_path / "touchpoints.toml"
    lacking.write_text(without_pages())
    expected = pytest.raises(HouseNotInMap, match=r'touchpoint named vault with room = "vault" that sends closeness')
    with environment(COMPTOIR_MAP=str(lacking)), shop.unchanged(), expected:
        known(uuid.uuid4())
    with pytest.raises(HouseNotInMap, match=r"that sends points\.adjust"):
        house.send("points.adjust", {}, touchpoint=house.STOREFRONT, request=uuid.uuid4(), at=AT)
    with environment(COMPTOIR_MAP="/nowhere/touchpoints.toml"), pytest.raises(HouseNotInMap):
        known(uuid.uuid4())


def test_keys_are_made_once_and_a_revoked_one_stays_revoked(shop: Shop) -> None:
    done: list[str] = []
    with pytest.raises(HouseWithoutKey, match="comptoir migrate"):
        known(uuid.uuid4())
    equip_pages(done.append)
    assert done == [f"issued a key for {each}" for each in ("console", "storefront", "vault", "square")]
    assert {house.key_path(each).stat().st_mode & 0o077 for each in house.HOUSE} == {0}
    with shop.unchanged():
        equip_pages(done.append)
    key = shop.value("select id from touchpoints_key where touchpoint = 'vault'")
    with database.connect(OFFICE.role) as connection:
        assert revoke_key(connection, key=key, now=AT)
    with shop.unchanged():
        equip_pages(done.append)
    assert len(done) == 4
    house.keep_key(house.VAULT, "ctp_vault_of_a_former_database")
    equip_pages(done.append)
    assert done[4:] == ["issued a key for vault"]


def test_without_a_gateway_nothing_is_sent(shop: Shop) -> None:
    equip_pages(print)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), shop.unchanged(), pytest.raises(GatewayAway):
        known(uuid.uuid4())


def test_map_check_and_migrate_say_what_a_map_lacks(shop: Shop, tmp_path: Path) -> None:
    lacking = tmp_path / "touchpoints.toml"
    lacking.write_text(without_pages())
    said: list[str] = []
    with environment(COMPTOIR_MAP=str(lacking)):
        equip_pages(said.append)
        assert len([line for line in said if line.startswith("Give touchpoints.toml a touchpoint named")]) == 2
        done = subprocess.run(
            [sys.executable, "-c", "from comptoir.config.command import main; main()", "map", "check", str(lacking)],
            capture_output=True, text=True, check=True, env=os.environ.copy(),
        )  # fmt: skip
    assert 'a touchpoint named storefront with room = "counter"' in done.stdout
    assert "no contradictions" in done.stdout


def test_what_a_member_of_staff_is_called_is_reserved(shop: Shop) -> None:
    from comptoir.config.equipping import reserve_staff_names
    from comptoir.foundation.rooms.commands import set_up_django

    set_up_django()
    from comptoir.foundation.rooms.current import entered
    from comptoir.foundation.rooms.declaration import VAULT
    from comptoir.vault.credentials import commands

    with entered(VAULT):
        commands.take_on(name="Marie Dupont", email="marie@example.org", now=AT)
    reserve_staff_names()
    reserve_staff_names()
    assert shop.value("select count(*) from community_reservedname") == 1
