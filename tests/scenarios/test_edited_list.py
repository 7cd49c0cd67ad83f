"""``edited-list``: editing a scheduled campaign left half of it unsent, https://github.com/parcelvoy/platform/issues/612.

A frozen list cannot be edited; a changed campaign is a new version, and those already decided about are not decided
about again, but whoever came in meanwhile is.
"""

from __future__ import annotations

import datetime as dt

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import COFFEE, NOW, STAFF, Segments, crowd, templates, version
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages import queries as messaging
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands, queries
from comptoir.office.campaigns.errors import CampaignChanged

HOUR = dt.timedelta(hours=1)


def test_an_edit_before_the_hour_sends_the_new_text_to_everybody(shop: Shop) -> None:
    segments = Segments(crowd(shop, 500))
    with entered(OFFICE):
        templates("coffee", "coffee-short")
        campaign = commands.write(version(), campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW, starts_at=NOW + HOUR)
        commands.write(version(name="Better"), campaign=campaign, after=1, by="Zoé", at=NOW)
        # The edit alone changes nothing of what is launched; whoever wants it sent launches it.
        assert queries.standing(campaign).due == queries.Due(campaign, 1, NOW + HOUR)
        commands.launch(campaign, 2, by="Zoé", at=NOW, starts_at=NOW + 2 * HOUR)
        assert commands.freeze_due(now=NOW + HOUR, segments=segments) == 0
        assert commands.freeze_due(now=NOW + 2 * HOUR, segments=segments) == 1
        found = list(messaging.decisions_of(campaign))
    assert (len(found), {each.campaign_version for each in found}) == (500, {2})


def test_an_edit_while_it_is_sent_reaches_whoever_is_new_and_nobody_twice(shop: Shop) -> None:
    people = crowd(shop, 300)
    segments = Segments(people[:200])
    with entered(OFFICE):
        templates()
        campaign = commands.write(version(), campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
        assert commands.freeze_due(now=NOW, segments=segments) == 1
        (first,) = queries.lists(campaign)
        # Half of it has left; the segment has changed; somebody edits.
        segments.found[COFFEE] = people[100:]
        commands.write(version(name="Better"), campaign=campaign, after=1, by="Zoé", at=NOW)
        with pytest.raises(CampaignChanged):
            commands.launch(campaign, 1, by=STAFF, at=NOW)
        commands.launch(campaign, 2, by="Zoé", at=NOW)
        assert commands.freeze_due(now=NOW + HOUR, segments=segments) == 1
        found = list(messaging.decisions_of(campaign))
        assert len(found) == 300
        assert len({each.customer for each in found}) == 300
        assert {each.customer for each in found if each.campaign_version == 1} == set(people[:200])
        kept, second = queries.lists(campaign)
    assert kept == first, "a frozen list never changes"
    assert (second.members, second.counts.decided_before, second.counts.matched) == (100, 100, 200)
