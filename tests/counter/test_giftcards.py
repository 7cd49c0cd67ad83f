"""Gift cards at the counter: issued, spent, held, given back, stopped, run out; refused by one text, made anew."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.giftcards.codes import number_of
from comptoir.counter.giftcards.errors import UNUSABLE
from comptoir.counter.giftcards.jobs import end_what_is_over
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.carding import TABLES, credited, digest, held, issued, new_code, posted, redeemed, stopped, voided
from support.casting import HEARD, NOON, OTHER_TILL, TILL, WEBSHOP, Counter
from support.shop import Shop, environment

set_up_django()

#: What a refused request leaves behind: itself in the log, with its outcome.
LOGGED = {"events_event", "events_identity", "events_outbox"}
DAY = dt.timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    opened = Counter(shop)
    yield opened
    books_hold(shop)
    opened.close()


@pytest.fixture
def card(counter: Counter) -> str:
    """A card that is worth fifty dollars."""
    code = new_code()
    assert counter.tell(issued(code, 5000, id="bought")).problem is None
    return code


def refused(counter: Counter, said: casting.Event, *, received_at: dt.datetime = HEARD) -> str:
    """Have a request refused: nothing has moved but the log. Returns the name of the problem."""
    moving = [name for name in counter.shop.contents() if name not in LOGGED and not name.startswith("events_event")]
    with counter.shop.unchanged(*moving):
        return str(counter.tell(said, received_at=received_at).problem)


def books_hold(shop: Shop) -> None:
    """Whatever the doctor counts of gift cards and of the points' ledger, it is nothing."""
    names = [name for name in load_statements("comptoir.config", "checking.sql") if "gift" in name]
    assert len(names) == 6
    for name in (*names, "transfers_match_log", "identities_match_events"):
        assert shop.value(load_statements("comptoir.config", "checking.sql")[name]) == 0, name


def left(shop: Shop, code: str) -> tuple[int, int]:
    (row,) = shop.rows("select available, held from giftcards_card where id = %s", digest(code))
    return row["available"], row["held"]


def test_a_card_is_spent_in_parts_and_never_beyond_what_is_on_it(counter: Counter, card: str) -> None:
    told = counter.tell(redeemed(card, 1999)).outcome["gift_card"]
    assert told == {"number": number_of(digest(card)), "currency": "USD", "amount": 1999, "left": 3001}
    assert refused(counter, redeemed(card, 3002)) == "gift_card_insufficient"
    problem = counter.tell(redeemed(card, 3002)).outcome["problem"]
    assert (problem["left"], problem["status"]) == (3001, 409)
    assert counter.tell(redeemed(card, 9999, partly=True)).outcome["gift_card"]["amount"] == 3001
    assert refused(counter, redeemed(card, 1, partly=True)) == "gift_card_insufficient"
    assert left(counter.shop, card) == (0, 0)


def test_a_card_is_read_however_it_is_written(counter: Counter, card: str) -> None:
    written = "-".join(card.lower()[start : start + 4] for start in range(0, 20, 4))
    assert counter.tell(redeemed(f" {written} ", 100)).problem is None
    assert left(counter.shop, card) == (4900, 0)


def test_no_code_is_kept_anywhere(counter: Counter, card: str) -> None:
    other = new_code()
    counter.send(redeemed(card, 100), held(card, 100, "h"), stopped(code=card, because="lost", instead=other))
    kept = json.dumps(counter.shop.contents(), default=str).upper()
    for code in (card, other):
        assert code not in kept
        assert code[:16] not in kept
    assert digest(card).upper() in kept, "what was looked for would have been found"


def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(counter: Counter, card: str) -> None:
    lost, old, foreign = new_code(), new_code(), new_code()
    counter.send(issued(lost, 5000), issued(old, 5000, expires_at=(HEARD + DAY).isoformat()))
    counter.tell(stopped(code=lost))
    answers = set()
    for code, at in (
        (lost, HEARD), (old, HEARD + DAY), (foreign, HEARD), ("0" * 20, HEARD), ("x", HEARD), (digest(card), HEARD),
    ):  # fmt: skip
        for said in (redeemed(code, 100), held(code, 100, f"of {code}")):
            outcome = counter.tell(said, received_at=at).outcome
            answers.add(json.dumps({**outcome, "id": "", "event": ""}, sort_keys=True))
    (only,) = answers
    assert json.loads(only)["problem"]["detail"] == UNUSABLE
    assert refused(counter, held(card, 100, "yen", currency="JPY")) == "gift_card_unusable"


def test_only_a_code_that_the_house_has_made_becomes_a_card(counter: Counter, card: str) -> None:
    assert refused(counter, issued("7" * 20, 5000)) == "gift_card_unusable"
    assert refused(counter, issued(card[:-1] + ("0" if card[-1] != "0" else "1"), 5000)) == "gift_card_unusable"
    assert refused(counter, issued(card, 5000)) == "gift_card_taken"
    assert refused(counter, issued(new_code(), 5000, currency="EUR")) == "currency_not_accepted"
    assert counter.shop.value("select count(*) from giftcards_card") == 1


