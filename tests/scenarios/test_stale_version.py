"""``stale-version``: a balance was read, then changed elsewhere, https://github.com/blnkfinance/blnk/issues/239.

And https://github.com/envato/double_entry/issues/114; a checker found 20 to 30 wrong balances,
https://github.com/envato/double_entry/issues/168. Whatever happened to the accounts, each of them is the sum of its
entries, again and again.
"""

from __future__ import annotations

import random

from comptoir.config.rebuilding import rebuild
from support import casting, invariants, promoting
from support.casting import ALICE, ALICE_ONLINE, BOB, CHARLIE, TILL, WEBSHOP, Counter


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


def test_after_every_batch_each_budget_is_the_sum_of_what_was_given(counter: Counter) -> None:
    """The same for coupons: many uses, turns and budgets, held and released; at the end all of it is made anew."""
    luck = random.Random(168)
    each, shared = promoting.new(), promoting.new()
    counter.send(*[casting.sale(str(number), 100, of=who) for number, who in enumerate((ALICE, BOB, CHARLIE))])
    counter.send(
        promoting.published(each, codes="each", uses_max=9, budget={"redemptions_max": 20, "discount_max": 9_000}),
        promoting.published(
            shared, codes="shared", code="SPRING", benefit={"kind": "Amount", "amount": 70}, stacking="alone",
            budget={"per_customer_max": 6, "discount_max": 5_000},
        ),
    )  # fmt: skip
    codes = [*promoting.issued(counter.shop, each, ALICE, BOB, CHARLIE).values(), "SPRING"]
    for turn in range(20):
        batch = []
        for number in range(luck.randrange(1, 9)):
            source, who = luck.choice([TILL, WEBSHOP]), luck.choice([ALICE, BOB, CHARLIE, None])
            shown = luck.sample(codes, luck.choice([0, 1, 1, 2]))
            basket = [promoting.goods(luck.randrange(1, 3000))]
            batch.append(
                luck.choice(
                    [
                        promoting.taken(*shown, basket=basket, of=who, source=source),
                        promoting.held(f"{turn}/{number}", *shown, basket=basket, of=who, source=source),
                        promoting.posted(f"{turn - 1}/{number}", source=source),
                        promoting.released(f"{turn - 1}/{number}", source=source),
                    ]
                )
            )
        counter.send(*batch)
        invariants.check_offers(counter.connection)
    assert counter.shop.value("select count(distinct status) from offers_redemption") == 3
    counter.connection.close()
    assert rebuild().changed == []
    counter.connection = counter.shop.connect()
