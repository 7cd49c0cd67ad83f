"""The checkout's pages: coming in with a basket, saying how and to whom, paying, and the order's own page.

Nothing of it needs JavaScript. Whoever comes back from the provider has no session's cookie with them, since another
site sent them: an order's page opens by the secret in its address, and shows neither name nor address.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from comptoir.counter.baskets import pricing
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.customers.queries import customer_of_user, person_of
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.loyalty.contracts import POINTS_MAX
from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.codes import pickup_code_of
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money as Sum
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses, tickets
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Assurance
from comptoir.foundation.rooms.web import in_room
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock.queries import shelves
from comptoir.vault.checkout import cards as gift_cards
from comptoir.vault.checkout import (
    commands,
    delivering,
    forgetting,
    gifts,
    numbering,
    paying,
    receipts,
    returning,
    rules,
    stepping,
    tenders,
    visiting,
    waiting,
    ways,
)
from comptoir.vault.checkout.cards import Pays
from comptoir.vault.checkout.contracts import CardWish, Recipient, Wish
from comptoir.vault.checkout.errors import BasketEmpty, PaymentAway, PointsNotHeld, PriceChanged, RecipientNeeded
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.checkout.quoted import explained
from comptoir.vault.contacts import countries, queries
from comptoir.vault.contacts.contracts import ContactValues, Hidden
from comptoir.vault.contacts.views import address_of, fields_of
from comptoir.vault.credentials.views import cards
from comptoir.vault.credentials.web import is_freshly_confirmed, refused

PATH: Final = "/checkout/"
_SHOWN: Final = "shown to the person"
_NOBODY: Final = "basket"


@csrf_exempt
@require_POST
def arrive(request: HttpRequest) -> HttpResponse:
    """Take a ticket of the counter: a basket that is to be paid, or a card that is shown.

    The form stands on another origin. Where the browser keeps this room's cookie back, a page asks once and comes again
    from here; where it does not, there is nothing to ask.
    """
    text = request.POST.get("ticket", "")
    origin = request.headers.get("Origin")
    if origin not in {addresses.origin_of(COUNTER), addresses.origin_of(VAULT)}:
        return cards.arrive(request)  # which refuses it
    try:
        ticket = tickets.read(text, room=VAULT, now=timezone.now())
    except tickets.TicketRefused as problem:
        return refused(request, problem)
    if not ticket.path.startswith(PATH):
        return cards.arrive(request)
    if request.headers.get("Sec-Fetch-Site") in {"same-site", "same-origin"}:
        return _come_in(request, text)
    return render(request, "checkout/arrived.html", {"ticket": text})


arrive = in_room(VAULT, is_open=True)(arrive)


def _come_in(request: HttpRequest, text: str) -> HttpResponse:
    try:
        ticket = tickets.admit(text, room=VAULT, now=timezone.now())
    except tickets.TicketRefused as problem:
        return refused(request, problem)
    basket = (parse_qs(urlsplit(ticket.path).query).get("basket") or [""])[0]
    is_nobody = ticket.visit.assurance is Assurance.NOBODY and ticket.visit.means == (_NOBODY,)
    visiting.come_in(request, basket, customer="" if is_nobody else ticket.visit.subject)
    return HttpResponseRedirect(f"{reverse('checkout')}?{urlencode({'basket': basket})}")


@in_room(VAULT, is_open=True)
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Show what is to be paid and ask how it gets to whom; take the answer, and lead on to the payment."""
    basket = request.POST.get("basket", "") or request.GET.get("basket", "")
    if not visiting.came_with(request, basket):
        return _closed(request, HTTPStatus.FORBIDDEN)
    if (row := _sent(request)) is not None:
        return _go_on(request, row)
    now = timezone.now()
    known_as = commands.customers_of(visiting.user_of(request), visiting.recognised(request, basket))
    try:
        _found, quoted = commands.quote(basket, customers=known_as, now=now)
    except BasketEmpty:
        return _again(request) or _closed(request, HTTPStatus.NOT_FOUND)
    if request.method == "GET":
        return _form(request, basket, quoted, _known(request))
    return _order(request, basket, quoted, now=now)


