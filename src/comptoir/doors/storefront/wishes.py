"""An owner's wish lists: begun, filled, dated, shared and ended. Nothing here tells what friends have claimed.

What an owner does is said to the gateway as an event of the touchpoint ``storefront``. Only once a list's date has come
does its page say what was taken. Not here: what friends see (``wished.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.baskets import queries as baskets
from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.wishlists import queries
from comptoir.counter.wishlists.codes import secret_of
from comptoir.counter.wishlists.contracts import CHANGED, NOTE_CHARACTERS_MAX, PIECES_MAX, TITLE_CHARACTERS_MAX
from comptoir.counter.wishlists.rules import Claim, Wish, WishList
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.baskets import goods_of, named, request_of
from comptoir.doors.storefront.cards import members_of
from comptoir.doors.storefront.community import embedding
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.store import Goods

_VARIANTS_MAX: Final = 100


class Told(msgspec.Struct, frozen=True):
    """A wish as a page tells it: what it is and costs, where its page is, and how many of it are given.

    ``given`` is what an owner sees after the list's date, and nothing before.
    """

    wish: Wish
    name: str
    spoken: str
    options: str
    price: Money | None
    url: str
    can_buy: bool
    given: int = 0
    picture: catalog.PictureShown | None = None


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the person's lists, and with what they themselves give to others."""
    return _page(request)