def test_a_repeat_is_answered_with_what_came_of_it_first(counter: Counter, card: str) -> None:
    first = counter.tell(redeemed(card, 3000, id="once"))
    again = counter.tell(redeemed(card, 3000, id="once"))
    assert again.outcome == first.outcome
    assert again.is_repeated
    assert counter.tell(redeemed(card, 3000, id="no")).problem == "gift_card_insufficient"
    counter.tell(credited("once", 3000))
    assert counter.tell(redeemed(card, 3000, id="no")).problem == "gift_card_insufficient", "refused stays refused"
    assert left(counter.shop, card) == (5000, 0)


def test_what_is_held_is_spent_or_free_again_once(counter: Counter, card: str) -> None:
    assert counter.tell(held(card, 3000, "a")).problem is None
    assert left(counter.shop, card) == (2000, 3000)
    assert refused(counter, redeemed(card, 2001, source=OTHER_TILL)) == "gift_card_insufficient"
    assert refused(counter, held(card, 100, "a")) == "gift_card_hold_taken"
    assert refused(counter, posted("a", source=WEBSHOP)) == "gift_card_hold_unknown", "names are the touchpoint's own"
    assert counter.tell(posted("a")).outcome["gift_card"]["amount"] == 3000
    assert left(counter.shop, card) == (2000, 0)
    assert refused(counter, posted("a")) == "gift_card_hold_over"
    assert refused(counter, voided("a")) == "gift_card_hold_over"
    counter.send(held(card, 2000, "b"), voided("b"), held(card, 2000, "c"), posted("c"), redeemed(card, 1))
    assert left(counter.shop, card) == (0, 0)


def test_what_is_held_too_long_is_freed_by_the_clock_and_by_nobody_else(counter: Counter, card: str) -> None:
    counter.tell(held(card, 3000, "a", seconds=60))
    late = HEARD + dt.timedelta(seconds=60)
    assert end_what_is_over(counter.connection, now=HEARD, handlers=counter.handlers) == (0, 0)
    assert refused(counter, posted("a"), received_at=late) == "gift_card_hold_over"
    assert end_what_is_over(counter.connection, now=late, handlers=counter.handlers) == (1, 0)
    assert end_what_is_over(counter.connection, now=late, handlers=counter.handlers) == (0, 0)
    assert left(counter.shop, card) == (5000, 0)
    assert counter.shop.value("select status from giftcards_draw") == "expired"


def test_what_comes_back_goes_onto_its_card_and_no_more_than_was_spent(counter: Counter, card: str) -> None:
    counter.send(redeemed(card, 3000, id="tea"), held(card, 1000, "h", id="held"))
    assert refused(counter, credited("held", 100)) == "gift_card_spending_unknown", "nothing was spent of it yet"
    counter.tell(posted("h"))
    assert counter.tell(credited("tea", 1200)).outcome["gift_card"]["left"] == 2200
    assert refused(counter, credited("tea", 1801)) == "gift_card_credit_too_large"
    counter.send(credited("tea", 1800), credited("held", 1000, of=TILL, source=WEBSHOP))
    assert refused(counter, credited("tea", 1)) == "gift_card_credit_too_large"
    assert refused(counter, credited("nothing", 1)) == "gift_card_spending_unknown"
    assert refused(counter, credited("bought", 1)) == "gift_card_spending_unknown"
    assert left(counter.shop, card) == (5000, 0)


def test_what_was_spent_and_given_back_in_one_batch_adds_up(counter: Counter) -> None:
    code = new_code()
    answers = counter.send(
        issued(code, 1000), redeemed(code, 600, id="in-batch"), redeemed(code, 600), credited("in-batch", 600),
        redeemed(code, 1000),
    )  # fmt: skip
    assert [each.problem for each in answers] == [None, None, "gift_card_insufficient", None, None]
    assert left(counter.shop, code) == (0, 0)


def test_a_lost_card_is_stopped_and_its_rest_goes_onto_another_one(counter: Counter, card: str) -> None:
    counter.send(redeemed(card, 1000, id="tea"), held(card, 500, "h"))
    number, other = number_of(digest(card)), new_code()
    told = counter.tell(stopped(number=number, instead=other)).outcome["gift_card"]
    assert (told["number"], told["amount"], told["left"]) == (number, 3500, 0)
    assert left(counter.shop, other) == (3500, 0)
    assert refused(counter, redeemed(card, 1)) == "gift_card_unusable"
    # What was held is spent, or comes back: owed, on a card that nobody can spend, until it is stopped once more.
    counter.send(voided("h"), credited("tea", 1000))
    assert left(counter.shop, card) == (1500, 0)
    assert refused(counter, redeemed(card, 1)) == "gift_card_unusable"
    last = new_code()
    counter.tell(stopped(number=number, instead=last))
    assert left(counter.shop, last) == (1500, 0)
    assert refused(counter, stopped(number=number)) == "gift_card_over"
    assert counter.shop.value("select sum(available + held) from giftcards_card") == 5000


