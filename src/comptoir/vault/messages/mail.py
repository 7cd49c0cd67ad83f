"""E-mail through Django's back ends: the message as bytes, its headers, and what a server's answer means.

A message is written here and not by the library, which takes as long for it as for all the rest; a test holds the two
against each other. Whether a server that fell silent has taken a message is known by how far the conversation had come.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import email.header
import email.utils
import functools
import re
import select
import smtplib
import socket
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, NoReturn

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from comptoir.vault.messages import envelopes
from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.ports import PortAway, lacks

_SMTP: Final = "django.core.mail.backends.smtp.EmailBackend"
_OWN: Final = "comptoir.vault.messages.mail.CarefulBackend"
_LINE_MAX: Final = 998
#: What no mail server takes as it is: control characters but the tab and the end of a line.
_CONTROL: Final = bytes(each for each in (*range(32), 127) if each not in b"\t\n")
#: An address that stands in a header and an envelope as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9.!#$&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
#: Answers by which a server says "later", not "no".
_LATER: Final = range(400, 500)
#: Answers of RFC 5321: taken, go on with the content, this connection ends.
_TAKEN: Final = 250
_GO_ON: Final = 354
_CLOSING: Final = 421
_DONE: Final = frozenset({_TAKEN, 251, _GO_ON})
_GOOD: Final = (frozenset({_TAKEN}), frozenset({_TAKEN, 251}), frozenset({_GO_ON}))
_ANSWER: Final = re.compile(rb"[2-5][0-9][0-9](?:[ -].*)?\r?\n", re.DOTALL)
_ANSWER_BYTES_MAX: Final = 8_192
_ANSWER_LINES_MAX: Final = 100
#: A code and the end of its line.
_ANSWER_BYTES_MIN: Final = 4
#: So long answers are waited for that are shorter than ever before.
_HURRY_SECONDS: Final = 0.05
#: By these names urllib3 says, below whatever a provider's library makes of it, that there was no connection.
_UNCONNECTED: Final = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
_CAUSES_MAX: Final = 12


class _Answers:
    """A server's answers, line by line, with one call of the system for each packet.

    Whoever asks several things at once is woken when all answers are there, and not for each: a server mostly answers
    in as many bytes as the last time. Where it says less than ever before, that costs :data:`_HURRY_SECONDS`, once.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Read from a connection that nobody else reads from."""
        self._sock = sock
        self._rest = b""
        # Over TLS the system counts other bytes than the ones that are read here.
        self._is_plain = type(sock) is socket.socket
        self._wakes_at = 1
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        # So many answers are still to come of those that were asked for together, and so many bytes of them came.
        self._asked = self._due = 1
        self._bytes = 0
        #: The fewest bytes in which a server gave so many answers.
        self._fewest: dict[int, int] = {}

    def ask(self, count: int) -> None:
        """Expect so many answers."""
        self._asked = self._due = count
        self._bytes = len(self._rest)

    def end_answer(self) -> None:
        """Note that one of them was read to its end."""
        self._due -= 1
        if self._due == 0:
            self._fewest[self._asked] = min(self._bytes, self._fewest.get(self._asked, self._bytes))

    def readline(self, size: int = _ANSWER_BYTES_MAX) -> bytes:
        """Return the next line with its end, or its first ``size`` bytes; what is left when the connection ends."""
        line = self._rest
        while (end := line.find(b"\n") + 1) == 0 and len(line) < size and (taken := self._take(len(line))):
            line += taken
        end = min(end or len(line), size)
        self._rest = line[end:]
        return line[:end]

    def _take(self, have: int) -> bytes:
        """Wait for more."""
        if self._is_plain:
            certain = self._due * _ANSWER_BYTES_MIN - have if self._due > 1 else 1
            usual = self._fewest.get(self._asked, 0) - self._bytes if self._due > 1 else 1
            self._wake_at(max(1, certain, usual))
            if self._wakes_at > max(1, certain) and not self._poll.poll(_HURRY_SECONDS * 1_000):
                self._wake_at(1)
        taken = self._sock.recv(_ANSWER_BYTES_MAX)
        self._bytes += len(taken)
        return taken

    def _wake_at(self, count: int) -> None:
        if count != self._wakes_at:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            self._wakes_at = count

    def close(self) -> None:
        """Let go; the connection closes itself."""
        self._rest = b""


class CarefulConnection(smtplib.SMTP):
    """Knows whether the end of a message was sent: from then on nobody can say that it has not arrived."""

    is_given = False
    #: Sender, recipient and size of the message whose commands went with the end of the one before.
    begun: tuple[str, str, int] | None = None
    _is_in_data = False

    def getreply(self) -> tuple[int, bytes]:
        """Return an answer, as the library does; after STARTTLS nothing is left of what came before."""
        if self.file is None and self.sock is not None:
            self.file = _Answers(self.sock)
        return super().getreply()

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send a message's content, as the library does."""
        self.is_given, self._is_in_data = False, True
        try:
            answer = super().data(msg)
        finally:
            self._is_in_data = False
        self.is_given = False
        return answer

    def give(self, sender: str, to: str, content: bytes, *, ahead: tuple[str, str, int] | None = None) -> None:
        """Hand one message over, as ``sendmail`` does, in a third of its time; lines end with CR and LF.

        Where the server takes commands together (RFC 2920) they go in one packet, and those of the next message with
        the end of this one: ``ahead`` is its sender, recipient and size, and :attr:`begun` says so until it is given.
        Raises :class:`smtplib.SMTPResponseException` for a "no", :class:`smtplib.SMTPServerDisconnected` for anything
        that is no answer.
        """
        self.is_given = False
        begun, self.begun = self.begun, None
        assert begun in {None, (sender, to, len(content))}, "another message was begun"
        if self.helo_resp is None and self.ehlo_resp is None:
            self.ehlo_or_helo_if_needed()
        is_together = "pipelining" in self.esmtp_features
        if is_together:
            if begun is None:
                self._say("".join(self._commands(sender, to, len(content))).encode("ascii"), answers=len(_GOOD))
            codes = [self._answer() for _ in _GOOD]
            if codes[2] == _GO_ON and not all(code in _DONE for code in codes[:2]):
                self._say(b".\r\n")
                self._answer()
        else:
            codes = []
            for command in self._commands(sender, to, len(content)):
                self._say(command.encode("ascii"))
                codes.append(self._answer())
                if codes[-1] not in _DONE:
                    break
        refused = next((code for code, good in zip(codes, _GOOD, strict=False) if code not in good), None)
        if refused is not None:
            self._begin_anew(refused)
        content = content.replace(b"\n.", b"\n..")
        content += b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
        if ahead is not None and is_together:
            content += "".join(self._commands(*ahead)).encode("ascii")
            self.begun = ahead
        self.is_given = True
        self._say(content, answers=1 if self.begun is None else 1 + len(_GOOD))
        code = self._answer()
        self.is_given = False
        if code != _TAKEN:
            self._begin_anew(code)

    def _commands(self, sender: str, to: str, count: int) -> tuple[str, str, str]:
        size = f" size={count}" if "size" in self.esmtp_features else ""
        return f"mail FROM:<{sender}>{size}\r\n", f"rcpt TO:<{to}>\r\n", "data\r\n"

    def close(self) -> None:
        """End the connection at once, and with it what was begun."""
        self.begun = None
        super().close()

    def _begin_anew(self, code: int) -> NoReturn:
        if code == _CLOSING:
            self.close()
        elif self.begun is None:  # else the next one has begun anew by itself
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self.rset()
        raise smtplib.SMTPResponseException(code, b"")

    def _say(self, said: bytes, *, answers: int = 1) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        if self.file is not None:
            self.file.ask(answers)
        try:
            self.sock.sendall(said)
        except OSError:
            self.close()
            raise smtplib.SMTPServerDisconnected("not connected") from None

    def _answer(self) -> int:
        """Return an answer's number; what is none ends the connection."""
        for _ in range(_ANSWER_LINES_MAX):
            try:
                line = self.file.readline(_ANSWER_BYTES_MAX) if self.file is not None else b""
            except OSError:
                line = b""
            if not _ANSWER.match(line):
                break
            if line[3:4] != b"-":
                if self.file is not None:
                    self.file.end_answer()
                return int(line[:3])
        self.close()
        raise smtplib.SMTPServerDisconnected("no answer")

    def send(self, s: Any) -> None:
        """Send bytes or a command; within ``data`` the content is bytes, and its end goes with it."""
        if self._is_in_data and not isinstance(s, str):
            self.is_given = True
        super().send(s)


