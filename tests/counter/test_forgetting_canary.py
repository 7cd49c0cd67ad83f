"""A canary goes through everything that the counter understands, and is found nowhere after it was forgotten.

The events are the examples of the docs, of which every type has one: a new type is covered as soon as it is described.
Whatever is a text gets a word of the canary's. Searched is the whole dump, so that a new table is covered as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import EVENT_TYPES
from comptoir.counter.customers.contracts import FORGETTING
from comptoir.counter.customers.forgetting import EMPTIED_CLASSES
from comptoir.counter.giftcards.codes import GiftCardCodes
from comptoir.counter.giftcards.contracts import SHOWING
from comptoir.counter.offers.codes import CouponCodes
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec
from support import casting, forgotten, invariants, promoting
from support.casting import HEARD, NOON, Counter, identify
from support.examples import examples
from support.forgotten import forget
from support.shop import Shop

CARD = {"kind": "card", "value": "canary"}
ONLINE = {"kind": "web_account", "value": "canary@home"}
SONG = "canary sang here"
#: The public name of the examples, which the canary chooses.
PERSONA = "5b0c0c9e-58d9-4d0a-9d2c-3d2a8f0f7c11"
#: What staff say, and what others wrote in another place.
OF_OTHERS = {"post.staff", "post.imported", "member.imported", "topic.opened", "idea.moved"}


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    counter = Counter(shop)
    yield counter
    invariants.check(counter.connection)
    assert rebuild(keep=False).changed == []
    counter.close()


def sung(name: str, example: dict[str, Any], number: int) -> dict[str, Any]:
    """Return an example about the canary, with its words wherever somebody's words can stand."""
    said = dict(example)
    for member, who in (("customer", CARD), ("identifier", ONLINE)):
        if member in said:
            said[member] = dict(who)
    for path, kind in EVENT_TYPES[name].classes.items() if name not in OF_OTHERS else ():
        if kind in EMPTIED_CLASSES and isinstance(said.get(path), str):
            try:
                msgspec.convert({**said, path: SONG}, EVENT_TYPES[name].data)
            except msgspec.ValidationError:
                continue  # one of a few words, or a number of somebody's
            said[path] = SONG
    if "persona" in said and name not in OF_OTHERS:
        said["persona"] = PERSONA
    for member in ("receipt", "reservation"):
        if member in said and EVENT_TYPES[name].classes[member] in {"sale", "points"}:
            said[member] = f"{said[member]}-{number}"
    return said


COUPONS = CouponCodes(bytes(range(32)))
GIFT_CARDS = GiftCardCodes(bytes(range(32)))


def arrival(name: str, said: dict[str, Any], number: int) -> Arrival:
    """Return an event as the gateway hands it on."""
    data = msgspec.convert(said, EVENT_TYPES[name].data)
    shown = None
    if hasattr(data, "codes") and hasattr(data, "basket"):
        shown = list(data.basket)
        data.basket[:] = [COUPONS.basket(shown)]
        data.codes[:] = [COUPONS.digest(code) for code in data.codes]
    for field in ("code", "instead") if name in SHOWING else ():
        if (code := getattr(data, field, None)) is not None:
            msgspec.structs.force_setattr(data, field, GIFT_CARDS.digest(code))
    customer = None
    for member in ("customer", "identifier"):
        reference = getattr(data, member, None)
        if reference is not None:
            msgspec.structs.force_setattr(reference, "value", identify(said[member]))
            customer = reference.value if member == "customer" else customer
    written = codec.encode(data)
    return Arrival(
        source="/canary", id=f"{name}-{number}", type=name, touchpoint="canary", occurred_at=NOON, received_at=HEARD,
        data=data, written=written, fingerprint=content_fingerprint(name, NOON.isoformat(), written),
        customer=customer, proof=shown,
    )  # fmt: skip


def test_the_canary_is_found_nowhere(shop: Shop, counter: Counter) -> None:
    counter.send(
        casting.sale("c1", 5_000, of=CARD), casting.sale("c2", 3_000, of=ONLINE, source=casting.WEBSHOP),
        casting.reserve(10, "held", of=CARD), casting.subscribed(of=ONLINE), casting.reviewed(of=CARD),
    )  # fmt: skip
    counter.tell(casting.link(ONLINE, CARD))
    series = examples()["promotion.targeted"]["series"]
    counter.tell(promoting.published(promoting.new(), benefit={"kind": "Elsewhere"}, series=series))
    accepted: set[str] = set()
    for number in (1, 2):  # twice, since what a first one makes a second one may change or be refused for
        for name, example in examples().items():
            if name not in FORGETTING:
                one = arrival(name, sung(name, example, number), number)
                record(counter.connection, [one], handlers=counter.handlers)
                accepted |= {name} if one.refusal is None else set()
    # Among the examples is one that parts the two again.
    counter.tell(casting.link(ONLINE, CARD, at=NOON + dt.timedelta(minutes=1)))
    assert len(accepted) > len(EVENT_TYPES) // 2, "too much was refused for this to say anything"
    needles = [identify(CARD), identify(ONLINE), SONG]
    assert forgotten.found_in(forgotten.dump(shop), needles) == needles
    totals = shop.rows("select account, sum(points) as p from loyalty_programmebalance group by 1 order by 1")
    assert counter.tell(forget(CARD)).problem is None
    text = forgotten.dump(shop)
    assert [line for line in text.splitlines() if forgotten.found_in(line, needles)] == []
    assert shop.rows("select account, sum(points) as p from loyalty_programmebalance group by 1 order by 1") == totals
    # What comes late leaves nothing either.
    for name, example in examples().items():
        late = arrival(name, sung(name, example, 3), 3)
        if late.customer is None:
            continue
        late.occurred_at = NOON + dt.timedelta(minutes=2)
        record(counter.connection, [late], handlers=counter.handlers)
        assert late.refusal is not None, name
        assert late.refusal.name == "customer_forgotten", name
    text = forgotten.dump(shop)
    assert [line for line in text.splitlines() if forgotten.found_in(line, needles)] == []
