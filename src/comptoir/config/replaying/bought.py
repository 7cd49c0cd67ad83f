"""What the demo's customers order in the web shop and buy with everything at a till: made up, the same every time.

A *play* is one order with all that follows from it: with what it is paid, how it gets to whom, what comes back. Who
plays, with which goods of which store, follows from the data set and a hash. Pure. Not here: the steps themselves
(``config/selling.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from comptoir.config.replaying import journey, promoted
from comptoir.config.replaying.phone import SHOWN
from comptoir.config.replaying.recordings import Event
from comptoir.counter.baskets.contracts import CHANGED
from comptoir.counter.customers.contracts import LINKED, USER_KIND
from comptoir.counter.giftcards import contracts as giftcards
from comptoir.counter.loyalty.contracts import REDEEM as POINTS_REDEEM
from comptoir.counter.offers import contracts as offers
from comptoir.counter.sales.contracts import SALE_CLOSED

#: So many points pay a part, where a play has points; whoever has fewer pays with none.
POINTS: Final = 50
#: What a gift card that pays a part is worth, in cents, and one that pays all of an order.
PART_CENTS, WHOLE_CENTS = 700, 10_000
#: What a coupon takes off, in cents, and from which sum on.
COUPON_CENTS, COUPON_FROM_CENTS = 500, 1_000
#: The receipt of the sale that a till has booked with everything, and of its return.
TILL_RECEIPT: Final = "demo-with-everything"
#: Whoever plays has bought for so much on the first day, in cents, so that there are points to pay with.
_FIRST_DAY_CENTS: Final = 6_000
_FIRST_DAY_BASKETS: Final = 400
#: An article costs so much, in cents, and so many pieces of it lie in the store.
_PRICES: Final = (400, 1_600)
_PIECES_MIN: Final = 6
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comptoir:demo:orders")
PROMOTION: Final = str(uuid.uuid5(_SPACE, "coupon"))

Card = Literal["", "part", "whole"]
#: How far an order comes: ``waits`` has nobody come yet, ``back`` is one piece that comes back, ``all back`` all of it.
End = Literal["paid", "waits", "handed over", "back", "all back", "cancelled"]


class Play(msgspec.Struct, frozen=True):
    """One order of the demo. ``pieces`` is how many of each article; ``taken`` with what it is paid in the store.

    ``customer`` is false for a stranger, who has no card and is not signed in; ``parcel`` is true for what is brought.
    """

    name: str
    end: End
    pieces: tuple[int, ...] = (1, 1)
    points: bool = False
    card: Card = ""
    coupon: bool = False
    taken: Literal["", "cash", "card"] = ""
    customer: bool = True
    parcel: bool = False


#: The first one is of the demo's own card, so that its holder has something to look at.
PLAYS: Final = (
    Play("everything, one back", "back", pieces=(2, 2), points=True, card="part", coupon=True),
    Play("everything, called off", "cancelled", pieces=(2, 1), points=True, card="part", coupon=True),
    Play("points", "handed over", points=True),
    Play("points, all back", "all back", points=True),
    Play("a part by gift card", "handed over", card="part"),
    Play("a part by gift card, one back", "back", card="part"),
    Play("all by gift card", "handed over", card="whole"),
    Play("all by gift card, one back", "back", pieces=(3,), card="whole"),
    Play("points and gift card", "handed over", points=True, card="whole"),
    Play("a coupon", "handed over", pieces=(2, 2), coupon=True),
    Play("provider, all back", "all back", pieces=(1, 2)),
    Play("provider, to be laid ready", "paid"),
    Play("a stranger's", "handed over", customer=False),
    Play("a stranger's, by gift card", "back", card="part", customer=False),
    Play("in the store, cash", "handed over", taken="cash"),
    Play("in the store, card, one back", "back", pieces=(2, 1), taken="card"),
    Play("in the store, laid ready", "waits", taken="cash"),
    Play("a parcel", "handed over", parcel=True),
    Play("a parcel with points, one back", "back", pieces=(2, 1), points=True, parcel=True),
    Play("a stranger's parcel, to be packed", "paid", customer=False, parcel=True),
)
#: The play whose gift card has something left on it, to be tried.
TRIED: Final = "all by gift card"


class Good(msgspec.Struct, frozen=True):
    """An article of a store: its SKU, which is its product's number too, and what it costs, in cents."""

    sku: str
    price: int