def _order(request: HttpRequest, basket: str, quoted: Quote, *, now: dt.datetime) -> HttpResponse:
    """Make an order of what was confirmed, and lead to its payment; else show the page again, and why."""
    customer = visiting.recognised(request, basket)
    known_as = commands.customers_of(visiting.user_of(request), customer)
    try:
        wish = _wish(request, basket, customer)
        _found, chosen = commands.quote(basket, customers=known_as, now=now, to=commands.country_of(wish))
        _insist_on_passkey(request, wish, chosen.total, now=now)
        pays = _card(request, chosen, points=wish.points)
        if pays is not None:
            if request.POST.get("card_seen", "") != pays.seen:
                changed, values = _changed(wish.digest, chosen), request.POST.dict()
                return _again(request) or _form(request, basket, quoted, values, changed, pays=pays, chosen=chosen)
            wish = msgspec.structs.replace(wish, card=CardWish(pays.card, pays.number, pays.amount))
        row, _key = commands.begin(wish, now=now, key=visiting.key_for(request, wish.order))
    except Problem as problem:
        return _again(request) or _refuse(request, basket, quoted, problem)
    try:
        row = commands.advance(row.order, now=now)
        return redirect("checkout_order", order=row.order) if row.step == "over" else _to_payment(request, row)
    except PaymentAway:
        # It is placed and held: its own page says so, and tries again.
        return redirect(f"{reverse('checkout_order', args=[row.order])}?{urlencode({'away': '1'})}")
    except Problem as problem:
        return _refuse(request, basket, quoted, problem)


def _sent(request: HttpRequest) -> Checkout | None:
    return visiting.sent(request) if request.method == "POST" else None


def _again(request: HttpRequest) -> HttpResponse | None:
    """Go on with the order that another request of the same page has become meanwhile, if one has.

    What this one was refused for, an empty basket or too many open orders, is that order's own doing.
    """
    row = _sent(request)
    return None if row is None else _go_on(request, row)


def _go_on(request: HttpRequest, row: Checkout) -> HttpResponse:
    """Lead to the payment of an order that stands, or to its own page where nothing is to be paid."""
    try:
        return _to_payment(request, commands.advance(row.order, now=timezone.now()))
    except Problem as problem:
        return _page(request, Checkout.objects.get(order=row.order), problem)


def _refuse(request: HttpRequest, basket: str, quoted: Quote, problem: Problem) -> HttpResponse:
    if isinstance(problem, PriceChanged):
        known_as = commands.customers_of(visiting.user_of(request), visiting.recognised(request, basket))
        _found, quoted = commands.quote(basket, customers=known_as, now=timezone.now())
    return _form(request, basket, quoted, request.POST.dict(), problem)


