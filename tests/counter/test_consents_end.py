"""Consents end by themselves: when their days are over, and when nothing was heard of whoever gave them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from comptoir.config.rebuilding import rebuild
from comptoir.config.worker import Jobs
from comptoir.counter.assembly import EVENT_TYPES, handlers_for
from comptoir.counter.customers import jobs, matters, permissions
from comptoir.counter.customers.contracts import CONSENT_DAYS_MAX
from comptoir.counter.customers.errors import TermsPolicyInvalid
from comptoir.counter.customers.policy import Policy, load_policy
from comptoir.counter.customers.purposes import PURPOSES
from comptoir.counter.customers.rules import Choice, Statement
from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.jobs import expire_points
from comptoir.foundation.kernel.clock import FixedClock
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, Counter, Reference
from support.shop import Shop, environment

DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def allows(counter: Counter, who: Reference = ALICE, purpose: str = "marketing", channel: str = "mail") -> bool:
    asked = (casting.identify(who), purpose, channel)
    row = counter.connection.execute("select customers_permits(%s, %s, %s)", asked).fetchone()
    assert row is not None
    return bool(row[0])


def told(counter: Counter, said: casting.Event) -> None:
    at = dt.datetime.fromisoformat(said["time"])
    assert counter.tell(said, received_at=at + SECOND).is_accepted


def over(counter: Counter, now: dt.datetime, **options: Any) -> int:
    return jobs.end_consents(counter.connection, now=now, handlers=counter.handlers, **options)


def quiet(counter: Counter, now: dt.datetime) -> None:
    """Do what the worker does at night; it waits for a shop to have a programme."""
    if store.find_programmes(counter.connection) is None:
        store.insert_programme(counter.connection, casting.PLAIN, None)
    Jobs(clock=FixedClock(now)).end_quiet_consents(counter.connection)


def expired(shop: Shop) -> list[tuple[str, str, dt.datetime]]:
    rows = shop.rows(
        "select data->>'purpose' purpose, data->>'because' because, occurred_at, source, touchpoint, status"
        " from events_event where type = 'consent.expired' order by position"
    )
    assert all((row["source"], row["touchpoint"]) == ("/comptoir/clock", "clock") for row in rows)
    assert all(row["status"] == "accepted" for row in rows)
    return [(row["purpose"], row["because"], row["occurred_at"]) for row in rows]


# -- their days are over ------------------------------------------------------------------------------------------


def test_a_consent_is_over_when_its_days_are_and_not_a_moment_before(counter: Counter, shop: Shop) -> None:
    told(counter, casting.consented("marketing", "mail", days=10))
    told(counter, casting.consented("marketing", "app", days=20))
    assert over(counter, NOON + 10 * DAY - SECOND) == 0
    assert allows(counter)
    assert over(counter, NOON + 10 * DAY) == 1
    assert not allows(counter)
    assert allows(counter, channel="app")
    assert expired(shop) == [("marketing", "duration", NOON + 10 * DAY)]
    assert over(counter, NOON + 11 * DAY) == 0, "once"
    assert rebuild().changed == []


def test_it_ends_the_same_whenever_the_clock_gets_to_it(counter: Counter, shop: Shop) -> None:
    told(counter, casting.consented("marketing", "mail", days=10))
    assert over(counter, NOON + 400 * DAY) == 1
    assert expired(shop) == [("marketing", "duration", NOON + 10 * DAY)]


def test_what_is_over_says_nothing_any_more(counter: Counter) -> None:
    """Neither yes nor no: what was said before, or holds for everybody, decides."""
    told(counter, casting.agreed("PDC-INTENT"))
    told(counter, casting.consented("intent", "mail", at=NOON + DAY, holds=False))
    assert not allows(counter, purpose="intent")
    told(counter, casting.consented("intent", "mail", at=NOON + 2 * DAY, days=5))
    assert over(counter, NOON + 7 * DAY) == 1
    assert allows(counter, purpose="intent"), "the terms allow it"
    told(counter, casting.objected(at=NOON + 8 * DAY))
    told(counter, casting.consented("analysis", "web", at=NOON + 9 * DAY, days=5))
    assert allows(counter, purpose="analysis", channel="web")
    assert over(counter, NOON + 14 * DAY) == 1
    assert not allows(counter, purpose="analysis", channel="web"), "the objection stands"


def test_what_was_given_anew_is_not_ended_by_the_former_end(counter: Counter, shop: Shop) -> None:
    told(counter, casting.consented("marketing", "mail", days=10))
    told(counter, casting.consented("marketing", "mail", days=10, at=NOON + 9 * DAY))
    assert over(counter, NOON + 10 * DAY) == 0
    assert over(counter, NOON + 19 * DAY) == 1
    assert not allows(counter)
    told(counter, casting.consented("marketing", "mail", days=10, at=NOON + 20 * DAY))
    assert allows(counter)
    assert rebuild().changed == []


def test_a_renewal_that_is_heard_after_the_end_holds(counter: Counter) -> None:
    """An app was away: what its owner said in time counts, though the clock was first."""
    told(counter, casting.consented("marketing", "mail", days=10))
    assert over(counter, NOON + 10 * DAY) == 1
    late = casting.consented("marketing", "mail", days=10, at=NOON + 9 * DAY)
    assert counter.tell(late, received_at=NOON + 12 * DAY).is_accepted
    assert allows(counter)
    assert rebuild().changed == []


@given(order=st.permutations(range(5)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whichever_order_words_are_heard_the_same_holds(order: list[int]) -> None:
    """Given, over, given anew, over, withdrawn: the last word holds, and each end concerns one consent alone."""
    matter = matters.consent("marketing", "mail")

    def ending(given_at: dt.datetime, at: dt.datetime) -> matters.Word:
        data = casting_data(purpose="marketing", channel="mail", given_at=given_at, because="duration")
        return next(matters.said("consent.expired", data, at=at))

    words = [
        matters.Word(matter, matters.GIVEN, NOON),
        ending(NOON, NOON + 10 * DAY),
        matters.Word(matter, matters.GIVEN, NOON + 9 * DAY),
        ending(NOON + 9 * DAY, NOON + 19 * DAY),
        matters.Word(matter, matters.WITHDRAWN, NOON + 3 * DAY),
    ]
    held: Choice | None = None
    for number in order:
        word = words[number]
        choice = Choice("alice", word.matter, word.value, Statement(word.at, "/a", str(number), word.record))
        held = choice.after(held)
    assert held is not None
    assert (held.value, held.said.evidence) == (matters.EXPIRED, f"duration {(NOON + 19 * DAY).isoformat()}")
    assert not permissions.permits({matter: held}, "marketing", "mail")


class casting_data:  # noqa: N801 - it stands for the content of an event
    """The content of an event, as its fields."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def test_many_end_in_portions_and_what_is_left_goes_with_the_next_run(
    counter: Counter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_EVENTS", 3)
    for number, channel in itertools.product(range(3), ("mail", "app", "store")):
        told(counter, casting.consented("marketing", channel, days=10, of={"kind": "card", "value": f"{number}"}))
    assert over(counter, NOON + 30 * DAY, batches_max=2) == 6
    assert over(counter, NOON + 30 * DAY, should_stop=lambda: True) == 0
    assert over(counter, NOON + 30 * DAY) == 3
    assert len(expired(shop)) == 9


