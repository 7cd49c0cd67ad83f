"""``left-the-list``: mailed two days after unsubscribing, in the middle of a journey.

https://github.com/parcelvoy/platform/issues/442. Consent is withdrawn before each step of a journey in turn, by an
event through the counter: from that moment on nothing more is decided. A campaign that is launched for later asks when
its list is frozen, and not when it was launched. What was decided before the withdrawal and has not left, the vault
asks about once more.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.campaigning import STAFF, Segments, drawn_alike, templates, version
from support.casting import Counter
from support.shop import Shop
from support.travelling import COFFEE_MAIL, DAY, Hands, heard, journey

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import queries as messaging
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.journeys import commands, travelling
from comptoir.office.journeys.contracts import Wait

START = casting.NOON
STEPS = 4


@pytest.fixture
def counter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates()
        campaigns.set_caps([], by=STAFF, at=START)
    counter = Counter(shop)
    yield counter
    counter.close()


def known(counter: Counter) -> uuid.UUID:
    """Have Alice buy something and agree to offers by mail; returns her opaque id."""
    counter.tell(casting.sale("r1", 100))
    counter.tell(casting.consented("marketing", "mail"))
    return uuid.UUID(casting.identify(casting.ALICE))


def withdraw(counter: Counter) -> None:
    said = casting.consented("marketing", "mail", holds=False, at=casting.NOON + dt.timedelta(seconds=1))
    assert counter.tell(said).problem is None


@pytest.mark.parametrize("withdrawn_before", range(STEPS + 1))
def test_consent_withdrawn_at_any_step_of_a_journey_ends_the_messages(
    counter: Counter, shop: Shop, withdrawn_before: int
) -> None:
    alice = known(counter)
    steps = tuple(each for _ in range(STEPS) for each in (Wait(24), COFFEE_MAIL))
    with entered(OFFICE):
        free = journey(steps=steps, exit_events=(), holdout=0.0, holdout_reason="A story with one person in it.")
        made = commands.write(free, journey=None, after=0, by=STAFF, at=START)
        commands.switch_on(made, 1, by=STAFF, at=START)
    heard(shop, ("basket.left", alice, START + dt.timedelta(hours=1)))
    for step in range(STEPS + 1):
        if step == withdrawn_before:
            # Heard at once, however the clocks of the story run.
            answer = counter.tell(
                casting.consented("marketing", "mail", holds=False, at=casting.NOON + dt.timedelta(seconds=1))
            )
            assert answer.problem is None
        now = START + (step + 1) * DAY + dt.timedelta(hours=2)
        with entered(OFFICE):
            travelling.enter(now=now)
            travelling.advance(now=now, segments=Segments([]), hands=Hands())
    with entered(OFFICE):
        found = sorted(messaging.decisions_of(made), key=lambda each: each.occurrence)
    verdicts = [each.verdict for each in found]
    assert verdicts == ["send"] * withdrawn_before + ["suppressed"] * (STEPS - withdrawn_before)
    assert {each.reason for each in found if each.verdict == "suppressed"} <= {"no_consent"}


def test_consent_withdrawn_before_the_freezing_keeps_somebody_off_the_list(counter: Counter, shop: Shop) -> None:
    alice = known(counter)
    with entered(OFFICE):
        campaign = campaigns.write(version(), campaign=None, after=0, by=STAFF, at=START)
        campaigns.launch(campaign, 1, by=STAFF, at=START, starts_at=START + DAY)
    withdraw(counter)
    with entered(OFFICE):
        assert campaigns.freeze_due(now=START + DAY, segments=Segments([alice])) == 1
        (found,) = messaging.decisions_of(campaign)
    assert (found.verdict, found.reason) == ("suppressed", "no_consent")
