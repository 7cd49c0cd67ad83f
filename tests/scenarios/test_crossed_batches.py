"""``crossed-batches``: transfers that visit accounts in opposite orders deadlock unless locks are sorted.

https://github.com/pgr0ss/pgledger/blob/main/go/propertytest/machine.go tests rings for this. Two gateways with shuffled
batches stand in ``counter/test_race.py``; here two persons of three cards each spend from each other's neighbours.
"""

from __future__ import annotations

import threading

from support import casting
from support.casting import Counter
from support.shop import Shop


def test_persons_of_several_cards_are_locked_in_one_order(shop: Shop, counter: Counter) -> None:
    cards = [{"kind": "card", "value": f"ring{number}"} for number in range(6)]
    counter.send(*[casting.sale(f"r{number}", 500, of=card) for number, card in enumerate(cards)])
    for one, other in ((0, 2), (2, 4), (1, 3), (3, 5)):
        counter.tell(casting.link(cards[one], cards[other]))
    before = shop.value("select deadlocks from pg_stat_database where datname = current_database()")
    failures: list[BaseException] = []

    def spend(order: list[int]) -> None:
        try:
            mine = Counter(shop)
            for _ in range(20):
                mine.send(*[casting.redeem(3, of=cards[number]) for number in order])
            mine.close()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=spend, args=(order,)) for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    counter.connection.execute("select pg_stat_force_next_flush()")
    assert shop.value("select deadlocks from pg_stat_database where datname = current_database()") == before
    assert shop.value("select sum(available) from loyalty_account") == 6 * 500 - 2 * 20 * 6 * 3
