"""The demo's own orders, from a basket to what comes back, and a sale of a till that is paid with everything.

All of it goes the ways of the house: gift cards are sold at tills, a basket is priced and held, money comes through the
payment provider that only pretends, staff lay ready and hand over, the returns desk of another store takes back, and
every means gets its part again. Each step is looked up before it is taken and has an id of its own, so whatever dies in
between goes on with the next demo, and a second one adds nothing. Who orders what is made up (``replaying/bought.py``).
Needs Django.
"""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import httpx
import msgspec

from comptoir.config.replaying import bought, promoted, sending
from comptoir.config.replaying.bought import Good, Part, Till
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.replaying.phone import Phone
from comptoir.config.replaying.recordings import Event
from comptoir.counter.customers.queries import customer_of_user, person_of
from comptoir.counter.giftcards import queries as giftcards
from comptoir.counter.giftcards.codes import KEY_NAME, GiftCardCodes
from comptoir.counter.loyalty.queries import wallet
from comptoir.counter.offers import contracts as offers
from comptoir.counter.offers.codes import code_of, lettered
from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.counter.orders.contracts import CANCEL, HAND_OVER, PACK
from comptoir.counter.orders.rules import Order
from comptoir.counter.sales import queries as sales
from comptoir.counter.sales import rules as returns
from comptoir.counter.sales.contracts import SALE_RETURNED
from comptoir.counter.sales.rules import Returned, Sale
from comptoir.doors.console import crediting
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.outbound import trusted
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Said, Trouble
from comptoir.vault.checkout import cards as checkout_cards
from comptoir.vault.checkout import commands, paying, returning
from comptoir.vault.checkout.contracts import CardWish, Recipient, Wish
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import keeping
from comptoir.vault.contacts.contracts import Hidden, PostalAddress
from comptoir.vault.payments import commands as payments
from comptoir.vault.payments import jobs, ports, pretend
from comptoir.vault.payments.models import Refund, Session

_log = logging.getLogger(__name__)
_ATTEMPTS_MAX: Final = 4
_ROUNDS_MAX: Final = 5
_SECONDS_MAX: Final = 10.0
_ASK_AGAIN_SECONDS: Final = 0.5
_LANGUAGES: Final = ("en", "fr", "ja")
_TILL: Final = "at a till"
#: Where the demo's parcels go.
_ADDRESS: Final = PostalAddress(("1 Main Street",), "Springfield", "US", "62701", "IL")
#: As the closing lines of the demo call states and means.
_STATES: Final = {
    "placed": "to be paid in the store", "paid": "paid", "packed": "laid ready", "handed_over": "handed over",
    "returned": "brought back whole", "cancelled": "cancelled",
}  # fmt: skip
_MEANS: Final = {
    "provider": "by card on the web", "gift_card": "by gift card", "points": "by points", "cash": "in cash",
    "card": "by card in the store", "by_hand": "by hand in the store",
}  # fmt: skip


class Went(msgspec.Struct, frozen=True):
    """What became of the demo's own orders: how many, by state, and how many of them something came back of.

    ``paid`` is what was paid with each means, ``returned`` what went back to each, in minor units; ``gift_cards`` were
    sold for ``gift_cards_sold`` and ``gift_cards_left`` is still on them. ``parcels`` are orders that are brought,
    and ``failed`` came to nothing by mistake.
    """

    orders: int
    parcels: int
    states: Mapping[str, int]
    back: int
    paid: Mapping[str, int]
    returned: Mapping[str, int]
    coupons: int
    gift_cards: int
    gift_cards_sold: int
    gift_cards_left: int
    till_returns: int
    failed: int


def sell(gateway_url: str, *, card: str, shelves: Mapping[str, Sequence[Good]], at: dt.datetime) -> Went | None:
    """Let everything happen that has not yet; ``None`` where there are no goods, or payments are not pretended.

    ``card`` plays the first part; ``at`` is when the demo was first opened.
    """
    with entered(VAULT):
        if not _pretends():
            return None
    cards = bought.players(card)
    plays = bought.parts(cards, shelves)
    if not plays:
        return None
    selling = _Selling(gateway_url, plays, cards[len(plays)], at=at)
    with entered(VAULT):
        selling.prepare()
        for part in plays:
            selling.play(part)
        selling.at_a_till()
        selling.settle()
        return selling.went()


