"""``no-way-back``: merged profiles could not be recovered.

https://braze.com/docs/user_guide/engagement_tools/segments/user_profiles/duplicate_users,
https://docs.mixpanel.com/reference/identity-merge.md; a split reported success and did nothing:
https://github.com/PostHog/posthog/issues/104939. Link, act, unlink: all is as if the link had never been, but for what
was spent while it was there.
"""

from __future__ import annotations

import datetime as dt

from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, Counter
from support.derived import TABLES, derived

LATER = NOON + dt.timedelta(seconds=1)
ACTS = [
    casting.sale("r3", 30, of=ALICE, id="a1"),
    casting.goods_back("t1", sale="r2", lines=[(1, 1, 20)], id="a2"),
    casting.subscribed(of=ALICE_ONLINE, id="a3"),
]


def test_facts_between_link_and_unlink_end_as_if_the_link_had_never_been(counter: Counter) -> None:
    told = []
    for during in ([casting.link(ALICE, ALICE_ONLINE)], []):
        with counter.connection.transaction(force_rollback=True):
            counter.send(casting.sale("r1", 100, of=ALICE, id="s1"), casting.sale("r2", 50, of=ALICE_ONLINE, id="s2"))
            counter.send(*during)
            counter.send(*ACTS)
            if during:
                assert counter.tell(casting.unlink(ALICE, ALICE_ONLINE, at=LATER)).is_accepted
            found = derived(counter.connection, [casting.identify(each) for each in (ALICE, ALICE_ONLINE)])
            assert found.pop("customers_membership") == []
            assert (found.pop("customers_link") != []) == bool(during)
            told.append(found)
    assert told[0] == told[1]


def test_what_was_spent_together_came_from_whom_it_says(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100, of=ALICE), casting.sale("r2", 50, of=ALICE_ONLINE))
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    assert counter.tell(casting.redeem(120, of=ALICE)).balance == (30, 0, 0)
    counter.tell(casting.unlink(ALICE, ALICE_ONLINE, at=LATER))
    drawn: dict[str, int] = dict(
        counter.connection.execute(
            "select customer::text, sum(points)::bigint from loyalty_transfer where credit = 12 group by 1"
        ).fetchall()
    )
    assert sum(drawn.values()) == 120
    assert counter.balance(ALICE) == (100 - drawn[casting.identify(ALICE)], 0, 0)
    assert counter.balance(ALICE_ONLINE) == (50 - drawn[casting.identify(ALICE_ONLINE)], 0, 0)


def test_a_split_really_splits(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100, of=ALICE), casting.sale("r2", 50, of=BOB), casting.link(ALICE, BOB))
    assert counter.tell(casting.reserve(150, "q", of=BOB)).is_accepted
    assert counter.tell(casting.void("q")).is_accepted
    counter.tell(casting.unlink(ALICE, BOB, at=LATER))
    with counter.shop.unchanged(*TABLES):
        assert counter.tell(casting.redeem(51, of=BOB)).problem == "insufficient_points"
    assert counter.tell(casting.redeem(50, of=BOB)).is_accepted


def test_what_was_held_together_goes_back_to_whom_it_came_from_after_the_split(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100, of=ALICE), casting.sale("r2", 50, of=BOB), casting.link(ALICE, BOB))
    counter.tell(casting.reserve(150, "q", of=BOB))
    counter.tell(casting.unlink(ALICE, BOB, at=LATER))
    assert counter.tell(casting.void("q")).is_accepted
    assert counter.balance(ALICE) == (100, 0, 0)
    assert counter.balance(BOB) == (50, 0, 0)
