"""Tickets: how somebody who is known in one room gets into another one, without a cookie that both could read.

From the vault outwards a ticket lets somebody in. From the counter into the vault it only says what the counter knows
(which card a browser was opened with, and when), and it is good in the one session of the vault that asked for it; or
it was asked for by nobody, and says whose device a browser names there (``vault/contacts/subscribing.py``).

A ticket is a signed value in the body of a top-level form, never in an address. It names one room, is good for a
minute and for one use: the receiving room writes its number down in a table of its own, whose key refuses a second
time. Each room has a key of its own (``ticket-NAME``), so that a room that is taken over can make tickets for nobody
but itself. Not here: who gets one (``vault/credentials``), the page that carries it (``web.py``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import secrets

import msgspec
from django.db import IntegrityError, transaction

from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import Room
from comptoir.foundation.rooms.models import ADMISSIONS
from comptoir.foundation.rooms.visits import Visit

LIFE = dt.timedelta(seconds=60)
_SKEW = dt.timedelta(seconds=5)
_SIGNATURE_BYTES = 32
_NUMBER_BYTES = 32


class TicketRefused(Problem):
    """This ticket does not open the room."""

    name = "ticket_refused"
    status = 403


class Ticket(msgspec.Struct, frozen=True):
    """What a ticket says: into which room, to which path there, who, until when; ``number`` is drawn for each one.

    ``asked_by`` is what the receiving room had said when it asked for the ticket, if it did.
    """

    room: str
    path: str
    visit: Visit
    issued_at: dt.datetime
    expires_at: dt.datetime
    number: bytes
    asked_by: str = ""


def is_path(path: str) -> bool:
    """Tell whether a text is a path within an origin, and not a way out of it."""
    return path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path


def issue_ticket(
    *, origin: Room, destination: Room, path: str, visit: Visit, now: dt.datetime, asked_by: str = ""
) -> str:
    """Return a ticket from one room into another, as text for a form's hidden field.

    Raises :class:`TicketRefused` where the declaration has no way from the one to the other, or for a path that leads
    out of the room.
    """
    if destination.name not in origin.leads_to:
        raise TicketRefused(f"The {origin.name} does not lead into the {destination.name}.")
    if not is_path(path):
        raise TicketRefused("The path leads out of the room.", field="path")
    ticket = Ticket(destination.name, path, visit, now, now + LIFE, secrets.token_bytes(_NUMBER_BYTES), asked_by)
    content = msgspec.json.encode(ticket)
    return base64.urlsafe_b64encode(_signature(destination, content) + content).decode()


def read(text: str, *, room: Room, now: dt.datetime) -> Ticket:
    """Return what a ticket says, without using it up. Runs in the receiving room.

    Raises :class:`TicketRefused` for a ticket that is not whole, not for this room, or too old.
    """
    try:
        data = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TicketRefused from None
    signature, content = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(room, content)):
        raise TicketRefused
    ticket = msgspec.json.decode(content, type=Ticket)
    if ticket.room != room.name or not ticket.issued_at - _SKEW <= now < ticket.expires_at:
        raise TicketRefused
    return ticket


def admit(text: str, *, room: Room, now: dt.datetime) -> Ticket:
    """Take a ticket: check it, write its number down, return what it says. Runs in the receiving room.

    Raises :class:`TicketRefused` for a ticket that is not whole, not for this room, too old, or used before; what is
    wrong is not told apart outside.
    """
    ticket = read(text, room=room, now=now)
    try:
        with transaction.atomic(using=room.name):
            ADMISSIONS[room.name].objects.create(
                ticket=hashlib.sha256(ticket.number).digest(), expires_at=ticket.expires_at
            )
    except IntegrityError:
        raise TicketRefused from None
    return ticket


def _signature(room: Room, content: bytes) -> bytes:
    return hmac.digest(shop.secret(f"ticket-{room.name}"), content, hashlib.sha256)
