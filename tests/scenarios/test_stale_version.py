"""``stale-version``: a balance was read, then changed elsewhere, https://github.com/blnkfinance/blnk/issues/239.

And https://github.com/envato/double_entry/issues/114; a checker found 20 to 30 wrong balances,
https://github.com/envato/double_entry/issues/168. Whatever happened to the accounts, each of them is the sum of its
entries, again and again.
"""

from __future__ import annotations

import random

from support import casting, invariants
from support.casting import ALICE, ALICE_ONLINE, BOB, Counter


def test_after_every_batch_each_balance_is_the_sum_of_its_entries(counter: Counter) -> None:
    luck = random.Random(239)
    cast = [ALICE, ALICE_ONLINE, BOB]
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    for turn in range(25):
        batch = []
        for number in range(luck.randrange(1, 12)):
            who, name = luck.choice(cast), f"{turn}/{number}"
            batch.append(
                luck.choice(
                    [
                        casting.sale(name, luck.randrange(1, 90), of=who),
                        casting.redeem(luck.randrange(1, 60), of=who),
                        casting.reserve(luck.randrange(1, 60), name, of=who),
                        casting.post(f"{turn - 1}/{number}"),
                        casting.void(f"{turn - 1}/{number}"),
                        casting.adjust(luck.randrange(1, 20), of=who),
                        casting.goods_back(f"t{name}", sale=f"{turn - 1}/{number}", lines=[(1, 1, 1)]),
                    ]
                )
            )
        counter.send(*batch)
        invariants.check_ledger(counter.connection)
        invariants.check_reservations(counter.connection)
