"""``late-sync``: synchronising after a failure doubled the earned points, https://github.com/OCA/pos/pull/185.

The confirming call ran twice: https://github.com/odoo/odoo/pull/222372, https://github.com/odoo/odoo/pull/242087;
the repair is still open: https://github.com/odoo/odoo/pull/270532. A till that was offline sends its whole queue up to
five times, cut anywhere: the result is that of one clean delivery, and every cut is answered with the first outcomes.
"""

from __future__ import annotations

import json

from comptoir.doors.gateway.reading import Refused
from support import casting
from support.casting import Counter
from support.derived import derived
from support.gateway import Gateway
from support.shop import Shop

QUEUE = [
    casting.sale("r1", 100, id="q1"),
    casting.goods_back("t1", sale="r1", lines=[(1, 1, 30)], id="q2"),
    casting.redeem(20, id="q3"),
    casting.reserve(50, "held", id="q4"),
    casting.sale("r2", 15, of=casting.BOB, id="q5"),
    casting.post("held", 40, id="q6"),
    casting.redeem(999, id="q7"),
]
CAST = [casting.identify(each) for each in (casting.ALICE, casting.BOB)]


def test_a_queue_sent_up_to_five_times_cut_between_any_two_events_ends_as_one_delivery(counter: Counter) -> None:
    with counter.connection.transaction(force_rollback=True):
        clean = [each.body for each in counter.send(*QUEUE)]
        wanted = derived(counter.connection, CAST)
        positions = [json.loads(each)["event"] for each in clean]
    for times in range(1, 6):
        for cut in range(len(QUEUE)):
            with counter.connection.transaction(force_rollback=True):
                first: dict[str, bytes] = {}
                for turn in range(times):
                    at = (cut + turn) % len(QUEUE)
                    for part in (QUEUE[:at], QUEUE[at:]):
                        answers = counter.send(*part) if part else []
                        for said, answer in zip(part, answers, strict=True):
                            assert answer.body == first.setdefault(said["id"], answer.body)
                assert derived(counter.connection, CAST) == wanted
                # But for the places in the log, the outcomes too are those of the clean delivery.
                for each, position, body in zip(QUEUE, positions, clean, strict=True):
                    told = first[each["id"]]
                    assert told.replace(json.loads(told)["event"].encode(), position.encode()) == body


def test_a_batch_cut_at_any_byte_is_refused_whole_or_was_whole(counter: Counter) -> None:
    """A line that breaks in the midst of a request leaves no half of a queue behind: what is cut is no JSON array."""
    reader = casting.reader()
    body = b"[" + b",".join(casting.written(each) for each in QUEUE[:3]) + b"]"
    from comptoir.doors.gateway.errors import MalformedJson

    for cut in range(len(body)):
        try:
            reader.read_batch(body[:cut], reader.map.touchpoint("till"), casting.HEARD)
        except MalformedJson:
            continue
        raise AssertionError(f"{cut} bytes of {len(body)} were taken for a whole batch")
    whole = reader.read_batch(body, reader.map.touchpoint("till"), casting.HEARD)
    assert not any(isinstance(each, Refused) for each in whole)


def test_a_queue_that_was_sent_twice_over_http_is_told_so(shop: Shop, gateway: Gateway) -> None:
    """The demo's programme gives a point for each dollar."""
    queue = [casting.sale(f"r{number}", 1000, id=f"s{number}") for number in range(20)]
    first, again = gateway.post(queue).json(), gateway.post(queue).json()
    assert (first["accepted"], first["duplicates"]) == (20, 0)
    assert (again["accepted"], again["duplicates"], again["repeated"]) == (0, 20, list(range(20)))
    assert again["outcomes"] == first["outcomes"]
    assert shop.value("select available from loyalty_account") == 200