class CarefulSecureConnection(CarefulConnection, smtplib.SMTP_SSL):
    """The same, over TLS from the first byte."""


class CarefulBackend(EmailBackend):
    """Django's, on a connection that knows how far it came."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """Return the connection's class."""
        return CarefulSecureConnection if self.use_ssl else CarefulConnection


class Mail(EmailMultiAlternatives):
    """A message of one reader, written as bytes at once."""

    def __init__(self, ready: Ready) -> None:
        """Take what the reader gets; nothing of it is checked here but its lines."""
        assert ready.to is not None
        self.ready = ready
        super().__init__(
            ready.subject, ready.text, settings.DEFAULT_FROM_EMAIL, [ready.to.reveal()], headers=_headers(ready)
        )
        if ready.html:
            self.attach_alternative(ready.html, "text/html")
        # Providers answer with it (django-anymail); nobody is named by it.
        self.metadata = {"decision": str(ready.decision)}

    def message(self, *, policy: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """Return what back ends write: see :class:`Written`."""
        return Written(self)


class Written:
    """A message as bytes, in the shape in which Django's back ends ask for it."""

    def __init__(self, mail: Mail) -> None:
        """Write it at once."""
        self._bytes = written(mail.ready)

    def as_bytes(self, *, linesep: str = "\n") -> bytes:
        """Return it with such ends of lines."""
        return self._bytes if linesep == "\r\n" else self._bytes.replace(b"\r\n", linesep.encode())

    def as_string(self) -> str:
        """Return it as text: it has nothing but ASCII."""
        return self.as_bytes().decode("ascii")

    def get_charset(self) -> None:
        """Return nothing: it is ASCII."""


class MailPort:
    """One connection to the shop's mail server, or to its provider."""

    def __init__(self) -> None:
        """Open nothing yet. Raises :class:`BouncesInvalid`."""
        envelopes.mailbox()
        name = settings.EMAIL_BACKEND
        self._backend: Any = get_connection(_OWN if name == _SMTP else name, fail_silently=False)
        self._is_smtp = isinstance(self._backend, EmailBackend)
        #: Whether the provider was asked: what the library trips over before that has certainly not left.
        self._is_asked = True
        if hasattr(self._backend, "post_to_esp"):
            self._backend.post_to_esp = self._noting(self._backend.post_to_esp)
        # The message that comes after the one that is given next; and what was written and begun of one ahead.
        self._expected: Ready | None = None
        self._ahead: tuple[Ready, bytes] | None = None

    def _noting(self, post: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(post)
        def noted(*arguments: Any, **options: Any) -> Any:
            self._is_asked = True
            return post(*arguments, **options)

        return noted

    def expect(self, message: Ready | None) -> None:
        """Know which message comes after the one that is sent next; with none, what was begun is given up."""
        self._expected = message
        if message is None and self._has_begun():
            self._drop()

    def open(self) -> None:
        """Have a connection. Raises :class:`PortAway`, also in a shop with a domain and without a mail server."""
        if lack := lacks("mail"):
            raise PortAway(lack)
        try:
            self._backend.open()
        except (smtplib.SMTPException, OSError) as error:
            raise PortAway(type(error).__name__) from None

    def send(self, message: Ready) -> Result:
        """Hand one message over, once."""
        try:
            if self._is_smtp:
                if self._backend.connection is None:
                    self.open()
                self._give(message)
                return Result("accepted")
            self._is_asked = not hasattr(self._backend, "post_to_esp")
            count = self._backend.send_messages([Mail(message)])
        except PortAway as away:
            return Result("again", str(away).lower())
        except Exception as error:  # noqa: BLE001 - whatever a back end raises, each message is answered for
            return self._judge(error)
        return Result("accepted") if count else Result("again", "nothing_sent")

    def _give(self, message: Ready) -> None:
        """Give the back end's own connection what the back end would; to make it Django's way costs as much again."""
        assert message.to is not None
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] is not message:
            if self._has_begun():  # another one, which may not leave any more
                self._drop()
                self.open()
            ahead = (message, written(message))
        to = _ascii(message.to.reveal())
        # What comes back comes to the envelope's sender: one of its own for each, where the shop has such a mailbox.
        sender = _sender(message)
        connection = self._backend.connection
        if isinstance(connection, CarefulConnection) and _PLAIN.fullmatch(to):
            connection.give(sender, to, ahead[1], ahead=self._next())
        else:
            connection.sendmail(sender, [to], ahead[1])

    def _next(self) -> tuple[str, str, int] | None:
        """Write the message that is expected next; returns its sender, recipient and size, or nothing if it waits."""
        expected, self._expected = self._expected, None
        if expected is None or expected.to is None or not _PLAIN.fullmatch(to := expected.to.reveal()):
            return None
        try:
            self._ahead = (expected, written(expected))
        except Exception:  # noqa: BLE001 - its own turn comes, and says so
            return None
        return _sender(expected), to, len(self._ahead[1])

    def _has_begun(self) -> bool:
        return getattr(self._backend.connection, "begun", None) is not None if self._is_smtp else False

    def close(self) -> None:
        """End the connection."""
        if self._has_begun():
            self._drop()  # it waits for a message, and would take a farewell for one
        try:
            self._backend.close()
        except (smtplib.SMTPException, OSError):
            self._backend.connection = None

    def _judge(self, error: Exception) -> Result:
        """Return what an error means for a message; what a server said is passed on to nobody, since it quotes."""
        if not self._is_asked:
            return Result("refused", type(error).__name__.lower())
        if not self._is_smtp:
            return _of_provider(error)
        connection = self._backend.connection
        is_given = bool(getattr(connection, "is_given", False))
        code = _code(error)
        if code is not None and not is_given:
            if code in _LATER:
                self._drop()
                return Result("again", f"smtp_{code}")
            return Result("refused", f"smtp_{code}")
        self._drop()
        return Result("unknown", type(error).__name__.lower()) if is_given else Result("again", "disconnected")

    def _drop(self) -> None:
        """Begin anew with the next message: nobody knows what this connection would answer to what."""
        connection, self._backend.connection = self._backend.connection, None
        if connection is not None:
            connection.close()


def _sender(message: Ready) -> str:
    """Return the envelope's sender: one of each message's own, where the shop has such a mailbox."""
    return envelopes.sender_of(message.decision) or _envelope(_from(settings.DEFAULT_FROM_EMAIL))


def _code(error: Exception) -> int | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((int(code) for code, _ in error.recipients.values()), None)
    if isinstance(error, smtplib.SMTPResponseException):
        return int(error.smtp_code)
    return None


def _of_provider(error: Exception) -> Result:
    """Return what it means that a provider's back end raised something: by its status where there is one."""
    status = getattr(error, "status_code", None)
    if type(error).__name__ == "AnymailRecipientsRefused":
        return Result("refused", "recipient")
    if isinstance(status, int):
        if status == 429:  # too many requests
            return Result("again", "http_429")
        if 400 <= status < 500:
            return Result("refused", f"http_{status}")
        return Result("unknown", f"http_{status}")
    if _is_unconnected(error):
        return Result("again", "not_connected")
    return Result("unknown", type(error).__name__.lower())


def _is_unconnected(error: BaseException) -> bool:
    """Tell whether nobody was reached at all, so that nothing can have been taken: the library's error lies within."""
    if isinstance(error, OSError) and not isinstance(error, TimeoutError) and type(error).__module__ == "builtins":
        return True
    seen: list[object] = [error]
    for each in seen:
        if type(each).__name__ in _UNCONNECTED:
            return True
        inner = [getattr(each, "__cause__", None), getattr(each, "reason", None), *getattr(each, "args", ())]
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen][:_CAUSES_MAX]
        if len(seen) > _CAUSES_MAX:
            break
    return False


