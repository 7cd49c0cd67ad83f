"""Posts on other networks: short links are made, and it is shown what they sold and how sure that is.

Not here: the figures (``office/attribution``), short links as readers follow them (``square/shortlinks``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.console import charts
from comptoir.doors.console.acting import name_of, page
from comptoir.doors.console.locality import Shop, shop_of
from comptoir.doors.console.refusals import told
from comptoir.doors.console.reporting import money
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.office.attribution import commands, queries
from comptoir.office.attribution.queries import Sold, Username
from comptoir.office.attribution.rules import PAIRS_MAX, PAIRS_MIN, Brought, Plan, posts_in, week_of
from comptoir.square.shortlinks import commands as shortlinks
from comptoir.square.shortlinks.rules import (
    NETWORKS,
    POST_CHARACTERS_MAX,
    TARGET_CHARACTERS_MAX,
    USERNAME_CHARACTERS_MAX,
    ShortLink,
)

_SPANS: Final = (28, 90, 365)
_DRAWN_MAX: Final = 14
_SECONDS: Final = 60
_PAIRS: Final = 13
_FORM: Final = ("network", "username", "post", "target")
_NAMED: Final = {
    "instagram": "Instagram", "facebook": "Facebook", "tiktok": "TikTok", "youtube": "YouTube",
    "pinterest": "Pinterest", "x": "X", "bluesky": "Bluesky", "mastodon": "Mastodon", "threads": "Threads",
    "line": "LINE", "linkedin": "LinkedIn",
}  # fmt: skip


class Planned(msgspec.Struct, frozen=True):
    """A posting plan as staff see it: what it has shown, and what this week and the next one are.

    ``more`` is between what a week with posts sold more than one of rest, once the plan is over.
    """

    network: str
    network_name: str
    username: str
    said: str
    tone: str
    weeks: tuple[str, ...]
    is_running: bool
    more: str = ""


@in_room(OFFICE)
@require_safe
def posts(request: HttpRequest) -> HttpResponse:
    """Answer with what posts on other networks sold, by username and by post."""
    return _page(request)


@in_room(OFFICE)
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """Make a short link for one post."""
    form = {field: request.POST.get(field, "").strip()[: TARGET_CHARACTERS_MAX + 1] for field in _FORM}
    try:
        code = shortlinks.make(ShortLink(**form), by=name_of(request), at=timezone.now())
    except Problem as problem:
        return _page(request, problem=told(problem), form=form)
    return redirect(f"{reverse('console:posts')}?made={code}#made")


@in_room(OFFICE)
@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """Let a username's posting plan begin with next Monday, or give it up."""
    network, _slash, username = request.POST.get("account", "").partition("/")
    now = timezone.now()
    today = now.astimezone(ZoneInfo(shop_of().zone)).date()
    known = {(each.network, each.username) for each in _sold(now, _SPANS[0]).usernames}
    pairs = request.POST.get("pairs", "")
    try:
        if (network, username) in known and "give_up" in request.POST:
            commands.give_up(network=network, username=username, today=today, by=name_of(request), at=now)
        elif (network, username) in known:
            number = whole(pairs, 999) or 0
            commands.begin(network=network, username=username, pairs=number, today=today, by=name_of(request), at=now)
    except Problem as problem:
        return _page(request, problem=told(problem))
    return redirect(f"{reverse('console:posts')}#plans")


def _page(request: HttpRequest, *, problem: Trouble | None = None, form: dict[str, str] | None = None) -> HttpResponse:
    now, shop = timezone.now(), shop_of()
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, _SPANS) else _SPANS[1]
    sold = _sold(now, days)
    made = request.GET.get("made", "")
    codes = {each.link.code for username in sold.usernames for each in username.posts}
    plans = _plans(sold, shop, now)
    context = {
        "problem": problem, "form": form or dict.fromkeys(_FORM, ""), "days": days, "spans": _SPANS,
        "networks": [(each, _named(each)) for each in NETWORKS], "field": problem.field if problem else "",
        "made": url_of(SQUARE, f"/go/{made}") if made in codes else "",
        "sentence": _sentence(sold, days, shop), "usernames": [_row(each, plans, shop) for each in sold.usernames],
        "together": _together(shop, now), "unknown": _unknown(sold, shop), "drawing": _drawing(sold, days, shop),
        "posts": _posts(sold, shop), "running": [each for each in plans if each.said],
        "free": [each for each in plans if not each.is_running], "pairs": _PAIRS, "pairs_min": PAIRS_MIN,
        "pairs_max": PAIRS_MAX, "username_max": USERNAME_CHARACTERS_MAX, "post_max": POST_CHARACTERS_MAX,
        "target_max": TARGET_CHARACTERS_MAX,
    }  # fmt: skip
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/posts.html", "campaigns", context, status=status)


