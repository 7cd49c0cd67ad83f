"""``variant-bypass``: A/B variants counted as different mails, https://github.com/mautic/mautic/issues/14098.

The variant is an attribute of the decision, never part of its key: whoever got A is never sent B, by no edit, no second
version and no second hand-over.
"""

from __future__ import annotations

import uuid

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import NOW, STAFF, Segments, crowd, templates, version
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import Decision, Dispatch
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands
from comptoir.office.campaigns.contracts import Variant

A, B = Variant("a", "coffee"), Variant("b", "coffee-short")


@pytest.mark.parametrize("later", [(A, B), (B,), (Variant("a", "coffee-short"),)], ids=["both", "other", "swapped"])
def test_whoever_got_one_text_never_gets_the_other(shop: Shop, later: tuple[Variant, ...]) -> None:
    segments = Segments(crowd(shop, 400))
    with entered(OFFICE):
        templates("coffee", "coffee-short")
        campaign = commands.write(version(variants=(A,)), campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
        assert commands.freeze_due(now=NOW, segments=segments) == 1
        commands.write(version(variants=later), campaign=campaign, after=1, by=STAFF, at=NOW)
        commands.launch(campaign, 2, by=STAFF, at=NOW)
        with shop.unchanged("messages_decision", "messages_waiting"):
            assert commands.freeze_due(now=NOW, segments=segments) == 1
        assert {each.variant for each in messaging.decisions_of(campaign) if each.verdict == "send"} == {"a"}


def test_a_second_text_that_is_handed_over_by_hand_is_no_second_message(shop: Shop) -> None:
    (person,) = crowd(shop, 1)
    campaign = uuid.uuid4()

    def handed(variant: str) -> int:
        dispatch = Dispatch(
            id=uuid.uuid5(campaign, variant), campaign=campaign, campaign_version=1, channel="mail", template="coffee",
            template_version=1, variant=variant,
        )  # fmt: skip
        messages.begin_dispatch(dispatch, at=NOW)
        return messages.decide(
            [
                Decision(
                    id=uuid.uuid4(), campaign=campaign, campaign_version=1, customer=person, verdict="send",
                    dispatch=dispatch.id, variant=variant, decided_at=NOW,
                )
            ]
        )  # fmt: skip

    with entered(OFFICE):
        templates()
        assert [handed("a"), handed("b"), handed("a")] == [1, 0, 0]
        assert messaging.waiting(campaign) == 1