def told(went: Went) -> list[str]:
    """Return in two lines what was ordered, paid with what, and what came back."""
    done = ", ".join(f"{count} {_STATES[name]}" for name, count in went.states.items())
    placed = (
        f"{went.orders} orders were placed at the checkout ({done}; {went.parcels} as parcels), and paid with"
        f" {_sums(went.paid)};"
        f" {went.coupons} of them with a coupon. {went.gift_cards} gift cards were sold for"
        f" {_dollars(went.gift_cards_sold)}, of which {_dollars(went.gift_cards_left)} are left."
    )
    back = (
        f"Of {went.back} orders something came back to another store, and {went.till_returns} sale of a till came"
        f" back whole. Given back: {_sums(went.returned)}."
    )
    return [placed, back, *([f"[red]{went.failed} steps failed[/]: see above."] if went.failed else [])]


def _sums(by_means: Mapping[str, int]) -> str:
    return ", ".join(f"{_MEANS[name]} {_dollars(amount)}" for name, amount in by_means.items()) or "nothing"


def _dollars(cents: int) -> str:
    return f"${cents / 100:,.2f}"


def gift_code(play: str) -> str:
    """Return the code of the gift card that a play has: as good as by chance, and the same every time in this shop."""
    secret = shop.remembered_secret(KEY_NAME)
    chance = hmac.digest(secret, f"demo {play}".encode(), hashlib.sha256)
    return GiftCardCodes.of_shop().sealed(lettered(chance[:10], 16))


def _pretends() -> bool:
    try:
        return ports.port().name == pretend.NAME
    except Problem:
        return False