@in_room(COUNTER)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a list; where a product was being put on one, it is on the new one."""
    said: dict[str, Any] = {"title": request.POST.get("title", "").strip()}
    if not 1 <= len(said["title"]) <= TITLE_CHARACTERS_MAX:
        text = _("Give the list a name of at most %(most)d characters.") % {"most": TITLE_CHARACTERS_MAX}
        return _page(request, trouble=text, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    day, trouble = _day(request)
    if day is not None:
        said["opens_at"] = day.isoformat()
    goods = goods_of(request.POST.get("product", ""))
    if goods is not None:
        said["put"] = [{"wish": str(uuid.uuid4()), "product": goods.sku}]
    # The form's own number is the list's: the same form twice begins one list.
    number, at = request_of(request)
    wish_list = uuid.uuid5(number, "wish list")
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    trouble = trouble or _send(str(wish_list), visit.subject, said, number=number, at=at)
    if trouble:
        return _page(request, trouble=trouble, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("storefront:wish_list", wish_list=wish_list)


@in_room(COUNTER)
@require_safe
def add(request: HttpRequest) -> HttpResponse:
    """Ask on which list a product is put, for whoever comes from its page."""
    goods = goods_of(request.GET.get("product", ""))
    shown = None if goods is None else catalog.product(goods.product)
    if goods is None or shown is None:
        text = _("The shop sells nothing under this number.")
        return _page(request, trouble=text, status=HTTPStatus.NOT_FOUND)
    kinds = [(each.sku, ", ".join(each.options.values()) or each.sku) for each in shown.variants[:_VARIANTS_MAX]]
    context = {
        "goods": goods,
        "kinds": kinds,
        "lists": [each for each in _lists(request) if each.ended_at is None],
        "title_max": TITLE_CHARACTERS_MAX,
        "note_max": NOTE_CHARACTERS_MAX,
        "pieces_max": PIECES_MAX,
        "product_url": _product_url(goods.product),
        "section": "wishes",
    }
    return render(request, "storefront/wish_add.html", context)


@in_room(COUNTER)
@require_safe
def one(request: HttpRequest, wish_list: uuid.UUID) -> HttpResponse:
    """Answer with one list."""
    return _one(request, _mine(request, wish_list))


@in_room(COUNTER)
@require_POST
def put(request: HttpRequest) -> HttpResponse:
    """Put a product on the list that was chosen."""
    try:
        number = uuid.UUID(request.POST.get("wish_list", ""))
    except ValueError:
        raise Http404 from None
    found, goods = _mine(request, number), goods_of(request.POST.get("product", ""))
    if goods is None:
        text = _("The shop sells nothing under this number.")
        return _one(request, found, trouble=text, status=HTTPStatus.NOT_FOUND)
    there = next((each for each in found.wishes if each.product == goods.sku), None)
    wanted = _wish(request, str(uuid.uuid4()) if there is None else there.id, goods.sku)
    return _say(request, found, {"put": [wanted]})


@in_room(COUNTER)
@require_POST
def change(request: HttpRequest, wish_list: uuid.UUID) -> HttpResponse:
    """Do what a form of a list's page says: it is renamed, dated, changed, shared, shared no more, or ended."""
    found = _mine(request, wish_list)
    does = request.POST.get("does", "")
    if does in {"set", "off"}:
        wish = found.wish(request.POST.get("wish", ""))
        if wish is None:
            return redirect("storefront:wish_list", wish_list=wish_list)
        said = {"off": [wish.id]} if does == "off" else {"put": [_wish(request, wish.id, wish.product)]}
        return _say(request, found, said)
    if does == "name":
        day, trouble = _day(request)
        title = request.POST.get("title", "").strip()
        if trouble or not 1 <= len(title) <= TITLE_CHARACTERS_MAX:
            text = trouble or _("Give the list a name of at most %(most)d characters.") % {"most": TITLE_CHARACTERS_MAX}
            return _one(request, found, trouble=text, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return _say(request, found, {"title": title} | ({} if day is None else {"opens_at": day.isoformat()}))
    simple: dict[str, dict[str, Any]] = {
        "share": {"share": str(uuid.uuid4())},
        "unshare": {"unshare": True},
        "address": {"to_address": True},
        "no_address": {"to_address": False},
        "end": {"end": True},
    }
    if does not in simple:
        raise Http404
    return _say(request, found, simple[does])


def link_of(wish_list: WishList) -> str:
    """Return the link that opens a shared list; nothing for one that is not shared."""
    return "" if wish_list.share is None else addresses.url_of(COUNTER, f"/w/{secret_of(wish_list.share)}")


def told(wish_list: WishList, claims: list[Claim]) -> list[Told]:
    """Return the wishes of a list in the reader's language, with how many of each are given by these claims."""
    language = (translation.get_language() or "en").split("-")[0]
    goods, currency = queries.goods({each.product for each in wish_list.wishes}), baskets.currency()
    pictures = catalog.first_pictures({each.product for each in goods.values()})
    shown = [_told(each, goods.get(each.product), claims, language, currency) for each in wish_list.wishes]
    pages = [goods[each.product].product if each.product in goods else "" for each in wish_list.wishes]
    return [msgspec.structs.replace(one, picture=pictures.get(page)) for one, page in zip(shown, pages, strict=True)]


def _told(wish: Wish, goods: Goods | None, claims: list[Claim], language: str, currency: str) -> Told:
    given = sum(each.quantity for each in claims if each.wish == wish.id)
    if goods is None:
        return Told(wish, wish.product, language, "", None, "", can_buy=False, given=given)
    name, spoken = named(goods.name, language)
    price = next((Money(each.amount, each.currency) for each in goods.prices if each.currency == currency), None)
    return Told(
        wish, name or wish.product, spoken, ", ".join(goods.options.values()), price, _product_url(goods.product),
        can_buy=goods.is_listed and price is not None, given=given,
    )  # fmt: skip


# -- what is read and said ------------------------------------------------------------------------------------------


def _lists(request: HttpRequest) -> list[WishList]:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    return queries.of_person(members_of(uuid.UUID(visit.subject)))


def _mine(request: HttpRequest, number: uuid.UUID) -> WishList:
    found = next((each for each in _lists(request) if each.id == str(number)), None)
    if found is None:
        raise Http404
    return found


def _wish(request: HttpRequest, number: str, product: str) -> dict[str, Any]:
    quantity = whole(request.POST.get("quantity", "1").strip(), 999) or 1
    note = " ".join(request.POST.get("note", "").split())[:NOTE_CHARACTERS_MAX]
    return {"wish": number, "product": product, "quantity": min(quantity, PIECES_MAX), "note": note}


def _day(request: HttpRequest) -> tuple[dt.datetime | None, str]:
    """Return the beginning of the day that a form says, and what is wrong with it."""
    written = request.POST.get("opens_on", "").strip()
    if not written:
        return None, ""
    try:
        day = dt.date.fromisoformat(written)
    except ValueError:
        return None, _("Write the day as year, month, day.")
    return timezone.make_aware(dt.datetime.combine(day, dt.time())), ""


def _say(request: HttpRequest, found: WishList, said: dict[str, Any]) -> HttpResponse:
    number, at = request_of(request)
    trouble = _send(found.id, found.customer, said, number=number, at=at)
    if trouble:
        return _one(request, found, trouble=trouble, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("storefront:wish_list", wish_list=found.id)


def _send(wish_list: str, customer: str, said: dict[str, Any], *, number: uuid.UUID, at: dt.datetime) -> str:
    """Say what an owner does; returns why it was not taken, or nothing. The same form twice happens once."""
    data = {"wish_list": wish_list, "customer": {"kind": CUSTOMER_KIND, "value": customer}, **said}
    try:
        answer = house.send(CHANGED, data, touchpoint=house.STOREFRONT, request=number, at=at)
    except Problem as problem:
        return refused.words(problem)
    if answer.problem is None or answer.problem.name == "id_reused":
        return ""
    own = {
        "customer_unknown": _("Use the card once before you keep a list with it: the shop does not know it yet."),
        "wish_list_date": _("The day has to lie ahead, by three years at most."),
        "wish_list_full": _("There is no room for any more on this list, or for another list."),
        "wish_list_over": _("This list was ended. Begin another one."),
    }
    return refused.words(answer.problem, own)


# -- what is shown --------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, *, trouble: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    given = queries.claims_of(members_of(uuid.UUID(visit.subject)))
    names = catalog.called({claim.product for claim, _list in given})
    context = {
        "lists": _lists(request),
        "given": [(claim, names[claim.product], wish_list, link_of(wish_list)) for claim, wish_list in given],
        "trouble": trouble,
        "title_max": TITLE_CHARACTERS_MAX,
        "shop_url": addresses.url_of(SQUARE, f"/{translation.get_language() or 'en'}/shop"),
        "section": "wishes",
    }
    return render(request, "storefront/wishes.html", context, status=status)


def _one(request: HttpRequest, found: WishList, *, trouble: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    now, link = timezone.now(), link_of(found)
    context = {
        "list": found,
        "wishes": told(found, queries.opened(found, now=now)),
        "is_open": found.is_open(now),
        "link": link,
        "frame": embedding.frame(f"{link}/card", found.title) if link else "",
        "trouble": trouble,
        "title_max": TITLE_CHARACTERS_MAX,
        "note_max": NOTE_CHARACTERS_MAX,
        "pieces_max": PIECES_MAX,
        "shop_url": addresses.url_of(SQUARE, f"/{translation.get_language() or 'en'}/shop"),
        "section": "wishes",
    }
    return render(request, "storefront/wish_list.html", context, status=status)


def _product_url(product: str) -> str:
    return addresses.url_of(SQUARE, f"/{translation.get_language() or 'en'}/product/") + product
