"""The basket on the storefront: for a recognised customer, and for a stranger who has nothing but a cookie.

The cookie carries the basket's id and nothing else; no customer is made. Whoever is recognised later takes it along.
What is done goes through the gateway as an event of the touchpoint ``storefront``.

The shop window lies in another room, whose forms cannot carry this room's secret. A form from there is believed by its
origin, which no other page can put on; it is done at once where the browser says that this room's cookies came along,
and where it kept them back (another site, as in the demo), the page asks once. Not here: what a basket costs
(``counter/baskets``), the checkout (the vault).
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from comptoir.counter.baskets import queries
from comptoir.counter.baskets.contracts import CHANGED, PIECES_MAX
from comptoir.counter.baskets.folding import Line, lower
from comptoir.counter.baskets.policy import STRANGERS_DAYS
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.baskets.quoting import Found
from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.offers import queries as offers
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.cards import members_of
from comptoir.foundation.kernel.ids import IDS, millisecond_of
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT, Assurance
from comptoir.foundation.rooms.visits import Visit, visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog.queries import PictureShown, first_pictures
from comptoir.square.catalog.store import Goods

_NUMBER: Final = re.compile(r"[^\s/?#\x00-\x1f\x7f]{1,64}")
_CODE_CHARACTERS_MAX: Final = 64
_SHOWN_MINUTES: Final = 15
_DIGITS: Final = 8
_TRIES: Final = 5
_REQUEST_AGE: Final = dt.timedelta(hours=12)
#: Where the vault takes a basket over, as soon as it has such a page.
CHECKOUT: Final = "/checkout/"


class Mine(msgspec.Struct, frozen=True):
    """Whose basket this browser has: what it holds, and the customer who is recognised, if any."""

    found: Found
    customer: uuid.UUID | None = None
    members: tuple[uuid.UUID, ...] = ()


def mine(request: HttpRequest) -> Mine:
    """Return the basket of this browser: the person's, or the one that its cookie names, if nobody has claimed it."""
    visit = visit_of(request)
    if visit is not None:
        customer = uuid.UUID(visit.subject)
        members = members_of(customer)
        return Mine(queries.of_person(members), customer, members)
    carried = _carried(request)
    return Mine((queries.of_nobody(carried) if carried else None) or queries.nothing())


