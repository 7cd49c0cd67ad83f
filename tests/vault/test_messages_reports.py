"""What comes back: bounces as servers write them, complaints, providers' reports, and STOP in every language."""

from __future__ import annotations

import base64
import datetime as dt
import email.policy
import importlib.util
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core.mail import EmailMultiAlternatives
from django.test import Client, override_settings

from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.messages import bounces, sending, texts, webhooks
from comptoir.vault.messages.contracts import Ready
from comptoir.vault.messages.mail import Mail, Written
from comptoir.vault.messages.ports import PortAway
from comptoir.vault.messages.stopping import WORDS, is_stop
from support.mailing import (
    NOW,
    address,
    agree,
    counter_of,
    customer,
    decide,
    dispatched,
    outcomes,
    send,
    settle,
    user,
)

PHONE = "+33612345601"
SAFE = {"host": f"{host_of(VAULT)}:8000"}


@pytest.fixture
def sent(shop: Shop, mailbox: Mailbox) -> Iterator[tuple[uuid.UUID, Mailbox, Counter]]:
    """One message that has left, to canary1."""
    counter = counter_of(shop)
    (one,) = decide(dispatched(), [settle(counter, 1)])
    send()
    yield one, mailbox, counter
    counter.close()


def dsn(original: bytes, *, to: str = address(1), action: str = "failed", status: str = "5.1.1") -> bytes:
    """Return what Postfix sends back (RFC 3464)."""
    head = (
        "From: MAILER-DAEMON@mx.example.net\r\nTo: shop@example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        "--B\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    return head.encode() + original + b"\r\n--B--\r\n"


def test_a_bounce_with_the_original_is_known_by_its_link(shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter]) -> None:
    one, mailbox, _ = sent
    assert bounces.take(dsn(mailbox.wire[0][2]), at=NOW) == "bounced"
    assert outcomes(shop)[one]["bounced"] == ""
    assert bounces.take(dsn(mailbox.wire[0][2]), at=NOW) == "bounced", "twice is once"
    assert shop.value("select count(*) from delivery_block") == 1
    again = decide(dispatched(), [customer(1)], occurrence="2")
    receipt = decide(dispatched(purpose="service", message_class="service"), [customer(1)], occurrence="receipt")
    send()
    assert outcomes(shop)[again[0]] == {"suppressed": "bounced"}
    assert outcomes(shop)[receipt[0]] == {"suppressed": "bounced"}, "a dead address gets no receipt either"


def test_a_bounce_that_names_an_address_counts_for_whoever_was_written_to(
    shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter]
) -> None:
    one, _, _ = sent
    with shop.unchanged():
        bounces.take(dsn(b"Subject: hi\r\n\r\nhi", to="somebody@else.example"), at=NOW)
        bounces.take(dsn(b"Subject: hi\r\n\r\nhi", action="delayed", status="4.4.1"), at=NOW)
    assert bounces.take(dsn(b"Subject: hi\r\n\r\nhi"), at=NOW) == "bounced"
    assert "bounced" in outcomes(shop)[one]


def test_a_complaint_ends_offers_and_leaves_receipts(shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter]) -> None:
    one, mailbox, _ = sent
    arf = (
        (
            b"From: fbl@mail.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/report; report-type=feedback-report; boundary="B"\r\n\r\n'
            b"--B\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
            b"--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
            b"--B\r\nContent-Type: message/rfc822\r\n\r\n"
        )
        + mailbox.wire[0][2]
        + b"\r\n--B--\r\n"
    )
    assert bounces.take(arf, at=NOW) == "complained"
    assert "complained" in outcomes(shop)[one]
    offer = decide(dispatched(), [customer(1)], occurrence="2")
    receipt = decide(dispatched(purpose="service", message_class="service"), [customer(1)], occurrence="r")
    send()
    assert outcomes(shop)[offer[0]] == {"suppressed": "complained"}
    assert "accepted" in outcomes(shop)[receipt[0]]


def complaint(*named: str) -> bytes:
    """Return a complaint (ARF) without the message that it is about."""
    lines = "".join(f"Original-Rcpt-To: {each}\r\n" for each in named)
    return (
        "From: fbl@mail.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        f"--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n{lines}\r\n--B--\r\n"
    ).encode()


def test_a_complaint_without_our_link_is_believed_of_one_address_and_no_more(
    shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter]
) -> None:
    one, _, _ = sent
    with shop.unchanged():
        others = [f"somebody{number}@example.org" for number in range(5_000)]
        assert bounces.take(complaint(address(1), *others), at=NOW) == "complained"
    assert bounces.take(complaint(address(1), address(1)), at=NOW) == "complained"
    assert "complained" in outcomes(shop)[one]