def test_no_touchpoint_says_that_a_consent_is_over(counter: Counter) -> None:
    """Of those that the house knows as types which a map may declare, it is none."""
    assert "consent.expired" not in EVENT_TYPES


# -- nothing was heard --------------------------------------------------------------------------------------------


def test_who_is_not_heard_of_for_long_consents_no_longer(counter: Counter, shop: Shop) -> None:
    told(counter, casting.consented("marketing", "mail", days=1000, quiet_days=100))
    told(counter, casting.consented("marketing", "mail", days=1000, quiet_days=100, of=BOB))
    told(counter, casting.sale("1", 100, of=BOB, at=NOON + 90 * DAY))
    quiet(counter, NOON + 100 * DAY)
    assert allows(counter)
    quiet(counter, NOON + 101 * DAY)
    assert not allows(counter)
    assert allows(counter, BOB), "somebody who buys is heard of"
    midnight = (NOON + 101 * DAY).replace(hour=0, minute=0)
    assert expired(shop) == [("marketing", "unheard", midnight)]
    quiet(counter, NOON + 192 * DAY)
    assert not allows(counter, BOB)
    assert rebuild().changed == []


@pytest.mark.parametrize("how", ["a return of goods", "a subscription", "another consent"])
def test_whatever_somebody_does_counts(counter: Counter, how: str) -> None:
    told(counter, casting.consented("marketing", "mail", days=1000, quiet_days=100))
    told(counter, casting.sale("1", 100))
    later = NOON + 90 * DAY
    done = {
        "a return of goods": casting.goods_back("2", sale="1", lines=[(1, 1, 100)], at=later),
        "a subscription": casting.subscribed(at=later),
        "another consent": casting.consented("marketing", "app", at=later),
    }
    told(counter, done[how])
    quiet(counter, NOON + 150 * DAY)
    assert allows(counter)


