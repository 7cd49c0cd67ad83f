"""The demo's own campaign, from a segment to a list, to messages, to coupons at tills, to what it changed.

All of it goes the ways of the house: the segment is defined, the list is frozen with a holdout, the coupons are issued,
the vault writes to each reader, tills redeem, and the console compares with those who were held out by chance. It is
dated within the days that the demo has loaded, so that there is an outcome to look at. The readers are made up, and so
is who of them comes (``replaying/promoted.py``). Needs Django.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.config.hands import CounterHands
from comptoir.config.replaying import promoted, sending
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.replaying.recordings import Entry
from comptoir.counter.audiences import rebuilding as audiences
from comptoir.counter.customers.queries import persons_of
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.messages import commands as templates
from comptoir.counter.messages import queries as messages
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.offers.codes import code_of
from comptoir.counter.offers.contracts import REDEEM
from comptoir.foundation.kernel import database, money, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.foundation.touchpoints import house
from comptoir.office.campaigns import commands, effects, queries, segmenting
from comptoir.office.campaigns.contracts import Counts, Variant, Version, Window
from comptoir.office.experiments.contracts import Effects
from comptoir.office.segments import commands as segments
from comptoir.office.segments import queries as segment_queries
from comptoir.vault.contacts import keeping, pending
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.messages.sending import Sender

NAME: Final = "Three dollars off, for whoever came"
HOLDOUT: Final = 0.25
PEOPLE_MIN: Final = 40
_SEGMENT: Final = "Came at least once"
_EXPRESSION: Final = "purchases_ever() >= 1"
_TEMPLATE: Final = "three-dollars"
_PURPOSE: Final = "a reader of the demo, made up"
_PORTION: Final = 400
_WAIT_SECONDS_MAX: Final = 60.0
#: As good as everybody: a basket that came back whole is no purchase.
_NEARLY: Final = 0.9
_PERSONS: Final = """
select count(distinct coalesce(m.person, s.customer)) from sales_sale s
left join customers_membership m on m.customer = s.customer where s.customer is not null
"""


class Promoted(msgspec.Struct, frozen=True):
    """How the demo's campaign went: people in the segment, written to, held out, and coupons redeemed.

    ``verdict`` is whether a person bought more: ``better``, ``worse`` or ``cannot_tell``; ``effect`` lies between
    ``low`` and ``high``, in the shop's currency for each person.
    """

    campaign: uuid.UUID
    matched: int
    sent: int
    held_out: int
    redeemed: int
    verdict: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None


def promote(gateway_url: str, *, until: dt.datetime) -> Promoted | None:
    """Let the demo's campaign happen in the days before ``until``; ``None`` if it has, or if too few people came.

    Raises :class:`TimeoutError` when the house does not catch up.
    """
    at = promoted.begins_at(until)
    tills = promoted.cards(at)
    with entered(OFFICE):
        if len(tills) < PEOPLE_MIN or any(each.content.name == NAME for each in queries.campaigns()):
            return None
    let_read(gateway_url, promoted.readers(tills))
    _send(gateway_url, house.CONSOLE, promoted.in_order([promoted.promotion(at=SYSTEM_CLOCK.now())]))
    with database.connect(COUNTER.role) as counter, database.connect(COUNTER.role) as reader:
        _let_count(counter, reader)
        campaign, counts = _freeze(counter, at=at)
    Sender("mail").run(until_idle=True)
    with entered(OFFICE):
        _wait_until(lambda: not messages.waiting(campaign), "sending the messages")
    redeemed = _let_redeem(gateway_url, campaign, tills, at=at)
    return _measured(Promoted(campaign, counts.matched, counts.sent, counts.held_out, redeemed, "cannot_tell"))


def let_read(gateway_url: str, readers: Mapping[str, uuid.UUID]) -> None:
    """Have a reader with an address for each card, who asked for offers."""
    now = SYSTEM_CLOCK.now()
    keeping.prepare(at=now)
    for some in _portions(readers):
        values = {
            user: ContactValues.of(name=f"Reader {card}", email=f"reader-{card}@demo.example")
            for card, user in some.items()
        }
        pending.keep_all(values, purpose=_PURPOSE, actor="operator", at=now)
    _send(gateway_url, house.VAULT, promoted.in_order(promoted.links(readers, at=now)))
    _send(gateway_url, house.STOREFRONT, promoted.in_order(promoted.consents(readers, at=now)))


def _let_count(counter: Connection, reader: Connection) -> None:
    """Wait until the figures know what was loaded; where no worker follows the log, make them."""
    with counter.transaction(), reader.transaction():
        audiences.begin(counter, reader)
    row = counter.execute(_PERSONS).fetchone()
    expected = row[0] if row else 0
    _wait_until(lambda: segment_queries.count(_EXPRESSION) >= _NEARLY * expected, "counting the customers")


def _freeze(counter: Connection, *, at: dt.datetime) -> tuple[uuid.UUID, Counts]:
    """Define the segment, write the text and the campaign, and freeze its list, as staff would have that day."""
    now = SYSTEM_CLOCK.now()
    with database.connect(OFFICE.role) as office:
        segment = segments.define(office, name=_SEGMENT, expression=_EXPRESSION, by=promoted.STAFF, at=now)
    programmes = find_programmes(counter)
    assert programmes is not None, "the demo has a programme"
    hands = CounterHands(counter, programmes)
    with entered(OFFICE):
        texts = {language: TemplateText(text, subject) for language, (subject, text) in promoted.TEXTS.items()}
        version = templates.write_template(_TEMPLATE, channel="mail", texts=texts, by=promoted.STAFF, at=now)
        content = Version(
            name=NAME, segment=str(segment.id), channel="mail", variants=(Variant("a", _TEMPLATE, version),),
            why=dict(promoted.WHY), promotion=promoted.PROMOTION, holdout=HOLDOUT,
            window=Window(from_hour=0, until_hour=24), days=promoted.DAYS, margin=0.3, cost_per_contact=0.02,
        )  # fmt: skip
        campaign = commands.write(content, campaign=None, after=0, by=promoted.STAFF, at=at)
        commands.launch(campaign, 1, by=promoted.STAFF, at=at)
        counts = commands.freeze(campaign, 1, now=at, segments=segmenting.OfTheOffice(at), coupons=hands.issue_all)
    assert counts is not None, "nobody else freezes it"
    return campaign, counts


def _let_redeem(gateway_url: str, campaign: uuid.UUID, tills: Mapping[str, str], *, at: dt.datetime) -> int:
    """Let some of those who were written to come with their coupon; returns how many did."""
    with entered(OFFICE):
        coupons = {each.customer: each.coupon for each in messages.decisions_of(campaign) if each.coupon is not None}
        key = shop.secret("identifiers")
        customers = {uuid.UUID(customer_id(key, "card", card)): card for card in tills}
        persons = persons_of(customers)
    codes = {card: code_of(coupons[persons[each]]) for each, card in customers.items() if persons[each] in coupons}
    entries = promoted.in_order(promoted.redemptions(codes, tills, at=at))
    keyring = Keyring.load()
    assert keyring is not None, "the demo's tills have their keys"
    # One request after the other: a coupon is redeemed before its basket is paid.
    sender = sending.Sender(gateway_url, keyring, in_flight=1)
    asyncio.run(sender.send(iter(entries)))
    return sum(entry.type == REDEEM for entry in entries) - sender.tally.refused_total


def _measured(went: Promoted) -> Promoted:
    """Return what the campaign changed, as its page tells it."""
    with entered(OFFICE):
        content = queries.version(went.campaign, 1).content
        people = effects.drawn_of(messages.decisions_of(went.campaign))
        found = effects.measure(
            people, effects.terms_of(content), minor_units=minor_units(), now=SYSTEM_CLOCK.now()
        ).effects  # fmt: skip
    return went if found is None else msgspec.structs.replace(went, **change_of(found))


def minor_units() -> int:
    """Return how many minor units one of the shop's currency has; a hundred where no programme says."""
    with database.connect(OFFICE.role) as office:
        programmes = find_programmes(office)
    return 100 if programmes is None else 10 ** money.exponent(programmes.currency)


def change_of(found: Effects) -> dict[str, Any]:
    """Return what the closing lines of the demo say of an arm: whether its interval leaves out 0, and on which side.

    It is the interval that decides on the arm's page as well; where there is too little for one, nobody can tell.
    """
    arm = found.arms[0]
    interval = found.interval(arm)
    if interval is None:
        return {"verdict": "cannot_tell"}
    low, high = interval
    verdict = "better" if low > 0 else "worse" if high < 0 else "cannot_tell"
    return {"verdict": verdict, "effect": arm.effect, "low": low, "high": high}


def _send(gateway_url: str, touchpoint: str, entries: Sequence[Entry]) -> None:
    key = house.key_path(touchpoint).read_text()
    asyncio.run(sending.Sender(gateway_url, Keyring.of_one_key(key), in_flight=2).send(iter(entries)))


def _portions(readers: Mapping[str, uuid.UUID]) -> Iterator[dict[str, uuid.UUID]]:
    items = iter(readers.items())
    while some := dict(itertools.islice(items, _PORTION)):
        yield some


def _wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS_MAX
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {_WAIT_SECONDS_MAX:.0f} seconds")
        time.sleep(0.2)
