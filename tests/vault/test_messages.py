"""Messages: to whoever may be written to, with the reason and a way out, once, whatever else happens."""

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo

import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402

from comptoir.counter.messages import commands as records
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.messages.errors import TemplateInvalid
from comptoir.counter.messages.leaving import decision_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.vault.contacts import commands
from support.mailing import (
    CAMPAIGN,
    NOW,
    address,
    agree,
    decide,
    dispatched,
    final,
    outcomes,
    send,
    settle,
    user,
)

DAY = dt.timedelta(days=1)


def reached(mailbox: Mailbox) -> list[str]:
    return sorted(recipient for recipients, _letter in mailbox.letters for recipient in recipients)


def test_a_message_says_what_it_says_why_it_came_and_how_to_end_it(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    (one,) = decide(dispatched(), [settle(counter, 1)])
    assert send() == 1
    ((recipients, letter),) = mailbox.letters
    assert recipients == [address(1)]
    assert letter["Subject"] == "20 % off"
    text = letter.get_content()
    assert text.startswith("Hello Alice, 20 % off coffee.")
    assert "You get this because you asked for offers on coffee, on May 3, 2024." in text
    url = str(letter["List-Unsubscribe"]).strip("<>")
    assert url in text
    assert decision_of(url.rpartition("/")[2]) == one
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert outcomes(shop) == {one: {"attempted": "", "accepted": ""}}
    assert shop.value("select count(*) from messages_waiting") == 0
    assert send() == 0
    assert len(mailbox.letters) == 1


def test_html_goes_as_an_alternative_with_the_reason_below_both(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    both = TemplateText("Hello {{ name }}", "Hi", "<p style='color:red'>Hello <b>{{ name }}</b></p>")
    name = "O'Brien <script>alert(1)</script> & Söhne"
    (one,) = decide(dispatched(texts={"en": both}), [settle(counter, 1, name=name)])
    send()
    assert final(shop) == {one: "accepted"}
    ((_, letter),) = mailbox.letters
    assert letter.get_content_type() == "multipart/alternative"
    plain, html = letter.iter_parts()
    assert [each.get_content_type() for each in (plain, html)] == ["text/plain", "text/html"], "the richest comes last"
    assert plain.get_content().startswith(f"Hello {name}")
    assert "<p style='color:red'>Hello <b>O&#39;Brien &lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne</b></p>" in (
        html.get_content().replace("&#x27;", "&#39;")
    )
    for part in (plain, html):
        assert "You get this because you asked for offers on coffee, on May 3, 2024." in part.get_content()
        assert "/messages/why/" in part.get_content()


def test_whoever_did_not_agree_cannot_be_reached_or_is_dead_gets_nothing_and_a_reason(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    whom = [settle(counter, 1), settle(counter, 2, agrees=False), settle(counter, 3, email=None), uuid.uuid4()]
    yes, no, nowhere, nobody = decide(dispatched(), whom)
    assert send() == 4
    assert reached(mailbox) == [address(1)]
    assert final(shop) == {yes: "accepted", no: "suppressed", nowhere: "unreachable", nobody: "suppressed"}
    assert outcomes(shop)[no]["suppressed"] == "consent"
    opened = shop.rows("select subject from events_audit where content::json->>'action' = 'contacts.read'")
    assert {row["subject"] for row in opened} <= {user(1)}, "nobody's address was opened who gets nothing"


def test_two_with_one_address_get_one_offer_and_two_receipts(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    """https://github.com/mautic/mautic/issues/14381: two people with one address, one mail vanished."""
    couple = [settle(counter, 1), settle(counter, 2, email=address(1).upper())]
    offers = decide(dispatched(), couple)
    assert send() == 2
    assert sorted(final(shop).values()) == ["accepted", "suppressed"]
    assert [each["suppressed"] for each in outcomes(shop).values() if "suppressed" in each] == ["same_address"]
    assert len(mailbox.letters) == 1
    again = decide(dispatched(), couple, occurrence="2")
    assert send() == 2
    assert len(mailbox.letters) == 2, "another occurrence is another message"
    receipts = decide(dispatched(purpose="service", message_class="service"), couple, occurrence="receipt")
    assert send() == 2
    assert len(mailbox.letters) == 4
    assert len({*offers, *again, *receipts}) == 6


def test_a_stopped_campaign_sends_nothing_more(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    decisions = decide(dispatched(), [settle(counter, number) for number in range(3)])
    with entered(OFFICE):
        records.stop(CAMPAIGN, by="zoe", reason="the price was wrong", at=NOW)
    send()
    assert mailbox.letters == []
    assert final(shop) == dict.fromkeys(decisions, "stopped")
    late = decide(dispatched(), [settle(counter, 7)])
    send()
    assert final(shop)[late[0]] == "stopped"
    assert mailbox.letters == []


def test_what_is_too_late_is_missed_and_what_is_too_early_waits(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    settled = [settle(counter, number) for number in range(2)]
    (early,) = decide(dispatched(), settled[:1], not_before=NOW + DAY)
    (late,) = decide(dispatched(), settled[1:], not_after=NOW - DAY)
    assert send() == 1
    assert final(shop) == {late: "missed"}
    assert send(now=NOW + DAY) == 1
    assert final(shop)[early] == "accepted"


def test_messages_leave_in_the_readers_evening(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    """At nine in London it is six in the evening in Tokyo; where no country is known, the shop's zone counts."""
    from comptoir.vault.contacts.contracts import PostalAddress

    tokyo = settle(counter, 1, addresses=(PostalAddress(lines=("1",), city="Tokyo", country="JP"),))
    home = settle(counter, 2)
    decide(dispatched(hours=(17, 20), zone="Europe/Paris"), [tokyo, home])
    send()
    assert reached(mailbox) == [address(1)]
    assert shop.value("select due_at from messages_waiting") == dt.datetime(2024, 5, 6, 15, 0, tzinfo=dt.UTC)
    send(now=NOW + dt.timedelta(hours=6))
    assert reached(mailbox) == [address(1), address(2)]


def test_what_was_put_off_keeps_to_the_days_of_the_week_too(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    """It is Monday. An evening of Tuesdays and Thursdays is tomorrow, and not today."""
    decide(dispatched(hours=(17, 20), weekdays=(1, 3), zone="Europe/Paris"), [settle(counter, 1)])
    send(now=NOW + dt.timedelta(hours=6))
    assert reached(mailbox) == [], "the hour is right, the day is not"
    assert shop.value("select due_at from messages_waiting") == dt.datetime(2024, 5, 7, 15, 0, tzinfo=dt.UTC)
    send(now=NOW + dt.timedelta(days=1, hours=6))
    assert reached(mailbox) == [address(1)]


@pytest.mark.parametrize(
    ("hours", "days", "zone", "now", "wanted"),
    [
        ((9, 20), (), "Europe/Paris", "2024-05-06T07:00", "2024-05-06T07:00"),
        ((9, 20), (), "Europe/Paris", "2024-05-06T06:59", "2024-05-06T07:00"),
        ((9, 20), (), "Europe/Paris", "2024-05-06T18:00", "2024-05-07T07:00"),
        ((9, 20), (5,), "Europe/Paris", "2024-05-06T09:00", "2024-05-11T07:00"),
        # Over midnight: what begins on Saturday goes on into Sunday, and ends there.
        ((20, 2), (5,), "Europe/Paris", "2024-05-11T23:30", "2024-05-11T23:30"),
        ((20, 2), (5,), "Europe/Paris", "2024-05-12T00:00", "2024-05-18T18:00"),
        ((0, 24), (0,), "Asia/Tokyo", "2024-05-05T14:59", "2024-05-05T15:00"),
        ((9, 9), (), "Asia/Tokyo", "2024-05-05T14:59", "2024-05-05T14:59"),
        # The day on which clocks are put forward, and the day on which they are put back.
        ((9, 20), (6,), "Europe/Paris", "2024-03-30T20:00", "2024-03-31T07:00"),
        ((9, 20), (6,), "Europe/Paris", "2024-10-26T20:00", "2024-10-27T08:00"),
    ],
)
def test_when_an_opening_begins_next(
    hours: tuple[int, int], days: tuple[int, ...], zone: str, now: str, wanted: str
) -> None:
    from comptoir.vault.messages.zones import next_within

    at = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    found = next_within(hours, zoneinfo.ZoneInfo(zone), now=at, weekdays=days)
    assert found == dt.datetime.fromisoformat(wanted).replace(tzinfo=dt.UTC)


def test_each_reads_their_own_language_and_no_value_of_a_campaign_is_somebodys_name(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    texts = {
        "en": TemplateText("Hello {{ name }}, {{ percent }}", "Hi"),
        "fr": TemplateText("Bonjour {{ name }}, {{ percent }}", "À vous — 50 %"),
    }
    number = dispatched(texts=texts, because={"fr": "vous aimez le café"}, values={"percent": 3, "name": "Mallory"})
    decide(number, [settle(counter, 1, name="Zoé")], values={"language": "fr"})
    send()
    letter = mailbox.letters[0][1]
    assert letter["Subject"] == "À vous — 50 %"
    text = letter.get_content()
    assert text.startswith("Bonjour Zoé, 3")
    assert "Vous recevez ceci parce que vous aimez le café, le 3 mai 2024." in text
    assert "3 mai 2024" in text


def test_a_template_that_fails_for_one_costs_nobody_else_anything(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    texts = {"en": TemplateText("{{ 100 | divided_by: percent }}", "Hi")}
    number = dispatched(texts=texts)
    (bad,) = decide(number, [settle(counter, 1)], values={"percent": 0})
    (good,) = decide(number, [settle(counter, 2)])
    send()
    assert final(shop) == {bad: "refused", good: "accepted"}
    assert outcomes(shop)[bad]["refused"] == "template"
    assert reached(mailbox) == [address(2)]


def test_a_closed_vault_sends_nothing_and_loses_nothing(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    from comptoir.foundation.kernel import shop as folder

    decide(dispatched(), [settle(counter, 1)])
    key = folder.folder() / "keys" / "contacts-1.key"
    kept = key.read_bytes()
    key.unlink()
    try:
        from comptoir.vault.contacts import keeping

        keeping._checked.clear()
        assert send() == 0
        assert outcomes(shop) == {}
        assert shop.value("select count(*) from messages_waiting where taken_by is null") == 1
    finally:
        key.write_bytes(kept)
    assert send() == 1
    assert reached(mailbox) == [address(1)]


def test_consent_taken_back_before_it_is_taken_up_counts(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    decide(dispatched(), [settle(counter, 1), settle(counter, 2)])
    agree(counter, 1, holds=False, at=NOW - DAY)
    send()
    assert reached(mailbox) == [address(2)]
    commands.destroy(user(2), actor="customer", at=NOW)


def test_a_text_message_has_a_length_that_a_shop_can_pay(shop: Shop) -> None:
    for text in ("x" * 671, "{% for each in (1..100) %}seven, {% endfor %}", "{{ name }}" + "x" * 660):
        with entered(OFFICE), shop.unchanged(), pytest.raises(TemplateInvalid) as refused:
            records.write_template("long", channel="message", texts={"en": TemplateText(text)}, by="zoe", at=NOW)
        assert refused.value.field == "text"
    with entered(OFFICE):
        for channel, text in (("message", "x" * 670), ("web", "x" * 671)):
            records.write_template(channel, channel=channel, texts={"en": TemplateText(text)}, by="zoe", at=NOW)


def test_staff_get_the_test_that_they_asked_for_once(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    from allauth.account.models import EmailAddress

    from comptoir.foundation.rooms.declaration import VAULT
    from comptoir.vault.credentials.models import Kind, User
    from comptoir.vault.messages.trials import send_trials

    settle(counter, 1)
    dispatched(texts={"en": TemplateText("Hello {{ name }}, {{ percent }}", "Hi {{ percent }}")})
    with entered(VAULT):
        akiko = User.objects.create(kind=Kind.STAFF, name="Akiko", email="akiko@example.org", joined_at=NOW)
        EmailAddress.objects.create(user=akiko, email="akiko@example.org", verified=True, primary=True)
    with entered(OFFICE):
        for staff in (akiko.id, user(1)):
            records.ask_for_trial(
                trial=uuid.uuid4(), template="coffee-mail", version=1, language="en", person="alice", values={},
                staff=staff, at=NOW,
            )  # fmt: skip
    assert send_trials(now=NOW) == 1
    assert send_trials(now=NOW) == 0
    ((recipients, letter),) = mailbox.letters
    assert recipients == ["akiko@example.org"], "no customer ever gets a test"
    assert letter["Subject"] == "[coffee-mail 1] Hi 10"
    assert letter.get_content().startswith("Hello Alice Martin, 10")
    assert sorted(row["outcome"] for row in shop.rows("select outcome from messages_trial")) == [
        "accepted", "unreachable",
    ]  # fmt: skip


def test_whoever_is_forgotten_leaves_no_trace_of_where_they_were_reached(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    from comptoir.foundation.rooms.declaration import VAULT
    from comptoir.vault.messages import commands as messages
    from comptoir.vault.messages.models import Reached

    decide(dispatched(), [settle(counter, 1)])
    send()
    with entered(VAULT):
        assert Reached.objects.filter(person=user(1)).count() == 1
    messages.forget([uuid.uuid4()])
    assert shop.value("select count(*) from delivery_reached") == 1, "a user's rows go with the user"


def test_the_code_of_a_coupon_is_told_to_its_reader_alone(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    from comptoir.counter.offers.codes import code_of

    coupons = [uuid.uuid4(), uuid.uuid4()]
    number = dispatched(texts={"en": TemplateText("{% if coupon %}Code {{ coupon.code }}{% endif %}", "Hi")})
    for place, coupon in enumerate(coupons):
        decide(number, [settle(counter, place)], coupon=coupon)
    send()
    said = {recipients[0]: letter.get_content() for recipients, letter in mailbox.letters}
    for place, coupon in enumerate(coupons):
        assert said[address(place)].startswith(f"Code {code_of(coupon)}")
        assert code_of(coupon) not in said[address(1 - place)]
    assert shop.value("select count(*) from messages_decision where values::text like '%Code%'") == 0


def test_the_doctor_counts_what_is_answered_twice_or_not_at_all(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    from comptoir.foundation.kernel import database

    statement = database.load_statements("comptoir.config", "checking.sql")["messages_are_answered"]
    one, two = decide(dispatched(), [settle(counter, 1), settle(counter, 2)])
    assert shop.value(statement) == 0, "they wait"
    send()
    assert shop.value(statement) == 0, "they have ended"
    with psycopg.connect(database.owner_conninfo()) as owner:
        owner.execute("insert into messages_outcome values (%s, 'refused', now(), '')", (one,))
        owner.execute("delete from messages_outcome where decision = %s", (two,))
    assert shop.value(statement) == 2
