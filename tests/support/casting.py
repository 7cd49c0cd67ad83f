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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS, handlers_for
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.programme import EarningRule, Programme, Programmes, Version
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
CURRENCY: Final = "USD"

#: Alice has a card and an account in the web shop; Bob has a card; Charlie is seen once and never again.
ALICE: Final[Reference] = {"kind": "card", "value": "alice"}
ALICE_ONLINE: Final[Reference] = {"kind": "web_account", "value": "alice@home"}
BOB: Final[Reference] = {"kind": "card", "value": "bob"}
BOB_ONLINE: Final[Reference] = {"kind": "web_account", "value": "bob@home"}
CHARLIE: Final[Reference] = {"kind": "card", "value": "charlie"}

TILL: Final = "/stores/330/tills/1"
OTHER_TILL: Final = "/stores/12/tills/4"
WEBSHOP: Final = "/webshop"
APP: Final = "/app/alice"
NEWSLETTER: Final = "/newsletter"
CONSOLE: Final = "/console"

#: When the stories of the tests happen, unless they say otherwise: a Monday at noon in the shop.
NOON: Final = dt.datetime(2024, 3, 4, 17, 0, tzinfo=dt.UTC)
#: When what happened then is heard of, unless a test says otherwise.
HEARD: Final = dt.datetime(2024, 3, 4, 17, 0, 5, tzinfo=dt.UTC)

_numbers = itertools.count(1)
_PLACES: Final = (("/stores/", "till"), ("/webshop", "webshop"), ("/app/", "app"), ("/newsletter", "newsletter"),
                  ("/console", "console"))  # fmt: skip

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


def redeem(
    points: int,
    *,
    of: Reference = ALICE,
    source: str = TILL,
    at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:
    """Spend points now."""
    return event("points.redeem", {"customer": of, "points": points}, source=source, at=at, id=id)


def reserve(
    points: int, name: str, *, of: Reference = ALICE, seconds: int = 600, source: str = TILL, at: dt.datetime = NOON,
    id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    """Hold points under a name."""
    data = {"customer": of, "points": points, "reservation": name, "expires_in": seconds}
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


def subscribed(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody subscribed to the newsletter."""
    return event("newsletter.subscribed", {"customer": of, "list": "weekly"}, source=NEWSLETTER, at=at, id=id)


def reviewed(*, of: Reference = ALICE, at: dt.datetime = NOON, id: str | None = None) -> Event:  # noqa: A002
    """Somebody published a review."""
    return event("review.published", {"customer": of, "product": "bread"}, source=WEBSHOP, at=at, id=id)


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
    return Reader(compile_map(declared), key=IDENTIFIER_KEY)


def read(by: Reader, *said: Mapping[str, Any], received_at: dt.datetime = HEARD) -> list[Arrival]:
    """Read events, each for the touchpoint of its source; an assertion if one is refused at the door."""
    arrivals = []
    for each in said:
        one = by.read(json.dumps(each).encode(), by.map.touchpoint(touchpoint_of(each)), received_at)
        assert not isinstance(one, Refused), f"refused at the door: {one.problem.as_members()}"
        arrivals.append(one)
    return arrivals