@in_room(COUNTER, is_open=True)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the basket; ``?part=content`` is the part that changes while it is looked at."""
    visit, carried = visit_of(request), _carried(request)
    if visit is not None and carried is not None:
        return _take_along(request, visit, carried)
    return _answer(request, part=request.GET.get("part", ""))


@in_room(COUNTER, is_open=True)
@csrf_exempt
@require_POST
def from_shop(request: HttpRequest) -> HttpResponse:
    """Take what a form of the shop window puts in: at once, or by a page that asks, where the cookies stayed behind."""
    if request.headers.get("Origin") != addresses.origin_of(SQUARE):
        return render(request, "rooms/form_refused.html", {"typed": []}, status=HTTPStatus.FORBIDDEN)
    number, quantity = request.POST.get("product", ""), request.POST.get("quantity", "1")
    if request.headers.get("Sec-Fetch-Site") in {"same-site", "same-origin"}:
        return _put(request, number, quantity)
    return redirect(f"{reverse('storefront:basket_add')}?{urlencode({'product': number, 'quantity': quantity})}")


@in_room(COUNTER, is_open=True)
@require_safe
def add(request: HttpRequest) -> HttpResponse:
    """Show a product with one button that puts it in. Nothing happens before that is pressed."""
    goods = goods_of(request.GET.get("product", ""))
    if goods is None:
        return _answer(request, trouble=_("The shop sells nothing under this number."), status=HTTPStatus.NOT_FOUND)
    price = next((each for each in goods.prices if each.currency == queries.currency()), None)
    context = {
        "goods": goods,
        "quantity": _quantity(request.GET.get("quantity", "1")) or 1,
        "price": None if price is None else Money(price.amount, price.currency),
        "request_id": str(IDS.new()),
        "product_url": _product_url(goods.product),
        "section": "basket",
    }
    return render(request, "storefront/basket_add.html", context)


@in_room(COUNTER, is_open=True)
@require_POST
def put(request: HttpRequest) -> HttpResponse:
    """Put something in, by its number or its barcode."""
    return _put(request, request.POST.get("product", ""), request.POST.get("quantity", "1"))


@in_room(COUNTER, is_open=True)
@require_POST
def line(request: HttpRequest) -> HttpResponse:
    """Set how many pieces of a product there are; none takes it out."""
    own = mine(request)
    quantity = _quantity(request.POST.get("quantity", ""))
    if quantity is None:
        text = _("Write a whole number from 0 to %(most)d.") % {"most": PIECES_MAX}
        return _answer(request, trouble=text, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    number = request.POST.get("product", "")
    there = next((each for each in own.found.content.lines if each.product == number), None)
    if there is None:
        return redirect("storefront:basket")
    data = _set(there, quantity)
    return _say(request, own, data) if data else redirect("storefront:basket")


@in_room(COUNTER, is_open=True)
@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """Show a coupon's code, typed in or one of the person's own, or show it no more."""
    own = mine(request)
    if hidden := request.POST.get("hide", ""):
        return _say(request, own, {"hide": [hidden]}) if hidden in own.found.content.codes else _back()
    text = request.POST.get("code", "").strip()
    if coupon := request.POST.get("coupon", ""):
        usable = [each for each in _coupons(own) if str(each.told.coupon) == coupon]
        text = usable[0].code if usable else ""
    if not 1 <= len(text) <= _CODE_CHARACTERS_MAX:
        return _answer(request, trouble=_("Type the code in as it was given to you."), status=422)
    return _say(request, own, {"show": [text]})


@in_room(COUNTER, is_open=True)
@require_POST
def show(request: HttpRequest) -> HttpResponse:
    """Let a till read the basket for a quarter of an hour: by a square code, or by a short number."""
    own = mine(request)
    if not own.found.content.pieces:
        return _back()
    now = timezone.now()
    basket = own.found.baskets[0]
    if queries.number_of(basket, now=now) is None:
        for _try in range(_TRIES):
            number = "".join(secrets.choice("0123456789") for _digit in range(_DIGITS))
            if queries.show_at_till(basket, number, ends_at=now + dt.timedelta(minutes=_SHOWN_MINUTES), now=now):
                break
    return HttpResponseRedirect(f"{reverse('storefront:basket')}#till")


@in_room(COUNTER, is_open=True)
@require_GET
def go(request: HttpRequest) -> HttpResponse:
    """Offer the way to the checkout, with a ticket that names the basket."""
    own = mine(request)
    if not own.found.content.pieces or not has_checkout():
        return _back()
    quoted = queries.shown(own.found, now=timezone.now())
    context = {
        "ticket": checkout_ticket(request, own), "shown": quoted, "section": "basket",
        "total": None if quoted is None else Money(quoted.quote.total, quoted.quote.currency),
    }  # fmt: skip
    return carrying_ticket(render(request, "storefront/basket_go.html", context))


def has_checkout() -> bool:
    """Tell whether the vault takes baskets over."""
    try:
        resolve(CHECKOUT, urlconf=VAULT.urlconf)
    except Resolver404:
        return False
    return True


def checkout_ticket(request: HttpRequest, own: Mine) -> Mapping[str, str]:
    """Return what a page needs for the form that leads into the checkout (see ``rooms.web.ticket_form``).

    Its path names the basket: ``/checkout/?basket=ID``. A stranger's ticket says that nobody is known: its subject is
    the basket itself, by the means ``basket``.
    """
    basket = own.found.baskets[0]
    visit = visit_of(request) or Visit(basket, Assurance.NOBODY, ("basket",), timezone.now())
    path = f"{CHECKOUT}?{urlencode({'basket': basket})}"
    return ticket_form(request, destination=VAULT, path=path, visit=visit)


# -- what is done -------------------------------------------------------------------------------------------------


def _put(request: HttpRequest, number: str, said: str) -> HttpResponse:
    quantity = _quantity(said)
    if not quantity:
        text = _("Write a whole number from 1 to %(most)d.") % {"most": PIECES_MAX}
        return _answer(request, trouble=text, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    goods = goods_of(number)
    if goods is None:
        return _answer(request, trouble=_("The shop sells nothing under this number."), status=HTTPStatus.NOT_FOUND)
    currency = queries.currency()
    price = next((each for each in goods.prices if each.currency == currency), None)
    piece: dict[str, Any] = {"product": goods.sku, "quantity": quantity}
    if price is not None:
        piece["seen"] = {"currency": currency, "amount": price.amount}
    return _say(request, mine(request), {"put": [piece]}, done=goods.sku)


def _set(there: Line, quantity: int) -> dict[str, Any]:
    """Return what to say so that a line has so many pieces."""
    if quantity > there.quantity:
        more: dict[str, Any] = {"product": there.product, "quantity": quantity - there.quantity}
        seen = there.puts[-1].seen
        return {"put": [more | ({"seen": msgspec.to_builtins(seen)} if seen else {})]}
    kept = lower(there, quantity)
    return (
        {
            "keep": [
                {"put": {"source": source, "id": number, "line": place}, "quantity": most}
                for (source, number, place), most in kept
            ]
        }
        if kept
        else {}
    )


def _say(request: HttpRequest, own: Mine, data: dict[str, Any], *, done: str = "") -> HttpResponse:
    """Say what is done to the basket, and show it; whoever has none yet begins one."""
    basket = own.found.baskets[0] if own.found.baskets else str(uuid.uuid4())
    said: dict[str, Any] = {"basket": basket, **data}
    if own.customer is not None:
        said["customer"] = {"kind": CUSTOMER_KIND, "value": str(own.customer)}
    number, at = request_of(request)
    trouble = _send(said, number=number, at=at)
    if trouble:
        return _answer(request, trouble=trouble, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    response = redirect(reverse("storefront:basket") + (f"?{urlencode({'put': done})}" if done else ""))
    if own.customer is None:
        _carry(response, basket, is_secure=request.is_secure())
    return response


def _take_along(request: HttpRequest, visit: Visit, carried: uuid.UUID) -> HttpResponse:
    """Let whoever is recognised have the basket that they began as a stranger. Another's stays another's."""
    response = redirect(request.get_full_path())
    if queries.of_nobody(carried) is not None:
        customer = {"kind": CUSTOMER_KIND, "value": visit.subject}
        trouble = _send({"basket": str(carried), "customer": customer}, number=uuid.uuid4(), at=timezone.now())
        if trouble:
            return _answer(request, trouble=trouble)
    response.delete_cookie(cookie_name(), samesite="Lax")
    return response


def _send(data: dict[str, Any], *, number: uuid.UUID, at: dt.datetime) -> str:
    """Send an event; returns why it was not taken, or nothing. The same form twice happens once."""
    try:
        answer = house.send(CHANGED, data, touchpoint=house.STOREFRONT, request=number, at=at)
    except Problem as problem:
        return refused.words(problem)
    if answer.problem is None or answer.problem.name == "id_reused":
        return ""
    own = {
        "customer_unknown": _("Use the card once before you keep a basket with it: the shop does not know it yet."),
        "basket_full": _("This basket was changed so often that it takes no more. Pay it, or show it at a till."),
    }
    return refused.words(answer.problem, own)


# -- what is read -------------------------------------------------------------------------------------------------


def _answer(request: HttpRequest, *, trouble: str = "", part: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    own = mine(request)
    now = timezone.now()
    found = queries.shown(own.found, now=now)
    quote = None if found is None else found.quote
    number = queries.number_of(own.found.baskets[0], now=now) if own.found.baskets else None
    language = (translation.get_language() or "en").split("-")[0]
    context = {
        "quote": quote,
        "lines": [] if quote is None else _lines(quote, language),
        "trouble": trouble,
        "put": next((each for each in (quote.lines if quote else ()) if each.product == request.GET.get("put")), None),
        "language": language,
        "coupons": [] if quote is None else _fitting(own, quote),
        "wallet": loyalty.wallet(own.members) if own.members else None,
        "is_known": own.customer is not None,
        "kept_days": STRANGERS_DAYS,
        "shop_url": addresses.url_of(SQUARE, f"/{language}/shop"),
        "product_url": addresses.url_of(SQUARE, f"/{language}/product/"),
        "number": number[0] if number else "",
        "number_ends_at": number[1] if number else None,
        "has_checkout": has_checkout(),
        "pieces_max": PIECES_MAX,
        "request_id": str(IDS.new()),
        "section": "basket",
        **_beside(own),
    } | ({} if quote is None else _sums(quote))
    template = "basket_content" if part == "content" else "basket"
    response = render(request, f"storefront/{template}.html", context, status=status)
    if own.customer is None and own.found.baskets and not part:
        _carry(response, own.found.baskets[0], is_secure=request.is_secure())
    return response


def _beside(own: Mine) -> dict[str, Any]:
    from comptoir.doors.storefront import fitting  # noqa: PLC0415 - it asks here whose basket this browser has

    return {"beside": fitting.beside_basket(own), "square_url": fitting.links()["square_url"]}


class Told(msgspec.Struct, frozen=True):
    """A line as the page tells it."""

    line: Any
    name: str
    name_language: str
    options: str
    unit: Money
    unit_before: Money | None
    amount: Money
    total: Money
    off: tuple[tuple[Money, str], ...]
    picture: PictureShown | None = None


def _lines(quote: Quote, language: str) -> list[Told]:
    pictures = first_pictures({each.page for each in quote.lines})
    return [_told(each, quote, language, pictures.get(each.page)) for each in quote.lines]


def _told(each: Any, quote: Quote, language: str, picture: PictureShown | None) -> Told:
    def money(minor: int) -> Money:
        return Money(minor, quote.currency)

    name, spoken = named(each.name, language)
    return Told(
        each, name, spoken, ", ".join(each.options.values()), money(each.unit),
        None if each.unit_before is None else money(each.unit_before), money(each.amount), money(each.total),
        tuple((money(-one.amount), one.because.get(language) or one.because["en"]) for one in each.off), picture,
    )  # fmt: skip


def _sums(quote: Quote) -> dict[str, Any]:
    def money(minor: int) -> Money:
        return Money(minor, quote.currency)

    return {
        "before": money(quote.before),
        "discount": money(-quote.discount) if quote.discount else None,
        "on_top": money(quote.tax_on_top) if quote.tax_on_top else None,
        "total": money(quote.total),
        "taxes": [{"rate": each.percent, "net": money(each.net), "tax": money(each.tax)} for each in quote.taxes],
        "has_tax_inside": any(not line.tax_on_top for line in quote.lines),
    }


def _fitting(own: Mine, quote: Quote) -> list[Any]:
    """Return the person's coupons that can be used and are not shown yet."""
    given = {each.promotion for each in quote.deductions} | {
        each.promotion for each in quote.not_applied if each.promotion
    }
    return [each for each in _coupons(own) if each.told.state == "usable" and each.told.promotion not in given]


