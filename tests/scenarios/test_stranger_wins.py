"""``stranger-wins``: the anonymous visitor replaced the known contact, whose id other systems kept.

https://github.com/mautic/mautic/issues/16425. After any sequence of links, every id that was ever given out resolves,
to the same person as all the others that are joined with it.
"""

from __future__ import annotations

import random

from support import casting
from support.casting import Counter


def test_every_id_ever_given_out_still_resolves(counter: Counter) -> None:
    luck = random.Random(16425)
    ids = [{"kind": luck.choice(["card", "device", "web_account"]), "value": f"v{number}"} for number in range(8)]
    given = [
        counter.tell(casting.sale(f"r{number}", 10, of=each)).outcome["customer"] for number, each in enumerate(ids)
    ]
    for number in range(40):
        make = luck.choice([casting.link, casting.link, casting.unlink])
        said = make(*luck.sample(ids, 2), at=casting.NOON.replace(minute=number))
        assert counter.tell(said, received_at=casting.NOON.replace(hour=18)).is_accepted
        person: dict[str, str] = dict(
            counter.connection.execute("select customer::text, person::text from customers_membership").fetchall()
        )
        for each, customer in zip(ids, given, strict=True):
            assert casting.identify(each) == customer
            by_id = {"kind": "customer", "value": customer}
            more, before = counter.tell(casting.adjust(1, of=by_id)), counter.tell(casting.adjust(-1, of=each))
            assert before.balance == _wallet(counter, customer, person)
            assert more.balance == (before.balance[0] + 1, *before.balance[1:])


def _wallet(counter: Counter, customer: str, person: dict[str, str]) -> tuple[int, int, int]:
    """Return what a customer's person has, from the accounts."""
    members = [each for each in person if person[each] == person.get(customer)] or [customer]
    row = counter.connection.execute(
        "select sum(available)::bigint, sum(held)::bigint, sum(owed)::bigint from loyalty_account"
        " where customer = any(%s::uuid[])",
        (members,),
    ).fetchone()
    assert row is not None
    return (row[0], row[1], row[2])