def test_automatic_answers_and_rubbish_change_nothing(shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter]) -> None:
    away = b"From: canary1@example.org\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am on holiday.\r\n"
    with shop.unchanged():
        assert bounces.take(away, at=NOW) == "answered"
        for rubbish in (b"", b"\x00" * 100, b"Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\n", b"\xff\xfe"):
            assert bounces.take(rubbish, at=NOW) in {"unclear", "answered"}


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    assert bounces.read(data).kind in {"bounced", "complained", "delayed", "answered", "unclear"}
    assert bounces.read(dsn(data)).kind == "bounced"


# -- providers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def postmark() -> Iterator[None]:
    webhooks._made.cache_clear()
    with override_settings(MAIL_PROVIDER="postmark", ANYMAIL={"WEBHOOK_SECRET": "shop:secret"}):
        yield
    webhooks._made.cache_clear()


def post(report: Any, *, who: str = "shop:secret", provider: str = "postmark") -> Any:
    key = base64.b64encode(who.encode()).decode()
    body = report if isinstance(report, bytes) else json.dumps(report)
    return Client(headers={**SAFE, "authorization": f"Basic {key}"}, enforce_csrf_checks=True).post(
        f"/messages/reports/{provider}/", body, content_type="application/json"
    )


def hard_bounce(decision: uuid.UUID | None) -> dict[str, Any]:
    return {
        "RecordType": "Bounce", "Type": "HardBounce", "Email": address(1), "MessageID": str(uuid.uuid4()), "ID": 42,
        "Metadata": {"decision": str(decision)} if decision else {}, "BouncedAt": "2024-05-06T09:01:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["Open", "Click"])
def test_who_opened_or_clicked_is_not_taken_in(
    shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter], postmark: None, kind: str
) -> None:
    one, _, _ = sent
    seen = {
        "RecordType": kind, "Recipient": address(1), "MessageID": str(uuid.uuid4()), "FirstOpen": True,
        "OriginalLink": "https://shop.example/tea", "UserAgent": "Mail", "ReceivedAt": "2024-05-06T09:01:00Z",
        "Metadata": {"decision": str(one)},
    }  # fmt: skip
    with shop.unchanged():
        assert post(seen).status_code == 204


def test_a_providers_report_is_noted_once(shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter], postmark: None) -> None:
    one, _, _ = sent
    assert post(hard_bounce(one)).status_code == 204
    assert "bounced" in outcomes(shop)[one]
    with shop.unchanged():
        assert post(hard_bounce(one)).status_code == 204
        assert post(hard_bounce(uuid.uuid4())).status_code == 204, "of no message of ours"
        assert post(hard_bounce(one) | {"Type": "Transient"}).status_code == 204


def test_nonsense_and_strangers_are_refused_by_name(
    shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter], postmark: None
) -> None:
    one, _, _ = sent
    with shop.unchanged():
        for answer in (
            post(hard_bounce(one), who="shop:other"), post(b"<html>"), post(b"[1, 2]"),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["type"]) == (400, "urn:comptoir:problem:report_refused")
        unknown = post(hard_bounce(one), provider="mailgun")
        assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:comptoir:problem:provider_unknown")


@pytest.mark.parametrize("provider", ["postmark", "brevo", "sparkpost", "mailjet"])
def test_a_provider_without_a_secret_is_believed_by_nobody(
    shop: Shop, sent: tuple[uuid.UUID, Mailbox, Counter], provider: str
) -> None:
    one, _, _ = sent
    webhooks._made.cache_clear()
    with override_settings(MAIL_PROVIDER=provider, ANYMAIL={}), shop.unchanged():
        answer = post(hard_bounce(one), provider=provider)
    webhooks._made.cache_clear()
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:comptoir:problem:report_refused")
    assert "no secret" in answer.json()["detail"]


def test_a_provider_that_signs_needs_no_secret_beside_its_key(shop: Shop) -> None:
    webhooks._made.cache_clear()
    with override_settings(MAIL_PROVIDER="mailgun", ANYMAIL={"MAILGUN_WEBHOOK_SIGNING_KEY": "key"}):
        answer = post({"signature": {}, "event-data": {}}, provider="mailgun")
    webhooks._made.cache_clear()
    assert answer.status_code == 400
    assert "signature" in answer.json()["detail"]


