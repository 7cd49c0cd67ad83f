"""Bounces as each mail provider reports them, in its own body: the dead, the full, the soft, and what never left it.

The bodies are written after the forms that the providers document; they name nobody real.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from anymail.signals import AnymailTrackingEvent
from django.test import Client, override_settings

from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.messages import providers, webhooks
from support.mailing import address, counter_of, customer, decide, dispatched, mailed, outcomes, send, settle

DEAD, FULL, REFUSED, SOFT, HELD = "", "mailbox_full", "not_taken", "given_up", "held_back"
TO, AT = address(1), 1_714_986_060
NO_SUCH_USER = "550 5.1.1 The email account that you tried to reach does not exist."
OVER_QUOTA = "552 5.2.2 The email account that you tried to reach is over quota."
POLICY = "550 5.7.1 Our system has detected that this message is likely unsolicited mail."
URL = "https://safe.shop.example/messages/reports/mandrill/"


def ses(kind: str, sub: str, answer: str = "") -> Any:
    said = {"emailAddress": TO, "action": "failed", "diagnosticCode": f"smtp; {answer}"}
    return {"eventType": "Bounce", "bounce": {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": [said]}}


def brevo(event: str, reason: str = "") -> Any:
    return {"event": event, "email": TO, "id": 1, "ts_epoch": AT * 1000, "message-id": "<1@x>", "reason": reason}


def mailersend(kind: str, reason: str) -> Any:
    morph = {"object": "recipient_bounce", "id": "1", "reason": reason, "readable_reason": reason}
    email = {"object": "email", "id": "2", "message": {"id": "3"}, "recipient": {"email": TO}, "status": "rejected"}
    data = {"object": "activity", "id": "4", "type": kind, "created_at": "2024-05-06T09:01:00Z", "email": email}
    return {"type": f"activity.{kind}", "data": data | {"morph": morph}}


def mailgun(reason: str, answer: str, event: str = "failed") -> Any:
    return {
        "event": event, "severity": "permanent", "reason": reason, "timestamp": AT, "recipient": TO,
        "delivery-status": {"code": int(answer[:3]), "message": answer[4:], "description": ""},
        "message": {"headers": {"message-id": "1@x", "to": TO}},
    }  # fmt: skip


def mailjet(error: str, *, hard: bool, event: str = "bounce") -> Any:
    return {
        "event": event, "time": AT, "MessageID": 1, "email": TO, "blocked": False, "hard_bounce": hard,
        "error_related_to": "recipient", "error": error,
    }  # fmt: skip


def mailtrap(event: str, category: str, answer: str) -> Any:
    return {
        "event": event, "message_id": str(uuid.uuid4()), "sending_stream": "bulk", "email": TO, "timestamp": AT,
        "event_id": str(uuid.uuid4()), "response": f"bounced ({answer})", "bounce_category": category,
    }  # fmt: skip


def mandrill(event: str, description: str, answer: str) -> Any:
    msg = {"email": TO, "bounce_description": description, "diag": f"smtp;{answer}", "state": "bounced", "_id": "1"}
    return {"event": event, "ts": AT, "_id": "1", "msg": msg}


def postal(status: str, answer: str) -> Any:
    message = {"id": 1, "to": TO, "direction": "outgoing", "tag": None}
    payload = {"message": message, "status": status, "details": "Permanent SMTP delivery error", "output": answer}
    return {"event": "MessageDeliveryFailed", "timestamp": AT, "uuid": "1", "payload": payload}


def postal_bounce() -> Any:
    message = {"id": 1, "to": TO, "direction": "outgoing", "tag": None}
    payload = {"original_message": message, "bounce": {"id": 2, "subject": "Mail delivery failed"}}
    return {"event": "MessageBounced", "timestamp": AT, "uuid": "1", "payload": payload}


def postmark(kind: str, details: str = "") -> Any:
    return {
        "RecordType": "Bounce", "Type": kind, "Email": TO, "MessageID": "1", "ID": 42, "Details": details,
        "BouncedAt": "2024-05-06T09:01:00Z",
    }  # fmt: skip


def resend(message: str, **more: str) -> Any:
    data = {"email_id": "1", "to": [TO], "bounce": {"message": message, **more}}
    return {"type": "email.bounced", "created_at": "2024-05-06T09:01:00.000Z", "data": data}


INBOX_FULL = "The recipient's email provider sent a bounce message because the recipient's inbox was full."
HARD = "The recipient's email provider sent a hard bounce message, but didn't specify the reason."
GENERAL = "The recipient's email provider sent a general bounce message."
SUPPRESSED = "Resend has suppressed sending to this address because it is on the suppression list."


def sendgrid(event: str, **more: str) -> Any:
    return {"event": event, "email": TO, "timestamp": AT, "sg_event_id": "1", "smtp-id": "<1@x>", **more}


def sparkpost(bounce_class: str, answer: str, kind: str = "bounce") -> Any:
    return {
        "type": kind, "bounce_class": bounce_class, "raw_reason": answer, "raw_rcpt_to": TO, "rcpt_to": TO,
        "timestamp": str(AT), "transmission_id": "1", "event_id": "2",
    }  # fmt: skip


def unisender(status: str, answer: str = "") -> Any:
    info = {"delivery_status": status, "destination_response": answer}
    return {"email": TO, "status": "hard_bounced", "event_time": "2024-05-06 09:01:00", "job_id": "1",
            "delivery_info": info}  # fmt: skip


SAMPLES: list[tuple[str, Any, str]] = [
    ("amazon_ses", ses("Permanent", "General", NO_SUCH_USER), DEAD),
    ("amazon_ses", ses("Permanent", "NoEmail"), DEAD),
    ("amazon_ses", ses("Permanent", "General", OVER_QUOTA), FULL),
    ("amazon_ses", ses("Permanent", "OnAccountSuppressionList"), HELD),
    ("amazon_ses", ses("Transient", "General", "450 4.4.1 no answer"), SOFT),
    ("amazon_ses", ses("Transient", "MailboxFull", OVER_QUOTA), FULL),
    ("amazon_ses", ses("Transient", "ContentRejected", POLICY), REFUSED),
    ("amazon_ses", ses("Undetermined", "Undetermined"), SOFT),
    ("amazon_ses", {"eventType": "Reject", "reject": {"reason": "Bad content"}}, HELD),
    ("brevo", brevo("hard_bounce", NO_SUCH_USER), DEAD),
    ("brevo", brevo("invalid_email"), DEAD),
    ("brevo", brevo("hard_bounce", POLICY), REFUSED),
    ("brevo", brevo("soft_bounce", "server is temporarily unavailable"), SOFT),
    ("brevo", brevo("soft_bounce", "452 4.2.2 mailbox full"), FULL),
    ("brevo", brevo("blocked", "blocked : due to blacklist user"), HELD),
    ("brevo", brevo("error", "the message could not be made"), HELD),
    ("mailersend", mailersend("hard_bounced", NO_SUCH_USER), DEAD),
    ("mailersend", mailersend("soft_bounced", "Mail server did not answer"), SOFT),
    ("mailersend", mailersend("soft_bounced", OVER_QUOTA), FULL),
    ("mailgun", mailgun("bounce", NO_SUCH_USER), DEAD),
    ("mailgun", mailgun("bounce", OVER_QUOTA), FULL),
    ("mailgun", mailgun("generic", "554 5.7.1 not you"), REFUSED),
    ("mailgun", mailgun("old", "602 Too old"), SOFT),
    ("mailgun", mailgun("suppress-bounce", "605 Not delivering to previously bounced address"), HELD),
    ("mailgun", mailgun("", "550 template", event="rejected"), HELD),
    ("mailjet", mailjet("user unknown", hard=True), DEAD),
    ("mailjet", mailjet("mailbox inactive", hard=False), SOFT),
    ("mailjet", mailjet("quota exceeded", hard=True), FULL),
    ("mailjet", mailjet("quota exceeded", hard=False), FULL),
    ("mailjet", mailjet("relay/access denied", hard=True), REFUSED),
    ("mailjet", mailjet("preblocked", hard=False, event="blocked"), HELD),
    ("mailtrap", mailtrap("bounce", "badmailbox", NO_SUCH_USER), DEAD),
    ("mailtrap", mailtrap("bounce", "quotaissues", "552 full"), FULL),
    ("mailtrap", mailtrap("bounce", "spamrelated", "554 no"), REFUSED),
    ("mailtrap", mailtrap("reject", "", ""), HELD),
    ("mandrill", mandrill("hard_bounce", "bad_mailbox", NO_SUCH_USER), DEAD),
    ("mandrill", mandrill("soft_bounce", "general", "451 later"), SOFT),
    ("mandrill", mandrill("soft_bounce", "mailbox_full", "452 later"), FULL),
    ("mandrill", mandrill("hard_bounce", "mailbox_full", "552 over quota"), FULL),
    ("mandrill", mandrill("reject", "", ""), HELD),
    ("postal", postal("HardFail", NO_SUCH_USER), DEAD),
    ("postal", postal("HardFail", OVER_QUOTA), FULL),
    ("postal", postal("HardFail", "550 not today"), SOFT),
    ("postal", postal("HardFail", ""), SOFT),
    ("postal", postal_bounce(), SOFT),
    ("postmark", postmark("HardBounce", f"smtp;{NO_SUCH_USER}"), DEAD),
    ("postmark", postmark("BadEmailAddress"), DEAD),
    ("postmark", postmark("SoftBounce", "smtp;451 4.3.0 later"), SOFT),
    ("postmark", postmark("SoftBounce", f"smtp;{OVER_QUOTA}"), FULL),
    ("postmark", postmark("Blocked", POLICY), REFUSED),
    ("postmark", postmark("ManuallyDeactivated"), HELD),
    ("postmark", postmark("TemplateRenderingFailed"), HELD),
    ("resend", resend(HARD), DEAD),
    ("resend", resend(INBOX_FULL), FULL),
    ("resend", resend(GENERAL), SOFT),
    ("resend", resend(SUPPRESSED), HELD),
    ("resend", resend(HARD, type="Permanent", subType="General"), DEAD),
    ("resend", resend(GENERAL, type="Transient", subType="General"), SOFT),
    ("resend", resend(INBOX_FULL, type="Transient", subType="MailboxFull"), FULL),
    ("sendgrid", sendgrid("bounce", type="bounce", status="5.1.1", reason=NO_SUCH_USER), DEAD),
    ("sendgrid", sendgrid("bounce", type="bounce", status="5.2.2", reason=OVER_QUOTA), FULL),
    ("sendgrid", sendgrid("bounce", type="blocked", status="5.7.1", reason=POLICY), REFUSED),
    ("sendgrid", sendgrid("bounce", type="expired", reason="unable to get mx info"), SOFT),
    ("sendgrid", sendgrid("bounce", status="5.1.1", reason=NO_SUCH_USER), DEAD),
    ("sendgrid", sendgrid("bounce", reason="500 unknown recipient"), SOFT),
    ("sendgrid", sendgrid("dropped", reason="Invalid"), DEAD),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), HELD),
    ("sendgrid", sendgrid("dropped", reason="Invalid SMTPAPI header"), HELD),
    ("sparkpost", sparkpost("10", NO_SUCH_USER), DEAD),
    ("sparkpost", sparkpost("30", "550 no recipient"), DEAD),
    ("sparkpost", sparkpost("10", NO_SUCH_USER, kind="out_of_band"), DEAD),
    ("sparkpost", sparkpost("20", "451 soft"), SOFT),
    ("sparkpost", sparkpost("21", "DNS failure"), SOFT),
    ("sparkpost", sparkpost("22", "452 full"), FULL),
    ("sparkpost", sparkpost("70", "451 transient"), SOFT),
    ("sparkpost", sparkpost("40", "generic"), SOFT),
    ("sparkpost", sparkpost("50", "550 blocked"), REFUSED),
    ("sparkpost", sparkpost("10", "suppressed", kind="policy_rejection"), HELD),
    ("unisender_go", unisender("err_user_unknown", NO_SUCH_USER), DEAD),
    ("unisender_go", unisender("err_mailbox_full"), FULL),
    ("unisender_go", unisender("err_delivery_failed"), SOFT),
    ("unisender_go", unisender("err_spam_rejected"), REFUSED),
    ("unisender_go", unisender("err_unsubscribed"), HELD),
]

_POSTAL = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
_POSTAL_PUBLIC = _POSTAL.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
KEYS = {
    "WEBHOOK_SECRET": "shop:secret", "MAILERSEND_SIGNING_SECRET": "key", "MAILGUN_WEBHOOK_SIGNING_KEY": "key",
    "MANDRILL_WEBHOOK_KEY": "key", "MANDRILL_WEBHOOK_URL": URL, "UNISENDER_GO_API_KEY": "key",
    "POSTAL_WEBHOOK_KEY": base64.b64encode(_POSTAL_PUBLIC).decode(),
}  # fmt: skip


def _signed(said: str, algorithm: Any = hashlib.sha256) -> hmac.HMAC:
    return hmac.new(b"key", said.encode(), algorithm)


def report(provider: str, said: Any, decision: uuid.UUID) -> Any:  # noqa: C901 - one case for each provider
    """Bring a report as its provider does: with the secret, wrapped and signed, and with our number where it can."""
    said, number = json.loads(json.dumps(said)), {"decision": str(decision)}
    headers = {"host": f"{host_of(VAULT)}:8000"}
    headers["authorization"] = f"Basic {base64.b64encode(b'shop:secret').decode()}"
    content_type, body = "application/json", ""
    match provider:
        case "amazon_ses":
            named = [{"name": "X-Metadata", "value": json.dumps(number)}]
            to = [each["emailAddress"] for each in said.get("bounce", {}).get("bouncedRecipients", [])] or [TO]
            said["mail"] = {"messageId": "1", "destination": to, "headers": named}
            said = {"Type": "Notification", "MessageId": "1", "Message": json.dumps(said)}
            headers |= {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "1"}
        case "brevo":
            said["X-Mailin-custom"] = json.dumps(number)
        case "mailgun":
            token = {"timestamp": str(AT), "token": "t", "signature": _signed(f"{AT}t").hexdigest()}
            said = {"signature": token, "event-data": said | {"user-variables": number}}
        case "mailjet":
            said = [said | {"Payload": json.dumps(number)}]
        case "mailtrap":
            said = {"events": [said | {"custom_variables": number}]}
        case "mandrill":
            said["msg"]["metadata"] = number
            events, content_type = json.dumps([said]), "application/x-www-form-urlencoded"
            body = urlencode({"mandrill_events": events})
            signature = _signed(f"{URL}mandrill_events{events}", hashlib.sha1).digest()
            headers["x-mandrill-signature"] = base64.b64encode(signature).decode()
        case "postmark":
            said["Metadata"] = number
        case "resend":
            said["data"]["headers"] = [{"name": "X-Metadata", "value": json.dumps(number)}]
        case "sendgrid":
            said = [said | number]
        case "sparkpost":
            said = [{"msys": {"message_event": said | {"rcpt_meta": number}}}]
        case "unisender_go":
            event = {"event_name": "transactional_email_status", "event_data": said | {"metadata": number}}
            said = {"auth": "key", "events_by_user": [{"user_id": 1, "events": [event]}]}
            body = json.dumps(said)
            body = body.replace('"key"', f'"{hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()}"')
    body = body or json.dumps(said)
    if provider == "mailersend":
        headers["signature"] = _signed(body).hexdigest()
    if provider == "postal":
        signature = _POSTAL.sign(body.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - as Postal does
        headers["x-postal-signature"] = base64.b64encode(signature).decode()
    return Client(headers=headers, enforce_csrf_checks=True).post(
        f"/messages/reports/{provider}/", body, content_type=content_type
    )


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = counter_of(shop)
    with mailed():
        yield one
    one.close()
    webhooks._made.cache_clear()


@pytest.mark.parametrize("provider", sorted({provider for provider, _, _ in SAMPLES}))
def test_what_a_provider_calls_a_bounce_is_understood(shop: Shop, counter: Counter, provider: str) -> None:
    mine = [(said, why) for each, said, why in SAMPLES if each == provider]
    sent = decide(dispatched(), [settle(counter, number) for number in range(1, len(mine) + 1)])
    send(now=SYSTEM_CLOCK.now())
    webhooks._made.cache_clear()
    dead = 0
    for number, (one, (said, why)) in enumerate(zip(sent, mine, strict=True), start=1):
        to_them = json.loads(json.dumps(said).replace(TO, address(number)))
        with override_settings(MAIL_PROVIDER=provider, ANYMAIL=KEYS):
            answer = report(provider, to_them, one)
        assert answer.status_code == 204, (said, answer.content)
        assert outcomes(shop)[one].get("bounced") == why, said
        dead += why == DEAD
        assert shop.value("select count(*) from delivery_block") == dead, said


def test_whoever_had_a_full_mailbox_gets_the_next_and_a_dead_one_is_told_all_the_same(
    shop: Shop, counter: Counter
) -> None:
    now = SYSTEM_CLOCK.now()
    (one,) = decide(dispatched(), [settle(counter, 1)])
    send(now=now)
    webhooks._made.cache_clear()
    with override_settings(MAIL_PROVIDER="postmark", ANYMAIL=KEYS):
        report("postmark", postmark("SoftBounce", OVER_QUOTA), one)
        (again,) = decide(dispatched(), [customer(1)], occurrence="2")
        send(now=now)
        assert "accepted" in outcomes(shop)[again]
        report("postmark", postmark("HardBounce", NO_SUCH_USER), one)
    (last,) = decide(dispatched(), [customer(1)], occurrence="3")
    send(now=now)
    assert outcomes(shop)[last] == {"suppressed": "bounced"}


def test_every_provider_of_the_library_has_its_table() -> None:
    """One that is new in the library blocks nobody, until somebody has read what it says."""
    assert {provider for provider, _, _ in SAMPLES} | {"sendinblue"} == set(providers._PROVIDERS)


@pytest.mark.parametrize(
    ("kind", "reason", "why"),
    [("bounced", "bounced", SOFT), ("bounced", None, SOFT), ("bounced", "invalid", DEAD), ("rejected", "bounced", HELD),
     ("rejected", "blocked", HELD), ("failed", None, HELD), ("deferred", None, None), ("delivered", None, None)],
)  # fmt: skip
def test_a_provider_without_a_table_blocks_by_no_word_that_may_be_soft(
    kind: str, reason: str | None, why: str | None
) -> None:
    event = AnymailTrackingEvent(event_type=kind, reject_reason=reason, esp_event={})
    assert providers.why_lost("somebody", event) == why


@pytest.mark.parametrize("provider", sorted(providers._PROVIDERS))
@pytest.mark.parametrize("said", [{}, [], None, {"data": None}, {"msys": {}}, {"payload": 3}])
def test_a_body_in_another_form_blocks_nobody(provider: str, said: Any) -> None:
    event = AnymailTrackingEvent(event_type="bounced", reject_reason="bounced", esp_event=said)
    assert providers.why_lost(provider, event) == SOFT