def shelves(listed: Iterable[Event], counted: Iterable[Event]) -> dict[str, list[Good]]:
    """Return by store what can be ordered there: of which there are enough, and which no age is asked for."""
    prices = {
        each.data["product"]: each.data["variants"][0]["prices"][0]["amount"]
        for each in listed
        if each.type == "product.listed" and each.data["variants"][0].get("prices") and "asks_over" not in each.data
    }
    found: dict[str, list[Good]] = {}
    for each in counted:
        if each.type != "stock.counted":
            continue
        goods = [
            Good(line["sku"], prices[line["sku"]])
            for line in each.data["lines"]
            if line["quantity"] >= _PIECES_MIN and _PRICES[0] <= prices.get(line["sku"], 0) <= _PRICES[1]
        ]
        found.setdefault(each.data["store"], []).extend(goods)
    most = max((len(play.pieces) for play in PLAYS), default=0)
    return {store: goods for store, goods in sorted(found.items()) if len(goods) > most}


def players(first: str) -> list[str]:
    """Return the cards of those who play: ``first``, and others who bought much on the first day."""
    spent: dict[str, int] = {}
    for basket in itertools.islice(journey.baskets(), _FIRST_DAY_BASKETS):
        card = basket.sale.customer.value
        spent[card] = spent.get(card, 0) + max(0, basket.sale.total)
    rich = [card for card, total in spent.items() if total >= _FIRST_DAY_CENTS and card != first]
    return [first, *rich]


class Part(msgspec.Struct, frozen=True):
    """A play with who plays it, where, and with what. ``elsewhere`` is the store at which things come back."""

    play: Play
    card: str
    store: str
    elsewhere: str
    goods: tuple[Good, ...]


def parts(cards: Sequence[str], shelf: Mapping[str, Sequence[Good]]) -> list[Part]:
    """Return all plays, each with its player and its goods; nothing where there are not two stores with goods."""
    stores = list(shelf)
    if len(stores) <= 1 or len(cards) <= len(PLAYS):
        return []
    found = []
    for number, play in enumerate(PLAYS):
        store = stores[_number(play.name, "store") % len(stores)]
        elsewhere = [each for each in stores if each != store]
        goods = sorted(shelf[store], key=lambda good: _number(play.name, good.sku))
        found.append(
            Part(
                play, cards[number], store,
                elsewhere[_number(play.name, "elsewhere") % len(elsewhere)], tuple(goods[: len(play.pieces)]),
            )
        )  # fmt: skip
    return found


def order_id(play: Play, attempt: int) -> uuid.UUID:
    """Return the id of a play's order. One that came to nothing before it was paid is tried once more."""
    return uuid.uuid5(_SPACE, f"{play.name} {attempt}")


def request_id(*words: str) -> uuid.UUID:
    """Return the id of something that the demo's staff do, the same every time."""
    return uuid.uuid5(_SPACE, " ".join(words))


def links(cards: Collection[str], users: Mapping[str, uuid.UUID], *, at: dt.datetime) -> Iterator[Event]:
    """Yield that each card is somebody's who is signed in."""
    for card in cards:
        data = {
            "identifier": {"kind": "card", "value": card}, "customer": {"kind": USER_KIND, "value": str(users[card])},
            "evidence": "card_link+email_code",
        }  # fmt: skip
        yield Event(id=f"demo/buyer/{card}", source="/vault", type=LINKED, time=at, data=data)


def promotion(*, at: dt.datetime) -> Event:
    """Return that coupons for the web shop and the tills are to be had, one for each customer who plays with one."""
    definition = offers.Promotion(
        offers.Titles("Five dollars off everything", ja="全品5ドル引き", fr="Cinq dollars de moins sur tout"),
        offers.Amount(COUPON_CENTS),
        codes="each",
        conditions=offers.Conditions(amount_min=COUPON_FROM_CENTS),
    )
    data = {"staff": promoted.STAFF, "promotion": PROMOTION, "definition": definition}
    return Event(id="demo/order-coupon", source="/console", type=offers.PUBLISHED, time=at, data=data)


