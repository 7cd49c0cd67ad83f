"""The form in which staff write a promotion: its fields, what they mean, what is wrong with them, and the way back.

Not here: pages (``promoting.py``), what a promotion may be (``counter/offers/rules.py``).
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.http import QueryDict
from django.utils import dates, timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.offers import rules
from comptoir.counter.offers.contracts import Promotion
from comptoir.counter.offers.errors import PromotionInvalid
from comptoir.counter.offers.wording import money
from comptoir.doors.console.acting import own_connection
from comptoir.doors.console.declared import declared_map
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.money import Money

BLANK: Final = {
    "en": "", "ja": "", "fr": "", "kind": "Percentage", "percent": "10", "amount": "", "quantity": "1", "take": "3",
    "pay": "2", "price": "", "times": "2", "most": "", "products": "", "categories": "", "amount_min": "",
    "quantity_min": "", "places": "", "starts": "", "ends": "", "from_hour": "", "until_hour": "",
    "audience": "anyone", "codes": "each", "code": "", "uses_max": "1", "days_good": "", "stacking": "together",
    "priority": "50", "redemptions_max": "", "discount_max": "", "per_customer_max": "",
}  # fmt: skip
_TICKED: Final = ("weekdays", "channels")
_HONEY: Final = 3
_CHARACTERS_MAX: Final = 20_000


def kinds() -> list[tuple[str, str]]:
    """Return what a promotion can give, and what that is called."""
    return [
        ("Percentage", _("A percentage off")), ("Amount", _("A sum off")), ("FreeItem", _("The cheapest free")),
        ("Bundle", _("A bundle")), ("Points", _("Points count several times")),
    ]  # fmt: skip


def weekdays() -> list[tuple[str, str]]:
    """Return the days of the week from Monday on."""
    return [(str(number), str(name)) for number, name in dates.WEEKDAYS.items()]


def channels() -> list[tuple[str, str]]:
    """Return the channels of the shop's map at which baskets are paid, and what each is called."""
    found = {each.channel for each in declared_map().touchpoints if any(s.type == "coupon.redeem" for s in each.sends)}
    return [(each, _channel(each)) for each in sorted(found)]


def _channel(name: str) -> str:
    words = {"store": _("in stores"), "web": _("in the web shop"), "app": _("in the app"), "mail": _("by mail")}
    return words.get(name, name)


def read(posted: QueryDict) -> dict[str, Any]:
    """Return the form as it was filled in."""
    form: dict[str, Any] = {name: posted.get(name, "").strip()[:_CHARACTERS_MAX] for name in BLANK}
    for name in _TICKED:
        form[name] = posted.getlist(name)
    return form


class _Reading:
    """Reads fields one after the other and remembers what is wrong with which."""

    def __init__(self, form: Mapping[str, Any], currency: str) -> None:
        self.form, self.currency = form, currency
        self.errors: dict[str, str] = {}

    def number(self, name: str) -> int | None:
        text = self.form[name]
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            self.errors[name] = _("A whole number.")
            return None

    def money(self, name: str) -> int | None:
        text = self.form[name].replace(",", ".")
        if not text:
            return None
        try:
            return Money.parse(text, self.currency).minor
        except ValueError:
            self.errors[name] = _("An amount, such as 5.00.")
            return None

    def moment(self, name: str, *, days: int = 0) -> str | None:
        text = self.form[name]
        if not text:
            return None
        try:
            day = dt.date.fromisoformat(text) + dt.timedelta(days=days)
        except (ValueError, OverflowError):
            self.errors[name] = _("A day, such as 2026-12-24.")
            return None
        return dt.datetime.combine(day, dt.time(), shop_zone()).isoformat()

    def words(self, name: str) -> list[str]:
        return [each.strip() for each in self.form[name].replace("\n", ",").split(",") if each.strip()]


