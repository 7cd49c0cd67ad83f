"""What the demo adds to the real sales, so that its pages show more than tills: made up, and the same every time.

The data set has sales only. Here some of its customers return an article, link the app or an account in the web
shop to their card, subscribe to the newsletter, publish a review, spend points at the till, or hold them while they
pay in the web shop. Some events are wrong on purpose, so that refusals can be seen. Chance comes from a hash of the
basket's or the card's number: the same basket always has the same consequences, and an id that begins with
``added-`` tells such an event from a real one. ``comptoir demo --plain`` leaves all of it out.

Not here: anything from the data set (``journey.py``).
"""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

from comptoir.config.replaying.journey import Basket, Line
from comptoir.config.replaying.phone import SHOWN
from comptoir.config.replaying.recordings import Event

WEBSHOP: Final = "/webshop"
NEWSLETTER: Final = "/newsletter"

#: How often something happens, in ten thousand of its occasions.
_APPS, _ACCOUNTS, _SUBSCRIPTIONS = 2_500, 2_000, 1_500
_RETURNS, _REVIEWS, _REDEMPTIONS, _HOLDS = 150, 120, 1_200, 400
_MISTAKES, _UNDECLARED = 25, 15
_OF: Final = 10_000

_POINTS_STEP: Final = 50
_POINTS_SPENT_MAX: Final = 500
_RETURNED_QUANTITY_MAX: Final = 20  # fuel is counted in thousandths, and nobody returns it
_HOLD_SECONDS: Final = 600


def with_additions(baskets: Iterable[Basket], *, open_from: dt.datetime | None = None) -> Iterator[Event]:
    """Yield the baskets' sales and what is added to them, in the order of time.

    From ``open_from`` on, there are also events that the door itself refuses (an undeclared field). Such an event
    leaves no trace, so that it is refused again each time, and a first load that is sent twice has none.
    """
    added = _Additions(open_from)
    for basket in baskets:
        yield from added.due(basket.time)
        added.consider(basket)
        yield basket.event()
    yield from added.due(None)


def plain(baskets: Iterable[Basket]) -> Iterator[Event]:
    """Yield the baskets' sales and nothing else."""
    return (basket.event() for basket in baskets)


