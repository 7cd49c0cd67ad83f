"""Text messages by SMPP 3.4, against a centre that speaks it by the letter of the standard, and can be in a mood."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import processes
from support.casting import Counter
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.messages import smpp
from comptoir.vault.messages.contracts import Ready, Result
from support.mailing import decide, dispatched, final, outcomes, send, settle

# The library lets its stream go without closing it, and the stream says so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function StreamWriter.__del__:pytest.PytestUnraisableExceptionWarning"
)
BIND, BIND_RESP, SUBMIT, SUBMIT_RESP = 0x09, 0x80000009, 0x04, 0x80000004
DELIVER, ENQUIRE, ENQUIRE_RESP, UNBIND, UNBIND_RESP = 0x05, 0x15, 0x80000015, 0x06, 0x80000006
THROTTLED, INVALID_DESTINATION = 0x58, 0x0B


class Centre:
    """A centre for text messages (SMPP 3.4, section 4): binds anybody, and answers each message as a test says."""

    def __init__(self) -> None:
        self.statuses: list[int | None] = []
        self.got: list[tuple[str, bytes]] = []
        self.lines: list[socket.socket] = []
        self.lets_in = True
        self._at_the_door: list[tuple[socket.socket, int]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        for line in self.lines:
            line.close()

    def drop(self) -> None:
        """Hang up, and leave whoever comes back at the door."""
        self.lets_in = False
        for line in self.lines:
            line.shutdown(socket.SHUT_RDWR)
        processes.wait_until(lambda: bool(self._at_the_door), what="the shop to come back")

    def let_in(self) -> None:
        """Bind whoever is at the door."""
        self.lets_in = True
        while self._at_the_door:
            line, sequence = self._at_the_door.pop()
            line.sendall(_unit(BIND_RESP, 0, sequence, b"centre\0"))

    def say(self, number: bytes, text: bytes) -> None:
        """Bring what somebody answered (deliver_sm)."""
        body = b"\0" + b"\x01\x01" + number + b"\0" + b"\0\0" + b"Shop\0" + b"\0\0\0" + b"\0\0" + b"\0\0\0\0"
        self.lines[-1].sendall(_unit(DELIVER, 0, 77, body + bytes([len(text)]) + text))

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self.lines.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, struct.error), line:
            while True:
                length, command, _, sequence = struct.unpack(">IIII", _exactly(line, 16))
                body = _exactly(line, length - 16)
                if command == BIND and not self.lets_in:
                    self._at_the_door.append((line, sequence))
                elif command == BIND:
                    line.sendall(_unit(BIND_RESP, 0, sequence, b"centre\0"))
                elif command == SUBMIT:
                    self._submit(line, sequence, body)
                elif command == ENQUIRE:
                    line.sendall(_unit(ENQUIRE_RESP, 0, sequence))
                elif command == UNBIND:
                    line.sendall(_unit(UNBIND_RESP, 0, sequence))

    def _submit(self, line: socket.socket, sequence: int, body: bytes) -> None:
        at = body.index(b"\0") + 3
        at = body.index(b"\0", at) + 3
        end = body.index(b"\0", at)
        self.got.append((body[at:end].decode(), body[end:]))
        status = self.statuses.pop(0) if self.statuses else 0
        if status is not None:
            line.sendall(_unit(SUBMIT_RESP, status, sequence, b"m1\0" if status == 0 else b""))


def _unit(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = line.recv(count - len(data))
        if not more:
            raise OSError("hung up")
        data += more
    return data


@pytest.fixture
def centre() -> Iterator[Centre]:
    one = Centre()
    with environment(
        COMPTOIR_TEXTS_URL=f"smpp://shop:secret@127.0.0.1:{one.port}#Shop", COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"
    ):
        yield one
    one.close()


def texted(counter: Counter, text: str = "20 % off.") -> uuid.UUID:
    to = settle(counter, 1, channel="message", email=None, phone="+33612345601")
    return decide(dispatched(channel="message", texts={"en": TemplateText(text)}), [to])[0]


def ready(number: str) -> Ready:
    """Return a message as a sender hands it to its port."""
    return Ready(
        decision=uuid.uuid4(), key=uuid.uuid4(), tries=0, is_service=False, to=Hidden(f"+{number}"), text="20 % off."
    )


@pytest.mark.parametrize(
    ("status", "ended", "reason"),
    [(0, "accepted", ""), (INVALID_DESTINATION, "refused", "esme_rinvdstadr"), (None, "unknown", "no_answer")],
)
def test_what_the_centre_answers_is_what_is_noted(
    shop: Shop, counter: Counter, centre: Centre, status: int | None, ended: str, reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(smpp, "ANSWER_SECONDS_MAX", 1.0)
    centre.statuses = [status]
    one = texted(counter)
    send("message", count=1)
    assert outcomes(shop)[one] == {"attempted": "", ended: reason}
    ((to, _),) = centre.got
    assert to == "33612345601"


def test_a_centre_with_too_much_to_do_is_asked_again(shop: Shop, counter: Counter, centre: Centre) -> None:
    centre.statuses = [THROTTLED]
    texted(counter)
    send("message", count=1)
    assert final(shop) == {}
    assert shop.value("select tries from messages_waiting") == 1


def test_what_was_given_up_does_not_leave_when_the_connection_is_back(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp, "ANSWER_SECONDS_MAX", 0.5)
    first, second = ready("33612345601"), ready("33612345602")
    port = smpp.SmppPort(f"smpp://shop:secret@127.0.0.1:{centre.port}#Shop")
    try:
        port.open()
        centre.drop()
        given_up = port.send(first)
        centre.let_in()
        port.open()
        assert [port.send(each).fate for each in (second, first)] == ["accepted", "accepted"]
    finally:
        port.close()
    # In its turn it would have left before the others; tried once more, it left once.
    assert [to for to, _ in centre.got] == ["33612345602", "33612345601"]
    assert given_up == Result("again", "not_connected")


def test_an_answer_over_the_same_connection_ends_it(shop: Shop, counter: Counter, centre: Centre) -> None:
    one = texted(counter, "やあ、20 % 引きです。")
    now = SYSTEM_CLOCK.now()
    port = smpp.SmppPort(f"smpp://shop:secret@127.0.0.1:{centre.port}#Shop")

    class Kept:
        """The port, which stays open for the answer."""

        open, send = port.open, port.send

        def close(self) -> None:
            """Not yet."""

    try:
        send("message", count=1, make_port=Kept, now=now)
        assert final(shop) == {one: "accepted"}
        centre.say(b"33612345601", b"Stop")
        processes.wait_until(lambda: "unsubscribed" in outcomes(shop)[one], what="the answer to be heard")
        centre.say(b"33612345602", b"Stop")
        processes.wait_until(
            lambda: shop.value("select count(*) from contacts_stopped") == 2, what="a number that nobody has"
        )
    finally:
        port.close()