class _Selling:
    """The demo's customers, tills and staff, at work."""

    def __init__(self, gateway_url: str, plays: Sequence[Part], at_till: str, *, at: dt.datetime) -> None:
        self._url = gateway_url
        self._plays = plays
        self._at = at
        self._coupons: dict[str, str] = {}
        self._failed = 0
        cards = [each.card for each in plays if each.play.customer]
        self._cards = list(dict.fromkeys(cards))
        self._users = promoted.readers(dict.fromkeys(self._cards, ""))
        keyring = Keyring.load()
        assert keyring is not None, "the demo's channels have their keys"
        self._keyring = keyring
        first = plays[0]
        self._till_sale = Till(
            at_till, first.store, first.elsewhere, max(first.goods, key=lambda good: good.price), 3,
            gift_code(_TILL), "",
        )  # fmt: skip

    # -- what has to be there before --------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Let customers sign in, tills sell gift cards, and staff give coupons."""
        keeping.prepare(at=SYSTEM_CLOCK.now())
        self._send(house.VAULT, bought.links(self._cards, self._users, at=self._at))
        sold = [
            bought.gift_card(
                each.play.name, gift_code(each.play.name),
                bought.PART_CENTS if each.play.card == "part" else bought.WHOLE_CENTS, store=each.store, at=self._at,
            )
            for each in self._plays if each.play.card
        ]  # fmt: skip
        first = self._plays[0]
        sold.append(bought.gift_card(_TILL, gift_code(_TILL), bought.PART_CENTS, store=first.store, at=self._at))
        self._at_tills(sold)
        self._send(house.CONSOLE, [bought.promotion(at=self._at)])
        whose = [(each.play.name, each.card) for each in self._plays if each.play.coupon]
        whose.append((_TILL, self._till_sale.card))
        said = [
            Said(
                offers.ISSUED,
                {"customer": {"kind": "card", "value": card}, "promotion": bought.PROMOTION},
                bought.request_id("coupon", name), self._at,
            )
            for name, card in whose
        ]  # fmt: skip
        answers = house.send_all(said, touchpoint=house.CONSOLE)
        for (name, _), answer in zip(whose, answers, strict=True):
            if answer.problem is None:
                self._coupons[name] = code_of(uuid.UUID(answer.event))
            else:
                self._refused(offers.ISSUED, answer.problem)
        self._send(house.STOREFRONT, [self._basket(each, 0) for each in self._plays])

    def _basket(self, part: Part, attempt: int) -> Event:
        codes = [self._coupons[part.play.name]] if part.play.name in self._coupons else []
        return bought.basket(part, attempt, codes, at=self._at)

    # -- one order --------------------------------------------------------------------------------------------------

    def play(self, part: Part) -> None:
        """Let one order go as far as it is to come."""
        try:
            row = self._ordered(part)
            if row is None or row.step == "over":
                return
            row = self._paid(row)
            order = orders.order(row.order)
            assert order is not None, "it is placed"
            if part.play.end == "cancelled":
                self._staff(CANCEL, {"order": str(row.order), "because": "by_staff"}, row)
            elif part.play.end != "paid":
                self._handed_over(part, row, order)
                if part.play.end in {"back", "all back"}:
                    self._back(part, row)
        except Problem as problem:
            self._failed += 1
            _log.warning("an order of the demo does not go on (%s: %s)", part.play.name, problem.name)

    def _ordered(self, part: Part) -> Checkout | None:
        """Return a play's order, placed now or before; ``None`` where every attempt came to nothing."""
        for attempt in range(_ATTEMPTS_MAX):
            order = bought.order_id(part.play, attempt)
            row = Checkout.objects.filter(order=order).first()
            if row is None:
                row = self._begun(part, attempt)
            if row.step != "over" or row.why == "cancelled":
                return commands.advance(order, now=SYSTEM_CLOCK.now())
        self._failed += 1
        return None

    def _begun(self, part: Part, attempt: int) -> Checkout:
        play, now = part.play, SYSTEM_CLOCK.now()
        if attempt:
            self._send(house.STOREFRONT, [self._basket(part, attempt)])
        user = self._users[part.card] if play.customer else None
        basket = str(bought.basket_id(play, attempt))
        address = _ADDRESS if play.parcel else None
        _, priced = commands.quote(
            basket, customers=commands.customers_of(user, None), now=now, to=address.country if address else None
        )
        points = min(bought.POINTS, self._points(part.card)) if play.points else 0
        worth = commands.point_worth(now=now) or 0
        if not worth or points < 10:
            points = 0
        wish = Wish(
            order=bought.order_id(play, attempt), basket=basket, digest=priced.digest, store=part.store,
            by="delivery" if address else "pickup",
            user=user, language=_LANGUAGES[len(play.name) % len(_LANGUAGES)], points=points,
            card=self._card(play, priced.total - points * worth), in_store=bool(play.taken),
            recipient=Recipient(Hidden(f"Reader {part.card}"), Hidden(f"reader-{part.card}@demo.example"),
                                None if address is None else Hidden(address)),
        )  # fmt: skip
        row, _ = commands.begin(wish, now=now)
        return row

    def _points(self, card: str) -> int:
        """Return how many points somebody can spend, with all of their cards."""
        customer = customer_of_user(self._users[card])
        person = person_of(customer)
        return 0 if person is None else wallet(list(person.customers)).available

    def _card(self, play: bought.Play, due: int) -> CardWish | None:
        if not play.card or not checkout_cards.are_taken():
            return None
        found = giftcards.shown(gift_code(play.name), now=SYSTEM_CLOCK.now())
        if found is None or not min(found.available, due):
            return None
        return CardWish(found.card, found.number, min(found.available, due))

    def _paid(self, row: Checkout) -> Checkout:
        """Pay at the provider's, what is not paid in the store; returns the order as it is then."""
        if row.step != "placed" or row.said.get("in_store"):
            return row
        page = addresses.url_of(VAULT, f"/checkout/orders/{row.order}/")
        now = SYSTEM_CLOCK.now()
        if paying.begin(row, return_url=page, cancel_url=page, language=row.language, now=now):
            session = Session.objects.get(purpose=row.order, state="open")
            httpx.post(
                f"http://127.0.0.1:{pretend.public_port()}/control/sessions/{session.reference}/pay",
                headers={"authorization": f"Bearer {pretend.key_for_calls()}"}, timeout=_SECONDS_MAX, trust_env=False,
                verify=trusted(),
            ).raise_for_status()  # fmt: skip
            self._hear(row)
        return Checkout.objects.get(order=row.order)

    def _hear(self, row: Checkout) -> None:
        """Ask the provider how it went; one that was asked just now, before something died, is not asked at once."""
        deadline = time.monotonic() + _SECONDS_MAX
        while True:
            payments.look(row.order, now=SYSTEM_CLOCK.now())
            if Checkout.objects.get(order=row.order).step != "placed" or time.monotonic() > deadline:
                return
            time.sleep(_ASK_AGAIN_SECONDS)

    def _handed_over(self, part: Part, row: Checkout, order: Order) -> None:
        if order.state in {"placed", "paid"}:
            self._staff(PACK, {"order": str(row.order)}, row)
        if part.play.end == "waits" or order.was_handed_over:
            return
        if part.play.parcel:
            self._staff(HAND_OVER, {"order": str(row.order)}, row)
            return
        said: dict[str, Any] = {"code": pickup_code_of(row.order), "store": part.store}
        if part.play.taken:
            said["taken"] = {"means": part.play.taken, "amount": row.total}
            if part.play.taken == "card":
                said["taken"]["reference"] = f"T-{number_of(row.order)[:4]}"
        self._staff(HAND_OVER, said, row)
        if part.play.taken:
            self._look()  # what was paid in the store is booked by the clock

    def _back(self, part: Part, row: Checkout) -> None:
        """Let one piece come back to another store, or one after the other all of them."""
        receipt = number_of(row.order)
        for number, quantity in enumerate(part.play.pieces, start=1):
            pieces = quantity if part.play.end == "all back" else 1
            self._returned(
                (house.vault_source(), receipt), {number: pieces}, store=part.elsewhere,
                refund="by_hand" if part.play.taken else "as_paid", name=f"{part.play.name} {number}", at=_since(row),
            )  # fmt: skip
            if part.play.end == "back":
                return

    def _returned(
        self, key: tuple[str, str], pieces: Mapping[int, int], *, store: str, refund: str, name: str, at: dt.datetime
    ) -> None:
        """Take pieces of a sale back at the returns desk, unless that was done."""
        identity = bought.request_id("return", name)
        receipt = f"R-{number_of(identity)}"
        sale, before = _sale(key)
        if sale is None or any(each.receipt == receipt for each in before):
            return
        goods = [Returned(line, quantity, 0) for line, quantity in pieces.items()]
        amounts = returns.worth(sale, before, goods)
        data = {
            "receipt": receipt, "sale": {"receipt": sale.receipt, "source": sale.source}, "currency": sale.currency,
            "total": sum(amounts), "store": store, "reason": "unwanted", "refund": refund,
            "lines": [
                {"line": each.line, "quantity": each.quantity, "amount": amount}
                for each, amount in zip(goods, amounts, strict=True)
            ],
        }  # fmt: skip
        self._ask(SALE_RETURNED, data, identity, at=at)

    # -- a sale at a till --------------------------------------------------------------------------------------------

    def at_a_till(self) -> None:
        """Sell something at a till, paid with a coupon, points, a gift card and cash, and take all of it back."""
        code = self._coupons.get(_TILL)
        if code is None:
            return
        sale = msgspec.structs.replace(self._till_sale, coupon_code=code)
        key = (bought.till(sale.store), bought.TILL_RECEIPT)
        if _sale(key)[0] is None:
            self._at_tills(bought.at_the_till(sale, at=self._at))
        self._returned(key, {1: sale.quantity}, store=sale.elsewhere, refund="by_hand", name=_TILL, at=self._at)
        self._at_tills(bought.back_at_the_till(sale, at=self._at))
        # As the desk does it: the card's part goes back onto it, and that of the points as points.
        sold, back = _sale(key)
        if sold is not None:
            problem = crediting.give_back(crediting.outstanding(sold, back), sale=sold)
            if problem is not None:
                self._refused("what goes back at the desk", problem)

    # -- what follows by itself --------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do now what the worker does each minute: money goes back, letters are sent."""
        for _ in range(_ROUNDS_MAX):
            self._look()
            jobs.tend(now=SYSTEM_CLOCK.now())
            if not Refund.objects.filter(state__in=("queued", "asked")).exists():
                return

    def _look(self) -> None:
        commands.look_at_due(money=paying.MONEY, now=SYSTEM_CLOCK.now())

    # -- what became of it -------------------------------------------------------------------------------------------

    def went(self) -> Went:
        """Return what became of everything."""
        ids = [bought.order_id(each.play, attempt) for each in self._plays for attempt in range(_ATTEMPTS_MAX)]
        rows = [row for row in Checkout.objects.filter(order__in=ids) if row.step != "over" or row.why == "cancelled"]
        states: collections.Counter[str] = collections.Counter()
        paid: collections.Counter[str] = collections.Counter()
        back: collections.Counter[str] = collections.Counter()
        came_back = 0
        for row in rows:
            order = orders.order(row.order)
            if order is None:
                continue
            states[order.state] += 1
            paid.update(order.paid_by)
            if row.why == "cancelled":
                back.update(row.said.get("back", {}))
                continue
            found = returning.came_back(row)
            came_back += bool(found)
            for each in found:
                back.update({"by_hand": each.amount} if each.back.refund == "by_hand" else each.parts)
        sold = [each.play for each in self._plays if each.play.card]
        cards = [giftcards.by_code(gift_code(each)) for each in (*(play.name for play in sold), _TILL)]
        till = _sale((bought.till(self._till_sale.store), bought.TILL_RECEIPT))[1]
        return Went(
            orders=len(rows), parcels=sum(row.by == "delivery" for row in rows),
            states=dict(sorted(states.items())), back=came_back,
            paid={name: amount for name, amount in sorted(paid.items()) if amount},
            returned={name: amount for name, amount in sorted(back.items()) if amount},
            coupons=sum(row.said["discount"] > 0 for row in rows), gift_cards=sum(each is not None for each in cards),
            gift_cards_sold=sum(bought.PART_CENTS if play.card == "part" else bought.WHOLE_CENTS for play in sold)
            + bought.PART_CENTS,
            gift_cards_left=sum(each.available for each in cards if each is not None), till_returns=len(till),
            failed=self._failed,
        )  # fmt: skip

    # -- saying it ---------------------------------------------------------------------------------------------------

    def _staff(self, kind: str, data: dict[str, Any], row: Checkout) -> None:
        """Say what staff do: of a parcel in the vault, where its address is, of everything else in the console."""
        place = house.VAULT if row.by == "delivery" and kind != CANCEL else house.CONSOLE
        self._ask(kind, data, bought.request_id(str(row.order), kind), at=_since(row), place=place)

    def _ask(
        self, kind: str, data: dict[str, Any], request: uuid.UUID, *, at: dt.datetime, place: str = house.CONSOLE
    ) -> None:
        """Say something as the staff's pages; said again it is the same."""
        answer = house.send(kind, data, touchpoint=place, request=request, at=at)
        if answer.problem is not None:
            self._refused(kind, answer.problem)

    def _refused(self, kind: str, problem: Trouble) -> None:
        self._failed += 1
        _log.warning("%s of the demo is refused (%s: %s)", kind, problem.name, problem.detail)

    def _send(self, touchpoint: str, events: Iterable[Event]) -> None:
        self._said(Keyring.of_one_key(house.key_path(touchpoint).read_text()), events)

    def _at_tills(self, events: Iterable[Event]) -> None:
        self._said(self._keyring, events)

    def _said(self, keyring: Keyring, events: Iterable[Event]) -> None:
        sender = sending.Sender(self._url, keyring, phone=Phone.of_shop(), in_flight=1)
        asyncio.run(sender.send(iter(promoted.in_order(events))))
        self._failed += sender.tally.refused_total


def _since(row: Checkout) -> dt.datetime:
    """Return when staff do something about an order: when it was paid, or placed."""
    return row.paid_at or row.created_at


def _sale(key: tuple[str, str]) -> tuple[Sale | None, list[returns.Return]]:
    """Return a sale by its source and receipt, with what has come back of it."""
    found = next((each for each in sales.found_by_receipt({key[1]}) if each.source == key[0]), None)
    return found, sales.returns_of([key]) if found is not None else []