def _sold(now: dt.datetime, days: int) -> Sold:
    return queries.sold(since=now - dt.timedelta(days=days), until=now)


# -- in words ---------------------------------------------------------------------------------------------------------


def _named(network: str) -> str:
    return _NAMED.get(network) or _("another network")


def _money(minor: float, shop: Shop) -> str:
    return money(minor / shop.minor_units, shop.currency)


def _sentence(sold: Sold, days: int, shop: Shop) -> str:
    selling = [each for each in sold.usernames if each.sales]
    if not selling:
        return _("No sale of the last %(days)s days has named a short link.") % {"days": days}
    net = sum(each.net_minor for each in selling)
    return ngettext(
        "%(accounts)s account sold %(amount)s in %(days)s days, by last touch; on average such a time sells between"
        " %(low)s and %(high)s.",
        "%(accounts)s accounts sold %(amount)s in %(days)s days, by last touch; on average such a time sells between"
        " %(low)s and %(high)s.",
        len(selling),
    ) % {
        "accounts": len(selling), "amount": _money(net, shop), "days": days, "low": _money(max(0.0, sold.low), shop),
        "high": _money(sold.high, shop),
    }  # fmt: skip


def _together(shop: Shop, now: dt.datetime) -> str:
    """Return in a sentence what all accounts with a plan that is over have brought, and how sure that is."""
    zone = ZoneInfo(shop.zone)
    try:
        found = queries.together(today=now.astimezone(zone).date(), zone=zone, salt=commands.salt())
    except ModuleNotFoundError:
        return ""
    if found is None:
        return ""
    said = {
        "more": ngettext(
            "Beyond last touch: in its %(weeks)s weeks with posts, %(accounts)s account brought the shop %(effect)s"
            " more than weeks of rest (between %(low)s and %(high)s, with 95 %%).",
            "Beyond last touch: in their %(weeks)s weeks with posts, these %(accounts)s accounts brought the shop"
            " %(effect)s more than weeks of rest (between %(low)s and %(high)s, with 95 %%).",
            found.accounts,
        ),
        "less": ngettext(
            "Beyond last touch: in its %(weeks)s weeks with posts, %(accounts)s account cost the shop %(effect)s"
            " against weeks of rest (between %(low)s and %(high)s, with 95 %%).",
            "Beyond last touch: in their %(weeks)s weeks with posts, these %(accounts)s accounts cost the shop"
            " %(effect)s against weeks of rest (between %(low)s and %(high)s, with 95 %%).",
            found.accounts,
        ),
        "cannot_tell": ngettext(
            "Beyond last touch, one cannot tell: in its %(weeks)s weeks with posts, %(accounts)s account brought the"
            " shop between %(low)s and %(high)s more than weeks of rest (with 95 %%).",
            "Beyond last touch, one cannot tell: in their %(weeks)s weeks with posts, these %(accounts)s accounts"
            " brought the shop between %(low)s and %(high)s more than weeks of rest (with 95 %%).",
            found.accounts,
        ),
    }[found.verdict]  # fmt: skip
    return said % {
        "weeks": _number(found.weeks), "accounts": _number(found.accounts),
        "effect": _money(math.fabs(found.effect), shop), "low": _money(found.low, shop),
        "high": _money(found.high, shop),
    }  # fmt: skip


def _unknown(sold: Sold, shop: Shop) -> str:
    if not sold.unknown:
        return ""
    return ngettext(
        "%(sales)s more sale, of %(amount)s, named a code that is none of this shop's.",
        "%(sales)s more sales, of %(amount)s, named a code that is none of this shop's.",
        sold.unknown,
    ) % {"sales": sold.unknown, "amount": _money(sold.unknown_minor, shop)}


def _row(each: Username, plans: Sequence[Planned], shop: Shop) -> dict[str, str]:
    more = next((one.more for one in plans if (one.network, one.username) == (each.network, each.username)), "")
    return {
        "network": _named(each.network), "username": each.username, "posts": _number(len(each.posts)),
        "visits": _number(each.visits), "sales": _number(each.sales), "net": _money(each.net_minor, shop),
        "between": f"{_money(each.low, shop)} – {_money(each.high, shop)}" if each.sales else "–",
        "more": more or _("no plan has ended"),
    }  # fmt: skip


