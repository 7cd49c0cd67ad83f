"""Campaigns for tests: people with addresses and consents, decisions of the office, and what became of them.

Not here: the mail server (``mailbox.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.test import override_settings

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import commands as records
from comptoir.counter.messages.contracts import Decision, Dispatch, TemplateText
from comptoir.doors.gateway.reading import Reader
from comptoir.foundation.kernel.clock import FixedClock
from comptoir.foundation.kernel.shop import secret
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.vault.contacts import commands
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.messages.sending import Sender
from support import casting
from support.casting import Counter
from support.mailbox import Mailbox, running_mailbox
from support.shop import Shop, environment

NOW = dt.datetime(2024, 5, 6, 9, 0, tzinfo=dt.UTC)
AGREED = dt.datetime(2024, 5, 3, 9, 0, tzinfo=dt.UTC)
CAMPAIGN = uuid.UUID(int=0xC0)
COFFEE = TemplateText("Hello {{ name | default: 'you' }}, {{ percent }} % off coffee.", "{{ percent }} % off")


@contextlib.contextmanager
def mailed(**given: str) -> Iterator[Mailbox]:
    """Have a mail server of one's own, to which the vault's letters go, and a gateway that never answers.

    ``given`` is what else stands in the environment, another gateway too.
    """
    with running_mailbox() as box:
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": box.port, "EMAIL_USE_TLS": False, "EMAIL_HOST_USER": "",
        }  # fmt: skip
        with override_settings(**mail), environment(**{"COMPTOIR_GATEWAY_URL": "http://127.0.0.1:9", **given}):
            yield box


def counter_of(shop: Shop) -> Counter:
    """Have a counter that makes ids with the shop's own key, as the vault does."""
    one = Counter(shop)
    one._reader = Reader(
        one._reader.map, key=secret("identifiers"), codes=casting.CODES, confirmations=casting.CONFIRMATIONS
    )
    return one


def user(number: int) -> uuid.UUID:
    """Return a user's id."""
    return uuid.UUID(int=0xA0000 + number)


def of(number: int) -> casting.Reference:
    """Return how an event names that user."""
    return {"kind": "user", "value": str(user(number))}


def customer(number: int) -> uuid.UUID:
    """Return the opaque customer that a user is."""
    return customers.customer_of_user(user(number))


def address(number: int) -> str:
    """Return a user's address."""
    return f"canary{number}@example.org"


def tell(counter: Counter, event: casting.Event) -> None:
    """Tell the counter something that it takes."""
    heard = dt.datetime.fromisoformat(event["time"]) + dt.timedelta(seconds=1)
    answer = counter.tell(event, received_at=heard)
    assert answer.problem is None, answer.problem


def settle(counter: Counter, number: int, *, channel: str = "mail", agrees: bool = True, **values: Any) -> uuid.UUID:
    """Let somebody be known, and agree to be written to; returns their customer."""
    given = {"email": address(number), "name": "Alice", **values}
    commands.keep(
        user(number), values=ContactValues.of(**given), purpose="sign_in", actor="customer", at=AGREED, proven=[]
    )
    tell(counter, casting.sale(f"s{number}", 100, of=of(number), at=AGREED))
    if agrees:
        agree(counter, number, channel=channel)
    return customer(number)


def agree(
    counter: Counter, number: int, *, holds: bool = True, channel: str = "mail", at: dt.datetime = AGREED
) -> None:
    """Give a consent, or take it back."""
    tell(counter, casting.consented("marketing", channel, of=of(number), holds=holds, at=at))


def dispatched(
    *,
    texts: Mapping[str, TemplateText] | None = None,
    channel: str = "mail",
    campaign: uuid.UUID = CAMPAIGN,
    **more: Any,
) -> uuid.UUID:
    """Have a template and a dispatch of it; returns its number."""
    number = uuid.uuid4()
    given = {"because": {"en": "you asked for offers on coffee"}, "values": {"percent": 20}, **more}
    with entered(OFFICE):
        version = records.write_template(
            f"coffee-{channel}", channel=channel, texts=texts or {"en": COFFEE}, by="zoe", at=NOW,
            examples={"percent": 10},
        )  # fmt: skip
        records.begin_dispatch(
            Dispatch(
                id=number, campaign=campaign, campaign_version=1, channel=channel, template=f"coffee-{channel}",  # type: ignore[arg-type]
                template_version=version, **given,
            ),
            at=NOW,
        )  # fmt: skip
    return number


def decide(
    dispatch: uuid.UUID, whom: Iterable[uuid.UUID], *, campaign: uuid.UUID = CAMPAIGN, **more: Any
) -> list[uuid.UUID]:
    """Decide to write to these customers; returns the decisions' numbers, in their order."""
    made = [
        Decision(
            id=uuid.uuid4(), campaign=campaign, campaign_version=1, customer=each, verdict="send", decided_at=NOW,
            dispatch=dispatch, **more,
        )
        for each in whom
    ]  # fmt: skip
    with entered(OFFICE):
        records.decide(made)
    return [each.id for each in made]


def send(channel: str = "mail", *, now: dt.datetime = NOW, **more: Any) -> int:
    """Send what is due."""
    from django.db import connections

    try:
        return Sender(channel, clock=FixedClock(now), **more).run(until_idle=True)
    finally:
        connections.close_all()


def outcomes(shop: Shop) -> dict[uuid.UUID, dict[str, str]]:
    """Return what became of every decision: the reasons by kind."""
    found: dict[uuid.UUID, dict[str, str]] = {}
    for row in shop.rows("select decision, kind, reason from messages_outcome order by decision, kind"):
        found.setdefault(row["decision"], {})[row["kind"]] = row["reason"]
    return found


def final(shop: Shop) -> dict[uuid.UUID, str]:
    """Return how each decision ended, which is by one outcome."""
    ends = {
        decision: [kind for kind in each if kind in {
            "accepted", "refused", "unknown", "suppressed", "stopped", "missed", "unreachable",
        }]
        for decision, each in outcomes(shop).items()
    }  # fmt: skip
    assert all(len(each) <= 1 for each in ends.values()), ends
    return {decision: each[0] for decision, each in ends.items() if each}
