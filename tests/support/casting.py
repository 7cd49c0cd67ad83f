"""The cast of the small world: who buys where, what they say in CloudEvents, and a counter that hears them.

Events enter as a gateway hands them on: read by the touchpoint's contract, recorded by ``events.commands.record``
in one transaction for each batch. Time is an argument. Not here: HTTP (``gateway.py``), what is expected
(``oracle.py``, ``invariants.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from comptoir.config.replaying.phone import SHOWN, Phone
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS, handlers_for
from comptoir.counter.customers import records
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.codes import Codes
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.programme import EarningRule, Programme, Programmes, Version
from comptoir.counter.loyalty.spending import Limits
from comptoir.counter.orders.codes import number_of
from comptoir.doors.gateway.reading import Reader, Refused
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.compiling import compile_map
from comptoir.foundation.touchpoints.reading import load_map
from support.shop import Shop

Event = dict[str, Any]
Reference = Mapping[str, str]

EXAMPLES: Final = Path(__file__).parents[2] / "src" / "comptoir" / "config" / "examples"
IDENTIFIER_KEY: Final = bytes(range(32))
CODES: Final = Codes(bytes(reversed(range(32))))
CONFIRMATIONS: Final = Confirmations(bytes(range(100, 132)))
#: What the cast shows to spend. A request says only that something is shown; whoever sends it fills in a fresh code.
PHONE: Final = Phone(CODES, identifier_key=IDENTIFIER_KEY)
CURRENCY: Final = "USD"

#: Alice has a card and an account in the web shop; Bob has a card; Charlie is seen once and never again.
ALICE: Final[Reference] = {"kind": "card", "value": "alice"}
ALICE_ONLINE: Final[Reference] = {"kind": "web_account", "value": "alice@home"}
BOB: Final[Reference] = {"kind": "card", "value": "bob"}
BOB_ONLINE: Final[Reference] = {"kind": "web_account", "value": "bob@home"}
CHARLIE: Final[Reference] = {"kind": "card", "value": "charlie"}


def card_of(number: int) -> Reference:
    """Return the card of somebody of a crowd."""
    return {"kind": "card", "value": f"somebody-{number}"}


TILL: Final = "/stores/330/tills/1"
OTHER_TILL: Final = "/stores/12/tills/4"
WEBSHOP: Final = "/webshop"
APP: Final = "/app/alice"
NEWSLETTER: Final = "/newsletter"
CONSOLE: Final = "/console"
VAULT: Final = "/vault"
STOREFRONT: Final = "/storefront"

#: When the stories of the tests happen, unless they say otherwise: a Monday at noon in the shop.
NOON: Final = dt.datetime(2024, 3, 4, 17, 0, tzinfo=dt.UTC)
#: When what happened then is heard of, unless a test says otherwise.
HEARD: Final = dt.datetime(2024, 3, 4, 17, 0, 5, tzinfo=dt.UTC)

_numbers = itertools.count(1)
_PLACES: Final = (("/stores/", "till"), ("/webshop", "webshop"), ("/app/", "app"), ("/newsletter", "newsletter"),
                  ("/console", "console"), ("/vault", "vault"), ("/storefront", "storefront"),
                  ("/square", "square"), ("/carried", "carried"))  # fmt: skip

#: One point for each dollar, a second one for fruit, half a point rounded up for flowers in spring, and activities.
RULES: Final = (
    EarningRule("base", 1, per="1.00"),
    EarningRule("fresh", 3, per="2.00", category="PRODUCE", rounding="nearest"),
    EarningRule("flowers", 1, per="7.00", category="FLORAL", rounding="up",
                starts=dt.date(2024, 3, 1), ends=dt.date(2024, 4, 30)),
    EarningRule("newsletter", 50, event="newsletter.subscribed"),
    EarningRule("review", 20, event="review.published"),
)  # fmt: skip
PROGRAMME: Final = Programme("Points", CURRENCY, "America/New_York", RULES, expires_after_months=12)
#: The second version gives two points for a dollar and lets them last half as long, from a midnight in the shop.
RICHER: Final = Programme(
    "Points", CURRENCY, "America/New_York", (EarningRule("base", 2, per="1.00"), *RULES[1:]), expires_after_months=6
)
RICHER_SINCE: Final = dt.datetime(2024, 3, 10, 5, 0, tzinfo=dt.UTC)
#: One point for each minor unit: whoever pays 100 has 100 points.
PLAIN: Final = Programme("Points", CURRENCY, "America/New_York", (EarningRule("base", 1, per="0.01"),))


def versions(*programmes: Programme, starts: Sequence[dt.datetime] = ()) -> Programmes:
    """Return programmes as versions of one, the later ones from these moments on."""
    return Programmes(
        [Version(each, since) for each, since in zip(programmes, [None, *starts], strict=True)]
    )  # fmt: skip


def identify(reference: Reference) -> str:
    """Return the opaque id of somebody of the cast, as this world's key makes it."""
    return str(customer_id(IDENTIFIER_KEY, reference["kind"], reference["value"]))


