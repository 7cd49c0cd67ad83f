"""What the demo's own campaign needs to be told: readers who are made up, and who of them comes with a coupon.

The households of "The Complete Journey" bought what they bought; they have no addresses here and agreed to nothing. So
each gets a reader who is made up, and who of them comes with the coupon is drawn by lot. Not here: the campaign itself
(``config/promoting.py``), the data set's own campaigns, which were not drawn by lot (``offered.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from comptoir.config.replaying import journey
from comptoir.config.replaying.recordings import Entry, Event
from comptoir.counter.customers.contracts import CONSENT_GIVEN, LINKED, USER_KIND
from comptoir.counter.offers.contracts import PUBLISHED, REDEEM, Amount, Conditions, Promotion, Titles

#: So many days of the loaded part are what the campaign is measured on.
DAYS: Final = 5
PEOPLE_MAX: Final = 1_200
STAFF: Final = "Demo"
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comptoir:demo:campaign")
PROMOTION: Final = str(uuid.uuid5(_SPACE, "promotion"))
_OFF_CENTS: Final = 300
_BASKET_CENTS: Final = (1_450, 1_990, 2_380, 3_120, 4_260)
#: How many of those who got the coupon come with it.
_SHARE: Final = 0.4
_ENGLISH: Final = """Hello {{ name | default: "there" }},

you have been to our stores, and we would like to see you again: three dollars off a basket of ten or more, in any\
 store and in the web shop.

{% if coupon %}Show this code at the till: {{ coupon.code }}

{% endif %}See you soon,
{{ shop }}
"""
_FRENCH: Final = """Bonjour {{ name | default: "à vous" }},

vous êtes venu dans nos magasins, et nous aimerions vous revoir : trois dollars de moins sur un panier de dix dollars\
 ou plus, en magasin comme en ligne.

{% if coupon %}Montrez ce code à la caisse : {{ coupon.code }}

{% endif %}À bientôt,
{{ shop }}
"""
_JAPANESE: Final = """{{ name | default: "お客" }}様

いつもご来店ありがとうございます。10ドル以上のお買い物が、どのお店でもネットショップでも3ドル引きになります。

{% if coupon %}レジでこのコードをお見せください：{{ coupon.code }}

{% endif %}{{ shop }}
"""
#: Subject and text of the message, in Liquid, by language.
TEXTS: Final = {
    "en": ("Three dollars off your next basket", _ENGLISH),
    "fr": ("Trois dollars de moins sur votre prochain panier", _FRENCH),
    "ja": ("次のお買い物から3ドル引き", _JAPANESE),
}
#: Why it came, as each reader is told.
WHY: Final[Mapping[Literal["en", "ja", "fr"], str]] = {
    "en": "you asked for offers by e-mail", "fr": "vous avez demandé des offres par e-mail",
    "ja": "メールでのご案内をご希望になったため",
}  # fmt: skip


def begins_at(until: dt.datetime) -> dt.datetime:
    """Return when the campaign of a demo that has loaded the sales before ``until`` was frozen: in the morning."""
    return until - dt.timedelta(days=DAYS, hours=16)


def cards(at: dt.datetime) -> dict[str, str]:
    """Return the cards that bought before a moment, in the order in which they came, each with its last till."""
    found: dict[str, str] = {}
    for basket in journey.baskets():
        if basket.time >= at:
            break
        card = basket.sale.customer.value
        if card in found or len(found) < PEOPLE_MAX:
            found[card] = basket.source
    return found


def is_drawn(card: str, share: float, what: str) -> bool:
    """Tell whether lot has drawn a card, the same every time."""
    number = int.from_bytes(hashlib.sha256(f"{what} {card}".encode()).digest()[:8])
    return number < share * 2**64


def readers(known: Mapping[str, str]) -> dict[str, uuid.UUID]:
    """Return for each card the user that its made-up reader is."""
    return {card: uuid.uuid5(_SPACE, card) for card in known}


def links(of: Mapping[str, uuid.UUID], *, at: dt.datetime) -> Iterator[Event]:
    """Yield that each card is its reader's."""
    for card, user in of.items():
        data = {
            "identifier": {"kind": "card", "value": card}, "customer": {"kind": USER_KIND, "value": str(user)},
            "evidence": "card_link+email_code",
        }  # fmt: skip
        yield Event(id=f"demo/reader/{card}", source="/vault", type=LINKED, time=at, data=data)


def consents(of: Mapping[str, uuid.UUID], *, at: dt.datetime) -> Iterator[Event]:
    """Yield that each reader asked for offers by mail."""
    for card in of:
        data = {
            "customer": {"kind": "card", "value": card}, "purpose": "marketing", "channel": "mail",
            "receipt": hashlib.sha256(f"demo {card}".encode()).hexdigest(),
        }  # fmt: skip
        yield Event(id=f"demo/offers/{card}", source="/storefront", type=CONSENT_GIVEN, time=at, data=data)


def promotion(*, at: dt.datetime) -> Event:
    """Return what is offered: three dollars off, with a coupon for each customer."""
    definition = Promotion(
        Titles("Three dollars off", ja="3ドル引き", fr="Trois dollars de moins"),
        Amount(_OFF_CENTS),
        codes="each",
        conditions=Conditions(amount_min=1_000),
    )
    data = {"staff": STAFF, "promotion": PROMOTION, "definition": definition}
    return Event(id="demo/three-dollars", source="/console", type=PUBLISHED, time=at, data=data)


def redemptions(codes: Mapping[str, str], tills: Mapping[str, str], *, at: dt.datetime) -> Iterator[Event]:
    """Yield how some of those who got a coupon come with it: it is redeemed at a till, and the basket is paid."""
    for card, code in codes.items():
        if not is_drawn(card, _SHARE, "comes with the coupon"):
            continue
        place = int.from_bytes(hashlib.sha256(card.encode()).digest()[:4])
        amount = _BASKET_CENTS[place % len(_BASKET_CENTS)]
        when = at + dt.timedelta(hours=3 + place % (24 * DAYS - 16), minutes=place % 59)
        receipt, who = f"coupon-{card}", {"kind": "card", "value": card}
        line = {"product": "1082185", "quantity": 1, "amount": amount}
        redeemed = {"basket": [line], "codes": [code], "customer": who, "receipt": receipt}
        yield Event(id=f"demo/redeem/{card}", source=tills[card], type=REDEEM, time=when, data=redeemed)
        paid = line | {"amount": amount - _OFF_CENTS, "discount": _OFF_CENTS}
        sold = {"receipt": receipt, "customer": who, "currency": "USD", "total": paid["amount"], "lines": [paid]}
        yield Event(id=f"demo/with-coupon/{card}", source=tills[card], type="sale.closed", time=when, data=sold)


def in_order(events: Iterable[Event]) -> list[Entry]:
    """Return events as they are sent, in the order of time."""
    return [each.encode() for each in sorted(events, key=lambda each: (each.time, each.id))]
