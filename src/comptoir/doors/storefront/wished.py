"""A friend's page: the wish list that a link opens, without an account; wishes are claimed, let go, and bought.

Who has come by the link sees the wishes. What of them is taken is shown to whoever says that they are a friend, which a
cookie with a secret remembers, or whom the counter recognises as somebody else than the owner: so neither the owner's
own look at the link, nor a preview of it in a social network, tells anything. Not here: the owner's pages (``wishes``).
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.counter.baskets.contracts import CHANGED as BASKET_CHANGED
from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.wishlists import queries, rules
from comptoir.counter.wishlists.codes import friend_of
from comptoir.counter.wishlists.contracts import CLAIM, PIECES_MAX, RELEASE
from comptoir.counter.wishlists.rules import Claim, WishList
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.baskets import CHECKOUT, has_checkout
from comptoir.doors.storefront.cards import members_of
from comptoir.doors.storefront.wishes import Told, told
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Assurance
from comptoir.foundation.rooms.headers import let_frame
from comptoir.foundation.rooms.visits import Visit, visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room, ticket_form
from comptoir.foundation.touchpoints import house

#: How long a browser is known as a friend's: as long as a card link opens a card.
_COOKIE_AGE: Final = dt.timedelta(days=400)
_SECRET_BYTES: Final = 16
_SECRET_CHARACTERS: Final = 22
#: So many wishes have room on a card.
_CARD_WISHES: Final = 3


class Friend(msgspec.Struct, frozen=True):
    """Who looks at a list: the owner, a friend (by their customers, or by what is made of their secret), or anybody."""

    is_owner: bool = False
    members: tuple[uuid.UUID, ...] = ()
    customer: uuid.UUID | None = None
    friend: str | None = None

    @property
    def is_friend(self) -> bool:
        """Tell whether they see what is taken."""
        return not self.is_owner and (self.customer is not None or self.friend is not None)

    def owns(self, claim: Claim) -> bool:
        """Tell whether a claim is theirs."""
        return rules.is_theirs(claim, members=[str(each) for each in self.members], friend=self.friend)

    def said_of(self, claim: Claim | None = None) -> dict[str, Any]:
        """Return how an event says who they are, of a claim that they made in one of both ways."""
        by_customer = self.customer is not None if claim is None else claim.customer is not None
        if by_customer:
            return {"customer": {"kind": CUSTOMER_KIND, "value": str(self.customer)}}
        return {"friend": self.friend}


class Shown(msgspec.Struct, frozen=True):
    """A wish as a friend sees it: how many are left, and what they have claimed of it themselves."""

    told: Told
    left: int
    mine: tuple[Claim, ...]
    fresh: str


@in_room(COUNTER, is_open=True)
@require_safe
def page(request: HttpRequest, secret: str) -> HttpResponse:
    """Answer with the list that the link opens."""
    found = _shared(secret)
    if found is None:
        return render(request, "storefront/wished_closed.html", {"section": "wished"}, status=HTTPStatus.NOT_FOUND)
    return _page(request, secret, found)


@in_room(COUNTER, is_open=True)
@require_safe
def card(request: HttpRequest, secret: str) -> HttpResponse:
    """Answer with a list's card, which any page may frame: the same for everybody, and silent about what is taken."""
    found = _shared(secret)
    if found is None:
        raise Http404
    context = {
        "list": found, "wishes": told(found, [])[:_CARD_WISHES], "more": max(len(found.wishes) - _CARD_WISHES, 0),
        "page": addresses.url_of(COUNTER, f"/w/{secret}"),
    }  # fmt: skip
    return let_frame(render(request, "storefront/wished_card.html", context), ("*",), is_same_for_all=True)


