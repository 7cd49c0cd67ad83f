"""Payments: one purpose is paid once, whatever the provider says, in whichever order, how often and how late."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import applying, attending, commands, jobs, ports, queries
from comptoir.vault.payments.contracts import State
from comptoir.vault.payments.errors import (
    AttemptsEnough,
    PaymentDone,
    PaymentInvalid,
    PaymentOver,
    PaymentsInvalid,
    PaymentsNotOffered,
    PaymentUnclear,
    RefundAskedDifferently,
    RefundTooLarge,
    ReportForged,
    ReportStale,
)
from support import paying
from support.paying import (
    Simulator,
    begin,
    hear,
    kept_as_told,
    listening,
    reference_of,
    signed,
    simulator,
    told,
    unwanted,
)

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
SAFE = {"host": f"{host_of(VAULT)}:8000"}


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "NOW", paying.moment())


@pytest.fixture(scope="module")
def simulating(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def provider(shop: Shop, simulating: Simulator) -> Iterator[Simulator]:
    """The simulator, which tells the shop nothing by itself."""
    simulating.moods(reports="never")
    with listening():
        yield simulating


@pytest.fixture
def purpose() -> uuid.UUID:
    return uuid.uuid4()


def paid(shop: Shop, provider: Simulator, purpose: uuid.UUID, **others: Any) -> str:
    """Pay a purpose, and hear of it."""
    begin(purpose, **others)
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    for report in provider.reports(reference, "paid"):
        hear(report)
    return reference


def test_a_purpose_is_paid_and_heard_of_once(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    first = begin(purpose)
    assert begin(purpose) == first, "a second click leads to the same page"
    assert len(provider.sessions(purpose)) == 1
    reference = reference_of(shop, purpose)
    assert first.url == f"http://pay.localhost:{provider.port}/pay/{reference}"
    provider.pay(reference)
    (report,) = provider.reports(reference, "paid")
    assert hear(report) is True
    assert hear(report) is False
    assert commands.look(purpose, now=paying.NOW + MINUTE).standing == "paid"
    state = queries.state_of(purpose)
    assert (state.standing, state.captured, state.kept) == ("paid", 1_250, 1_250)
    assert told(shop, purpose) == [("paid", 1_250)]
    with pytest.raises(PaymentDone), shop.unchanged():
        begin(purpose)


def test_a_report_that_never_comes_is_asked_for(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    provider.pay(reference_of(shop, purpose))
    assert jobs.tend(now=paying.NOW + MINUTE) == 0, "not yet"
    assert jobs.tend(now=paying.NOW + 3 * MINUTE) == 1
    assert told(shop, purpose) == [("paid", 1_250)]


def test_the_payer_who_comes_back_before_the_report_is_answered(
    shop: Shop, provider: Simulator, purpose: uuid.UUID
) -> None:
    begin(purpose)
    assert commands.look(purpose, now=paying.NOW).standing == "open"
    provider.pay(reference_of(shop, purpose))
    asked = provider.calls("look")
    assert commands.look(purpose, now=paying.NOW + dt.timedelta(seconds=2)).standing == "open", (
        "not asked so soon again"
    )
    assert provider.calls("look") == asked
    assert commands.look(purpose, now=paying.NOW + dt.timedelta(seconds=6)).standing == "paid"


def test_closing_asks_the_provider_first(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    assert commands.close(purpose, now=paying.NOW).standing == "over"
    assert [one["state"] for one in provider.sessions(purpose)] == ["expired"]
    assert told(shop, purpose) == [("over", None)]
    assert commands.close(purpose, now=paying.NOW).standing == "over"
    assert told(shop, purpose) == [("over", None)]
    with pytest.raises(PaymentOver), shop.unchanged():
        begin(purpose)


def test_what_was_paid_in_the_last_second_is_paid(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    provider.pay(reference_of(shop, purpose))
    assert commands.close(purpose, now=paying.NOW).standing == "paid"
    assert told(shop, purpose) == [("paid", 1_250)]


def test_no_answer_to_closing_is_no_yes(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    provider.moods(reports="never", calls="error", on=["close", "look"])
    assert commands.close(purpose, now=paying.NOW).standing == "closing"
    assert told(shop, purpose) == []
    with pytest.raises(PaymentOver):
        begin(purpose)
    provider.pay(reference_of(shop, purpose))
    provider.moods(reports="never")
    assert jobs.tend(now=paying.NOW + 3 * MINUTE) == 1
    assert queries.state_of(purpose).standing == "paid"
    assert told(shop, purpose) == [("paid", 1_250)]


def test_a_purpose_that_was_never_begun_is_over_at_once(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    assert queries.state_of(purpose).standing == "none"
    assert commands.close(purpose, now=paying.NOW).standing == "over"
    assert told(shop, purpose) == [("over", None)]
    assert provider.sessions(purpose) == []


def test_late_money_that_nobody_wants_goes_back_whole(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    unwanted(purpose)
    (report,) = provider.reports(reference, "paid")
    hear(report)
    state = queries.state_of(purpose)
    assert (state.standing, state.captured, state.refunding, state.kept) == ("open", 1_250, 1_250, 1_250)
    assert jobs.tend(now=paying.NOW) == 1
    assert queries.state_of(purpose).kept == provider.money(purpose) == 0
    assert told(shop, purpose) == [("unwanted", 1_250)]


def test_a_second_paid_session_goes_back_whole(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    first = reference_of(shop, purpose)
    # The first is told to be over, and is paid all the same: its provider contradicts itself.
    shop.rows("update payments_session set state = 'expired' where purpose_id = %s returning id", purpose)
    begin(purpose)
    second = reference_of(shop, purpose)
    assert first != second
    for reference in (first, second):
        provider.pay(reference)
    for reference in (second, first):
        for report in provider.reports(reference, "paid"):
            hear(report)
    jobs.tend(now=paying.NOW)
    assert told(shop, purpose) == [("paid", 1_250)]
    assert queries.state_of(purpose).kept == provider.money(purpose) == 1_250
    assert shop.value("select reason from payments_refund") == "second"


def test_half_the_money_is_no_payment(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.pay(reference, is_part=True)
    for report in provider.reports(reference, "paid"):
        hear(report)
    jobs.tend(now=paying.NOW)
    assert told(shop, purpose) == [("over", None)]
    assert provider.money(purpose) == 0
    begin(purpose)  # it can be tried again


def test_what_comes_later_goes_back_too_where_the_first_part_was_asked_for_once_more(
    shop: Shop, provider: Simulator, purpose: uuid.UUID
) -> None:
    """Half the money is no payment, and the provider refuses to give it back; the other half comes later."""
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.moods(reports="never", refunds="refused")
    provider.pay(reference, is_part=True)
    for report in provider.reports(reference, "paid"):
        hear(report)
    jobs.tend(now=paying.NOW)
    provider.moods(reports="never")
    attending.ask_now("refused", shop.value("select id from payments_refund"), now=paying.NOW)
    assert provider.money(purpose) == 0
    session = shop.value("select id from payments_session")
    payment = provider.sessions(purpose)[0]["payment"]
    applying.apply_state(session, State("paid", payment, 1_250, "EUR", paying.NOW), now=paying.NOW)
    backs = shop.rows("select amount from payments_refund where state = 'queued'")
    assert backs == [{"amount": 625}]
    statement = database.load_statements("comptoir.config", "checking.sql")["unwanted_money_goes_back"]
    assert shop.value(statement) == 0
    with psycopg.connect(database.administrator_conninfo()) as connection:
        connection.execute("delete from payments_refund where state = 'queued'")
    assert shop.value(statement) == 1


def test_another_amount_closes_the_page_that_is_open(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    first = begin(purpose)
    second = begin(purpose, amount=990)
    assert first.session != second.session
    assert [one["state"] for one in provider.sessions(purpose)] == ["expired", "open"]
    assert told(shop, purpose) == [], "another one has taken its place"
    provider.moods(reports="never", calls="error", on=["close"])
    with pytest.raises(PaymentUnclear):
        begin(purpose, amount=880)
    assert [one["state"] for one in provider.sessions(purpose)] == ["expired", "open"]


def test_what_cannot_be_paid_is_refused_with_its_field(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    wrong: dict[str, Any] = {
        "amount": 0, "currency": "eur", "title": " ", "return_url": "javascript:alert(1)", "cancel_url": "/back",
        "expires_at": paying.NOW + MINUTE, "language": "xx",
    }  # fmt: skip
    for field, value in wrong.items():
        with pytest.raises(PaymentInvalid) as caught, shop.unchanged():
            begin(purpose, **{field: value})
        assert caught.value.field == field
    with pytest.raises(PaymentInvalid):
        begin(purpose, amount=100_000_000)


def test_nobody_opens_pages_without_end(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    for amount in range(1, 21):
        begin(purpose, amount=amount)
    shop.rows("update payments_session set state = 'expired' where purpose_id = %s returning id", purpose)
    with pytest.raises(AttemptsEnough), shop.unchanged():
        begin(purpose, amount=21)
    assert len(provider.sessions(purpose)) == 20


def test_without_a_provider_nothing_is_begun(shop: Shop, purpose: uuid.UUID) -> None:
    with environment(COMPTOIR_PAYMENTS=None):
        assert queries.page_origins() == ()
        assert not queries.is_offered()
        with pytest.raises(PaymentsNotOffered), shop.unchanged():
            begin(purpose)
    for name, domain in (("paypol", None), ("pretend", "shop.example")):
        with (
            environment(COMPTOIR_PAYMENTS=name, COMPTOIR_DOMAIN=domain),
            pytest.raises(PaymentsInvalid),
            shop.unchanged(),
        ):
            begin(purpose)


# -- no answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", ["error", "error_after", "drops", "closes"])
def test_a_provider_that_does_not_answer_is_asked_again_for_the_same_page(
    shop: Shop, provider: Simulator, purpose: uuid.UUID, calls: str
) -> None:
    provider.moods(reports="never", calls=calls)
    with pytest.raises(PaymentUnclear):
        begin(purpose)
    assert shop.value("select state from payments_session") == "begun"
    with pytest.raises(PaymentUnclear):
        begin(purpose)
    provider.moods(reports="never")
    assert jobs.tend(now=paying.NOW + 10 * MINUTE) == 1
    assert shop.value("select state from payments_session") == "open"
    assert len(provider.sessions(purpose)) == 1
    assert begin(purpose).url.endswith(provider.sessions(purpose)[0]["id"])


def test_a_page_that_nobody_was_sent_to_is_over_without_the_provider(
    shop: Shop, provider: Simulator, purpose: uuid.UUID
) -> None:
    provider.moods(reports="never", calls="closes")
    with pytest.raises(PaymentUnclear):
        begin(purpose)
    assert commands.close(purpose, now=paying.NOW).standing == "over"
    assert told(shop, purpose) == [("over", None)]


@pytest.mark.parametrize("calls", ["error_after", "closes", "drops"])
def test_money_goes_back_once_however_often_it_is_asked(
    shop: Shop, provider: Simulator, purpose: uuid.UUID, calls: str
) -> None:
    paid(shop, provider, purpose)
    commands.want_refund(purpose, amount=500, key="return-1", now=paying.NOW)
    provider.moods(reports="never", calls=calls)
    for minutes in (0, 10, 70):
        jobs.tend(now=paying.NOW + minutes * MINUTE)
    assert told(shop, purpose) == [("paid", 1_250)]
    (shown,) = queries.unresolved(paying.NOW + 2 * HOUR)
    assert (shown.what, shown.purpose) == ("refund", purpose)
    provider.moods(reports="never")
    jobs.tend(now=paying.NOW + 3 * HOUR)
    assert told(shop, purpose) == [("paid", 1_250), ("refunded", 500)]
    assert provider.money(purpose) == queries.state_of(purpose).kept == 750
    assert queries.unresolved(paying.NOW + 5 * HOUR) == []


def test_what_nobody_can_answer_for_is_shown_after_an_hour(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    provider.moods(reports="never", calls="error")
    commands.close(purpose, now=paying.NOW)
    assert queries.unresolved(paying.NOW + 59 * MINUTE) == []
    (shown,) = queries.unresolved(paying.NOW + 61 * MINUTE)
    assert (shown.what, shown.purpose, shown.since) == ("session", purpose, paying.NOW)


# -- money back ----------------------------------------------------------------------------------------------------


def test_no_more_goes_back_than_was_paid(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    with pytest.raises(RefundTooLarge):
        commands.want_refund(purpose, amount=1, key="before", now=paying.NOW)
    paid(shop, provider, purpose)
    first = commands.want_refund(purpose, amount=800, key="one", now=paying.NOW)
    assert commands.want_refund(purpose, amount=800, key="one", now=paying.NOW) == first
    with pytest.raises(RefundAskedDifferently), shop.unchanged():
        commands.want_refund(purpose, amount=700, key="one", now=paying.NOW)
    with pytest.raises(RefundTooLarge) as caught, shop.unchanged():
        commands.want_refund(purpose, amount=451, key="two", now=paying.NOW)
    assert caught.value.extra == {"left": 450}
    commands.want_refund(purpose, amount=450, key="two", now=paying.NOW)
    jobs.tend(now=paying.NOW)
    assert provider.money(purpose) == 0
    assert told(shop, purpose) == [("paid", 1_250), ("refunded", 800), ("refunded", 450)]
    assert queries.state_of(purpose).standing == "paid"


def test_a_refund_at_the_provider_itself_counts_too(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    reference = paid(shop, provider, purpose)
    payment = provider.sessions(purpose)[0]["payment"]
    commands.want_refund(purpose, amount=1_000, key="ours", now=paying.NOW)
    provider.call("POST", f"/control/payments/{payment}/refund", {"amount": 1_250})
    (report,) = provider.reports(reference, "refund_done")
    hear(report)
    assert told(shop, purpose) == [("paid", 1_250)], "ours has to be refused first"
    jobs.tend(now=paying.NOW)
    assert told(shop, purpose) == [("paid", 1_250), ("refused", 1_000), ("refunded", 1_250)]
    assert queries.state_of(purpose).kept == provider.money(purpose) == 0


def test_a_refund_that_fails_in_the_end_is_told(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    reference = paid(shop, provider, purpose)
    provider.moods(reports="never", refunds="pending")
    commands.want_refund(purpose, amount=500, key="one", now=paying.NOW)
    jobs.tend(now=paying.NOW)
    assert told(shop, purpose) == [("paid", 1_250)]
    number = shop.value("select reference from payments_refund")
    provider.call("POST", f"/control/refunds/{number}/done")
    provider.call("POST", f"/control/refunds/{number}/refused")
    done, failed = provider.reports(reference, "refund_done", "refund_failed")
    hear(failed)
    hear(done)
    assert told(shop, purpose) == [("paid", 1_250), ("refused", 500)]
    assert queries.state_of(purpose).kept == 1_250
    commands.want_refund(purpose, amount=1_250, key="again", now=paying.NOW)


def test_a_bank_may_take_back_more_than_was_paid(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    reference = paid(shop, provider, purpose)
    payment = provider.sessions(purpose)[0]["payment"]
    dispute = provider.call("POST", f"/control/payments/{payment}/chargeback", {"amount": 1_400})["dispute"]
    (report,) = provider.reports(reference, "chargeback")
    hear(report)
    assert queries.state_of(purpose).kept == -150
    provider.call("POST", f"/control/payments/{payment}/chargeback_won", {"amount": 1_400, "dispute": dispute})
    (report,) = provider.reports(reference, "chargeback_won")
    hear(report)
    assert told(shop, purpose) == [("paid", 1_250), ("charged_back", 1_400), ("returned", 1_400)]
    assert queries.state_of(purpose).kept == 1_250


def test_a_report_about_something_that_comes_later_waits_for_it(
    shop: Shop, provider: Simulator, purpose: uuid.UUID
) -> None:
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    payment = provider.sessions(purpose)[0]["payment"]
    provider.call("POST", f"/control/payments/{payment}/refund", {"amount": 250})
    early, late = provider.reports(reference, "refund_done"), provider.reports(reference, "paid")
    hear(early[0])
    assert told(shop, purpose) == []
    hear(late[0])
    jobs.tend(now=paying.NOW + 5 * MINUTE)
    assert told(shop, purpose) == [("paid", 1_250), ("refunded", 250)]


# -- reports -------------------------------------------------------------------------------------------------------


def post(body: bytes, headers: dict[str, str], *, provider: str = "pretend") -> Any:
    return Client().post(
        f"/payments/{provider}/reports/", data=body, content_type="application/json",
        headers={**SAFE, **headers},
    )  # fmt: skip


def test_a_forged_or_stale_report_changes_nothing(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    (report,) = provider.reports(reference, "paid")
    body = msgspec.json.encode(report["body"])
    good = signed(body, "msg_1")
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body.replace(b"1250", b"9250"), good),
        (body + b" ", good),
        (body, good | {"webhook-id": "msg_2"}),
        (body, good | {"webhook-timestamp": str(int(paying.NOW.timestamp()) + 1)}),
        (body, good | {"webhook-timestamp": "now"}),
        (body, good | {"webhook-signature": "v1," + "A" * 43 + "="}),
        (body, good | {"webhook-signature": "ü"}),
        (body, good | {"webhook-signature": "v1, " * 2_000}),
        (body, signed(body, "msg_1", key=b"0" * 32)),
    ]
    for wrong, headers in forged:
        with pytest.raises(ReportForged), shop.unchanged():
            commands.hear("pretend", headers=headers, body=wrong, now=paying.NOW)
    for minutes in (-6, 6):
        with pytest.raises(ReportStale), shop.unchanged():
            commands.hear("pretend", headers=good, body=body, now=paying.NOW + minutes * MINUTE)
    assert commands.hear("pretend", headers=good, body=body, now=paying.NOW + 4 * MINUTE)
    # Somebody has recorded it, and signs nothing: the id is remembered for ever.
    assert not commands.hear(
        "pretend", headers=signed(body, "msg_1", at=paying.NOW + HOUR), body=body, now=paying.NOW + HOUR
    )
    assert told(shop, purpose) == [("paid", 1_250)]


def test_the_address_takes_reports_and_nothing_else(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    (report,) = provider.reports(reference, "paid")
    body = msgspec.json.encode(report["body"])
    with shop.unchanged():
        assert Client().get("/payments/pretend/reports/", headers=SAFE).status_code == 405
        answer = post(body, {})
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:comptoir:problem:payment_report_forged")
        assert answer["Content-Type"] == "application/problem+json"
        assert post(body, {}, provider="paypol").status_code == 404
        assert post(b"x" * (256 << 10 | 1), {}).status_code == 413
        assert Client().post("/payments/pretend/reports/", headers={"host": "localhost:8000"}).status_code == 404
    answer = post(body, signed(body, "msg_1", at=dt.datetime.now(dt.UTC)))
    assert (answer.status_code, answer.content, answer.cookies) == (204, b"", {})
    assert told(shop, purpose) == [("paid", 1_250)]
    unreadable = b'{"kind": 7}'
    answer = post(unreadable, signed(unreadable, "msg_9", at=dt.datetime.now(dt.UTC)))
    assert answer.json()["type"] == "urn:comptoir:problem:payment_report_unreadable"


def test_a_signature_as_the_standard_writes_it() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks.
    import base64

    from comptoir.vault.payments.signing import verified

    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = dt.datetime.fromtimestamp(1_614_265_330, dt.UTC)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,bm9ldHU= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    body = b'{"test": 2432232314}'
    assert verified(headers, body, secrets=[b"old" * 8, secret], now=at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_what_nothing_follows_from_is_kept(shop: Shop, provider: Simulator, purpose: uuid.UUID) -> None:
    begin(purpose)
    (report,) = provider.reports(reference_of(shop, purpose), "opened")
    hear(report)
    (row,) = shop.rows("select note, applied_at, body from payments_report")
    assert (row["note"], row["applied_at"]) == ("nothing follows from it", paying.NOW)
    assert bytes(row["body"]) == msgspec.json.encode(report["body"])
    assert ports.port_of("pretend").origins() == queries.page_origins()
    assert kept_as_told(shop, purpose) == 0