def _coupons(own: Mine) -> list[offers.Mine]:
    if not own.members:
        return []
    language = (translation.get_language() or "en").split("-")[0]
    return offers.coupons_of(own.members, language=language, now=timezone.now())


def goods_of(number: str) -> Goods | None:
    """Return what somebody has typed in or scanned, if the shop sells it."""
    return queries.goods(number.strip()) if _NUMBER.fullmatch(number.strip()) else None


def named(names: Mapping[str, str], language: str) -> tuple[str, str]:
    """Return a name in the reader's language, or in the next one that there is, and which one that is."""
    for spoken in (language, "en", "ja", "fr"):
        if names.get(spoken):
            return names[spoken], spoken
    return "", language


def _quantity(text: str) -> int | None:
    """Read how many; ``None`` for what is no whole number within the limit."""
    return whole(text.strip(), PIECES_MAX)


def request_of(request: HttpRequest) -> tuple[uuid.UUID, dt.datetime]:
    """Return the number of a form and when it was made, so that the same form twice is the same event."""
    now = timezone.now()
    try:
        number = uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        return uuid.uuid4(), now
    if number.version == 7:
        made = dt.datetime.fromtimestamp(millisecond_of(str(number)) / 1000, dt.UTC)
        if now - _REQUEST_AGE < made <= now:
            return number, made
    return uuid.uuid4(), now


def _product_url(product: str) -> str:
    return addresses.url_of(SQUARE, f"/{translation.get_language() or 'en'}/product/") + product


def _back() -> HttpResponse:
    return redirect("storefront:basket")


# -- the cookie ---------------------------------------------------------------------------------------------------


def cookie_name() -> str:
    """Return the name of a stranger's cookie; in production it is bound to this host."""
    return "__Host-comptoir-basket" if addresses.is_production() else "comptoir-basket"


def _carried(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.COOKIES.get(cookie_name(), ""))
    except ValueError:
        return None


def _carry(response: HttpResponse, basket: str, *, is_secure: bool) -> None:
    age = dt.timedelta(days=STRANGERS_DAYS)
    response.set_cookie(
        cookie_name(), basket, max_age=age, httponly=True, samesite="Lax", secure=is_secure or addresses.is_production()
    )
