"""``backwards``: the same events in reverse should give the same state, https://github.com/PostHog/posthog/issues/6834.

Documented in 2026 as the order of ingestion: https://github.com/PostHog/posthog.com/pull/15869. The general proof
stands in ``counter/test_convergence.py``; this is the story in which everything is told from its end.
"""

from __future__ import annotations

import datetime as dt

from support import casting
from support.casting import ALICE, ALICE_ONLINE, NOON, Counter
from support.derived import derived

STORY = [
    casting.sale("r1", lines=[casting.line(100, quantity=2), casting.line(50)], id="1"),
    casting.link(ALICE, ALICE_ONLINE, at=NOON + dt.timedelta(hours=1), id="2"),
    casting.goods_back("t1", sale="r1", lines=[(1, 1, 40)], at=NOON + dt.timedelta(hours=2), id="3"),
    casting.unlink(ALICE, ALICE_ONLINE, at=NOON + dt.timedelta(hours=3), id="4"),
    casting.link(ALICE, ALICE_ONLINE, at=NOON + dt.timedelta(hours=4), id="5"),
    casting.goods_back("t2", sale="r1", lines=[(1, 1, 60), (2, 1, 50)], at=NOON + dt.timedelta(hours=5), id="6"),
    casting.subscribed(of=ALICE_ONLINE, at=NOON + dt.timedelta(hours=6), id="7"),
]


def test_a_story_told_backwards_ends_the_same(counter: Counter) -> None:
    ends = []
    for story in (STORY, STORY[::-1]):
        with counter.connection.transaction(force_rollback=True):
            for each in story:
                assert counter.tell(each, received_at=NOON + dt.timedelta(days=1)).is_accepted
            ends.append(derived(counter.connection, [casting.identify(each) for each in (ALICE, ALICE_ONLINE)]))
    assert ends[0] == ends[1]
