"""Stripe without the net: what the SDK sends, taken by a server of this test's; signatures; events as documented."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models
stripe = pytest.importorskip("stripe")

# ruff: noqa: E402
from comptoir.vault.payments import commands, ports
from comptoir.vault.payments.contracts import Asked, RefundState, State
from comptoir.vault.payments.errors import PaymentsInvalid, ReportForged, ReportStale, ReportUnreadable
from comptoir.vault.payments.stripe_checkout import Keys, StripeCheckout, load_keys

NOW = dt.datetime(2026, 11, 2, 9, 0, tzinfo=dt.UTC)
SECRET, OTHER = "whsec_first", "whsec_second"
KEY, PURPOSE = uuid.UUID(int=7), uuid.UUID(int=8)


class Api:
    """A server that answers as Stripe's interface would, in order; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[tuple[int, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                path, _, query = self.path.partition("?")
                api.asked.append(
                    (self.command, path, dict(parse_qsl(body or query)), self.headers.get("idempotency-key", ""))
                )
                status, said = api.answers.pop(0)
                if status == 0:
                    self.connection.close()
                    return
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def api() -> Iterator[Api]:
    one = Api()
    yield one
    one.close()
    assert one.answers == [], "every answer was asked for"


@pytest.fixture
def port(api: Api) -> StripeCheckout:
    return StripeCheckout(Keys("sk_test_123", (OTHER, SECRET)), base=api.url)


def session(**members: Any) -> dict[str, Any]:
    return {
        "id": "cs_test_1", "object": "checkout.session", "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "status": "open", "payment_status": "unpaid", "payment_intent": None, "amount_total": 1_250,
        "currency": "eur", "client_reference_id": str(KEY), "metadata": {"session": str(KEY)},
        "customer_details": {"email": "camille@example.org", "name": "Camille", "address": {"city": "Lyon"}},
    } | members  # fmt: skip


def intent(**members: Any) -> dict[str, Any]:
    return {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount_received": 1_250} | members


def refund(**members: Any) -> dict[str, Any]:
    return {
        "id": "re_1", "object": "refund", "amount": 500, "currency": "eur", "payment_intent": "pi_1",
        "status": "succeeded", "metadata": {"refund": str(KEY)},
    } | members  # fmt: skip


def asked(**members: Any) -> Asked:
    given: dict[str, Any] = {
        "key": KEY, "purpose": PURPOSE, "amount": 1_250, "currency": "EUR", "title": "Order 4711",
        "return_url": "https://safe.shop.example/back", "cancel_url": "https://safe.shop.example/no",
        "expires_at": NOW + dt.timedelta(hours=1), "language": "fr",
    }  # fmt: skip
    return Asked(**(given | members))


def test_a_session_is_opened_with_no_more_than_it_needs(api: Api, port: StripeCheckout) -> None:
    api.answers = [(200, session())]
    opened = port.open(asked())
    assert (opened.word, opened.reference, opened.url) == ("open", "cs_test_1", session()["url"])
    ((method, path, said, key),) = api.asked
    assert (method, path, key) == ("POST", "/v1/checkout/sessions", f"session-{KEY}")
    assert said == {
        "mode": "payment", "line_items[0][quantity]": "1", "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "1250",
        "line_items[0][price_data][product_data][name]": "Order 4711",
        "success_url": "https://safe.shop.example/back", "cancel_url": "https://safe.shop.example/no",
        "expires_at": str(int((NOW + dt.timedelta(hours=1)).timestamp())), "locale": "fr",
        "client_reference_id": str(KEY), "metadata[session]": str(KEY), "metadata[purpose]": str(PURPOSE),
        "payment_intent_data[metadata][session]": str(KEY), "payment_intent_data[metadata][purpose]": str(PURPOSE),
    }  # fmt: skip


def test_a_currency_that_is_counted_in_hundredths_all_the_same(api: Api, port: StripeCheckout) -> None:
    api.answers = [(200, session()), (200, session(
        status="complete", payment_status="paid", currency="isk", payment_intent=intent(amount_received=99_900)
    ))]  # fmt: skip
    port.open(asked(amount=999, currency="ISK"))
    assert api.asked[0][2]["line_items[0][price_data][unit_amount]"] == "99900"
    assert port.look("cs_test_1") == State("paid", "pi_1", 999, "ISK")


ERROR = {"error": {"type": "invalid_request_error", "code": "amount_too_small", "message": "no"}}


@pytest.mark.parametrize(
    ("status", "said", "word"),
    [
        (400, ERROR, "refused"), (404, ERROR, "unknown"), (409, ERROR, "unknown"), (429, ERROR, "unknown"),
        (401, ERROR, "unknown"), (403, ERROR, "unknown"), (500, ERROR, "unknown"), (503, {}, "unknown"),
        (0, None, "unknown"), (402, {"error": {"type": "card_error", "code": "card_declined"}}, "refused"),
    ],
)  # fmt: skip
def test_only_a_no_is_a_no(api: Api, port: StripeCheckout, status: int, said: Any, word: str) -> None:
    api.answers = [(status, said)]
    assert port.open(asked()).word == word
    assert len(api.asked) == 1, "the clock repeats, and nobody else"


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({}, State("open")),
        ({"status": "expired"}, State("expired")),
        ({"status": "complete", "payment_status": "paid", "payment_intent": intent()},
         State("paid", "pi_1", 1_250, "EUR")),
        ({"status": "complete", "payment_status": "paid", "payment_intent": intent(amount_received=600)},
         State("paid", "pi_1", 600, "EUR")),
        ({"status": "complete", "payment_intent": intent(status="processing", amount_received=0)}, State("open")),
        ({"status": "complete", "payment_intent": intent(status="requires_payment_method", amount_received=0)},
         State("failed", why="requires_payment_method")),
    ],
)  # fmt: skip
def test_how_a_session_stands(api: Api, port: StripeCheckout, members: dict[str, Any], state: State) -> None:
    api.answers = [(200, session(**members))]
    assert port.look("cs_test_1") == state
    assert api.asked[0][:3] == ("GET", "/v1/checkout/sessions/cs_test_1", {"expand[0]": "payment_intent"})


