"""The counter as a whole: the types of events it understands, and who takes part in a batch, in which order.

Not here: anything that decides; each package decides for itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from comptoir.counter.answers import contracts as answers
from comptoir.counter.answers.handlers import AnswersHandler
from comptoir.counter.answers.rebuilding import AnswersDeriver
from comptoir.counter.audiences.forgetting import AudiencesSeverer
from comptoir.counter.audiences.rebuilding import AudiencesDeriver
from comptoir.counter.baskets import contracts as baskets
from comptoir.counter.baskets.forgetting import BasketsSeverer
from comptoir.counter.baskets.handlers import BasketsHandler
from comptoir.counter.baskets.rebuilding import BasketsDeriver
from comptoir.counter.customers import contracts as customers
from comptoir.counter.customers.choices import ChoicesHandler
from comptoir.counter.customers.forgetting import (
    CustomersSeverer,
    ForgettingHandler,
    Severer,
    TablesSeverer,
    emptied_fields,
    sweep,
)
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.personas import PersonasHandler, mates
from comptoir.counter.customers.rebuilding import CustomersDeriver
from comptoir.counter.giftcards import contracts as giftcards
from comptoir.counter.giftcards.handlers import GiftCardsHandler
from comptoir.counter.giftcards.rebuilding import GiftCardsDeriver
from comptoir.counter.giftcards.terms import terms_of_shop
from comptoir.counter.loyalty import contracts as loyalty
from comptoir.counter.loyalty.cooling import cooling
from comptoir.counter.loyalty.forgetting import LoyaltySeverer
from comptoir.counter.loyalty.handlers import LoyaltyHandler
from comptoir.counter.loyalty.programme import REVIEWED, Programmes
from comptoir.counter.loyalty.rebuilding import LoyaltyDeriver
from comptoir.counter.messages.forgetting import MessagesSeverer
from comptoir.counter.offers import contracts as offers
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.forgetting import OffersSeverer
from comptoir.counter.offers.handlers import OffersHandler
from comptoir.counter.offers.multiplying import Multiplied
from comptoir.counter.offers.rebuilding import OffersDeriver
from comptoir.counter.orders import contracts as orders
from comptoir.counter.orders.codes import pickup_codes
from comptoir.counter.orders.handlers import OrdersHandler
from comptoir.counter.orders.rebuilding import OrdersDeriver
from comptoir.counter.recommendations import contracts as recommendations
from comptoir.counter.recommendations.handlers import RecommendationsHandler
from comptoir.counter.recommendations.rebuilding import RecommendationsDeriver
from comptoir.counter.sales import contracts as sales
from comptoir.counter.sales.forgetting import SalesSeverer
from comptoir.counter.sales.handlers import SalesHandler
from comptoir.counter.sales.rebuilding import SalesDeriver
from comptoir.counter.sales.stocking import MovementsDeriver
from comptoir.counter.trips.forgetting import TripsSeverer
from comptoir.counter.windows import contracts as windows
from comptoir.counter.windows.handlers import WindowsHandler
from comptoir.counter.windows.rebuilding import WindowsDeriver
from comptoir.counter.wishlists import contracts as wishlists
from comptoir.counter.wishlists.codes import digest_of
from comptoir.counter.wishlists.forgetting import WishListsSeverer
from comptoir.counter.wishlists.handlers import WishListsHandler
from comptoir.counter.wishlists.rebuilding import WishListsDeriver
from comptoir.foundation.events.contracts import Handler, HandlerMaker
from comptoir.foundation.events.rebuilding import Deriver, IdentitiesDeriver
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.contracts import EventType, Product
from comptoir.square.catalog import contracts as catalog
from comptoir.square.catalog.handlers import CatalogHandler
from comptoir.square.catalog.rebuilding import CatalogDeriver
from comptoir.square.charter import contracts as charter
from comptoir.square.charter.forgetting import CharterSeverer
from comptoir.square.charter.handlers import CharterHandler
from comptoir.square.charter.rebuilding import CharterDeriver
from comptoir.square.community import contracts as community
from comptoir.square.community.forgetting import CommunitySeverer
from comptoir.square.community.handlers import CommunityHandler
from comptoir.square.community.rebuilding import CommunityDeriver
from comptoir.square.health.forgetting import HealthSeverer
from comptoir.square.health.handlers import HealthHandler
from comptoir.square.health.rebuilding import HealthDeriver
from comptoir.square.hearing import contracts as hearing
from comptoir.square.hearing.forgetting import HearingSeverer
from comptoir.square.hearing.handlers import HearingHandler
from comptoir.square.hearing.rebuilding import HearingDeriver
from comptoir.square.programme import contracts as startup
from comptoir.square.programme.closing import ClosingHandler
from comptoir.square.programme.handlers import ProgrammeHandler
from comptoir.square.programme.rebuilding import ProgrammeDeriver
from comptoir.square.stewardship import contracts as stewardship
from comptoir.square.stewardship.forgetting import StewardshipSeverer
from comptoir.square.stewardship.handlers import StewardshipHandler
from comptoir.square.stewardship.rebuilding import StewardshipDeriver
from comptoir.square.stewardship.store import find_paces
from comptoir.square.stock import contracts as stock
from comptoir.square.stock.handlers import StockHandler
from comptoir.square.stock.rebuilding import StockDeriver

#: The built-in types of events, by name; a shop's map may declare more.
EVENT_TYPES: Final[Mapping[str, EventType]] = {
    each.name: each
    for each in (
        *sales.EVENT_TYPES,
        *customers.EVENT_TYPES,
        *answers.EVENT_TYPES,
        *loyalty.EVENT_TYPES,
        *offers.EVENT_TYPES,
        *baskets.EVENT_TYPES,
        *giftcards.EVENT_TYPES,
        *orders.EVENT_TYPES,
        *wishlists.EVENT_TYPES,
        *recommendations.EVENT_TYPES,
        *windows.EVENT_TYPES,
        *catalog.EVENT_TYPES,
        *stock.EVENT_TYPES,
        *community.EVENT_TYPES,
        *stewardship.EVENT_TYPES,
        *charter.EVENT_TYPES,
        *hearing.EVENT_TYPES,
        *startup.EVENT_TYPES,
    )
}
#: What ends a hold on the stock.
_ENDS_HOLDS: Final = frozenset({sales.SALE_CLOSED})
#: What tills and shops say all day: it concerns sales, customers and points, and nobody else.
_SELLING: Final = frozenset(
    {
        sales.SALE_CLOSED,
        sales.SALE_RETURNED,
        loyalty.REDEEM,
        loyalty.RESERVE,
        loyalty.POST,
        loyalty.VOID,
        loyalty.EXPIRE,
    }
    | loyalty.LEASES
)
#: What they say of coupons: that concerns customers and whoever keeps promotions, and moves no points.
_COUPONS: Final = offers.TAKING | offers.CLOSING | {offers.ISSUED, offers.REDEEMED, offers.RETURN}
#: What is sold at a till, and with what it is paid.
_WITH_COUPONS: Final = _SELLING | _COUPONS | giftcards.TYPES
_HEARD_BY_OFFERS: Final = offers.TYPES | {customers.SALE_FORGET}
#: The data that touchpoints may need, by name.
PRODUCTS: Final[Mapping[str, Product]] = {
    each.name: each
    for each in (
        *answers.PRODUCTS,
        *loyalty.PRODUCTS,
        *offers.PRODUCTS,
        *baskets.PRODUCTS,
        *orders.PRODUCTS,
        *windows.PRODUCTS,
    )
}


def handlers_for(
    programmes: Programmes,
    *,
    types: Mapping[str, EventType] = EVENT_TYPES,
    waiting: dt.timedelta | None = None,
    channels: Mapping[str, str] = MappingProxyType({}),
    multiplies: bool = True,
) -> HandlerMaker:
    """Return a maker of handlers that decide by these programmes; ``types`` are all that the shop's map knows.

    ``waiting`` is how long wider limits wait without a passkey; unset, as long as the shop's cooling. ``channels``
    gives each touchpoint's channel, ``multiplies`` whether any promotion lets a sale earn its points several times.

    Sales come first, since a return's customer is found through its sale; then customers, who say who is one
    person, and what that person chose; then answers, which ask nobody; then offers, which say what is taken off a
    basket, and whose coupon that was; then loyalty, which locks and moves the points; then baskets, out of which
    sales take something; then gift cards, which belong to nobody; then orders; then wish lists, of which orders buy
    something; then what is not to be recommended; then windows, which ask nobody; then what the shop sells, and how
    much of it is where; then whether the square is open at all, what is reported and decided there, what is said, who
    hears of it, and how it counts; last whoever is forgotten. Of a batch that only sells and moves points, nobody
    hears but those whom that concerns, and of one that only takes coupons, but these two.
    What is sold also concerns orders, whose goods may come back.
    """
    emptied = emptied_fields(types.values())
    wait = cooling() if waiting is None else waiting

    def local(at: dt.datetime) -> dt.datetime:
        return programmes.at(at).local_time(at)

    def make(types: Collection[str]) -> Sequence[Handler]:
        only_coupons, only_baskets = _COUPONS.issuperset(types), baskets.TYPES.issuperset(types)
        sold = SalesHandler(currency=programmes.currency)
        known = CustomersHandler(finds_known=only_coupons or only_baskets)
        laid = BasketsHandler(customers=known, sales=sold, currency=programmes.currency)
        stocked = StockHandler(selling=_ENDS_HOLDS)
        if only_baskets:
            return known, laid
        cards = GiftCardsHandler(currency=programmes.currency, terms=terms_of_shop())
        if giftcards.TYPES.issuperset(types):
            return (cards,)
        ordered = OrdersHandler(customers=known, sales=sold, codes=pickup_codes, currency=programmes.currency)
        if not multiplies and _SELLING.issuperset(types):
            points = LoyaltyHandler(programmes=programmes, customers=known, sales=sold, waiting=wait)
            return sold, known, points, laid, ordered, stocked
        multiplied = Multiplied()
        offered: tuple[Handler, ...] = ()
        if not _HEARD_BY_OFFERS.isdisjoint(types):
            offered = (
                OffersHandler(
                    customers=known,
                    codes=CouponCodes.of_shop(),
                    currency=programmes.currency,
                    local=local,
                    channels=channels,
                    multiplied=multiplied,
                ),
            )
            if only_coupons:
                return known, *offered
        points = LoyaltyHandler(
            programmes=programmes,
            customers=known,
            sales=sold,
            waiting=wait,
            without_points=_COUPONS
            | baskets.TYPES
            | giftcards.TYPES
            | orders.TYPES
            | wishlists.TYPES
            | recommendations.TYPES
            | windows.TYPES,
            times=multiplied.times,
        )
        if _WITH_COUPONS.issuperset(types):
            return sold, known, multiplied, *offered, points, laid, cards, ordered, stocked
        gone = ForgettingHandler(customers=known, severers=severers(), emptied=emptied)
        return (
            sold,
            known,
            ChoicesHandler(known),
            PersonasHandler(known),
            AnswersHandler(),
            multiplied,
            *offered,
            points,
            laid,
            cards,
            ordered,
            WishListsHandler(customers=known, digest_of=digest_of),
            RecommendationsHandler(),
            WindowsHandler(),
            CatalogHandler(),
            stocked,
            ClosingHandler(),
            StewardshipHandler(mates),
            CharterHandler(mates),
            CommunityHandler(
                mates,
                touching=stewardship.STEWARDSHIP,
                paces=find_paces,
                rewarding=lambda at: bool(programmes.at(at).for_event(at, REVIEWED)),
            ),
            HearingHandler(),
            HealthHandler(),
            ProgrammeHandler(),
            gone,
        )

    return make


def severers() -> Sequence[Severer]:
    """Return what severs a person who is forgotten in every package that keeps something by customer."""
    return _SEVERERS


_SEVERERS: Final[Sequence[Severer]] = (
    CustomersSeverer(),
    TablesSeverer("orders_order"),
    TablesSeverer("recommendations_hidden", "recommendations_drawn"),
    TablesSeverer("answers_answer", "answers_withdrawal", "answers_treat"),
    MessagesSeverer(),
    TripsSeverer(),
    SalesSeverer(),
    LoyaltySeverer(),
    AudiencesSeverer(),
    OffersSeverer(),
    BasketsSeverer(),
    WishListsSeverer(),
    TablesSeverer("windows_window", "windows_guessanswer"),
    StewardshipSeverer(),
    CharterSeverer(),
    CommunitySeverer(),
    HearingSeverer(),
    HealthSeverer(),
)


def sweep_forgotten(connection: Connection) -> int:
    """Sever whoever was forgotten while somebody wrote them down; returns how many. In the counter's room."""
    return sweep(connection, late=AudiencesSeverer(), severers=_SEVERERS, emptied=emptied_fields(EVENT_TYPES.values()))


def derivers() -> Sequence[Deriver]:
    """Return what derives every table of the counter from the log."""
    return (
        IdentitiesDeriver(),
        CustomersDeriver(),
        AnswersDeriver(),
        SalesDeriver(),
        LoyaltyDeriver(),
        OffersDeriver(),
        BasketsDeriver(),
        GiftCardsDeriver(),
        OrdersDeriver(),
        WishListsDeriver(),
        RecommendationsDeriver(),
        WindowsDeriver(),
        CatalogDeriver(),
        StockDeriver(selling=_ENDS_HOLDS),
        MovementsDeriver(),
        CommunityDeriver(),
        StewardshipDeriver(),
        CharterDeriver(),
        HearingDeriver(),
        HealthDeriver(),
        ProgrammeDeriver(),
        AudiencesDeriver(),
    )
