"""Buyers at the checkout, in a process: ``python -m comptoir.config.benching.buying THREADS SECONDS STORE SKUS``.

Each puts three products into a basket of its own, confirms what it costs, and has the order held, placed, paid and
booked by the checkout's own commands, in front of the gateway; the provider's page is left out. Prints what
came of it as JSON. Not here: who starts them (``shop.py``).
"""

from __future__ import annotations

import datetime as dt
import random
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.kernel import codec, database
from comptoir.foundation.rooms.commands import set_up_django

_LINES: Final = 3


class Bought(msgspec.Struct, frozen=True):
    """How long each order took, and all of them together, in seconds."""

    took: list[float]
    seconds: float


def main(threads: int, seconds: float, store: str, skus: Sequence[str]) -> None:
    """Buy for so long, say ``ready`` before, and print how long each order took."""
    with database.server():
        set_up_django()
        took: list[list[float]] = [[] for _ in range(threads)]
        _buy(random.Random(0), store, skus)  # noqa: S311 - which goods
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        start = time.perf_counter()
        until = start + seconds

        def buying(number: int) -> None:
            chance = random.Random(number + 1)  # noqa: S311 - which goods
            while (began := time.perf_counter()) < until:
                _buy(chance, store, skus)
                took[number].append(time.perf_counter() - began)

        those = [threading.Thread(target=buying, args=(number,)) for number in range(threads)]
        for each in those:
            each.start()
        for each in those:
            each.join()
        said = Bought([each for some in took for each in some], time.perf_counter() - start)
        sys.stdout.buffer.write(codec.encode(said) + b"\n")


def _buy(chance: random.Random, store: str, skus: Sequence[str]) -> None:
    from comptoir.counter.baskets.contracts import CHANGED  # noqa: PLC0415 - needs Django
    from comptoir.foundation.rooms.current import entered  # noqa: PLC0415
    from comptoir.foundation.rooms.declaration import VAULT  # noqa: PLC0415
    from comptoir.foundation.touchpoints import house  # noqa: PLC0415
    from comptoir.vault.checkout import commands  # noqa: PLC0415
    from comptoir.vault.checkout.contracts import Recipient, Wish  # noqa: PLC0415
    from comptoir.vault.contacts.contracts import Hidden  # noqa: PLC0415

    now, basket, order = dt.datetime.now(dt.UTC), str(uuid.uuid4()), uuid.uuid4()
    put = [{"product": sku, "quantity": 1} for sku in chance.sample(skus, _LINES)]
    answer = house.send(
        CHANGED, {"basket": basket, "put": put}, touchpoint=house.STOREFRONT, request=uuid.uuid4(), at=now
    )
    assert answer.problem is None, answer.problem
    with entered(VAULT):
        _, priced = commands.quote(basket, customers=(), now=now)
        recipient = Recipient(name=Hidden("Alice Martin"), email=Hidden(f"{order}@example.org"))
        wish = Wish(
            order=order, basket=basket, digest=priced.digest, by="pickup", recipient=recipient, store=store
        )  # fmt: skip
        commands.begin(wish, now=now)
        commands.advance(order, now=now)
        assert commands.note_paid(order, at=now)
        assert commands.advance(order, now=now).step == "settled"


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4].split(","))
