"""``same-key-other-body``: a retry built another body and was rejected, or made a twin.

https://github.com/formancehq/wallets/pull/109. The same id with the same content gets the first outcome byte for byte,
also after ninety days; the same id with other content is refused and leaves no trace.
"""

from __future__ import annotations

import datetime as dt

import pytest

from support import casting
from support.casting import HEARD, Counter


def test_a_repeat_gets_the_first_outcome_also_after_ninety_days(counter: Counter) -> None:
    said = casting.sale("r1", 100, id="s1")
    first = counter.tell(said)
    counter.tell(casting.redeem(70))
    with counter.shop.unchanged():
        again = counter.tell(said, received_at=HEARD + dt.timedelta(days=90))
    assert again.is_repeated
    assert again.body == first.body
    assert again.balance == (100, 0, 0)


def test_a_refusal_is_an_outcome_too(counter: Counter) -> None:
    """What was refused once stays refused for its sender, though by now there would be enough."""
    said = casting.redeem(50, id="d1")
    first = counter.tell(said)
    assert first.problem == "insufficient_points"
    counter.tell(casting.sale("r1", 100))
    with counter.shop.unchanged():
        assert counter.tell(said).body == first.body
    assert counter.tell(casting.redeem(50, id="d2")).balance == (50, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        casting.sale("r1", 101, id="s1"),
        casting.sale("r1", 100, id="s1", of=casting.BOB),
        casting.sale("r1", 100, id="s1", at=casting.NOON + dt.timedelta(microseconds=1)),
        casting.redeem(100, id="s1"),
    ],
    ids=["amount", "customer", "time", "type"],
)
@pytest.mark.parametrize("is_trusting", [False, True])
def test_the_same_id_with_other_content_is_refused_without_a_trace(
    counter: Counter, other: casting.Event, is_trusting: bool
) -> None:
    counter.tell(casting.sale("r1", 100, id="s1"))
    with counter.shop.unchanged():
        refused = counter.send(other, is_trusting=is_trusting)[0]
    assert refused.problem == "id_reused"
    assert "event" not in refused.outcome


def test_the_order_of_members_and_the_zone_of_a_time_are_not_content(counter: Counter) -> None:
    said = casting.sale("r1", 100, id="s1")
    first = counter.tell(said)
    zone = dt.timezone(dt.timedelta(hours=9))
    turned = said | {
        "time": casting.NOON.astimezone(zone).isoformat(),
        "data": dict(reversed(list(said["data"].items()))),
    }
    with counter.shop.unchanged():
        assert counter.tell(turned).body == first.body
