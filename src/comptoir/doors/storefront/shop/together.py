"""What goes with a product, on its page: what the same people buy, and what members say is better elsewhere.

The same for everybody, out of sums over at least five people. Nobody is known here, so nothing is shown that is sold
from an age on only. Not here: what somebody is shown because of what they bought (``doors/storefront/fitting.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from django.http import HttpRequest

from comptoir.doors.storefront.community import keeping
from comptoir.doors.storefront.shop.window import all_categories
from comptoir.doors.storefront.shop.windows import Own, own_of
from comptoir.square.catalog.queries import Ware, admits
from comptoir.square.companions import queries, rules
from comptoir.square.companions.contracts import Elsewhere

#: So many companions stand on a product's page.
SHOWN_MAX: Final = 6


class Goes(msgspec.Struct, frozen=True):
    """A product that goes with the page's: at least so many ``people`` bought both; and what is said to be better."""

    ware: Ware
    people: int
    elsewhere: Sequence[Elsewhere] = ()


class Together(msgspec.Struct, frozen=True):
    """What goes with a product, and what members say is better elsewhere than this one."""

    goes: Sequence[Goes]
    elsewhere: Sequence[Elsewhere]


def together(request: HttpRequest, product: str, own: Own | None) -> Together:
    """Return what goes with a product and can be had, the nearest first; nothing that this browser's window hides."""
    found = keeping.part(request, ("together", product), lambda: _together(product))
    admitted = {each.product for each in _admitted([each.ware for each in found.goes], own)}
    return msgspec.structs.replace(found, goes=[each for each in found.goes if each.ware.product in admitted])


def _together(product: str) -> Together:
    pairs = queries.companions([product])
    wares = queries.there(each.companion for each in pairs)
    shown = [each for each in pairs if each.companion in wares and not wares[each.companion].asks_over][:SHOWN_MAX]
    said = queries.elsewhere([product, *(each.companion for each in shown)], most=queries.ELSEWHERE_MAX)
    goes = [Goes(wares[each.companion], rules.roughly(each.people), said.get(each.companion, [])[:1]) for each in shown]
    return Together(goes, said.get(product, []))


def popular_at(request: HttpRequest, store: str) -> list[Ware]:
    """Return what many people bought lately at a store, what can be had, and what this browser's window admits."""
    own = own_of(request, all_categories)
    return _admitted(keeping.part(request, ("popular", store), lambda: _popular_at(store)), own)


def _admitted(wares: Sequence[Ware], own: Own | None) -> list[Ware]:
    return [each for each in wares if own is None or admits(own.composed, each)]


def _popular_at(store: str) -> list[Ware]:
    found = [each.product for each in queries.popular(store, limit=2 * SHOWN_MAX)]
    wares = queries.there(found)
    return [wares[each] for each in found if each in wares and not wares[each].asks_over][:SHOWN_MAX]