def gift_card(play: str, code: str, amount: int, *, store: str, at: dt.datetime) -> Event:
    """Return that a till sells a gift card."""
    data = {"code": code, "currency": journey.CURRENCY, "amount": amount, "receipt": f"gift-{request_id(play).hex[:8]}"}
    return Event(id=f"demo/gift-card/{play}", source=till(store), type=giftcards.ISSUE, time=at, data=data)


def basket(part: Part, attempt: int, codes: Sequence[str], *, at: dt.datetime) -> Event:
    """Return that the goods of a play are put into a basket, and its coupons shown."""
    number = order_id(part.play, attempt)
    put = [
        {"product": good.sku, "quantity": quantity, "seen": {"currency": journey.CURRENCY, "amount": good.price}}
        for good, quantity in zip(part.goods, part.play.pieces, strict=True)
    ]
    data = {"basket": str(basket_id(part.play, attempt)), "put": put, **({"show": list(codes)} if codes else {})}
    return Event(id=f"demo/order-basket/{number}", source="/storefront", type=CHANGED, time=at, data=data)


def basket_id(play: Play, attempt: int) -> uuid.UUID:
    """Return the id of the basket that a play's order comes out of."""
    return uuid.uuid5(order_id(play, attempt), "basket")


class Till(msgspec.Struct, frozen=True):
    """A sale at a till that is paid with a coupon, points, a gift card and cash, and comes back as a whole."""

    card: str
    store: str
    elsewhere: str
    good: Good
    quantity: int
    gift_code: str
    coupon_code: str

    @property
    def cost(self) -> int:
        """Return what the goods cost after the coupon, in cents."""
        return self.good.price * self.quantity - COUPON_CENTS

    @property
    def by_card(self) -> int:
        """Return what the gift card pays of it."""
        return min(PART_CENTS, self.cost - POINTS)


def at_the_till(sale: Till, *, at: dt.datetime) -> Iterator[Event]:
    """Yield a sale at a till that is paid with everything."""
    source, who = till(sale.store), {"kind": "card", "value": sale.card}
    line = {"product": sale.good.sku, "quantity": sale.quantity, "amount": sale.good.price * sale.quantity}
    redeemed = {"basket": [line], "codes": [sale.coupon_code], "customer": who, "receipt": TILL_RECEIPT}
    yield Event(id="demo/till/coupon", source=source, type=offers.REDEEM, time=at, data=redeemed)
    points = {"customer": who, "points": POINTS, "receipt": TILL_RECEIPT, "proof": SHOWN}
    yield Event(id="demo/till/points", source=source, type=POINTS_REDEEM, time=at, data=points)
    card = {
        "code": sale.gift_code, "currency": journey.CURRENCY, "amount": sale.by_card, "receipt": TILL_RECEIPT,
    }  # fmt: skip
    yield Event(id="demo/till/gift-card", source=source, type=giftcards.REDEEM, time=at, data=card)
    sold = {
        "receipt": TILL_RECEIPT, "store": sale.store, "customer": who, "currency": journey.CURRENCY,
        "total": sale.cost,
        "lines": [line | {"amount": sale.cost, "discount": COUPON_CENTS, "paid_with_points": POINTS}],
    }  # fmt: skip
    yield Event(id="demo/till/sale", source=source, type=SALE_CLOSED, time=at, data=sold)


def back_at_the_till(sale: Till, *, at: dt.datetime) -> Iterator[Event]:
    """Yield what the till gives back of it: the coupon."""
    source = till(sale.store)
    freed = {"redemption": {"id": "demo/till/coupon"}}
    yield Event(id="demo/till/coupon-back", source=source, type=offers.RETURN, time=at, data=freed)


def till(store: str) -> str:
    """Return the source of a store's till."""
    return f"/stores/{store}/tills/1"


def _number(*words: str) -> int:
    """Return a number that looks like chance and is the same every time."""
    return int.from_bytes(hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest())
