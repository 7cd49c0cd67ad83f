"""What a port is: it hands one message to a network, and says what became of it. Which port a channel has.

A port is used by one thread at a time. It raises nothing but :class:`PortAway`, and that only from ``open``: before
anything was handed over. Not here: the queue and what is written down (``sending.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, runtime_checkable

from django.conf import settings

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.messages.contracts import Ready, Result


class PortAway(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Whoever takes the messages cannot be reached at present; nothing was handed over. It says in a word why."""


class Port(Protocol):
    """A connection to whoever takes the messages of a channel."""

    def open(self) -> None:
        """Be ready to hand over; called before every few messages. Raises :class:`PortAway`."""
        ...

    def send(self, message: Ready) -> Result:
        """Hand one message over, once."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """A port that can begin with the next message while it gives one; it is never given before it is sent."""

    def expect(self, message: Ready | None) -> None:
        """Know which message comes after the one that is sent next; with none, what was begun is given up."""
        ...


class PagePort:
    """The customer's own page shows what was decided for it: nothing is handed to anybody."""

    def open(self) -> None:
        """Nothing is opened."""

    def send(self, message: Ready) -> Result:  # noqa: ARG002 - the shape
        """It stands on the page from now on."""
        return Result("accepted")

    def close(self) -> None:
        """Nothing was opened."""


#: Why a channel has nobody who would take its messages: no mail server, no provider of text messages.
Lack = Literal["", "no_server", "no_provider"]
FOLDER_BACKEND: Final = "comptoir.vault.credentials.mail.FolderBackend"


def lacks(channel: str) -> Lack:
    """Return why nobody takes a channel's messages in this shop, or nothing.

    Where a shop has a domain, a file in its folder is no message that somebody got. A process without the vault does
    not know what the vault has, and says nothing.
    """
    if not addresses.is_production() or VAULT not in addresses.rooms_here():
        return ""
    if channel == "mail" and settings.EMAIL_BACKEND == FOLDER_BACKEND:
        return "no_server"
    return "no_provider" if channel == "message" and not os.environ.get("COMPTOIR_TEXTS_URL") else ""


def port_of(channel: str) -> Port:
    """Make a port of a channel, by the shop's settings."""
    return _PORTS[channel]()


def _mail() -> Port:
    from comptoir.vault.messages.mail import MailPort  # noqa: PLC0415 - what a channel needs is loaded with it

    return MailPort()


def _texts() -> Port:
    from comptoir.vault.messages import texts  # noqa: PLC0415

    return texts.port()


def _push() -> Port:
    from comptoir.vault.messages.pushing import PushPort  # noqa: PLC0415

    return PushPort()


_PORTS: Final[Mapping[str, Callable[[], Port]]] = {"mail": _mail, "message": _texts, "app": _push, "web": PagePort}
