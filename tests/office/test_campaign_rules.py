"""Who gets a message, who does not and why, and when one may leave. Pure rules, with generated people and clocks."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.office.campaigns import rules, windows
from comptoir.office.campaigns.contracts import HOLDOUT, Cap, Counts, Drawn, Sent, Variant, Version, Window
from comptoir.office.campaigns.errors import CampaignInvalid

SALT = b"a salt of this shop"
NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PEOPLE = [f"person-{number}" for number in range(20_000)]


def version(**changed: object) -> Version:
    plain = Version(
        name="Coffee in May", segment="s1", channel="mail", why={"en": "You asked for offers on coffee."},
        variants=(Variant("a", "coffee"), Variant("b", "coffee-short")),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def decide(
    person: str, *, campaign: str = "may", has_consent: bool = True, sent: Sequence[Sent] = (), **changed: object
) -> Drawn:
    return rules.decide(
        person, campaign=campaign, version=version(**changed), has_consent=has_consent, sent=sent, caps=rules.CAPS,
        at=NOON, leaves_at=NOON, salt=SALT,
    )  # fmt: skip


def somebody(outcome: str = "send") -> str:
    return next(each for each in PEOPLE if decide(each).verdict == outcome)


# -- who --------------------------------------------------------------------------------------------------------------


def test_one_in_ten_is_held_out_and_two_in_a_hundred_of_everything() -> None:
    counts = rules.count(decide(each) for each in PEOPLE)
    assert counts.matched == len(PEOPLE)
    assert 330 <= counts.held_out_of_all <= 470
    assert 1_830 <= counts.held_out <= 2_090
    assert abs(counts.send["a"] - counts.send["b"]) < 500
    assert counts.sent + counts.held_out + counts.held_out_of_all == len(PEOPLE)


def test_the_lasting_holdout_is_the_same_for_every_campaign_and_another_one_next_year() -> None:
    first = {each for each in PEOPLE if decide(each).reason == "everything"}
    assert first == {each for each in PEOPLE if decide(each, campaign="june", holdout=0.5).reason == "everything"}
    assert first == {each for each in PEOPLE if rules.is_held_out_of_all(each, at=NOON - 300 * DAY, salt=SALT)}
    next_year = {each for each in PEOPLE if rules.is_held_out_of_all(each, at=NOON + 60 * DAY, salt=SALT)}
    assert len(first & next_year) < 30


def test_another_campaign_draws_independently() -> None:
    held = [each for each in PEOPLE if decide(each).reason == "campaign"]
    again = sum(decide(each, campaign="june").reason == "campaign" for each in held)
    assert 0.06 < again / len(held) < 0.14


def test_variants_have_their_shares_and_a_change_of_text_moves_nobody() -> None:
    heavy = (Variant("a", "coffee", share=3), Variant("b", "tea", share=1))
    counts = rules.count(decide(each, variants=heavy) for each in PEOPLE)
    assert 2.8 < counts.send["a"] / counts.send["b"] < 3.2
    other = (Variant("a", "chocolate", template_version=7, share=3), Variant("b", "tea", share=1))
    assert all(decide(each, variants=heavy) == decide(each, variants=other) for each in PEOPLE[:2_000])


def test_consent_comes_first_so_that_arms_differ_by_chance_alone() -> None:
    assert Counter(decide(each, has_consent=False) for each in PEOPLE[:500]) == {
        Drawn("suppressed", "", "no_consent"): 500
    }


def test_service_asks_nobody_and_holds_nobody_out() -> None:
    found = {decide(each, message_class="service", variants=(Variant("a", "recall"),), has_consent=False)
             for each in PEOPLE[:3_000]}  # fmt: skip
    assert found == {Drawn("send", "a", "")}


def test_who_was_written_to_enough_is_spared_whatever_campaign_it_was() -> None:
    person = somebody()
    twice = [Sent(NOON - DAY, "message"), Sent(NOON - 6 * DAY, "mail")]
    assert decide(person, sent=twice) == Drawn("suppressed", "", "capped")
    assert decide(person, sent=[twice[0], Sent(NOON - 7 * DAY, "mail")]).verdict == "send"


def test_a_cap_on_one_channel_counts_that_channel_alone() -> None:
    caps = [Cap(1, 2, "message")]
    said = [Sent(NOON - DAY, "mail"), Sent(NOON - DAY, "mail")]
    assert rules.fits(said, caps, channel="message", at=NOON)
    assert rules.fits([Sent(NOON - DAY, "message")], caps, channel="mail", at=NOON)
    assert not rules.fits([Sent(NOON - DAY, "message")], caps, channel="message", at=NOON)


_moments = st.lists(st.integers(min_value=-60 * 24, max_value=60 * 24).map(lambda h: NOON + dt.timedelta(hours=h)))


@given(_moments, st.integers(1, 4), st.integers(1, 30))
def test_however_messages_are_asked_for_no_span_of_days_has_too_many(
    moments: list[dt.datetime], messages: int, days: int
) -> None:
    cap, let = Cap(messages, days), list[Sent]()
    for at in moments:
        if rules.fits(let, [cap], channel="mail", at=at):
            let.append(Sent(at, "mail"))
    for first in let:
        within = [each for each in let if first.at <= each.at < first.at + days * DAY]
        assert len(within) <= messages


# -- a campaign -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"holdout": 0.0}, "holdout_reason"),
        ({"holdout": 0.0, "holdout_reason": "  "}, "holdout_reason"),
        ({"why": {"en": " "}}, "why"),
        ({"variants": (Variant("a", "x"), Variant("a", "y"))}, "variants"),
        ({"window": Window(20, 9)}, "window"),
        ({"window": Window(weekdays=())}, "window"),
        ({"cost_per_contact": 0.1}, "margin"),
        ({"cost_per_point": 0.1}, "margin"),
        ({"message_class": "service", "promotion": "p1"}, "message_class"),
    ],
)
def test_what_nobody_could_send_or_measure_is_refused(changed: dict[str, object], field: str) -> None:
    with pytest.raises(CampaignInvalid) as refused:
        rules.judge(version(**changed))
    assert refused.value.field == field


def test_without_a_holdout_somebody_has_said_why() -> None:
    said = version(holdout=0.0, holdout_reason="The law wants everybody to hear of the recall.")
    rules.judge(said)
    assert HOLDOUT not in rules.shares(said)


def test_shares_are_one_together() -> None:
    assert rules.shares(version()) == {HOLDOUT: 0.1, "a": 0.45, "b": 0.45}
    assert sum(rules.shares(version(holdout=0.3)).values()) == pytest.approx(1)


def test_the_hash_of_a_list_says_who_and_what_and_not_in_which_order() -> None:
    one = {each: decide(each) for each in PEOPLE[:50]}
    assert rules.members_hash(one) == rules.members_hash(dict(reversed(one.items())))
    assert rules.members_hash(one) != rules.members_hash(one | {PEOPLE[7]: Drawn("suppressed", "", "capped")})
    assert rules.members_hash(one) != rules.members_hash({each: one[each] for each in PEOPLE[:49]})


def test_counts_add_up() -> None:
    drawn = [Drawn("send", "a", ""), Drawn("send", "b", ""), Drawn("send", "a", ""),
             Drawn("suppressed", "", "capped"), Drawn("held_out", HOLDOUT, "campaign")]  # fmt: skip
    said = rules.count(drawn, decided_before=4)
    assert said == Counts(matched=9, decided_before=4, capped=1, held_out=1, send={"a": 2, "b": 1})
    assert said.sent == 3


# -- when -------------------------------------------------------------------------------------------------------------

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


def test_at_night_a_message_waits_for_the_morning_where_people_are() -> None:
    late = dt.datetime(2026, 3, 10, 22, 30, tzinfo=PARIS)
    assert windows.leaves_at(Window(9, 20, zone="Europe/Paris"), late) == dt.datetime(2026, 3, 11, 8, tzinfo=dt.UTC)
    assert windows.leaves_at(Window(9, 20, zone="Asia/Tokyo"), late) == dt.datetime(2026, 3, 11, 0, tzinfo=dt.UTC)
    noon = dt.datetime(2026, 3, 10, 12, tzinfo=PARIS)
    assert windows.leaves_at(Window(9, 20, zone="Europe/Paris"), noon) == noon


def test_an_opening_ends_when_it_is_evening() -> None:
    window = Window(9, 20, zone="Europe/Paris")
    assert windows.opening(window, dt.datetime(2026, 3, 10, 19, 59, tzinfo=PARIS)).ends_at.hour == 19
    assert windows.opening(window, dt.datetime(2026, 3, 10, 20, tzinfo=PARIS)).starts_at.day == 11


def test_clocks_that_change_move_no_message_into_the_night() -> None:
    window = Window(9, 20, zone="Europe/Paris")
    for eve in (dt.datetime(2026, 3, 28, 23, tzinfo=PARIS), dt.datetime(2026, 10, 24, 23, tzinfo=PARIS)):
        assert windows.leaves_at(window, eve).astimezone(PARIS).hour == 9
    # A window that the clock skips does not exist that day.
    skipped = Window(2, 3, zone="Europe/Paris")
    assert windows.leaves_at(skipped, dt.datetime(2026, 3, 29, 0, tzinfo=PARIS)).astimezone(PARIS).day == 30


@given(
    st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: NOON + dt.timedelta(minutes=minutes)),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 22), st.integers(1, 24), st.sets(st.integers(0, 6), min_size=1),
)  # fmt: skip
def test_whenever_it_is_decided_a_message_leaves_within_a_window_and_within_nine_days(
    now: dt.datetime, zone: str, start: int, length: int, weekdays: set[int]
) -> None:
    window = Window(start, min(24, start + length), tuple(sorted(weekdays)), zone)
    at = windows.leaves_at(window, now)
    found = windows.opening(window, at)
    assert now <= at < now + 9 * DAY
    assert found.starts_at <= at < found.ends_at
    local = at.astimezone(zoneinfo.ZoneInfo(zone))
    assert local.weekday() in weekdays or local.hour == 0


def test_a_time_zone_that_nobody_has_is_refused() -> None:
    with pytest.raises(CampaignInvalid) as refused:
        windows.opening(Window(zone="Mars/Olympus"), NOON)
    assert refused.value.field == "window.zone"
