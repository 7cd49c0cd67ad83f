"""Answers in the counter's tables: written by the handler, made anew from the log, refused where they last too long."""

from __future__ import annotations

import datetime as dt

from comptoir.config.rebuilding import rebuild
from support import casting
from support.casting import ALICE, BOB, NOON, Counter
from support.shop import Shop

TABLES = ("answers_answer", "answers_withdrawal", "customers_customer")
YEAR = dt.timedelta(days=365)


def test_answers_are_made_anew_from_the_log(shop: Shop) -> None:
    counter = Counter(shop, casting.versions(casting.PROGRAMME))
    later = NOON + dt.timedelta(hours=1)
    counter.send(
        casting.proven(18, of=ALICE, until=NOON + YEAR),
        casting.proven(20, of=ALICE),
        casting.seen(18, of=BOB, until=NOON + YEAR),
        casting.seen(18, of=None),
        casting.withdrawn(18, of=ALICE, at=later),
        casting.withdrawn(18, of=ALICE, at=NOON),
        casting.proven(18, of=BOB, until=NOON + 2 * YEAR),
        received_at=later,
    )
    counter.close()
    before = shop.contents(*TABLES)
    assert [len(before[table]) for table in TABLES] == [3, 1, 2]
    assert shop.value("select withdrawn_at from answers_withdrawal") == later
    assert shop.rows(
        'select "over", method, "by", valid_until - given_at as lasts from answers_answer order by 1, 2'
    ) == [
        {"over": 18, "method": "in_person", "by": "staff-7", "lasts": YEAR},
        {"over": 18, "method": "sd_jwt_vc", "by": None, "lasts": YEAR},
        {"over": 20, "method": "sd_jwt_vc", "by": None, "lasts": dt.timedelta(minutes=30)},
    ]
    rebuild()
    assert shop.contents(*TABLES) == before


def test_a_refused_answer_is_decided_and_leaves_none(shop: Shop) -> None:
    counter = Counter(shop, casting.versions(casting.PROGRAMME))
    with shop.unchanged("answers_answer", "answers_withdrawal"):
        answer = counter.tell(casting.proven(18, until=NOON))
        unknown = counter.tell(
            casting.proven(18, of={"kind": "customer", "value": "0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10"})
        )
    counter.close()
    assert (answer.problem, unknown.problem) == ("answer_lasts_too_long", "customer_unknown")
