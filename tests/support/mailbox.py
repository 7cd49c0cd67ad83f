"""A real mail server for tests: it keeps every letter, as it came over the wire, with its envelope.

Not here: who is written to.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from support.processes import free_port, wait_until


class Mailbox:
    """What was taken: ``letters`` with their recipients, and ``wire``, every byte that came, greeting and envelope too.

    ``refuses`` makes it refuse recipients by quoting them, as servers do.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.letters: list[tuple[list[str], EmailMessage]] = []
        self.wire: list[tuple[str, str, bytes]] = []
        self.port = 0
        self.refuses = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or refuse it."""
        if self.refuses:
            return f"550 no such user {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take a letter."""
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.wire.append((str(session.host_name), f"{envelope.mail_from} {envelope.mail_options}", envelope.content))
        self.letters.append((list(envelope.rcpt_tos), letter))
        return "250 OK"

    def wait(self, count: int) -> EmailMessage:
        """Return the letter of this number, counted from one, once it is there."""
        wait_until(lambda: len(self.letters) >= count, what=f"letter {count}")
        return self.letters[count - 1][1]

    def headers(self) -> bytes:
        """Return what letters say of themselves: greeting, envelope's sender, every header but their recipients'."""
        told = []
        for (greeting, sender, _content), (_recipients, letter) in zip(self.wire, self.letters, strict=True):
            others = [f"{name}: {value}" for name, value in letter.items() if name != "To"]
            told.append("\n".join((greeting, sender, *others)))
        return "\n\n".join(told).encode()


def code_in(letter: EmailMessage) -> str:
    """Return the code that a letter says."""
    found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", str(letter.get_content()))
    assert found is not None, letter
    return found[0]


@contextlib.contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """Have a mail server on a free port of this machine."""
    box = Mailbox()
    box.port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