@functools.lru_cache(maxsize=4)
def _envelope(sender: str) -> str:
    return email.utils.parseaddr(sender)[1]


@functools.lru_cache(maxsize=1)
def _domain_of(sender: str) -> str:
    address = email.utils.parseaddr(sender)[1]
    return address.rpartition("@")[2].encode("idna").decode("ascii") or "localhost"


def _domain() -> str:
    return _domain_of(settings.DEFAULT_FROM_EMAIL)


@functools.lru_cache(maxsize=4)
def _from(sender: str) -> str:
    return str(sanitize_address(sender, "utf-8"))


# -- as bytes ---------------------------------------------------------------------------------------------------------


def _headers(ready: Ready) -> dict[str, str]:
    key = str(ready.key)
    return {
        "Message-ID": f"<{key}@{_domain()}>",
        "List-Unsubscribe": f"<{ready.url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Feedback-ID": f"{key}:comptoir",
    }


def written(ready: Ready) -> bytes:
    """Return a message as bytes (RFC 5322, RFC 2045): headers, then one part, or text and HTML as alternatives."""
    assert ready.to is not None
    sender = settings.DEFAULT_FROM_EMAIL
    named = [
        f"From: {_from(sender)}",
        f"To: {_ascii(ready.to.reveal())}",
        f"Date: {_date(int(time.time()))}",
        *[f"{name}: {value}" for name, value in _headers(ready).items()],
    ]
    rest = "\r\n".join(named)
    # What holds a line's end would be another header; the subject's own folding is made here.
    if not rest.count("\n") == rest.count("\r") == len(named) - 1:
        raise ValueError("a header has one line")
    lines = [f"Subject: {_unstructured(ready.subject)}", rest, "MIME-Version: 1.0"]
    if not ready.html:
        return _joined(lines, _part(ready.text, "plain"))
    boundary = f"=_{uuid.uuid4().hex}"
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
    parts = (_part(ready.text, "plain"), _part(ready.html, "html"))
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return _joined(lines, b"\r\n%b--%b--\r\n" % (body, boundary.encode()))