@in_room(VAULT, is_open=True)
@require_POST
def pay(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Lead to the payment once more: the page was closed, or the provider refused a card."""
    return _go_on(request, visiting.mine(request, order))


@in_room(VAULT, is_open=True)
@require_POST
def leave(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """End an order that is not paid."""
    row = visiting.mine(request, order)
    try:
        commands.give_up(row.order, money=paying.MONEY, now=timezone.now())
    except Problem as problem:
        return _page(request, row, problem)
    return redirect("checkout_order", order=order)


@in_room(VAULT, is_open=True)
@require_POST
def forget(request: HttpRequest, order: uuid.UUID) -> HttpResponse:
    """Forget who got an order, where a guest wants that and nothing is to reach them any more."""
    key = request.POST.get("key", "")
    row = visiting.mine(request, order, key)
    is_done = forgetting.forget(row, at=timezone.now())
    if not is_done and not forgetting.is_forgotten(row):
        return _page(request, row, RecipientNeeded(), key=key)
    return redirect("checkout_order", order, key) if key else redirect("checkout_order", order)


@in_room(VAULT, is_open=True)
@require_GET
def order(request: HttpRequest, order: uuid.UUID, key: str = "") -> HttpResponse:
    """Show an order: what is in it, how far it is, and how to pick it up. It reads the state and never decides it."""
    row = visiting.mine(request, order, key)
    return _page(request, row, PaymentAway() if request.GET.get("away") and row.step == "placed" else None, key=key)


# -- what is read of a form -----------------------------------------------------------------------------------------


def _wish(request: HttpRequest, basket: str, customer: uuid.UUID | None) -> Wish:
    def said(name: str) -> str:
        return request.POST.get(name, "").strip()

    by, is_gift = "pickup" if said("by") == "pickup" else "delivery", said("by") == "gift"
    address = Hidden(address_of(request)) if by == "delivery" and not is_gift else None
    email = Hidden(said("email")) if said("email") else None
    store = said("store") if by == "pickup" else delivering.ships_from()
    digest = (said("digest_gift" if is_gift else "digest_delivery") if by == "delivery" else "") or said("digest")
    return Wish(
        order=_number(said("order")), basket=basket, digest=digest, by=by,  # type: ignore[arg-type]
        recipient=Recipient(Hidden(said("name")), email, address), user=visiting.user_of(request), customer=customer,
        store=store or None, language=(get_language() or "en").partition("-")[0], is_gift=is_gift,
        points=_points(said("points")), in_store=by == "pickup" and said("pay") == "store",
    )  # fmt: skip


def _points(text: str) -> int:
    """Return how many points are to pay; what is no number of points is more than anybody has."""
    if not text:
        return 0
    points = whole(text, POINTS_MAX)
    return POINTS_MAX if points is None else points


def _insist_on_passkey(request: HttpRequest, wish: Wish, total: int, *, now: dt.datetime) -> None:
    """Refuse what asks for a passkey that was shown just now. Raises as :func:`stepping.check`, and for points."""
    if is_freshly_confirmed(request):
        return
    if wish.points:
        raise PointsNotHeld(field="points")
    stepping.check(wish, total, now=now)


def _changed(digest: str, quoted: Quote) -> PriceChanged | None:
    """Return that it costs something else than was seen, if it does."""
    if digest == quoted.digest:
        return None
    return PriceChanged(f"It costs {quoted.total} now.", field="digest", total=quoted.total)


def _card(request: HttpRequest, quoted: Quote, *, points: int) -> Pays | None:
    """Return what the gift card pays whose code stands in the form, of what points leave; nothing where none stands."""
    code = request.POST.get("card", "").strip()
    if not code or not gift_cards.are_taken():
        return None
    now = timezone.now()
    paid = points * (commands.point_worth(now=now) or 0)
    return gift_cards.look(request, code, currency=quoted.currency, due=max(0, quoted.total - paid), now=now)


def _number(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return IDS.new()


def _known(request: HttpRequest) -> dict[str, str]:
    """Return what a form begins with: what somebody who is signed in has given before."""
    user = visiting.user_of(request)
    if user is None or not queries.is_known(user):
        return {}
    values = queries.read(
        user, fields=["name", "email", "addresses"], purpose=_SHOWN, actor=f"customer:{user}", at=timezone.now()
    )
    return _written(values)


def _written(values: ContactValues) -> dict[str, str]:
    said = {}
    if values.name is not None:
        said["name"] = values.name.reveal()
    if values.email is not None:
        said["email"] = values.email.reveal()
    if values.addresses is not None and (places := values.addresses.reveal()):
        said |= fields_of(places[0])
    return said


# -- what is shown --------------------------------------------------------------------------------------------------


def _form(
    request: HttpRequest, basket: str, quoted: Quote, values: dict[str, str], problem: Problem | None = None, *,
    pays: Pays | None = None,
    chosen: Quote | None = None,
) -> HttpResponse:  # fmt: skip
    language = get_language() or "en"
    try:
        gift = gifts.of_basket(basket)
    except BasketEmpty:
        return _closed(request, HTTPStatus.NOT_FOUND)
    is_sent = gift is not None and gift.can_be_sent and delivering.delivers()
    country = values.get("country") or delivering.home()
    stores = _stores(quoted)
    known_as = commands.customers_of(visiting.user_of(request), visiting.recognised(request, basket))
    costs = ways.ways(basket, quoted, country, known_as=known_as, is_sent=is_sent)
    is_sent = is_sent and any(each.by == "gift" for each in costs)
    costs = [each for each in costs if stores or each.by != "pickup"]
    context = {
        "gift": gift,
        "is_sent": is_sent,
        "basket": basket,
        "fresh": str(IDS.new()),
        "quote": quoted,
        "lines": [explained(each, quoted.currency) for each in quoted.lines],
        "total": Sum(quoted.total, quoted.currency),
        "before": Sum(quoted.before, quoted.currency),
        "discount": Sum(-quoted.discount, quoted.currency) if quoted.discount else None,
        "on_top": Sum(quoted.tax_on_top, quoted.currency) if quoted.tax_on_top else None,
        "values": values,
        "by": values.get("by", "gift" if is_sent else "delivery" if delivering.delivers() else "pickup"),
        "delivers": delivering.delivers(),
        "ways": costs,
        "has_prices": len({each.total.minor for each in costs}) > 1 or any(each.delivery is not None for each in costs),
        "abroad": ways.abroad(quoted, language),
        "goods": Sum(quoted.total - quoted.tax_on_top, quoted.currency),
        "place": dict(countries.choices(language)).get(country, ""),
        "countries": countries.choices(language),
        "country": country,
        "stores": stores,
        "is_guest": visiting.user_of(request) is None,
        "sign_in": f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}",
        "problem": problem,
        "told": _told(problem),
        "why": _why(values.get("seen", ""), quoted) if isinstance(problem, PriceChanged) else {},
        "seen": msgspec.json.encode(pricing.seen_in(quoted)).decode(),
        "at_fault": "" if problem is None else problem.field or "",
        "back": addresses.url_of(COUNTER, "/basket" if gift is None else gift.back),
        "points": _offer(request, basket, quoted),
        "store_until": ways.store_until(quoted, is_guest=visiting.user_of(request) is None),
        "pay": values.get("pay", ""),
        "takes_cards": gift_cards.are_taken(),
        "card": None if pays is None else _shown(pays, chosen or quoted, values),
        "confirm": _confirming(basket),
        "asks": stepping.asks(visiting.user_of(request), quoted.total) and not is_freshly_confirmed(request),
        "minutes": int(rules.PAY_WITHIN.total_seconds() // 60),
    }
    status = HTTPStatus.OK if problem is None else problem.status
    return render(request, "checkout/checkout.html", context, status=status)


class PointsOffer(msgspec.Struct, frozen=True):
    """Points that somebody has, what they are worth together, and how many of them this basket takes at most.

    ``confirm`` is where the passkey is asked for first; empty where it was shown just now.
    """

    available: int
    worth: Sum
    most: int
    confirm: str


def _confirming(basket: str) -> str:
    """Return where the passkey is shown once more, and from where it leads back here."""
    here = f"{reverse('checkout')}?{urlencode({'basket': basket})}"
    return f"{reverse('confirm')}?{urlencode({'next': here})}"


def _offer(request: HttpRequest, basket: str, quoted: Quote) -> PointsOffer | None:
    user, worth = visiting.user_of(request), commands.point_worth(now=timezone.now())
    if user is None or worth is None:
        return None
    person = person_of(customer_of_user(user))
    available = 0 if person is None else loyalty.wallet(person.customers).available
    if not available:
        return None
    confirm = "" if is_freshly_confirmed(request) else _confirming(basket)
    return PointsOffer(
        available, Sum(available * worth, quoted.currency), min(available, quoted.total // worth), confirm
    )


class CardShown(msgspec.Struct, frozen=True):
    """What a gift card pays of this basket, what is left on it, and what is left to pay after points and the card."""

    seen: str
    pays: Sum
    left: Sum
    due: Sum


def _shown(pays: Pays, quoted: Quote, values: Mapping[str, str]) -> CardShown:
    points = _points(values.get("points", "").strip()) * (commands.point_worth(now=timezone.now()) or 0)
    due = quoted.total - points - pays.amount
    return CardShown(
        pays.seen, Sum(pays.amount, quoted.currency), Sum(pays.left, quoted.currency), Sum(due, quoted.currency)
    )


class Place(msgspec.Struct, frozen=True):
    """A store where an order can wait: its number and name, its town, and whether everything is there now."""

    number: str
    name: str
    town: str
    has_all: bool


_STORES_MAX: Final = 200


def _stores(quoted: Quote) -> list[Place]:
    known = shelves([line.product for line in quoted.lines])
    found = []
    for each in catalog.stores()[:_STORES_MAX]:
        there = {shelf.sku: shelf.available or 0 for shelf in known.get(each.store, ())}
        has_all = all(there.get(line.product, 0) >= line.quantity for line in quoted.lines)
        found.append(Place(each.store, each.name, each.locality or "", has_all))
    return sorted(found, key=lambda place: (not place.has_all, place.town, place.name))


def _why(text: str, quoted: Quote) -> dict[str, Any]:
    """Return what has changed since what somebody has seen, as their own page says it; nothing where it says nonsense.

    Only words follow from it.
    """
    try:
        seen = msgspec.json.decode(text, type=pricing.Seen)
    except msgspec.DecodeError:
        return {}
    after = {line.product: line.total for line in quoted.lines}
    changed = pricing.changes(seen, quoted).keys() - {""}
    lines = [
        (name, Sum(seen.lines.get(product, 0), quoted.currency), Sum(after.get(product, 0), quoted.currency))
        for product, name in sorted(catalog.called(changed).items())
    ]
    return {"gone": commands.titles_of(pricing.gone(seen, quoted)), "changed": lines}


def _told(problem: Problem | None) -> str:
    """Return what is wrong in the reader's words."""
    if problem is None:
        return ""
    words = {
        "price_changed": _("The price has changed. Look at the new sum and confirm it, or go back to the basket."),
        "not_held": _("Not all of it can be had there any more. Choose another store, or change the basket."),
        "age_not_proven": _("Some of this is sold from a certain age on. Prove your age; no date is asked for."),
        "not_delivered_there": _("We bring nothing to this country. Choose another one, or pick it up at a store."),
        "not_in_store": _("It cannot be paid in the store this time. Pay now, and pick it up all the same."),
        "payment_away": _("Nobody takes payments at the moment. Nothing was charged; try again in a little while."),
        "gateway_away": _("The counter cannot be reached at the moment. Nothing was charged; try again."),
        "house_not_in_map": _("This shop is not set up to sell here yet."),
        "contact_invalid": _("Something about the name or the address is missing or wrong."),
        "field_invalid": _("Something is missing."),
        "points_not_held": _("The points cannot be spent like this now. Nothing was charged; try again without them."),
        "card_not_held": _("This gift card cannot be used here and now. Nothing was charged; try again without it."),
        "card_mistyped": _("There is a slip in the gift card's code: a character is wrong or missing."),
        "card_tried_too_often": _(
            "Too many codes were wrong. Nothing was charged; try the gift card again in an hour."
        ),
        "checkout_over": _("This order is over. Begin again from the basket."),
        "confirmation_needed": _("Show your passkey once more before this is ordered."),
        "recipient_needed": _(
            "Something is still to be brought, written or given back to you. Come back when it is there."
        ),
    }
    return words.get(problem.name, problem.title())


def _page(request: HttpRequest, row: Checkout, problem: Problem | None = None, *, key: str = "") -> HttpResponse:
    found = orders.order(row.order)
    lines = row.said["lines"]
    names = catalog.called([each["product"] for each in lines])
    returns = _returns(row, names)
    is_ready = found is not None and (found.state in {"paid", "packed"} or found.is_to_be_taken)
    in_store = waiting.pays_in_store(row)
    context = receipts.shown(row, names) | {
        "row": row,
        "state": _state(row, found.state if found else ""),
        "due": Sum(tenders.due(row), row.currency),
        "registration": receipts.registration() if row.paid_at else None,
        "returns": returns,
        "back": sum(quantity for each in returns for quantity, _ in each["lines"]),
        "pieces": sum(each["quantity"] for each in lines),
        "is_gift": gifts.is_gift(row),
        # Carriers tell whoever has the number where a parcel goes: the page's address alone shows none.
        "parcel": None if key else numbering.parcel_of(row),
        "earned": row.said.get("earned", 0) if row.step == "settled" else 0,
        "store": _store_of(row),
        "code": pickup_code_of(row.order) if is_ready and row.by == "pickup" else "",
        "in_store": in_store,
        "is_laid": found is not None and "packed" in found.moments,
        "may_pay": row.step == "placed" and not in_store and timezone.now() < row.expires_at,
        "may_leave": row.step in {"begun", "held", "placed"},
        "problem": problem,
        "told": _told(problem),
        "shop": addresses.url_of(COUNTER, "/"),
        "may_forget": forgetting.may_forget(row),
        "is_forgotten": row.is_guest and forgetting.is_forgotten(row),
        "key": key,
    }  # fmt: skip
    response = render(request, "checkout/order.html", context)
    if row.step in {"placed", "paid"} and problem is None and request.GET.get("back"):
        # Whoever comes back from the payment is a little earlier than its report.
        response.headers["Refresh"] = "4"
    return response


def _returns(row: Checkout, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what came back, as its buyer is told it; of a cancelled order its state says so."""
    if row.step != "settled":
        return []
    lines, paid = row.said["lines"], tenders.points(row)
    return [
        {
            "at": each.back.occurred_at, "refund": each.back.refund, "total": Sum(each.amount, row.currency),
            "points": each.parts.get("points", 0) // (paid.unit if paid else 1),
            "card": Sum(each.parts["gift_card"], row.currency) if each.parts.get("gift_card") else None,
            "lines": [(one.quantity, names[lines[one.line - 1]["product"]]) for one in each.back.lines],
        }
        for each in returning.came_back(row)
    ]  # fmt: skip


def _state(row: Checkout, state: str) -> str:
    if row.step == "over":
        return "cancelled"
    return state or "placed"


def _store_of(row: Checkout) -> str:
    found = catalog.store(row.store) if row.store and row.by == "pickup" else None
    return "" if found is None else found.name


def _to_payment(request: HttpRequest, row: Checkout) -> HttpResponse:
    """Lead to the provider's page: no form of this room may be sent elsewhere, so a page with a link does."""
    key = visiting.key_of(request, row)
    own = addresses.url_of(VAULT, reverse("checkout_order", args=[row.order, key] if key else [row.order]))
    url = paying.begin(
        row, return_url=f"{own}?back=1", cancel_url=own, language=get_language() or "en", now=timezone.now()
    )
    if not url:
        return HttpResponseRedirect(own)
    response = render(request, "checkout/to_payment.html", {"url": url, "total": Sum(tenders.due(row), row.currency)})
    response.headers["Refresh"] = f"0;url={url}"
    return response


def _closed(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    context = {"basket_url": addresses.url_of(COUNTER, "/basket")}
    return render(request, "checkout/closed.html", context, status=status)
