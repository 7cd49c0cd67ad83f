"""Servers and providers that refuse one, fall silent, answer late, never or with nonsense; and what is withdrawn."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from comptoir.foundation.rooms.commands import set_up_django
from support import processes
from support.casting import Counter
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.test import override_settings

from comptoir.counter.messages import commands as records
from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.vault.messages import envelopes, sending, texts
from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.mail import MailPort
from comptoir.vault.messages.sending import Sender
from support.mailing import (
    CAMPAIGN,
    NOW,
    address,
    agree,
    counter_of,
    decide,
    dispatched,
    final,
    outcomes,
    send,
    settle,
)

MINUTES = dt.timedelta(minutes=1)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        one = counter_of(shop)
        yield one
        one.close()


class Server:
    """A mail server whose answers a test gives: to a recipient, and to a message."""

    def __init__(self) -> None:
        self.port = processes.free_port()
        self.to: dict[str, str] = {}
        self.data: list[str] = []
        self.got: list[str] = []
        self.content: list[bytes] = []
        self.takes_together = False
        #: Recipients in the order in which they were named, and messages that began without one that ended.
        self.named: list[str] = []
        self.senders: list[str | None] = []

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*answers[:-1], "250-PIPELINING", answers[-1]] if self.takes_together else answers

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.named.append(address)
        if address in self.to:
            return self.to[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 OK"
        if answer.startswith("250"):
            self.got.extend(envelope.rcpt_tos)
            self.senders.append(envelope.mail_from)
            self.content.append(envelope.original_content or b"")
        return answer


@contextlib.contextmanager
def mailing(port: int) -> Iterator[None]:
    mail = {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port,
        "EMAIL_USE_TLS": False, "EMAIL_HOST_USER": "", "EMAIL_TIMEOUT": 1,
    }  # fmt: skip
    with override_settings(**mail):
        yield


@pytest.fixture
def mail_server() -> Iterator[Server]:
    one = Server()
    controller = Controller(one, hostname="127.0.0.1", port=one.port)
    controller.start()
    with mailing(one.port):
        yield one
    controller.stop()


def test_a_server_that_says_less_than_before_is_heard_all_the_same(
    shop: Shop, counter: Counter, mail_server: Server
) -> None:
    """A connection is woken once all answers are there, by how long they were the last time: less is no silence."""
    mail_server.takes_together = True
    mail_server.data = [f"250 2.0.0 {'queued with many words ' * 5}{number}" for number in range(20)]
    decisions = decide(dispatched(), [settle(counter, number) for number in range(40)])
    send(count=1)
    assert len(mail_server.got) == 40
    assert final(shop) == dict.fromkeys(decisions, "accepted")


def test_one_refused_recipient_costs_nobody_else_anything(shop: Shop, counter: Counter, mail_server: Server) -> None:
    """https://github.com/mautic/mautic/issues/7226: everyone else in the batch was mailed endlessly."""
    decisions = decide(dispatched(), [settle(counter, number) for number in range(100)])
    mail_server.to[address(37)] = "554 no such user here"
    send()
    assert sorted(mail_server.got) == sorted(address(number) for number in range(100) if number != 37)
    assert final(shop)[decisions[37]] == "refused"
    assert outcomes(shop)[decisions[37]]["refused"] == "smtp_554"
    assert "here" not in str(outcomes(shop)), "what the server said is kept nowhere"
    send(now=NOW + 60 * MINUTES)
    assert len(mail_server.got) == 99, "nothing is repeated"


@pytest.mark.parametrize("takes_together", [False, True])
def test_a_message_arrives_as_it_was_written_and_a_refused_one_leaves_nothing_behind(
    shop: Shop, counter: Counter, mail_server: Server, *, takes_together: bool
) -> None:
    """Where a server takes commands together (RFC 2920) it hears of a refusal after it was asked for the content."""
    mail_server.takes_together = takes_together
    dots = TemplateText("\n.one\n.\n..two\n{{ name }}", "Dots")
    decisions = decide(dispatched(texts={"en": dots}), [settle(counter, number) for number in range(4)])
    mail_server.to[address(0)] = "550 no"
    mail_server.to[address(2)] = "451 later"
    send()
    assert sorted(mail_server.got) == [address(1), address(3)]
    assert all(b"\r\n\r\n\r\n.one\r\n.\r\n..two\r\n" in content for content in mail_server.content)
    assert final(shop) == {decisions[0]: "refused", decisions[1]: "accepted", decisions[3]: "accepted"}
    assert shop.value("select tries from messages_waiting") == 1