@functools.lru_cache(maxsize=4)
def _date(second: int) -> str:
    return email.utils.formatdate(second)


def _ascii(address: str) -> str:
    return address if _PLAIN.fullmatch(address) else str(sanitize_address(address, "utf-8"))


def _joined(lines: list[str], rest: bytes) -> bytes:
    return "\r\n".join(lines).encode("ascii") + b"\r\n" + rest


def _unstructured(text: str) -> str:
    text = " ".join(text.split())
    if text.isascii() and len(text) < _LINE_MAX - 20 and "=?" not in text:
        return text
    return email.header.Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _part(text: str, kind: str) -> bytes:
    """Return a part with its own headers: as it is where mail servers take it so, else encoded."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: "
    data = text.encode()
    is_short = len(data) <= _LINE_MAX or max(map(len, data.split(b"\n"))) <= _LINE_MAX
    if text.isascii() and is_short and len(data.translate(None, _CONTROL)) == len(data):
        return f"{head}7bit\r\n\r\n".encode() + data.replace(b"\n", b"\r\n")
    if sum(byte < 128 for byte in data[:2_000]) * 4 >= len(data[:2_000]) * 3:
        encoded = binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")
        return f"{head}quoted-printable\r\n\r\n".encode() + encoded
    return f"{head}base64\r\n\r\n".encode() + base64.encodebytes(data).replace(b"\n", b"\r\n")