# -- what is said -------------------------------------------------------------------------------------------------


def event(kind: str, data: Mapping[str, Any], *, source: str, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002 - CloudEvents calls it so
    """Return an event; without ``id`` with one that nobody else has."""
    return {
        "specversion": "1.0",
        "id": id or f"e{next(_numbers)}",
        "source": source,
        "type": kind,
        "time": at.isoformat(),
        "data": {name: value for name, value in data.items() if value is not None},
    }


def line(amount: int, *, quantity: int = 1, category: str | None = None, product: str = "bread") -> dict[str, Any]:
    """Return a line of a sale; ``amount`` in minor units."""
    return {"product": product, "quantity": quantity, "amount": amount} | ({"category": category} if category else {})


def sale(
    receipt: str, amount: int | None = None, *, of: Reference | None = ALICE, lines: Sequence[Mapping[str, Any]] = (),
    source: str = TILL, at: dt.datetime = NOON, id: str | None = None, currency: str = CURRENCY,  # noqa: A002
) -> Event:  # fmt: skip
    """Somebody bought: for one amount, or these lines."""
    sold = [dict(each) for each in lines] or [line(amount or 0)]
    total = sum(each["amount"] for each in sold)
    data = {"receipt": receipt, "customer": of, "currency": currency, "total": total, "lines": sold}
    return event("sale.closed", data, source=source, at=at, id=id)


def ordered(order: str, *, lines: Sequence[Mapping[str, Any]] = (), basket: str | None = None) -> list[Event]:
    """Alice ordered: the vault places it, books it under its number, and has it paid."""
    number, goods = number_of(order), [dict(each) for each in lines] or [line(100)]
    sold = sale(number, lines=goods, source=VAULT)
    total = sold["data"]["total"]
    placed = {
        "order": order, "number": number, "currency": CURRENCY, "total": total, "lines": goods, "by": "pickup",
        "customer": ALICE, "store": "324", "basket": basket,
    }  # fmt: skip
    paid = {"order": order, "receipt": number, "legs": [{"means": "provider", "amount": total}]}
    if basket is not None:
        sold["data"]["basket"] = basket
    return [event("order.placed", placed, source=VAULT), sold, event("order.paid", paid, source=VAULT)]


def goods_back(
    receipt: str, *, sale: str, lines: Sequence[tuple[int, int, int]], source: str = TILL,
    sale_source: str | None = None, at: dt.datetime = NOON, id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Goods came back: ``lines`` of (number from 1, quantity, amount)."""
    back = [{"line": number, "quantity": quantity, "amount": amount} for number, quantity, amount in lines]
    reference = {"receipt": sale} | ({"source": sale_source} if sale_source else {})
    total = sum(amount for _, _, amount in lines)
    data = {"receipt": receipt, "sale": reference, "currency": CURRENCY, "total": total, "lines": back}
    return event("sale.returned", data, source=source, at=at, id=id)


def shown_at(source: str) -> Mapping[str, str] | None:
    """Return what a request says of the code that is shown there: at tills one is, elsewhere somebody has signed in."""
    return SHOWN if source.startswith("/stores/") else None


def redeem(
    points: int,
    *,
    of: Reference = ALICE,
    source: str = TILL,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Spend points now."""
    data = {"customer": of, "points": points, "proof": shown_at(source)}
    return event("points.redeem", data, source=source, at=at, id=id)


def reserve(
    points: int, name: str, *, of: Reference = ALICE, seconds: int = 600, source: str = TILL, at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Hold points under a name."""
    data = {
        "customer": of, "points": points, "reservation": name, "expires_in": seconds, "proof": shown_at(source),
    }  # fmt: skip
    return event("points.reserve", data, source=source, at=at, id=id)


def post(
    name: str,
    points: int | None = None,
    *,
    source: str = TILL,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Spend what is held, or part of it."""
    return event("points.post", {"reservation": name, "points": points}, source=source, at=at, id=id)


def void(name: str, *, source: str = TILL, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Give back what is held."""
    return event("points.void", {"reservation": name}, source=source, at=at, id=id)


def lease(
    points: int, name: str, *, of: Reference = ALICE, seconds: int = 86_400, source: str = TILL, at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Lease points to a till."""
    data = {"customer": of, "points": points, "lease": name, "expires_in": seconds, "proof": shown_at(source)}
    return event("points.lease", data, source=source, at=at, id=id)


def lease_renew(name: str, *, seconds: int = 86_400, source: str = TILL) -> Event:
    """Let a lease end later."""
    return event("points.lease_renew", {"lease": name, "expires_in": seconds}, source=source)


def lease_spend(
    name: str, points: int, sequence: int, *, source: str = TILL, at: dt.datetime = NOON, id: str | None = None  # noqa: A002
) -> Event:  # fmt: skip
    """Tell what was spent out of a lease."""
    return event("points.lease_spend", {"lease": name, "points": points, "sequence": sequence}, source=source, at=at,
                 id=id)  # fmt: skip


def lease_return(name: str, spends: int, *, source: str = TILL) -> Event:
    """Return a lease."""
    return event("points.lease_return", {"lease": name, "spends": spends}, source=source)


def lease_reconcile(name: str, *, spends: int | None = None, touchpoint: str = "till") -> Event:
    """Staff settle the lease of a till that does not come back."""
    data = {"touchpoint": touchpoint, "lease": name, "reason": "stolen", "spends": spends}
    return event("points.lease_reconcile", data, source=CONSOLE)


def adjust(points: int, *, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Staff add or take points."""
    return event(
        "points.adjust", {"customer": of, "points": points, "reason": "goodwill"}, source=CONSOLE, at=at, id=id
    )


def link(
    one: Reference,
    other: Reference,
    *,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
    source: str = APP,
) -> Event:
    """Two identifiers are one person."""
    data = {"identifier": one, "customer": other, "evidence": "signed in"}
    return event("identifier.linked", data, source=source, at=at, id=id)


def unlink(one: Reference, other: Reference, *, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """They are not, after all."""
    data = {"identifier": one, "customer": other, "evidence": "a mistake"}
    return event("identifier.unlinked", data, source=APP, at=at, id=id)


def undo(
    one: Reference,
    other: Reference,
    *,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
    source: str = STOREFRONT,
) -> Event:
    """The link was a mistake."""
    data = {"identifier": one, "customer": other, "evidence": "the customer's own page"}
    return event("link.undo", data, source=source, at=at, id=id)


def subscribed(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody subscribed to the newsletter."""
    return event("newsletter.subscribed", {"customer": of, "list": "weekly"}, source=NEWSLETTER, at=at, id=id)


def reviewed(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody published a review."""
    return event("review.published", {"customer": of, "product": "bread"}, source=WEBSHOP, at=at, id=id)


def closeness(closeness: str, *, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody comes closer, or steps back."""
    return event("closeness.changed", {"customer": of, "closeness": closeness}, source=VAULT, at=at, id=id)


def proven(
    over: int, *, of: Reference = ALICE, until: dt.datetime | None = None, at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Somebody has proven to be over an age."""
    data: dict[str, Any] = {"customer": of, "predicate": f"age_over_{over}", "method": "sd_jwt_vc"}
    return event("answer.proven", data | _until(until), source=VAULT, at=at, id=id)


def seen(
    over: int, *, of: Reference | None = ALICE, until: dt.datetime | None = None, at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Staff have seen that somebody is over an age."""
    data: dict[str, Any] = {"predicate": f"age_over_{over}", "by": "staff-7"}
    return event(
        "answer.seen", data | ({} if of is None else {"customer": of}) | _until(until), source=TILL, at=at, id=id
    )


def withdrawn(over: int, *, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody no longer wants an answer remembered."""
    return event("answer.withdrawn", {"customer": of, "predicate": f"age_over_{over}"}, source=VAULT, at=at, id=id)


def _until(until: dt.datetime | None) -> dict[str, str]:
    return {} if until is None else {"valid_until": until.isoformat()}


def limit(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None, **limits: Any) -> Event:  # noqa: A002
    """A customer says where and how much may be spent."""
    return event("spending.limited", {"customer": of, **limits}, source=STOREFRONT, at=at, id=id)


def confirmed(said: Event, *, at: dt.datetime = HEARD, by: Confirmations = CONFIRMATIONS, who: str = "") -> Event:
    """Return what a customer says about limits as the vault says it, after their passkey was asked.

    ``at`` is when it was asked, ``who`` the opaque id of the customer where this world's key does not make it.
    """
    data = said["data"]
    places = data.get("places")
    limits = Limits(
        data.get("locked", False), None if places is None else tuple(places), data.get("points_per_day"),
        data.get("points_without_passkey"),
    )  # fmt: skip
    value = by.confirm(who or identify(data["customer"]), said["id"], limits, at=at)
    return {**said, "source": VAULT, "data": {**data, "proof": {"kind": "confirmation", "value": value}}}


def cool(until: dt.datetime, *, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Something with which somebody signs in has changed."""
    return event("spending.cooled", {"customer": of, "until": until.isoformat()}, source=VAULT, at=at, id=id)


def freeze(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody says that it was not them."""
    return event("spending.frozen", {"customer": of}, source=VAULT, at=at, id=id)


def thaw(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """It was them after all."""
    return event("spending.thawed", {"customer": of}, source=VAULT, at=at, id=id)


def agreed(
    term: str,
    *,
    of: Reference = ALICE,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Customer and shop agree on terms."""
    proffer = uuid.uuid5(uuid.NAMESPACE_OID, f"{of} {term} {at}")
    record = records.agreement(name=proffer, term=term, at=at)
    data = {"customer": of, "proffer": str(proffer), "term": term, "record": record}
    return event("terms.agreed", data, source=STOREFRONT, at=at, id=id)


def ended(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """An agreement ends."""
    return event("terms.ended", {"customer": of}, source=STOREFRONT, at=at, id=id)


def consented(
    purpose: str,
    channel: str,
    *,
    of: Reference = ALICE,
    holds: bool = True,
    days: int | None = None,
    quiet_days: int | None = None,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Somebody consents, or consents no longer."""
    data = {
        "customer": of, "purpose": purpose, "channel": channel, "receipt": "0" * 64 if holds else None,
        "days": days, "quiet_days": quiet_days,
    }  # fmt: skip
    return event(f"consent.{'given' if holds else 'withdrawn'}", data, source=STOREFRONT, at=at, id=id)


def objected(
    *,
    of: Reference = ALICE,
    holds: bool = True,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Somebody objects, or objects no longer."""
    data = {"customer": of, "means": "gpc" if holds else None}
    return event(f"objection.{'made' if holds else 'withdrawn'}", data, source=STOREFRONT, at=at, id=id)


def persona(
    name: str,
    *,
    of: Reference = ALICE,
    persona: str | None = None,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Somebody wants a public name."""
    data = {"customer": of, "persona": persona or str(uuid.uuid4()), "name": name}
    return event("persona.choose", data, source=STOREFRONT, at=at, id=id)


def give_up(persona: str, *, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody does not want a public name any more."""
    return event("persona.give_up", {"customer": of, "persona": persona}, source=STOREFRONT, at=at, id=id)


def touchpoint_of(said: Mapping[str, Any]) -> str:
    """Return the touchpoint that says this, by its source."""
    return next(name for prefix, name in _PLACES if said["source"].startswith(prefix))


# -- a counter that hears it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the sender of one event is told: the bytes, the same as a mapping, and whether it was a repeat."""

    body: bytes
    is_repeated: bool

    @property
    def outcome(self) -> dict[str, Any]:
        """Return the outcome."""
        return dict(json.loads(self.body))

    @property
    def is_accepted(self) -> bool:
        """Tell whether the event was accepted."""
        return bool(self.outcome["status"] == "accepted")

    @property
    def problem(self) -> str | None:
        """Return the short name of the refusal, if there was one."""
        problem = self.outcome.get("problem")
        return None if problem is None else str(problem["type"]).rsplit(":", 1)[1]

    @property
    def balance(self) -> tuple[int, int, int] | None:
        """Return available, held and owed points, if the outcome has them."""
        told = self.outcome.get("balance")
        return None if told is None else (told["available"], told["held"], told["owed"])


class Counter:
    """A counter of a test's shop: batches of events in, answers out."""

    def __init__(
        self, shop: Shop, programmes: Programmes | None = None, *, connection: Connection | None = None
    ) -> None:
        """Decide by these programmes; by the plain one, if the test does not care."""
        self.shop = shop
        self.connection = connection or shop.connect()
        self.programmes = programmes or versions(PLAIN)
        self.handlers: HandlerMaker = handlers_for(self.programmes)
        self._reader = reader()

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def read(self, *said: Mapping[str, Any], received_at: dt.datetime = HEARD) -> list[Arrival]:
        """Read events as the gateway does; none of them may be refused at the door."""
        return read(self._reader, *said, received_at=received_at)

    def send(
        self, *said: Mapping[str, Any], received_at: dt.datetime = HEARD, is_trusting: bool = False
    ) -> list[Answer]:
        """Record one batch and return its answers. A trusting counter looks for repeats only when a key objects."""
        arrivals = self.read(*said, received_at=received_at)
        record(self.connection, arrivals, handlers=self.handlers, is_trusting=is_trusting)
        return [Answer(each.outcome, each.is_repeated) for each in arrivals]

    def tell(self, said: Mapping[str, Any], *, received_at: dt.datetime = HEARD) -> Answer:
        """Record one event and return its answer."""
        return self.send(said, received_at=received_at)[0]

    def balance(self, reference: Reference) -> tuple[int, int, int]:
        """Return what somebody's own account has: available, held, owed."""
        row = self.connection.execute(
            "select available, held, owed from loyalty_account where customer = %s", (identify(reference),)
        ).fetchone()
        return (0, 0, 0) if row is None else (row[0], row[1], row[2])


@functools.cache
def reader() -> Reader:
    """Return what reads events by the demo shop's map, with this world's key."""
    declared = load_map(EXAMPLES / "touchpoints.toml", types=EVENT_TYPES, products=PRODUCTS)
    return Reader(compile_map(declared), key=IDENTIFIER_KEY, codes=CODES, confirmations=CONFIRMATIONS)


def written(said: Mapping[str, Any], *, at: dt.datetime = HEARD) -> bytes:
    """Return an event as it is sent at a moment: where the customer shows a code, one that was made just then."""
    return PHONE.filled(json.dumps(said, separators=(",", ":")).encode(), at=at)


def read(by: Reader, *said: Mapping[str, Any], received_at: dt.datetime = HEARD) -> list[Arrival]:
    """Read events, each for the touchpoint of its source; an assertion if one is refused at the door."""
    arrivals = []
    for each in said:
        one = by.read(written(each, at=received_at), by.map.touchpoint(touchpoint_of(each)), received_at)
        assert not isinstance(one, Refused), f"refused at the door: {one.problem.as_members()}"
        arrivals.append(one)
    return arrivals