class _Additions:
    """What follows from the baskets that were seen, waiting for its time."""

    def __init__(self, open_from: dt.datetime | None) -> None:
        self._open_from = open_from
        self._waiting: list[tuple[dt.datetime, int, Event]] = []
        self._order = itertools.count()
        self._seen: set[str] = set()
        self._accounts: dict[str, str] = {}
        # What a card has earned about: a point for a dollar, which the example programme is near enough to.
        self._points: collections.Counter[str] = collections.Counter()

    def due(self, before: dt.datetime | None) -> Iterator[Event]:
        """Yield what has its time before ``before``; all of it for ``None``."""
        while self._waiting and (before is None or self._waiting[0][0] < before):
            yield heapq.heappop(self._waiting)[2]

    def consider(self, basket: Basket) -> None:
        """Think of what follows from a basket."""
        card = basket.sale.customer.value
        if card not in self._seen:
            self._seen.add(card)
            self._meet(card, basket.time)
        self._spend(basket, card)
        self._points[card] += max(0, basket.sale.total) // 100
        self._return(basket)
        self._review(basket, card)
        self._err(basket, card)

    def _meet(self, card: str, at: dt.datetime) -> None:
        """Let a new card's holder join other channels in the next days."""
        customer = {"kind": "card", "value": card}
        if _drawn("app", card, _APPS):
            data = {
                "identifier": {"kind": "app", "value": _token("app", card)},
                "customer": customer,
                "evidence": "Scanned the card in the app",
            }
            source = f"/app/{_token('phone', card)}"
            self._add(f"app-{card}", source, "identifier.linked", at + dt.timedelta(hours=26), data)
        if _drawn("account", card, _ACCOUNTS):
            account = self._accounts[card] = _token("account", card)
            data = {
                "identifier": {"kind": "account", "value": account},
                "customer": customer,
                "evidence": "Entered the card's number while signed in",
            }
            self._add(f"account-{card}", WEBSHOP, "identifier.linked", at + dt.timedelta(hours=50), data)
        if _drawn("newsletter", card, _SUBSCRIPTIONS):
            data = {"customer": self._known_online_as(card), "list": "weekly offers"}
            self._add(f"newsletter-{card}", NEWSLETTER, "newsletter.subscribed", at + dt.timedelta(hours=75), data)

    def _spend(self, basket: Basket, card: str) -> None:
        """Let a customer with enough points spend some of them with the sale, or hold them for a payment online."""
        number = basket.sale.receipt
        points = min(self._points[card], _POINTS_SPENT_MAX) // _POINTS_STEP * _POINTS_STEP
        if not points:
            return
        customer = {"kind": "card", "value": card}
        if _drawn("redeem", number, _REDEMPTIONS):
            self._points[card] -= points
            data = {"customer": customer, "points": points, "receipt": number, "proof": SHOWN}
            self._add(f"redeem-{number}", basket.source, "points.redeem", _seconds_after(basket, 1), data)
        elif _drawn("hold", number, _HOLDS):
            online = self._known_online_as(card)
            reservation = f"checkout-{number}"
            data = {"customer": online, "points": points, "reservation": reservation, "expires_in": _HOLD_SECONDS}
            self._add(f"reserve-{number}", WEBSHOP, "points.reserve", _seconds_after(basket, 600), data)
            # Three of four pay; the fourth leaves the checkout.
            if _drawn("pay", number, 7_500):
                self._points[card] -= points
                data = {"reservation": reservation}
                self._add(f"post-{number}", WEBSHOP, "points.post", _seconds_after(basket, 690), data)
            else:
                data = {"reservation": reservation}
                self._add(f"void-{number}", WEBSHOP, "points.void", _seconds_after(basket, 840), data)

    def _return(self, basket: Basket) -> None:
        """Let one article of a basket come back to its store some days later."""
        sale = basket.sale
        if not _drawn("return", sale.receipt, _RETURNS):
            return
        lines = [
            (position, line)
            for position, line in enumerate(sale.lines, start=1)
            if line.amount > 0 and 1 <= line.quantity <= _RETURNED_QUANTITY_MAX
        ]
        if not lines:
            return
        position, line = lines[_chance("line", sale.receipt) % len(lines)]
        amount = line.amount // line.quantity
        data = {
            "receipt": f"R{sale.receipt}",
            "sale": {"receipt": sale.receipt},
            "store": sale.store,
            "currency": sale.currency,
            "total": amount,
            "lines": [{"line": position, "quantity": 1, "amount": amount}],
        }
        days = 1 + _chance("days", sale.receipt) % 5
        self._add(f"return-{sale.receipt}", basket.source, "sale.returned", _seconds_after(basket, days * 86_400), data)

    def _review(self, basket: Basket, card: str) -> None:
        if _drawn("review", basket.sale.receipt, _REVIEWS):
            best = max(basket.sale.lines, key=_amount)
            data = {"customer": self._known_online_as(card), "product": best.product}
            at = basket.time + dt.timedelta(hours=61)
            self._add(f"review-{basket.sale.receipt}", WEBSHOP, "review.published", at, data)

    def _err(self, basket: Basket, card: str) -> None:
        """Let somebody make a mistake, which the counter or the door refuses by name."""
        sale, number = basket.sale, basket.sale.receipt
        line = {"product": sale.lines[0].product, "quantity": 1, "amount": 100}
        if _drawn("currency", number, _MISTAKES):
            data: dict[str, Any] = {"receipt": f"E{number}", "currency": "EUR", "total": 100, "lines": [line]}
            self._add(f"euros-{number}", basket.source, "sale.closed", _seconds_after(basket, 5), data)
        if _drawn("beyond", number, _MISTAKES):
            whose = {"kind": "card", "value": card}
            data = {"customer": whose, "points": 1_000_000, "receipt": number, "proof": SHOWN}
            self._add(f"beyond-{number}", basket.source, "points.redeem", _seconds_after(basket, 7), data)
        if _drawn("number", number, _MISTAKES):
            # Somebody knows the number of a card, and has nothing to show.
            data = {"customer": {"kind": "card", "value": card}, "points": _POINTS_STEP, "receipt": number}
            self._add(f"number-{number}", basket.source, "points.redeem", _seconds_after(basket, 8), data)
        if self._open_from is not None and basket.time >= self._open_from and _drawn("field", number, _UNDECLARED):
            data = {
                "receipt": f"U{number}",
                "currency": sale.currency,
                "total": 100,
                "lines": [line],
                "weather": "rain",
            }
            self._add(f"undeclared-{number}", basket.source, "sale.closed", _seconds_after(basket, 9), data)

    def _known_online_as(self, card: str) -> dict[str, str]:
        account = self._accounts.get(card)
        return {"kind": "card", "value": card} if account is None else {"kind": "account", "value": account}

    def _add(self, name: str, source: str, type_: str, at: dt.datetime, data: Any) -> None:
        event = Event(id=f"added-{name}", source=source, type=type_, time=at, data=data)
        heapq.heappush(self._waiting, (at, next(self._order), event))


def _seconds_after(basket: Basket, seconds: int) -> dt.datetime:
    return basket.time + dt.timedelta(seconds=seconds)


def _amount(line: Line) -> int:
    return line.amount


def _chance(name: str, number: str) -> int:
    """Return a number that looks like chance and is always the same for the same name and number."""
    return int.from_bytes(hashlib.blake2b(f"{name} {number}".encode(), digest_size=8).digest())


def _drawn(name: str, number: str, of_ten_thousand: int) -> bool:
    return _chance(name, number) % _OF < of_ten_thousand


def _token(name: str, number: str) -> str:
    return hashlib.blake2b(f"{name} {number}".encode(), digest_size=6).hexdigest()