@in_room(COUNTER, is_open=True)
@require_POST
def befriend(request: HttpRequest, secret: str) -> HttpResponse:
    """Let this browser be a friend's from now on."""
    found = _shared(secret)
    if found is None:
        raise Http404
    response = redirect("storefront:wished", secret=secret)
    if not _who(request, found).is_owner and _carried(request) is None:
        response.set_cookie(
            cookie_name(), secrets.token_urlsafe(_SECRET_BYTES), max_age=_COOKIE_AGE, httponly=True, samesite="Lax",
            secure=request.is_secure() or addresses.is_production(),
        )  # fmt: skip
    return response


@in_room(COUNTER, is_open=True)
@require_POST
def claim(request: HttpRequest, secret: str) -> HttpResponse:
    """Claim so many pieces of a wish."""
    found, who = _come(request, secret)
    number = _number(request)
    trouble = _claim(request, found, who, number)
    if trouble:
        return _page(request, secret, found, trouble=trouble, status=HTTPStatus.CONFLICT)
    return redirect("storefront:wished", secret=secret)


@in_room(COUNTER, is_open=True)
@require_POST
def release(request: HttpRequest, secret: str) -> HttpResponse:
    """Let a claim go."""
    found, who = _come(request, secret)
    there = _own(request, found, who)
    if there is None:
        return redirect("storefront:wished", secret=secret)
    data = {"claim": there.id, **who.said_of(there)}
    trouble = _send(RELEASE, data, number=uuid.uuid5(uuid.UUID(there.id), "release"), at=timezone.now())
    if trouble:
        return _page(request, secret, found, trouble=trouble, status=HTTPStatus.CONFLICT)
    return redirect("storefront:wished", secret=secret)


@in_room(COUNTER, is_open=True)
@require_POST
def buy(request: HttpRequest, secret: str) -> HttpResponse:
    """Claim a wish, unless that is done, lay it into a basket of its own, and offer the way to the checkout."""
    found, who = _come(request, secret)
    there = _own(request, found, who)
    if there is None:
        number = _number(request)
        if trouble := _claim(request, found, who, number):
            return _page(request, secret, found, trouble=trouble, status=HTTPStatus.CONFLICT)
        there = next((each for each in queries.claims_on(found) if each.id == str(number)), None)
    if there is None or there.state != "claimed" or not has_checkout():
        return redirect("storefront:wished", secret=secret)
    # The claim's id is the basket's: whoever asks twice lays one gift into one basket.
    data = {"basket": there.id, "put": [{"product": there.product, "quantity": there.quantity}]}
    laid = uuid.uuid5(uuid.UUID(there.id), "laid")
    if trouble := _send(BASKET_CHANGED, data, number=laid, at=there.claimed_at):
        return _page(request, secret, found, trouble=trouble, status=HTTPStatus.CONFLICT)
    shown = next((each for each in told(found, []) if each.wish.id == there.wish), None)
    context = {
        "ticket": _ticket(request, there), "shown": shown, "claim": there, "list": found, "secret": secret,
        "section": "wished",
    }  # fmt: skip
    return carrying_ticket(render(request, "storefront/wished_go.html", context))


# -- who it is ------------------------------------------------------------------------------------------------------


def cookie_name() -> str:
    """Return the name of a friend's cookie; in production it is bound to this host."""
    return "__Host-comptoir-friend" if addresses.is_production() else "comptoir-friend"


def _carried(request: HttpRequest) -> str | None:
    carried = request.COOKIES.get(cookie_name(), "")
    return carried if len(carried) == _SECRET_CHARACTERS and carried.isascii() else None


def _who(request: HttpRequest, found: WishList) -> Friend:
    visit, carried = visit_of(request), _carried(request)
    friend = None if carried is None else friend_of(carried, found.id)
    if visit is None:
        return Friend(friend=friend)
    customer = uuid.UUID(visit.subject)
    members = members_of(customer)
    if found.customer in {str(each) for each in members}:
        return Friend(is_owner=True)
    return Friend(members=members, customer=customer, friend=friend)


def _shared(secret: str) -> WishList | None:
    return queries.shared(secret.lower())


