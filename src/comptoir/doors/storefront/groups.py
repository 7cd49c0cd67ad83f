"""The groups that a customer is in: each in words, with what it rests on, and a button that takes that away.

Not here: what a segment is (``office/segments``), the consents themselves (``me.py``).
"""

from __future__ import annotations

import uuid
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comptoir.counter.audiences import store as audiences
from comptoir.counter.customers import queries as customers
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.office.segments import queries, wording
from comptoir.office.segments.contracts import leaves
from comptoir.office.segments.facts import FACTS, FAMILIES

#: More than these a page does not show.
SHOWN_MAX: Final = 100


class Group(msgspec.Struct, frozen=True):
    """A segment as its member reads it: its conditions in words, what they rest on, and the channels of that."""

    name: str
    conditions: list[tuple[str, str]]
    families: list[str]
    channels: list[str]


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with every group that the customer is in."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    person = customers.person_of(uuid.UUID(visit.subject))
    groups: list[Group] = []
    if person is not None:
        with database.connect(COUNTER.role) as connection:
            named = audiences.find_segments_of(connection, [str(each) for each in person.customers], limit=SHOWN_MAX)
            for name, expression in named:
                try:
                    tree = queries.tree_of(connection, expression)
                except Problem:
                    groups.append(Group(name, [], [], []))
                    continue
                families = dict.fromkeys(FACTS[leaf.fact].family for leaf in leaves(tree))
                channels = dict.fromkeys(FAMILIES[each].channel for each in families)
                said = [_families()[each] for each in families]
                groups.append(Group(name, wording.in_words(tree), said, list(channels)))
    asked = list(dict.fromkeys(channel for group in groups for channel in group.channels))
    return render(
        request, "storefront/groups.html", {"person": person, "groups": groups, "channels": asked, "section": "who"}
    )


def _families() -> dict[str, str]:
    """Return what facts rest on, in words."""
    return {
        "buying": _("what you bought"), "points": _("your points"), "coupons": _("your coupons"),
        "square": _("what you said on the square"), "messages": _("the messages that you got"),
        "doing": _("what else you did here"), "knowing": _("how long the shop has known you"),
    }  # fmt: skip
