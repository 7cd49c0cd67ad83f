"""Text messages by SMPP 3.4, through aiosmpplib: one bound connection, answered for message by message.

The library's loop runs in a thread of its own. A message counts as accepted when the centre has answered so; one that
was on its way when the connection was lost is uncertain. One that has not left within :data:`LEAVE_SECONDS_MAX` is
given up: the library keeps it in its queue while it has no connection, and is refused it when it has one again. All
that is known of a message on its way is kept in the loop's thread. What people answer comes over the same connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from aiosmpplib import ESME, NPI, TON, DeliverSm, PhoneNumber, SmppCommandStatus, SubmitSm, SubmitSmResp
from aiosmpplib.hook import AbstractHook
from aiosmpplib.state import SmppSessionState

from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.ports import PortAway

_log = logging.getLogger("comptoir.messages")
BIND_SECONDS_MAX: Final = 5.0
_FAREWELL_SECONDS_MAX: Final = 2.0
ANSWER_SECONDS_MAX: Final = 15.0
#: So long a message may wait for the library; then whether it may leave would have to be asked anew.
LEAVE_SECONDS_MAX: Final = 1.0
#: What a centre says when it has too much to do.
_LATER: Final = frozenset({"ESME_RTHROTTLED", "ESME_RMSGQFUL"})


class _GivenUp(ValueError):  # noqa: N818 - a ValueError alone does not end the library's connection
    """Nobody waits for this message any more, or it would leave too late: it does not leave."""


@dataclass
class _Handed:
    """A message that the library was given: until when it may leave, whether it has, and what is heard of it."""

    answer: asyncio.Future[Result]
    leave_until: float
    has_left: bool = False


class SmppPort:
    """One connection to a centre, bound to send and to receive."""

    def __init__(self, url: str) -> None:
        """Take the address: user, password, host, port, and the sender's name or number as its fragment."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port or 2775
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = unquote(parts.fragment)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._esme: Any = None
        self._handed: dict[str, _Handed] = {}

    def open(self) -> None:
        """Be bound. Raises :class:`PortAway`."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="smpp", daemon=True)
            self._thread.start()
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        bound = asyncio.run_coroutine_threadsafe(self._bound(), self._loop)
        if not bound.result():
            raise PortAway("not_bound")

    def send(self, message: Ready) -> Result:
        """Hand one message over and wait for the centre's answer."""
        assert self._loop is not None
        assert message.to is not None
        sender = PhoneNumber(self._sender, *_kind(self._sender))
        to = PhoneNumber(message.to.reveal().lstrip("+"), TON.INTERNATIONAL, NPI.ISDN)
        # The number is this try's own: what is left of an earlier one is not taken for it.
        submit = SubmitSm(
            short_message=message.text, source=sender, destination=to, log_id=str(uuid.uuid4()),
            auto_message_payload=True,
        )  # fmt: skip
        return asyncio.run_coroutine_threadsafe(self._hand_over(submit), self._loop).result()

    def close(self) -> None:
        """End the connection."""
        if self._loop is not None:
            with contextlib.suppress(Exception):
                asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=BIND_SECONDS_MAX)
            self._loop.call_soon_threadsafe(self._loop.stop)
            assert self._thread is not None
            self._thread.join()
            self._loop.close()
            self._loop = None

    def let_leave(self, key: str) -> None:
        """Let a message out, or raise :class:`_GivenUp`; called in the loop's thread, right before it is written."""
        handed = self._handed.get(key)
        if handed is None or asyncio.get_running_loop().time() > handed.leave_until:
            raise _GivenUp
        handed.has_left = True

    def answer(self, key: str, result: Result) -> None:
        """Say what became of a message, once; called in the loop's thread."""
        handed = self._handed.get(key)
        if handed is not None and not handed.answer.done():
            handed.answer.set_result(result)

    async def _hand_over(self, submit: Any) -> Result:
        loop = asyncio.get_running_loop()
        handed = self._handed[submit.log_id] = _Handed(loop.create_future(), loop.time() + LEAVE_SECONDS_MAX)
        try:
            await self._esme.broker.enqueue(submit)
            await asyncio.wait([handed.answer], timeout=LEAVE_SECONDS_MAX)
            if handed.has_left:
                await asyncio.wait([handed.answer], timeout=ANSWER_SECONDS_MAX)
            if handed.answer.done():
                return handed.answer.result()
            return Result("unknown", "no_answer") if handed.has_left else Result("again", "not_connected")
        finally:
            del self._handed[submit.log_id]

    async def _start(self) -> None:
        self._esme = ESME(
            smsc_host=self._host, smsc_port=self._port, system_id=self._user, password=self._password,
            hook=_Hook(self), log_level=logging.CRITICAL,
        )  # fmt: skip
        self._running = asyncio.create_task(self._esme.start())

    async def _stop(self) -> None:
        # A service that has gone away says no farewell: it is not waited for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._esme.stop(), _FAREWELL_SECONDS_MAX)
        others = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # The library lets its connection go, and the loop closes it in the next rounds.
        await asyncio.sleep(0.1)

    async def _bound(self) -> bool:
        end = asyncio.get_running_loop().time() + BIND_SECONDS_MAX
        while asyncio.get_running_loop().time() < end:
            if self._esme.session_state in {SmppSessionState.BOUND_TRX, SmppSessionState.BOUND_TX}:
                return True
            if self._running.done():
                self._running = asyncio.create_task(self._esme.start())
            await asyncio.sleep(0.05)
        return False


class _Hook(AbstractHook):  # type: ignore[misc]  # the wheel says nothing of its types
    """What the library tells of each message; it is told what a person answered, too."""

    def __init__(self, port: SmppPort) -> None:
        self._port = port

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:  # noqa: ARG002 - the shape
        """Let a message leave only while somebody waits for it."""
        if isinstance(smpp_message, SubmitSm):
            self._port.let_leave(smpp_message.log_id)

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:  # noqa: ARG002 - the shape
        if isinstance(smpp_message, SubmitSmResp):
            status = smpp_message.command_status
            name = getattr(status, "name", str(status))
            if status == SmppCommandStatus.ESME_ROK:
                self._port.answer(smpp_message.log_id, Result("accepted"))
            else:
                fate = "again" if name in _LATER else "refused"
                self._port.answer(smpp_message.log_id, Result(fate, name.lower()))  # type: ignore[arg-type]
        elif isinstance(smpp_message, DeliverSm) and not smpp_message.is_receipt():
            await asyncio.to_thread(_answered, smpp_message.source.number, smpp_message.short_message)

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:  # noqa: ARG002
        if isinstance(error, _GivenUp):
            result = Result("again", "not_connected")
        else:
            result = Result("refused", "text") if isinstance(error, ValueError) else Result("unknown", "lost")
        self._port.answer(smpp_message.log_id, result)


def _kind(sender: str) -> tuple[Any, Any]:
    digits = sender.lstrip("+").isdigit()
    return (TON.INTERNATIONAL, NPI.ISDN) if digits else (TON.ALPHANUMERIC, NPI.UNKNOWN)


def _answered(number: str, text: str) -> None:
    from django.db import connections  # noqa: PLC0415 - in a thread of its own

    from comptoir.vault.messages.texts import take_answer  # noqa: PLC0415 - they know each other

    try:
        take_answer(number, text)
    except Exception:  # noqa: BLE001 - one answer costs the connection nothing
        _log.exception("an answer to a text message")
    finally:
        connections.close_all()