def _posts(sold: Sold, shop: Shop) -> list[dict[str, object]]:
    found = [
        {
            "address": url_of(SQUARE, f"/go/{post.link.code}"), "network": _named(post.link.network),
            "username": post.link.username, "post": post.link.post, "target": post.link.target,
            "made": post.link.made_at, "visits": _number(post.link.visits), "sales": _number(post.sales),
            "net": _money(post.net_minor, shop),
        }
        for username in sold.usernames
        for post in username.posts
    ]  # fmt: skip
    return sorted(found, key=lambda row: str(row["made"]), reverse=True)


def _number(value: int) -> str:
    return str(number_format(value, 0, force_grouping=True))


def _drawing(sold: Sold, days: int, shop: Shop) -> object:
    rows = [
        (
            f"{each.username} · {_named(each.network)}", each.net_minor / shop.minor_units,
            each.low / shop.minor_units, each.high / shop.minor_units,
        )
        for each in sold.usernames
        if each.sales
    ][:_DRAWN_MAX]  # fmt: skip
    if not rows:
        return None
    words = {
        "figure": _("sold by last touch, %(currency)s") % {"currency": shop.currency},
        "label": _("What each account sold, and between what such a time sells on average"),
    }
    key = ("posts", database.database_name(), days, tuple(rows))
    return charts.cached(key, _SECONDS, lambda: charts.intervals(rows, words=words))


# -- posting plans ----------------------------------------------------------------------------------------------------


def _plans(sold: Sold, shop: Shop, now: dt.datetime) -> list[Planned]:
    zone, salt, plans = ZoneInfo(shop.zone), commands.salt(), queries.plans()
    today = now.astimezone(zone).date()
    found = []
    for each in sold.usernames:
        one = plans.get((each.network, each.username))
        if one is None:
            found.append(Planned(each.network, _named(each.network), each.username, "", "", (), is_running=False))
            continue
        try:
            brought = queries.brought(one, today=today, zone=zone, salt=salt)
        except ModuleNotFoundError:
            said, tone, more = _("The statistics are not installed."), "attention", ""
        else:
            said, tone = _told_of(brought, one, shop)
            more = "" if brought.low is None or brought.high is None else _("%(low)s to %(high)s a week") % {
                "low": _money(brought.low, shop), "high": _money(brought.high, shop),
            }  # fmt: skip
        is_running = one.stopped is None and today < one.ends
        weeks = tuple(_week(one, week_of(today) + dt.timedelta(weeks=number), salt) for number in (0, 1))
        found.append(
            Planned(
                each.network, _named(each.network), each.username, said, tone,
                tuple(filter(None, weeks)) if is_running else (), is_running=is_running, more=more,
            )
        )  # fmt: skip
    return found


def _week(one: Plan, week: dt.date, salt: bytes) -> str:
    does_post = posts_in(week, one, salt=salt)
    if does_post is None:
        return ""
    said = _("The week of %(day)s: post.") if does_post else _("The week of %(day)s: rest.")
    return said % {"day": date_format(week, "SHORT_DATE_FORMAT")}


def _told_of(brought: Brought, one: Plan, shop: Shop) -> tuple[str, str]:
    """Return what a plan has shown, and in which tone to say it."""
    if brought.verdict == "running":
        said = _("%(over)s of %(all)s pairs of weeks are over. It is looked at on %(day)s, and not before.")
        day = date_format(one.ends, "SHORT_DATE_FORMAT")
        return said % {"over": brought.pairs_over, "all": one.pairs, "day": day}, ""
    if brought.verdict == "stopped":
        return _("It was given up, and shows nothing."), "attention"
    assert brought.effect is not None
    assert brought.low is not None
    assert brought.high is not None
    told = {
        "effect": _money(math.fabs(brought.effect), shop), "low": _money(brought.low, shop),
        "high": _money(brought.high, shop),
    }  # fmt: skip
    if brought.verdict == "more":
        said = _("A week with posts sold %(effect)s more than one of rest (between %(low)s and %(high)s).")
        return said % told, "good"
    if brought.verdict == "less":
        said = _("A week with posts sold %(effect)s less than one of rest (between %(low)s and %(high)s).")
        return said % told, "problem"
    said = _("Cannot tell: a week with posts sold between %(low)s and %(high)s more than one of rest.")
    return said % told, "attention"