def test_closing_what_was_paid_meanwhile_says_so(api: Api, port: StripeCheckout) -> None:
    done = session(status="complete", payment_status="paid", payment_intent=intent())
    api.answers = [(200, session(status="expired")), (400, ERROR), (200, done), (500, {})]
    assert port.close("cs_test_1") == State("expired")
    assert port.close("cs_test_1") == State("paid", "pi_1", 1_250, "EUR")
    assert port.close("cs_test_1").word == "unknown"
    assert [each[1] for each in api.asked][:2] == ["/v1/checkout/sessions/cs_test_1/expire"] * 2


def give_back(port: StripeCheckout, *, reference: str = "", is_repeated: bool = False) -> RefundState:
    return port.refund(
        key=KEY, payment="pi_1", amount=500, currency="EUR", reference=reference, is_repeated=is_repeated
    )  # fmt: skip


def test_a_refund_that_is_repeated_is_looked_for_first(api: Api, port: StripeCheckout) -> None:
    listed = {"object": "list", "data": [refund(id="re_0", metadata={}), refund()], "has_more": False}
    api.answers = [
        (200, refund()), (200, listed), (200, listed | {"data": []}), (200, refund()), (500, {}),
        (200, refund(status="pending")), (200, refund(status="failed", failure_reason="declined")), (400, ERROR),
    ]  # fmt: skip
    assert give_back(port) == RefundState("done", "re_1")
    assert api.asked[0] == (
        "POST", "/v1/refunds", {"payment_intent": "pi_1", "amount": "500", "metadata[refund]": str(KEY)},
        f"refund-{KEY}",
    )  # fmt: skip
    assert give_back(port, is_repeated=True) == RefundState("done", "re_1")
    assert [each[0] for each in api.asked] == ["POST", "GET"], "found, so not asked for again"
    assert give_back(port, is_repeated=True) == RefundState("done", "re_1")
    assert [each[0] for each in api.asked][2:] == ["GET", "POST"]
    assert give_back(port, is_repeated=True) == RefundState("unknown"), "not looked for, so not asked for"
    assert give_back(port, reference="re_1") == RefundState("pending", "re_1")
    assert give_back(port, reference="re_1") == RefundState("refused", "re_1", "declined")
    assert give_back(port) == RefundState("refused", why="amount_too_small")


# -- events ---------------------------------------------------------------------------------------------------------


def event(kind: str, thing: dict[str, Any], number: str = "evt_1") -> bytes:
    return json.dumps({
        "id": number, "object": "event", "api_version": "2026-10-28", "created": int(NOW.timestamp()), "type": kind,
        "livemode": False, "data": {"object": thing},
    }).encode()  # fmt: skip


def headers(body: bytes, *, secret: str = SECRET, at: dt.datetime = NOW) -> dict[str, str]:
    made = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp()))
    return {"stripe-signature": made}


