"""Campaigns: written in versions, launched, frozen in one go, stopped; nobody decided about twice."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.campaigning import COFFEE, NOW, STAFF, Segments, crowd, drawn_alike, templates, version
from support.casting import Counter as TheCounter
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.messages import queries as messaging
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT
from comptoir.office.campaigns import commands, effects, queries
from comptoir.office.campaigns.contracts import Cap, Variant, Window
from comptoir.office.campaigns.errors import (
    CampaignChanged,
    CampaignInvalid,
    CampaignStopped,
    CampaignUnknown,
    ListFrozen,
)
from comptoir.office.segments.errors import SegmentUnknown

DAY = dt.timedelta(days=1)


@pytest.fixture
def office(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    drawn_alike(monkeypatch)
    with entered(OFFICE):
        templates("coffee", "coffee-short")
        yield shop


def written(**changed: object) -> uuid.UUID:
    return commands.write(version(**changed), campaign=None, after=0, by=STAFF, at=NOW)


def launched(segments: Segments, *, at: dt.datetime = NOW, **changed: object) -> uuid.UUID:
    campaign = commands.write(version(**changed), campaign=None, after=0, by=STAFF, at=at)
    commands.launch(campaign, 1, by=STAFF, at=at)
    assert commands.freeze_due(now=at, segments=segments) == 1
    return campaign


def decided(campaign: uuid.UUID) -> Counter[tuple[str, str]]:
    return Counter((each.verdict, each.reason or each.variant) for each in messaging.decisions_of(campaign))


def test_a_list_is_frozen_and_everybody_on_it_decided_about(office: Shop) -> None:
    people = crowd(office, 1_000)
    silent = crowd(office, 50, agreed=False, first=5_000)
    segments = Segments([*people, *silent])
    campaign = launched(segments, variants=(Variant("a", "coffee"), Variant("b", "coffee-short")))
    found = decided(campaign)
    assert found.total() == 1_050
    assert found["suppressed", "no_consent"] == 50
    assert 60 <= found["held_out", "campaign"] <= 140
    assert 5 <= found["held_out", "everything"] <= 40
    assert (
        found["send", "a"] + found["send", "b"] + found["held_out", "campaign"] + found["held_out", "everything"]
        == 1_000
    )
    (frozen,) = queries.lists(campaign)
    assert (frozen.members, frozen.frozen_at, frozen.segment_hash) == (1_050, NOW, f"hash of {COFFEE}")
    assert frozen.counts.matched == 1_050
    assert frozen.counts.send == {"a": found["send", "a"], "b": found["send", "b"]}
    assert messaging.waiting(campaign) == frozen.counts.sent
    standing = queries.standing(campaign)
    assert (standing.state, standing.due) == ("sending", None)


def test_the_same_again_decides_nothing(office: Shop) -> None:
    segments = Segments(crowd(office, 200))
    campaign = launched(segments)
    with office.unchanged():
        assert commands.freeze_due(now=NOW + DAY, segments=segments) == 0
        assert commands.freeze(campaign, 1, now=NOW, segments=segments) is None
        with pytest.raises(ListFrozen):
            commands.launch(campaign, 1, by=STAFF, at=NOW)


def test_what_is_launched_for_later_waits(office: Shop) -> None:
    segments = Segments(crowd(office, 20))
    campaign = written()
    commands.launch(campaign, 1, by=STAFF, at=NOW, starts_at=NOW + DAY)
    assert commands.freeze_due(now=NOW + DAY - dt.timedelta(seconds=1), segments=segments) == 0
    assert queries.standing(campaign).state == "scheduled"
    assert commands.freeze_due(now=NOW + DAY, segments=segments) == 1


def test_a_change_is_a_new_version_and_nobody_is_overwritten(office: Shop) -> None:
    campaign = written()
    commands.write(version(name="Tea"), campaign=campaign, after=1, by="Zoé", at=NOW)
    with office.unchanged(), pytest.raises(CampaignChanged):
        commands.write(version(name="Chocolate"), campaign=campaign, after=1, by=STAFF, at=NOW)
    with office.unchanged(), pytest.raises(CampaignChanged):
        commands.launch(campaign, 1, by=STAFF, at=NOW)
    assert [(each.number, each.content.name) for each in queries.versions(campaign)] == [
        (2, "Tea"),
        (1, "Coffee in May"),
    ]
    for statement in ("update campaigns_campaignversion set number = 3", "delete from campaigns_targetlist"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), office.connect("comptoir_office") as connection:
            connection.execute(statement)


def test_a_stopped_campaign_decides_nothing_and_says_why(office: Shop) -> None:
    segments = Segments(crowd(office, 20))
    campaign = written()
    commands.launch(campaign, 1, by=STAFF, at=NOW, starts_at=NOW + DAY)
    with pytest.raises(CampaignInvalid):
        commands.stop(campaign, by=STAFF, reason=" ", at=NOW)
    with pytest.raises(CampaignUnknown):
        commands.stop(uuid.uuid4(), by=STAFF, reason="Wrong price.", at=NOW)
    commands.stop(campaign, by=STAFF, reason="Wrong price.", at=NOW)
    with office.unchanged():
        assert commands.freeze_due(now=NOW + DAY, segments=segments) == 0
        assert commands.freeze(campaign, 1, now=NOW, segments=segments) is None
        with pytest.raises(CampaignStopped):
            commands.write(version(), campaign=campaign, after=1, by=STAFF, at=NOW)
        with pytest.raises(CampaignStopped):
            commands.launch(campaign, 1, by=STAFF, at=NOW)
    standing = queries.standing(campaign)
    assert (standing.state, standing.stopped_because, standing.stopped_by) == ("stopped", "Wrong price.", STAFF)


def test_caps_hold_across_all_campaigns_also_when_they_start_at_once(office: Shop) -> None:
    people = crowd(office, 300)
    segments = Segments(people)
    commands.set_caps([Cap(2, 7)], by=STAFF, at=NOW)
    campaigns = [written(holdout=0.05) for _ in range(5)]
    for campaign in campaigns:
        commands.launch(campaign, 1, by=STAFF, at=NOW)

    def schedule(_: int) -> int:
        with entered(OFFICE):
            try:
                return commands.freeze_due(now=NOW, segments=segments)
            finally:
                connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(schedule, range(4))) == 5
    rows = office.rows(
        "select customer, count(*) as sent from messages_decision where verdict = 'send' group by customer"
    )
    assert max(row["sent"] for row in rows) == 2
    assert office.value("select count(*) from messages_decision where reason = 'capped'") > 500
    # A week later everybody may be written to again.
    later = launched(segments, at=NOW + 7 * DAY)
    assert ("suppressed", "capped") not in decided(later)


def to_all(segments: Segments, *, at: dt.datetime, **changed: object) -> uuid.UUID:
    return launched(segments, at=at, holdout=0.0, holdout_reason="Everybody has to know.", **changed)


def test_a_cap_counts_the_days_on_which_messages_leave(office: Shop) -> None:
    segments = Segments(crowd(office, 50))
    commands.set_caps([Cap(2, 7)], by=STAFF, at=NOW)
    monday = dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)
    sundays = Window(9, 20, (6,), "UTC")
    for _ in range(2):
        assert decided(to_all(segments, at=monday, window=sundays))["send", "a"] > 30
    # They leave on Sunday, and two more on Tuesday would be four in three days.
    for _ in range(2):
        assert decided(to_all(segments, at=monday + 8 * DAY))["send", "a"] == 0
    assert decided(to_all(segments, at=monday + 13 * DAY + DAY / 24))["send", "a"] > 30


def test_a_message_is_judged_by_the_day_on_which_it_leaves_itself(office: Shop) -> None:
    segments = Segments(crowd(office, 50))
    commands.set_caps([Cap(1, 3)], by=STAFF, at=NOW)
    monday = dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)
    assert decided(to_all(segments, at=monday))["send", "a"] > 30
    assert decided(to_all(segments, at=monday, window=Window(9, 20, (1,), "UTC")))["send", "a"] == 0
    assert decided(to_all(segments, at=monday, window=Window(9, 20, (6,), "UTC")))["send", "a"] > 30


def test_a_message_that_never_left_does_not_count_against_a_cap(office: Shop) -> None:
    segments = Segments(crowd(office, 50))
    commands.set_caps([Cap(1, 7)], by=STAFF, at=NOW)
    first = launched(segments)
    with office.connect("comptoir_vault") as connection:
        connection.execute(
            "insert into messages_outcome (decision, kind, at, reason)"
            " select id, 'unreachable', %s, '' from messages_decision where verdict = 'send'",
            (NOW,),
        )
    assert decided(first)["send", "a"] > 30
    assert ("suppressed", "capped") not in decided(launched(segments))


def test_two_cards_of_one_person_get_one_message(office: Shop) -> None:
    counter = TheCounter(office)
    alice, online = (uuid.UUID(casting.identify(each)) for each in (casting.ALICE, casting.ALICE_ONLINE))
    for each in (casting.ALICE, casting.ALICE_ONLINE):
        counter.tell(casting.sale(f"r-{each['value']}", 100, of=each))
    counter.tell(casting.link(casting.ALICE, casting.ALICE_ONLINE))
    counter.tell(casting.consented("marketing", "mail", of=casting.ALICE))
    campaign = launched(Segments([alice, online]))
    (found,) = messaging.decisions_of(campaign)
    assert found.customer == min(alice, online)
    counter.close()


def test_cards_that_are_linked_after_a_decision_are_not_decided_about_again(office: Shop) -> None:
    counter = TheCounter(office)
    alice, online = (uuid.UUID(casting.identify(each)) for each in (casting.ALICE, casting.ALICE_ONLINE))
    for each in (casting.ALICE, casting.ALICE_ONLINE):
        counter.tell(casting.sale(f"r-{each['value']}", 100, of=each))
        counter.tell(casting.consented("marketing", "mail", of=each))
    segments = Segments([max(alice, online)])
    campaign = launched(segments)
    counter.tell(casting.link(casting.ALICE, casting.ALICE_ONLINE))
    segments.found[COFFEE] = [alice, online]
    commands.write(version(), campaign=campaign, after=1, by=STAFF, at=NOW)
    commands.launch(campaign, 2, by=STAFF, at=NOW)
    assert commands.freeze_due(now=NOW, segments=segments) == 1
    assert len(list(messaging.decisions_of(campaign))) == 1
    assert queries.lists(campaign)[1].counts.decided_before == 1
    counter.close()


def test_service_reaches_whoever_said_nothing_and_counts_against_no_cap(office: Shop) -> None:
    people = crowd(office, 40, agreed=False)
    segments = Segments(people)
    commands.set_caps([Cap(1, 7)], by=STAFF, at=NOW)
    recall = launched(segments, message_class="service", holdout=0.0, why={})
    assert decided(recall) == {("send", "a"): 40}
    with office.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into customers_permission select c, 'marketing', array['mail'] from unnest(%s::uuid[]) c", (people,)
        )
    assert ("suppressed", "capped") not in decided(launched(segments))


def test_a_preview_counts_and_writes_nothing(office: Shop) -> None:
    segments = Segments([*crowd(office, 400), *crowd(office, 10, agreed=False, first=900)])
    with office.unchanged():
        counts, open_to = commands.preview(version(), campaign=None, now=NOW, segments=segments)
    assert (counts.matched, counts.no_consent) == (410, 10)
    assert len(open_to) == counts.sent + counts.held_out
    campaign = written()
    foreseen, _ = commands.preview(version(), campaign=campaign, now=NOW, segments=segments)
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    assert commands.freeze(campaign, 1, now=NOW, segments=segments) == foreseen


def test_a_window_of_weekdays_lets_nothing_leave_before_it_opens(office: Shop) -> None:
    segments = Segments(crowd(office, 30))
    weekend = launched(segments, window=Window(10, 18, (5, 6), "Europe/Paris"))
    rows = office.rows("select distinct due_at from messages_waiting")
    assert [row["due_at"] for row in rows] == [dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)]
    assert office.rows("select hour_from, hour_until, zone from messages_dispatch where campaign = %s", weekend) == [
        {"hour_from": 10, "hour_until": 18, "zone": "Europe/Paris"}
    ]


def test_what_fails_on_the_way_leaves_nothing(office: Shop) -> None:
    class Broken(Segments):
        def members(self, segment: uuid.UUID, /, *, at: dt.datetime | None = None) -> Iterator[list[uuid.UUID]]:
            for batch in super().members(segment, at=at):
                yield list(batch)
            raise RuntimeError("the engine went away")

    segments = Broken(crowd(office, 2_500))
    campaign = written()
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    with office.unchanged(), pytest.raises(RuntimeError):
        commands.freeze_due(now=NOW, segments=segments)
    assert queries.standing(campaign).state == "scheduled"
    assert commands.freeze_due(now=NOW, segments=Segments(segments.found[COFFEE])) == 1


@pytest.mark.parametrize("room", [SQUARE, COUNTER, VAULT])
def test_no_other_room_reads_what_staff_plan(office: Shop, room: object) -> None:
    for table in ("campaigns_campaignversion", "campaigns_targetlist", "campaigns_launch", "campaigns_capsset"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), office.connect(room.role) as connection:  # type: ignore[attr-defined]
            connection.execute(f"select * from {table}")


def test_a_launch_whose_segment_has_ended_waits_and_a_second_launch_is_no_silence(office: Shop) -> None:
    class Ended(Segments):
        def hash_of(self, segment: uuid.UUID, /) -> str:
            raise SegmentUnknown

    segments = Ended(crowd(office, 20))
    campaign = written()
    other = written()
    commands.launch(campaign, 1, by=STAFF, at=NOW, starts_at=NOW)
    assert queries.waiting_for(COFFEE) == ["Coffee in May"]
    with office.unchanged():
        assert commands.freeze_due(now=NOW, segments=segments) == 0
        with pytest.raises(CampaignChanged, match="launched already"):
            commands.launch(campaign, 1, by="Zoé", at=NOW + DAY, starts_at=NOW + 2 * DAY)
    assert queries.standing(campaign).state == "scheduled"
    commands.launch(other, 1, by=STAFF, at=NOW)
    assert commands.freeze_due(now=NOW, segments=Segments(segments.found[COFFEE])) == 2
    assert queries.waiting_for(COFFEE) == []


def test_whoever_is_refused_a_coupon_is_not_written_to_without_one(office: Shop) -> None:
    people = crowd(office, 300)
    refused = set(people[::10])

    def coupons(
        _promotion: uuid.UUID, customers: Collection[uuid.UUID], /, *, campaign: uuid.UUID, at: dt.datetime
    ) -> dict[uuid.UUID, uuid.UUID]:
        return {each: uuid.uuid5(campaign, str(each)) for each in customers if each not in refused}

    campaign = written(promotion=str(uuid.uuid4()))
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    assert commands.freeze_due(now=NOW, segments=Segments(people), coupons=coupons) == 1
    found = list(messaging.decisions_of(campaign))
    assert all(each.coupon for each in found if each.verdict == "send")
    without = [each for each in found if each.reason == "no_coupon"]
    assert without
    assert {each.customer for each in without} <= refused
    assert {each.variant for each in without} == {"a"}, "they stay in the arm that they were drawn into"
    (frozen,) = queries.lists(campaign)
    assert (frozen.counts.no_coupon, frozen.counts.matched) == (len(without), 300)
    assert sum(each.arm == "a" for each in effects.drawn_of(found)) == frozen.counts.sent + len(without)


def test_a_definition_that_changes_while_a_list_is_frozen_freezes_nothing(office: Shop) -> None:
    class Changing(Segments):
        asked = 0

        def hash_of(self, segment: uuid.UUID, /) -> str:
            self.asked += 1
            return f"definition {self.asked}"

    campaign = written()
    commands.launch(campaign, 1, by=STAFF, at=NOW)
    segments = Changing(crowd(office, 20))
    with office.unchanged(), pytest.raises(CampaignChanged):
        commands.freeze(campaign, 1, now=NOW, segments=segments)


def test_caps_count_what_was_sent_under_another_card(office: Shop) -> None:
    counter = TheCounter(office)
    alice, online = (uuid.UUID(casting.identify(each)) for each in (casting.ALICE, casting.ALICE_ONLINE))
    for each in (casting.ALICE, casting.ALICE_ONLINE):
        counter.tell(casting.sale(f"r-{each['value']}", 100, of=each))
        counter.tell(casting.consented("marketing", "mail", of=each))
    commands.set_caps([Cap(1, 7)], by=STAFF, at=NOW)
    first = launched(Segments([max(alice, online)]), holdout=0.0, holdout_reason="Nobody is left out here.")
    assert decided(first) == {("send", "a"): 1}
    counter.tell(casting.link(casting.ALICE, casting.ALICE_ONLINE))
    second = launched(Segments([alice, online]), holdout=0.0, holdout_reason="Nobody is left out here.")
    assert decided(second) == {("suppressed", "capped"): 1}
    counter.close()