def test_a_card_whose_price_goes_back_gives_back_what_was_not_spent(counter: Counter, card: str) -> None:
    counter.tell(redeemed(card, 2000))
    told = counter.tell(stopped(code=card, because="refunded", source=TILL)).outcome["gift_card"]
    assert told["amount"] == 3000, "so much is paid back, and no more"
    assert refused(counter, redeemed(card, 1)) == "gift_card_unusable"
    assert refused(counter, stopped(code=card, because="refunded")) == "gift_card_over"
    assert counter.shop.value("select sum(available + held) from giftcards_card") == 0


def test_what_cannot_be_stopped(counter: Counter, card: str) -> None:
    number = number_of(digest(card))
    assert refused(counter, stopped()) == "field_invalid"
    assert refused(counter, stopped(number=number, code=card)) == "field_invalid"
    assert refused(counter, stopped(number="0000-0000-0000")) == "gift_card_unknown"
    assert refused(counter, stopped(code=new_code())) == "gift_card_unusable"
    assert refused(counter, stopped(number=number, instead=card)) == "gift_card_taken"
    assert refused(counter, stopped(number=number, instead="0" * 20)) == "gift_card_unusable"
    counter.tell(redeemed(card, 5000))
    assert refused(counter, stopped(number=number, instead=new_code())) == "gift_card_over"
    assert counter.tell(stopped(number=number)).problem is None, "an empty one can be stopped all the same"


def test_a_card_that_has_run_out_is_owed_no_more_and_good_again_when_something_comes_back(counter: Counter) -> None:
    code, ends = new_code(), HEARD + YEAR
    counter.send(issued(code, 5000, expires_at=ends.isoformat()), redeemed(code, 2000, id="tea"))
    assert end_what_is_over(counter.connection, now=ends - DAY, handlers=counter.handlers) == (0, 0)
    for count in (1, 0):
        assert end_what_is_over(counter.connection, now=ends, handlers=counter.handlers) == (0, count)
    assert left(counter.shop, code) == (0, 0)
    back = ends + 30 * DAY
    counter.send(credited("tea", 2000), received_at=back)
    assert counter.shop.value("select expires_at from giftcards_card") == back + (ends - NOON)
    assert counter.tell(redeemed(code, 2000), received_at=back + YEAR).problem is None
    assert left(counter.shop, code) == (0, 0)


@pytest.mark.parametrize(("country", "earliest"), [("US", NOON.replace(year=NOON.year + 5)), ("DE", None), ("", NOON)])
def test_how_soon_a_card_may_run_out_is_said_by_the_country(
    shop: Shop, country: str, earliest: dt.datetime | None
) -> None:
    earliest = earliest or dt.datetime(NOON.year + 4, 1, 1, tzinfo=dt.UTC)
    with environment(COMPTOIR_COUNTRY=country):
        counter = Counter(shop)
        soon, late = ((earliest + dt.timedelta(seconds=each)).isoformat() for each in (-1, 0))
        assert refused(counter, issued(new_code(), 100, expires_at=soon)) == "gift_card_expires_too_soon"
        assert counter.tell(issued(new_code(), 100, expires_at=late)).problem is None
        assert counter.tell(issued(new_code(), 100)).problem is None
        counter.close()


def test_the_database_refuses_a_negative_balance(counter: Counter, card: str) -> None:
    import psycopg

    for column in ("available", "held"):
        with pytest.raises(psycopg.errors.CheckViolation, match="gift_card_not_negative"):
            counter.shop.rows(f"update giftcards_card set {column} = -1 returning 1")


def test_a_rebuild_gives_identical_tables(counter: Counter, card: str) -> None:
    code, other = new_code(), new_code()
    counter.send(
        issued(code, 900, origin="given", receipt="r", expires_at=(HEARD + YEAR).isoformat()),
        redeemed(card, 700, id="a", receipt="b"), held(card, 800, "h", id="x"), held(card, 200, "i", seconds=5),
        redeemed(card, 9999), redeemed(new_code(), 5),
    )  # fmt: skip
    counter.send(posted("h"), credited("a", 300), credited("x", 800), stopped(code=card, instead=other))
    later = HEARD + YEAR + DAY
    end_what_is_over(counter.connection, now=later, handlers=counter.handlers)
    before = {table: counter.shop.contents()[table] for table in TABLES}
    assert all(before.values())
    rebuild()
    after = counter.shop.contents()
    assert {table: after[table] for table in TABLES} == before