def test_the_next_message_begins_with_the_end_of_the_one_before_and_leaves_only_if_it_may(
    shop: Shop, counter: Counter, mail_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is given up when its campaign is stopped meanwhile, and whoever comes next gets theirs."""
    mail_server.takes_together = True
    monkeypatch.setattr(sending._Pace, "note", lambda self, _count, _seconds: setattr(self, "count", 5))
    other = uuid.uuid5(CAMPAIGN, "other")
    stays, stopped = dispatched(), dispatched(campaign=other)
    decisions = []
    for number in range(1, 7):
        dispatch, campaign = (stopped, other) if number == 4 else (stays, CAMPAIGN)
        at = NOW - MINUTES + dt.timedelta(seconds=number)
        decisions += decide(dispatch, [settle(counter, number)], campaign=campaign, not_before=at)
    real = MailPort.send

    def send_then_stop(self: MailPort, message: Ready) -> Result:
        result = real(self, message)
        if message.to is not None and message.to.reveal() == address(3):
            processes.wait_until(lambda: address(4) in mail_server.named, what="the next message begins")
            with entered(OFFICE):
                records.stop(other, by="bob", reason="a mistake", at=NOW)
            connections.close_all()  # this thread's
        return result

    monkeypatch.setattr(MailPort, "send", send_then_stop)
    with environment(COMPTOIR_MAIL_BOUNCES="bounces@shop.example"):
        send(count=1, fresh_seconds=0.0)
        senders = [envelopes.sender_of(each) for each in decisions]
    assert final(shop) == {each: "stopped" if number == 3 else "accepted" for number, each in enumerate(decisions)}
    assert mail_server.got == [address(number) for number in (1, 2, 3, 5, 6)]
    assert mail_server.senders == [*senders[:3], *senders[4:]], "each comes back by its own name"


def test_later_means_later_and_not_for_ever(shop: Shop, counter: Counter, mail_server: Server) -> None:
    (one,) = decide(dispatched(), [settle(counter, 1)])
    mail_server.to[address(1)] = "451 come back later"
    send()
    assert final(shop) == {}
    assert shop.value("select tries from messages_waiting") == 1
    send(now=NOW)
    assert shop.value("select tries from messages_waiting") == 1, "not before its time"
    now = NOW
    for _ in range(12):
        now += 600 * MINUTES
        send(now=now)
    assert final(shop) == {one: "refused"}
    assert mail_server.got == []


def test_a_greylisted_recipient_gets_it_the_second_time(shop: Shop, counter: Counter, mail_server: Server) -> None:
    (one,) = decide(dispatched(), [settle(counter, 1)])
    mail_server.data = ["451 greylisted"]
    send()
    send(now=NOW + 2 * MINUTES)
    assert final(shop) == {one: "accepted"}
    assert mail_server.got == [address(1)]


@contextlib.contextmanager
def silent_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Have a server that says what a test wants, one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                with contextlib.suppress(OSError):
                    line, _ = listening.accept()
                    with line:
                        line.settimeout(5)
                        talk(line)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            is_over.set()
            thread.join()


def _say(line: socket.socket, *answers: bytes) -> None:
    file = line.makefile("rb")
    line.sendall(b"220 here\r\n")
    for answer in answers:
        file.readline()
        line.sendall(answer)


def test_a_server_that_never_answers_after_the_message_leaves_it_uncertain_and_it_is_not_repeated(
    shop: Shop, counter: Counter
) -> None:
    got: list[bytes] = []

    def talk(line: socket.socket) -> None:
        _say(line, b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
        with contextlib.suppress(TimeoutError):
            mine = b""
            while b"\r\n.\r\n" not in mine:
                mine += line.recv(65_536)
            got.append(mine)
            time.sleep(1.1)

    (one,) = decide(dispatched(), [settle(counter, 1)])
    (receipt,) = decide(dispatched(purpose="service", message_class="service"), [settle(counter, 2)], occurrence="r")
    with silent_server(talk) as port, mailing(port):
        send(count=1)
    assert b"canary" in b"".join(got)
    assert final(shop) == {one: "unknown"}, "an offer is not repeated"
    assert shop.rows("select decision, tries from messages_waiting") == [{"decision": receipt, "tries": 1}]


def test_a_server_that_hangs_up_before_the_message_has_certainly_not_taken_it(shop: Shop, counter: Counter) -> None:
    def talk(line: socket.socket) -> None:
        _say(line, b"250 hello\r\n", b"250 ok\r\n")

    decide(dispatched(), [settle(counter, 1)])
    with silent_server(talk) as port, mailing(port):
        send(count=1)
    assert final(shop) == {}
    assert shop.value("select tries from messages_waiting where taken_by is null") == 1


def test_a_server_that_talks_nonsense_takes_nothing(
    shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AWAY_SECONDS", (0.0, 0.0))
    decide(dispatched(), [settle(counter, 1)])
    with silent_server(lambda line: line.sendall(b"\x00\xffHTTP/1.1 200 OK\r\n\r\n")) as port, mailing(port):
        send(count=1)
    assert outcomes(shop) == {}, "nothing was even tried"
    assert shop.value("select tries from messages_waiting where taken_by is null") == 0


def test_a_consent_taken_back_between_taking_up_and_sending_counts(shop: Shop, counter: Counter) -> None:
    """https://github.com/parcelvoy/platform/issues/442: mailed after unsubscribing. Here: after it was taken up."""
    got: list[uuid.UUID] = []

    class Port:
        def open(self) -> None:
            """Take everything."""

        def send(self, message: Ready) -> Result:
            got.append(message.decision)
            if len(got) == 1:
                agree(counter, 1, holds=False, at=NOW)
                agree(counter, 2, holds=False, at=NOW)
            return Result("accepted")

        def close(self) -> None:
            """Nothing was opened."""

    customers = [settle(counter, number) for number in range(3)]
    agree(counter, 0, at=NOW)
    decisions = [decide(dispatched(), [each])[0] for each in customers]
    send(make_port=Port, count=1, fresh_seconds=0.0)
    first = got[0]
    withdrawn = {decisions[1], decisions[2]} - {first}
    assert not withdrawn & set(got), "no message leaves after the withdrawal"
    assert {outcomes(shop)[each]["suppressed"] for each in withdrawn} == {"consent"}


def test_a_stop_acts_within_a_second_however_slow_the_network_is(shop: Shop, counter: Counter) -> None:
    got: list[float] = []

    class Port:
        def open(self) -> None:
            """Take everything, slowly."""

        def send(self, message: Ready) -> Result:
            time.sleep(0.05)
            got.append(time.monotonic())
            return Result("accepted")

        def close(self) -> None:
            """Nothing was opened."""

    decisions = decide(dispatched(), [settle(counter, number) for number in range(60)])
    sender = Sender("mail", make_port=Port, count=2)
    running = threading.Thread(target=_run, args=(sender,))
    running.start()
    processes.wait_until(lambda: len(got) >= 6, what="some to be sent")
    with entered(OFFICE):
        records.stop(CAMPAIGN, by="zoe", reason="the price was wrong", at=SYSTEM_CLOCK.now())
    stopped = time.monotonic()
    running.join()
    assert max(got) - stopped < 1.0
    kinds = list(final(shop).values())
    assert len(kinds) == len(decisions)
    assert kinds.count("stopped") == len(decisions) - len(got) > 20


def _run(sender: Sender) -> None:
    from django.db import connections

    sender.run(until_idle=True)
    connections.close_all()


# -- text messages ----------------------------------------------------------------------------------------------------


class Provider:
    """A provider of text messages whose answers a test gives: status and body, or ``None`` to hang up."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes] | None] = []
        self.got: list[dict[str, Any]] = []


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    import msgspec

    one = Provider()
    monkeypatch.setattr(texts, "SECONDS_MAX", 1.0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            one.got.append(said | {"key": self.headers["Authorization"]})
            answer = one.answers.pop(0) if one.answers else (200, b'{"status": "queued"}')
            if answer is None:
                time.sleep(1.5)
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    with environment(COMPTOIR_TEXTS_URL=f"http://key@127.0.0.1:{served.server_port}/send#Shop"):
        yield one
    served.shutdown()
    thread.join()
    served.server_close()


def texted(counter: Counter, number: int = 1) -> uuid.UUID:
    to = settle(counter, number, channel="message", email=None, phone=f"+33 6 12 34 56 0{number}")
    sms = {"en": TemplateText("{{ percent }} % off.")}
    return decide(dispatched(channel="message", texts=sms), [to])[0]


def test_a_text_message_says_why_and_how_to_end_it(shop: Shop, counter: Counter, provider: Provider) -> None:
    one = texted(counter)
    send("message")
    assert final(shop) == {one: "accepted"}
    (got,) = provider.got
    assert got["to"] == "+33612345601"
    assert got["from"] == "Shop"
    assert got["key"] == "Bearer key"
    assert got["text"].startswith("20 % off.\nYou get this because you asked for offers on coffee, on May 3, 2024.")
    assert got["text"].endswith("Answer STOP to end this.")
    assert "/messages/why/" in got["text"]


@pytest.mark.parametrize(
    ("answer", "ended", "reason"),
    [
        ((200, b""), "accepted", ""),
        ((202, b'{"id": 7}'), "accepted", ""),
        ((200, b"<html>It works!</html>"), "unknown", "nonsense"),
        ((200, b'{"status": "rejected"}'), "refused", "provider"),
        ((422, b'{"to": "+33612345601"}'), "refused", "http_422"),
        ((500, b"oops"), "unknown", "http_500"),
        ((302, b""), "unknown", "http_302"),
        (None, "unknown", "slow"),
    ],
)
def test_whatever_a_provider_answers_a_message_is_answered_for_once(
    shop: Shop, counter: Counter, provider: Provider, answer: tuple[int, bytes] | None, ended: str, reason: str
) -> None:
    provider.answers = [answer]
    one = texted(counter)
    send("message", count=1)
    assert outcomes(shop)[one] == {"attempted": "", ended: reason}
    send("message", now=NOW + 60 * MINUTES)
    assert len(provider.got) == 1, "nothing that may have been taken is sent again"


def test_a_provider_with_too_much_to_do_is_asked_again_with_the_same_number(
    shop: Shop, counter: Counter, provider: Provider
) -> None:
    provider.answers = [(429, b""), (200, b"")]
    one = texted(counter)
    send("message")
    send("message", now=NOW + 2 * MINUTES)
    assert final(shop) == {one: "accepted"}
    assert len({each["id"] for each in provider.got}) == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_provider_whose_answer_trickles_holds_no_connection(
    shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    """Every byte in time, and the whole never: of its head, or of its body."""
    monkeypatch.setattr(texts, "SECONDS_MAX", 1.0)
    lasted: list[float] = []

    def talk(line: socket.socket) -> None:
        line.recv(65_536)
        began = time.monotonic()
        with contextlib.suppress(OSError):
            line.sendall(head)
            while time.monotonic() < began + 8:
                line.sendall(b"x")
                time.sleep(0.2)
        lasted.append(time.monotonic() - began)

    one = texted(counter)
    with silent_server(talk) as port, environment(COMPTOIR_TEXTS_URL=f"http://127.0.0.1:{port}/"):
        send("message", count=1)
    assert outcomes(shop)[one] == {"attempted": "", "unknown": "slow"}
    assert [each < 5 for each in lasted] == [True]


def test_of_an_endless_answer_only_the_beginning_is_read(shop: Shop, counter: Counter) -> None:
    given: list[int] = []

    def talk(line: socket.socket) -> None:
        line.recv(65_536)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        given.append(0)
        with contextlib.suppress(OSError):
            while given[-1] < 100_000_000:
                line.sendall(b" " * 65_536)
                given[-1] += 65_536

    one = texted(counter)
    with silent_server(talk) as port, environment(COMPTOIR_TEXTS_URL=f"http://127.0.0.1:{port}/"):
        send("message", count=1)
    assert outcomes(shop)[one] == {"attempted": "", "unknown": "nonsense"}
    assert [each < 50_000_000 for each in given] == [True]


def test_a_provider_that_cannot_be_reached_is_asked_again(shop: Shop, counter: Counter) -> None:
    texted(counter)
    with environment(COMPTOIR_TEXTS_URL=f"http://127.0.0.1:{processes.free_port()}/"):
        send("message", count=1)
    assert final(shop) == {}
    assert shop.value("select tries from messages_waiting") == 1


def test_a_channel_that_hangs_holds_up_no_other(
    shop: Shop, counter: Counter, provider: Provider, mail_server: Server
) -> None:
    provider.answers = [None] * 3
    for number in (1, 2, 3):
        texted(counter, number)
    (mail,) = decide(dispatched(), [settle(counter, 7)], occurrence="mail")
    hanging = threading.Thread(target=send, args=("message",))
    hanging.start()
    try:
        send()
        assert final(shop).get(mail) == "accepted"
    finally:
        hanging.join()