def definition(form: Mapping[str, Any], *, currency: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the definition that a form means, and what is wrong with it, by field."""
    reading = _Reading(form, currency)
    is_each = form["codes"] == "each"
    said = {
        "titles": _kept({name: form[name] for name in ("en", "ja", "fr")}),
        "benefit": _benefit(reading),
        "codes": form["codes"],
        "code": form["code"] if form["codes"] == "shared" else None,
        "uses_max": reading.number("uses_max") if is_each else None,
        "days_good": reading.number("days_good") if is_each else None,
        "honey": _HONEY if is_each else None,
        "items": _kept({"products": reading.words("products"), "categories": reading.words("categories")}),
        "conditions": _kept(
            {
                "amount_min": reading.money("amount_min"),
                "quantity_min": reading.number("quantity_min"),
                "places": reading.words("places"),
                "channels": form.get("channels") or None,
                "starts_at": reading.moment("starts"),
                "ends_at": reading.moment("ends", days=1),
                "weekdays": [int(each) for each in form.get("weekdays", ()) if each in "0123456"],
                "hours": [form["from_hour"], form["until_hour"]] if form["from_hour"] or form["until_hour"] else None,
                "audience": form["audience"],
            }
        ),
        "budget": _kept(
            {
                "redemptions_max": reading.number("redemptions_max"),
                "discount_max": reading.money("discount_max"),
                "per_customer_max": reading.number("per_customer_max"),
            }
        ),
        "stacking": form["stacking"],
        "priority": reading.number("priority"),
    }
    made = _kept(said)
    if not form["en"]:
        reading.errors["en"] = _("What is it called? At least in English.")
    if not reading.errors:
        _check(made, reading.errors)
    return made, reading.errors


def _check(made: dict[str, Any], errors: dict[str, str]) -> None:
    try:
        rules.check(codec.decode(codec.encode(made), Promotion))
    except PromotionInvalid as problem:
        errors["form"] = f"{problem.detail} ({problem.field})"
    except msgspec.ValidationError as error:
        errors["form"] = str(error).replace("`", "")


def _benefit(reading: _Reading) -> dict[str, Any]:
    kind = reading.form["kind"]
    fields: dict[str, Any] = {}
    match kind:
        case "Percentage":
            fields = {"percent": reading.number("percent"), "amount_max": reading.money("most")}
        case "Amount":
            fields = {"amount": reading.money("amount")}
        case "FreeItem":
            fields = {"quantity": reading.number("quantity")}
        case "Bundle":
            price = reading.money("price")
            fields = {
                "take": reading.number("take"), "price": price, "pay": reading.number("pay") if price is None else None,
            }  # fmt: skip
        case "Points":
            fields = {"times": reading.number("times")}
    return {"kind": kind, **_kept(fields)}


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    """Return what was filled in."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def in_words(promotion: Promotion, *, currency: str) -> list[tuple[str, str]]:
    """Return the conditions and limits of a promotion as rows: what, and how much."""
    conditions, budget, items = promotion.conditions, promotion.budget, promotion.items
    days = dict(weekdays())
    goods = ", ".join((*items.categories, *items.products[:20])) + (" …" if len(items.products) > 20 else "")
    audiences = {
        "recognised": _("Customers who say who they are"), "holder": _("Only the coupon’s own customer"), "anyone": "",
    }  # fmt: skip
    codes = {
        "none": _("Nothing to show"),
        "shared": _("One code for everybody: %(code)s") % {"code": promotion.code},
        "each": _("A code for each customer, good so many times: %(uses)s") % {"uses": promotion.uses_max},
    }
    rows = [
        (_("Codes"), codes[promotion.codes]),
        (_("Goods"), goods),
        (_("Goods for at least"), "" if conditions.amount_min is None else money(conditions.amount_min, currency)),
        (_("At least so many"), str(conditions.quantity_min or "")),
        (_("Places"), ", ".join(conditions.places)),
        (_("Channels"), ", ".join(map(_channel, conditions.channels))),
        (_("From"), _day(conditions.starts_at)),
        (_("Before"), _day(conditions.ends_at)),
        (_("Days of the week"), ", ".join(days[str(each)] for each in conditions.weekdays)),
        (_("Hours"), "–".join(conditions.hours or ())),
        (_("For whom"), audiences[conditions.audience]),
        (_("Together with others"), _("Yes") if promotion.stacking == "together" else _("No, alone")),
        (_("Redemptions in all"), str(budget.redemptions_max or "")),
        (_("Money in all"), "" if budget.discount_max is None else money(budget.discount_max, currency)),
        (_("For one customer"), str(budget.per_customer_max or "")),
    ]
    return [(what, much) for what, much in rows if much]


def _day(moment: dt.datetime | None) -> str:
    return "" if moment is None else f"{date_format(moment.astimezone(shop_zone()), 'DATE_FORMAT')}"


def shop_zone() -> zoneinfo.ZoneInfo:
    """Return the programme's time zone: days, days of the week and hours of a promotion are all of the one clock."""
    programmes = find_programmes(own_connection())
    return zoneinfo.ZoneInfo("UTC" if programmes is None else programmes.at(timezone.now()).programme.time_zone)
