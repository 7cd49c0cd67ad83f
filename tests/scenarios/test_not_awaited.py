"""``not-awaited``: a sale closed before its reward was computed, and points were lost now and then.

https://github.com/odoo/odoo/pull/276813. There is no acknowledgement without the outcome of every line, and no sale in
the log without its earning decision beside it.
"""

from __future__ import annotations

import msgspec

from support import casting
from support.casting import Counter


def test_no_sale_is_in_the_log_without_what_it_earned(counter: Counter) -> None:
    answers = counter.send(*[casting.sale(f"r{number}", 10 + number) for number in range(30)])
    assert [each.outcome["points"] for each in answers] == [10 + number for number in range(30)]
    rows = counter.connection.execute(
        "select e.data->>'total', e.decision::text, t.points from events_event e"
        " join loyalty_transfer t on t.position = e.position order by e.position"
    ).fetchall()
    assert len(rows) == 30
    for total, decision, points in rows:
        assert int(total) == points == msgspec.json.decode(decision)[0][3]


def test_a_guest_gets_an_outcome_too(counter: Counter) -> None:
    answer = counter.tell(casting.sale("r1", 10, of=None))
    assert answer.is_accepted
    assert not answer.outcome.keys() & {"customer", "balance", "points"}