PAID = session(status="complete", payment_status="paid", payment_intent="pi_1")
DISPUTE = {
    "id": "dp_1", "object": "dispute", "amount": 1_400, "currency": "eur", "payment_intent": "pi_1",
    "reason": "fraudulent", "evidence": {"customer_email_address": "camille@example.org"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "thing", "wanted"),
    [
        ("checkout.session.completed", PAID, ("paid", "cs_test_1", "pi_1", "", KEY, 1_250)),
        ("checkout.session.completed", PAID | {"payment_status": "unpaid"},
         ("other", "cs_test_1", "pi_1", "", KEY, 1_250)),
        ("checkout.session.async_payment_succeeded", PAID, ("paid", "cs_test_1", "pi_1", "", KEY, 1_250)),
        ("checkout.session.async_payment_failed", session(), ("failed", "cs_test_1", "", "", KEY, 1_250)),
        ("checkout.session.expired", session(), ("expired", "cs_test_1", "", "", KEY, 1_250)),
        ("refund.updated", refund(), ("refund_done", "", "pi_1", "re_1", KEY, 500)),
        ("refund.created", refund(status="pending"), ("other", "", "pi_1", "re_1", KEY, 500)),
        ("refund.failed", refund(status="failed", metadata={}), ("refund_failed", "", "pi_1", "re_1", None, 500)),
        ("charge.dispute.funds_withdrawn", DISPUTE, ("chargeback", "", "pi_1", "dp_1", None, 1_400)),
        ("charge.dispute.funds_reinstated", DISPUTE, ("chargeback_won", "", "pi_1", "dp_1", None, 1_400)),
        ("customer.created", {"id": "cus_1", "object": "customer", "email": "camille@example.org"},
         ("other", "", "", "cus_1", None, 0)),
    ],
)  # fmt: skip
def test_events_are_read_and_nothing_about_a_person_is_kept(
    port: StripeCheckout, kind: str, thing: dict[str, Any], wanted: tuple[Any, ...]
) -> None:
    body = event(kind, thing)
    report = port.report(headers(body), body, now=NOW)
    assert (report.event, report.at) == ("evt_1", NOW)
    assert (report.kind, report.session, report.payment, report.refund, report.ours, report.amount) == wanted
    kept = report.kept.decode().lower()
    assert not [word for word in ("camille", "example.org", "lyon") if word in kept]
    assert json.loads(kept)["data"]["object"]["id"] == thing["id"]


def test_signatures_are_those_of_the_sdk(port: StripeCheckout) -> None:
    body = event("checkout.session.completed", PAID)
    good = headers(body)
    for secret in (SECRET, OTHER):
        assert port.report(headers(body, secret=secret), body, now=NOW).kind == "paid"
    shown = ("", "t=1,v1=00", "v1", good["stripe-signature"] * 40, headers(body, secret=OTHER[:-1])["stripe-signature"])
    for wrong in ({}, *({"stripe-signature": each} for each in shown)):
        with pytest.raises(ReportForged):
            port.report(wrong, body, now=NOW)
    for changed in (body.replace(b"1250", b"9250"), body + b" ", b"\xff\xfe"):
        with pytest.raises(ReportForged):
            port.report(good, changed, now=NOW)
    for minutes in (-6, 6):
        with pytest.raises(ReportStale):
            port.report(good, body, now=NOW + dt.timedelta(minutes=minutes))
    for unreadable in (b"[]", b"{}", b"no json"):
        with pytest.raises(ReportUnreadable):
            port.report(headers(unreadable), unreadable, now=NOW)


# -- keys -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with environment(COMPTOIR_DATA=str(tmp_path), COMPTOIR_PAYMENTS="stripe"):
        yield tmp_path


@pytest.mark.parametrize(
    "text",
    [
        None, "", "[stripe]\nkey = 'sk_test_1'", "[stripe]\nkey = 'pk_test_1'\nsecrets = ['whsec_1']",
        "[stripe]\nkey = 'sk_test_1'\nsecrets = []", "[stripe]\nkey = 'sk_test_1'\nsecrets = ['1']", "not toml [",
        "[stripe]\nkey = 'sk_test_1'\nsecrets = ['whsec_1']\nkeys = 1",
    ],
)  # fmt: skip
def test_keys_that_cannot_be_used_are_refused_and_not_quoted(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / "payments.toml").write_text(text)
    with pytest.raises(PaymentsInvalid) as caught:
        load_keys()
    assert "sk_test_1" not in str(caught.value)


def test_a_live_key_wants_the_vault_in_a_process_of_its_own(folder: Path) -> None:
    (folder / "payments.toml").write_text("[stripe]\nkey = 'sk_live_1'\nsecrets = ['whsec_1']\n")
    assert os.environ.get("COMPTOIR_ROOMS") is None
    with pytest.raises(PaymentsInvalid, match="process of its own"):
        ports.port()
    with environment(COMPTOIR_ROOMS="vault"):
        assert ports.port().origins() == ("https://checkout.stripe.com",)
    (folder / "payments.toml").write_text("[stripe]\nkey = 'rk_test_1'\nsecrets = ['whsec_1']\n")
    assert ports.port().name == "stripe"


def test_a_report_of_stripe_is_heard(shop: Shop) -> None:
    path = Path(os.environ["COMPTOIR_DATA"]) / "payments.toml"
    path.write_text(f"[stripe]\nkey = 'sk_test_1'\nsecrets = ['{SECRET}']\n")
    try:
        body = event("checkout.session.completed", PAID, number=f"evt_{uuid.uuid4().hex}")
        assert commands.hear("stripe", headers=headers(body), body=body, now=NOW)
        assert not commands.hear("stripe", headers=headers(body), body=body, now=NOW)
        (row,) = shop.rows("select applied_at, said->>'kind' as kind from payments_report")
        assert row == {"applied_at": None, "kind": "paid"}, "it waits for its session"
    finally:
        path.unlink()