def _come(request: HttpRequest, secret: str) -> tuple[WishList, Friend]:
    """Return the list and the friend who does something; for anybody else there is nothing to do here."""
    found = _shared(secret)
    if found is None:
        raise Http404
    who = _who(request, found)
    if not who.is_friend:
        raise Http404
    return found, who


# -- what is done ---------------------------------------------------------------------------------------------------


def _claim(request: HttpRequest, found: WishList, who: Friend, number: uuid.UUID) -> str:
    quantity = whole(request.POST.get("quantity", "1").strip(), PIECES_MAX, least=1)
    if quantity is None:
        return _("Write a whole number from 1 to %(most)d.") % {"most": PIECES_MAX}
    wish = found.wish(request.POST.get("wish", ""))
    if wish is None:
        return _("This is not on the list any more.")
    data = {
        "wish_list": found.id, "share": found.share, "wish": wish.id, "claim": str(number), "quantity": quantity,
        **who.said_of(),
    }  # fmt: skip
    return _send(CLAIM, data, number=number, at=timezone.now())


def _send(kind: str, data: Mapping[str, Any], *, number: uuid.UUID, at: dt.datetime) -> str:
    """Send an event; returns why it was not taken, or nothing. The same form twice happens once."""
    try:
        answer = house.send(kind, data, touchpoint=house.STOREFRONT, request=number, at=at)
    except Problem as problem:
        return refused.words(problem)
    if answer.problem is None or answer.problem.name == "id_reused":
        return ""
    own = {
        "wish_taken": _("Somebody else gives this already. Choose something else."),
        "wish_unknown": _("This is not on the list any more."),
        "wish_list_unknown": _("This list is not shared any more."),
        "wish_list_full": _("So much is claimed on this list that it takes no more."),
        "customer_unknown": _("Use the card once before you claim something with it: the shop does not know it yet."),
        "claim_ordered": _("It is ordered already. Call the order off first: that lets it go."),
    }
    return refused.words(answer.problem, own)


def _own(request: HttpRequest, found: WishList, who: Friend) -> Claim | None:
    """Return the friend's claim that a form names."""
    number = request.POST.get("claim", "")
    return next((each for each in queries.claims_on(found) if each.id == number and who.owns(each)), None)


def _number(request: HttpRequest) -> uuid.UUID:
    """Return the number under which a form claims: its own, so that the same form twice is one claim."""
    try:
        return uuid.UUID(request.POST.get("fresh", ""))
    except ValueError:
        return uuid.uuid4()


def _ticket(request: HttpRequest, there: Claim) -> Mapping[str, str]:
    """Return the way into the checkout with the claim's own basket (see ``baskets.checkout_ticket``)."""
    visit = visit_of(request) or Visit(there.id, Assurance.NOBODY, ("basket",), timezone.now())
    return ticket_form(request, destination=VAULT, path=f"{CHECKOUT}?{urlencode({'basket': there.id})}", visit=visit)


# -- what is shown --------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest, secret: str, found: WishList, *, trouble: str = "", status: int = HTTPStatus.OK
) -> HttpResponse:
    who = _who(request, found)
    claims = queries.claims_on(found) if who.is_friend else []
    shown = [_shown(each, claims, who) for each in told(found, [])]
    on_list = {each.id for each in found.wishes}
    context = {
        "list": found,
        "secret": secret,
        "who": who,
        "wishes": shown,
        "gone": [each for each in claims if who.owns(each) and each.wish not in on_list],
        "has_checkout": has_checkout(),
        "trouble": trouble,
        "section": "wished",
    }
    return render(request, "storefront/wished.html", context, status=status)


def _shown(each: Told, claims: list[Claim], who: Friend) -> Shown:
    mine = tuple(one for one in claims if one.wish == each.wish.id and who.owns(one))
    return Shown(each, max(rules.left(each.wish, claims), 0), mine, str(uuid.uuid4()))