def test_all_cards_of_a_person_are_one_person(counter: Counter) -> None:
    told(counter, casting.consented("marketing", "mail", days=1000, quiet_days=100))
    told(counter, casting.link(ALICE_ONLINE, ALICE))
    told(counter, casting.sale("1", 100, of=ALICE_ONLINE, at=NOON + 90 * DAY))
    quiet(counter, NOON + 150 * DAY)
    assert allows(counter)
    assert allows(counter, ALICE_ONLINE)


def test_what_the_clock_does_with_somebodys_points_is_not_heard_of_them(counter: Counter) -> None:
    programmes = casting.versions(casting.PROGRAMME)
    counter.handlers = handlers_for(programmes)
    told(counter, casting.consented("marketing", "mail", days=1000, quiet_days=380))
    told(counter, casting.sale("1", 100, at=NOON))
    now = NOON + 395 * DAY
    assert expire_points(counter.connection, now=now, programmes=programmes, handlers=counter.handlers) == 1
    quiet(counter, NOON + 396 * DAY)
    assert not allows(counter)


# -- what the shop says -------------------------------------------------------------------------------------------


def test_a_consent_that_says_nothing_of_it_holds_as_long_as_the_policy_says(
    counter: Counter, shop: Shop, tmp_path: Path
) -> None:
    told(counter, casting.consented("marketing", "mail"))
    told(counter, casting.consented("training", "partner"))
    told(counter, casting.subscribed(at=NOON + 100 * DAY))
    (tmp_path / "terms.toml").write_text("[consents.marketing]\ndays = 50\n[consents.training]\nquiet_days = 40\n")
    with environment(COMPTOIR_TERMS=str(tmp_path / "terms.toml")):
        quiet(counter, NOON + 49 * DAY)
        assert allows(counter)
        quiet(counter, NOON + 120 * DAY)
        assert expired(shop) == [("marketing", "duration", NOON + 50 * DAY)]
        assert allows(counter, purpose="training", channel="partner")
        quiet(counter, NOON + 150 * DAY)
    assert [each[:2] for each in expired(shop)] == [("marketing", "duration"), ("training", "unheard")]


def test_by_purpose_and_never_for_longer_than_three_years(tmp_path: Path) -> None:
    assert Policy().days("marketing") == PURPOSES["marketing"].days == 730
    assert Policy().quiet_days("marketing") == 365
    assert all(max(each.days, each.quiet_days) <= CONSENT_DAYS_MAX for each in PURPOSES.values())
    path = tmp_path / "terms.toml"
    for text, field in (
        ("[consents.marketing]\ndays = 1096", "consents[...].days"),
        ("[consents.marketing]\nquiet_days = 0", "consents[...].quiet_days"),
        ("[consents.service]\ndays = 10", "service"),
        ("[consents.marketing]\nyears = 1", "years"),
    ):
        path.write_text(text + "\n")
        with pytest.raises(TermsPolicyInvalid) as refusal:
            load_policy(path)
        assert field in str(refusal.value.detail)
    path.write_text("[consents.marketing]\ndays = 1095\n")
    assert (load_policy(path).days("marketing"), load_policy(path).days("good")) == (1095, 365)


def test_a_policy_that_cannot_be_read_ends_nothing(counter: Counter, tmp_path: Path) -> None:
    told(counter, casting.consented("marketing", "mail"))
    (tmp_path / "terms.toml").write_text("consents = 7\n")
    with environment(COMPTOIR_TERMS=str(tmp_path / "terms.toml")):
        quiet(counter, NOON + 5000 * DAY)
    assert allows(counter)


@pytest.mark.parametrize("days", [0, CONSENT_DAYS_MAX + 1])
def test_a_consent_for_longer_is_refused_at_the_door(counter: Counter, shop: Shop, days: int) -> None:
    with shop.unchanged("customers_choice", "events_event"), pytest.raises(AssertionError, match="days"):
        counter.read(casting.consented("marketing", "mail", days=days))
