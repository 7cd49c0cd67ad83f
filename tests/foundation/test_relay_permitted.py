"""The relay tells a destination with a purpose only of customers who allow it; what is held back is counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from comptoir.config.relaying import shop_destinations
from comptoir.foundation.events import store
from comptoir.foundation.events.errors import RelayInvalid
from support import casting
from support.casting import ALICE, BOB, Counter
from support.relay import SECRET, Receiver, noted, receiving, registered, relaying, webhook
from support.shop import Shop, environment


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def position(counter: Counter, said: casting.Event) -> str:
    return str(counter.tell(said).outcome["event"])


def test_only_events_of_customers_who_allow_the_purpose_leave_the_database(
    shop: Shop, counter: Counter, receiver: Receiver
) -> None:
    with (
        receiving() as books,
        relaying(
            webhook(receiver.url, purpose="marketing", channel="mail", types=("sale.*",)),
            webhook(books.url, name="books"),
        ),
    ):
        registered(shop, "crm", "books")
        everything = [
            position(counter, each)
            for each in (
                casting.sale("1", 10, of=ALICE),
                casting.consented("marketing", "mail", of=ALICE),
                casting.consented("marketing", "app", of=BOB),
                casting.sale("2", 10, of=ALICE),
                casting.sale("3", 10, of=BOB),
                casting.sale("4", 10, of=None),
                casting.agreed("SD-BASE", of=ALICE, at=casting.NOON + dt.timedelta(seconds=1)),
                casting.sale("5", 10, of=ALICE),
            )
        ]
        noted(shop)
    assert books.ids == everything
    # Told are the sale while it was allowed, and the one of nobody. The relay may have looked after the terms changed.
    assert set(receiver.ids) <= {everything[3], everything[5]} | {everything[0]}
    assert everything[5] in receiver.ids
    assert not {everything[4], everything[7]} & set(receiver.ids)
    rows = {row.destination: row.held_back for row in store.find_destinations(counter.connection)}
    assert rows["books"] == 0
    assert rows["crm"] + len(receiver.ids) == 5


def test_nobody_outside_hears_who_is_behind_a_public_name(shop: Shop, counter: Counter, receiver: Receiver) -> None:
    with relaying(webhook(receiver.url), withheld={"persona.choose", "persona.give_up"}):
        registered(shop, "crm")
        counter.tell(casting.persona("Nightingale"))
        sold = position(counter, casting.sale("1", 10))
        noted(shop)
    assert receiver.ids == [sold]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ('purpose = "marketing"', "channel"),
        ('channel = "mail"', "purpose"),
        ('purpose = "fun"\nchannel = "mail"', "purpose"),
        ('purpose = "marketing"\nchannel = "pigeon"', "channel"),
    ],
)
def test_a_purpose_is_declared_with_a_channel_and_both_are_known(shop: Shop, lines: str, field: str) -> None:
    path = shop.folder / "relay-permitted.toml"
    (shop.folder / "permitted.secret").write_text(f"whsec_{SECRET}\n")
    path.write_text(
        f'[destination.crm]\nkind = "webhook"\nurl = "https://crm.example/"\nsecret = "permitted.secret"\n{lines}\n'
    )
    with environment(COMPTOIR_RELAY=str(path)), pytest.raises(RelayInvalid) as refusal:
        shop_destinations()
    assert refusal.value.field == f"destination.crm.{field}"