# -- STOP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop! ", "Arrêt", "ARRET", "停止", "ストップ", "ｽﾄｯﾌﾟ", "중지", "退订", "СТОП", "Stopp.",
     "ALTO", "Cancelar", "cancélar", "STOP STOP", "opt out", "توقف", "หยุด", "Διακοπή", "配信停止"],
)  # fmt: skip
def test_stop_is_understood(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text", ["", "stop by the shop at 5?", "I can't stop", "yes", "停止しないで", "no stops", "x" * 500]
)
def test_a_sentence_is_no_stop(text: str) -> None:
    assert not is_stop(text)


def test_every_word_ends_it_however_it_is_written() -> None:
    assert all(is_stop(form) for word in WORDS for form in (word, word.upper(), f"« {word} »", f"{word}."))


def test_nobody_is_taken_off_who_wrote_something_else() -> None:
    """SMS Spam Collection (Almeida and Hidalgo, UCI 228, CC BY 4.0): nobody in it ends anything.

    Its advertisements are full of "reply STOP", and its friends write "stop it" and "at the end": 5,574 chances to err.
    """
    folder = Path(os.environ.get("COMPTOIR_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
    file = folder / "sms_spam" / "SMSSpamCollection"
    if not file.exists():
        pytest.skip(f"{file.name} is not here: no real text messages were tried (set COMPTOIR_TEST_DATA)")
    texts = [line.partition("\t")[2] for line in file.read_text(errors="replace").splitlines()]
    assert len(texts) > 5_000
    assert sum("stop" in text.casefold() for text in texts) > 100, "there is something to err on"
    assert [text for text in texts if is_stop(text)] == []


def test_an_answer_from_the_provider_ends_text_messages(shop: Shop, mailbox: Mailbox) -> None:
    counter = counter_of(shop)
    to = settle(counter, 1, channel="message", email=None, phone="+33612345601")
    number = dispatched(channel="message", texts={"en": TemplateText("Hi")})
    (one,) = decide(number, [to])
    send("message", now=SYSTEM_CLOCK.now())
    assert json.loads(next((shop.folder / "texts").glob("*.json")).read_text())["to"] == "+33612345601"
    client = Client(headers=SAFE, enforce_csrf_checks=True)
    said = {"from": "+33612345601", "text": "Arrêt"}
    with shop.unchanged():
        assert client.post("/messages/answers/", said).status_code == 404, "no provider"
    with environment(COMPTOIR_TEXTS_URL="https://provider.example/"):
        with shop.unchanged():
            assert client.post("/messages/answers/?secret=x", said).status_code == 400
            body = {"from": "+33612345601", "text": "Do you have the red ones?"}
            path = f"/messages/answers/?secret={texts.answer_secret()}"
            assert client.post(path, json.dumps(body), content_type="application/json").json() == {"ended": False}
            assert client.post(path, "[", content_type="application/json").status_code == 400
        assert client.post(path, json.dumps(said), content_type="application/json").json() == {"ended": True}
    assert "unsubscribed" in outcomes(shop)[one]
    counter.close()


@pytest.fixture
def person(shop: Shop, mailbox: Mailbox) -> Iterator[None]:
    """Canary1, who has a telephone and an address, and agreed to both."""
    counter = counter_of(shop)
    settle(counter, 1, channel="message", phone=PHONE)
    agree(counter, 1)
    yield
    counter.close()


def texted(**more: Any) -> uuid.UUID:
    """A text message that has left, to canary1's telephone."""
    given = {"texts": {"en": TemplateText("Hi")}, **more}
    (one,) = decide(dispatched(channel="message", **given), [customer(1)], occurrence=str(uuid.uuid4()))
    send("message", now=SYSTEM_CLOCK.now())
    return one


def test_stop_after_a_receipt_ends_the_offers_that_came_before(shop: Shop, person: None) -> None:
    offer = texted()
    receipt = texted(purpose="service", message_class="service")
    assert "accepted" in outcomes(shop)[receipt]
    assert texts.take_answer(PHONE, "STOP") is True
    assert "unsubscribed" in outcomes(shop)[offer]
    assert "unsubscribed" not in outcomes(shop)[receipt]


def test_stop_to_receipts_alone_ends_offers_and_no_receipts(shop: Shop, person: None) -> None:
    receipt = texted(purpose="service", message_class="service")
    assert texts.take_answer(PHONE, "STOP") is True, "whoever answers holds the telephone"
    assert "unsubscribed" not in outcomes(shop)[receipt]
    told = shop.rows("select person, said from announcements_announcement where kind = 'consent.withdrawn'")
    assert [each["person"] for each in told] == [user(1)]
    with shop.unchanged(*(shop.contents().keys() - {"contacts_stopped"})):
        assert texts.take_answer("+33612345698", "STOP") is False, "nobody has this number"


def test_stop_and_bounces_count_for_what_left_and_not_for_what_was_held_back_since(
    shop: Shop, person: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AWAY_SECONDS", (0.0,))

    class Away:
        def open(self) -> None:
            raise PortAway("away")

        def send(self, message: Ready) -> Any:
            raise AssertionError(message)

        def close(self) -> None:
            """Nothing was opened."""

    other = uuid.uuid4()
    now = SYSTEM_CLOCK.now()
    offer = texted()
    (mail,) = decide(dispatched(), [customer(1)])
    send(now=now)
    for channel, said in (("message", {"en": TemplateText("Hi")}), ("mail", None)):
        held = dispatched(channel=channel, texts=said, campaign=other)
        (later,) = decide(held, [customer(1)], campaign=other, occurrence=channel)
        send(channel, make_port=Away, now=now + dt.timedelta(minutes=1))
        assert shop.value("select count(*) from delivery_reached where decision = %s", later) == 1, "it was prepared"
        assert later not in outcomes(shop)
    assert texts.take_answer(PHONE, "STOP") is True
    assert "unsubscribed" in outcomes(shop)[offer]
    assert bounces.take(dsn(b"Subject: hi\r\n\r\nhi"), at=now) == "bounced"
    assert "bounced" in outcomes(shop)[mail]


@pytest.mark.parametrize("written", ["33612345601", "+33612345601", "%2B33612345601", "%2033612345601"])
def test_providers_write_a_number_with_its_plus_or_without(shop: Shop, person: None, written: str) -> None:
    """A plus that nobody escaped is a blank in a form."""
    one = texted()
    with environment(COMPTOIR_TEXTS_URL="https://provider.example/"):
        answer = Client(headers=SAFE).post(
            f"/messages/answers/?secret={texts.answer_secret()}", f"from={written}&text=Stop",
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip
    assert answer.json() == {"ended": True}
    assert "unsubscribed" in outcomes(shop)[one]


def test_a_shop_with_a_domain_and_no_provider_of_texts_sends_none_and_loses_none(
    shop: Shop, person: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AWAY_SECONDS", (0.0,))
    before = set((shop.folder / "texts").glob("*.json"))
    with environment(COMPTOIR_DOMAIN="shop.example"):
        one = texted()
    assert one not in outcomes(shop)
    assert shop.rows("select tries, taken_by from messages_waiting") == [{"tries": 0, "taken_by": None}]
    assert set((shop.folder / "texts").glob("*.json")) == before, "no number lies in clear"


# -- as bytes ---------------------------------------------------------------------------------------------------------

_TEXTS = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
)


@given(subject=_TEXTS, text=_TEXTS.filter(str.strip), html=_TEXTS)
def test_a_message_says_the_same_as_the_librarys_own(subject: str, text: str, html: str) -> None:
    subject = " ".join(subject.split())
    ready = Ready(
        decision=uuid.UUID(int=1), key=uuid.UUID(int=2), tries=0, is_service=False, to=Hidden("a@example.org"),
        subject=subject, text=text, html=html, url="https://my.example.org/x",
    )  # fmt: skip
    mine = email.message_from_bytes(Written(Mail(ready)).as_bytes(linesep="\r\n"), policy=email.policy.default)
    library = EmailMultiAlternatives(subject, text, to=["a@example.org"])
    if html:
        library.attach_alternative(html, "text/html")
    theirs = email.message_from_bytes(library.message().as_bytes(), policy=email.policy.default)
    assert _contents(mine) == _contents(theirs)
    assert str(mine["Subject"] or "").split() == str(theirs["Subject"] or "").split()


def _contents(message: Any) -> list[tuple[str, list[str]]]:
    return [
        (part.get_content_type(), part.get_content().rstrip("\n").splitlines())
        for part in message.walk() if not part.is_multipart()
    ]  # fmt: skip


def test_no_header_can_be_slipped_in() -> None:
    ready = Ready(
        decision=uuid.UUID(int=1), key=uuid.UUID(int=2), tries=0, is_service=False, to=Hidden("a@example.org"),
        subject="Hi\r\nBcc: eve@example.org", text="x", url="https://my.example.org/x\r\nBcc: eve@example.org",
    )  # fmt: skip
    with pytest.raises(ValueError, match="one line"):
        Mail(ready).message()


def test_the_extras_are_there_for_the_tests() -> None:
    assert all(importlib.util.find_spec(each) for each in ("anymail", "aiosmpplib", "flufl.bounce"))
