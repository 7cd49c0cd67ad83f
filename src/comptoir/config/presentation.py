"""How numbers, money, moments and codes are written for people, in their language: ``{% load house %}``.

The templates of every room use it. Not here: words; those stand in the templates, where they are translated.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Mapping
from typing import Any, Final

import qrcode
from django import template
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from comptoir.counter.loyalty.programme import title_in
from comptoir.counter.loyalty.queries import Move
from comptoir.counter.offers.codes import OWN_IDENTIFIER, normal
from comptoir.doors.console.declared import declared_map
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money, exponent
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import ROOMS

register = template.Library()

_SIGNS: Final = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$"}
_MINUS: Final = "\N{MINUS SIGN}"
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_QUIET_MODULES: Final = 4
#: How wide bars are, in modules, whatever the code: 288 of the longest one, and what stays empty beside them, ten at
#: least (GS1 General Specifications, 5.4). The style sheet gives each module one point: what is rounded is not read.
_BARS_MODULES: Final = 308
_TWO_DAYS_SECONDS: Final = 2 * 86_400


def context(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 - the shape of a context processor
    """Give templates ``shop_name``: the title of the shop's map."""
    return {"shop_name": declared_map().title or "Comptoir"}


@register.filter
def points(value: int) -> str:
    """Write a number of points with the language's grouping."""
    return str(number_format(value, decimal_pos=0, force_grouping=True)).replace("-", _MINUS)


@register.filter
def signed(value: int) -> str:
    """Write a number of points with its sign, also a positive one."""
    return f"+{points(value)}" if value > 0 else points(value)


@register.filter
def money(value: Money) -> str:
    """Write an amount of money as the reader's language does: ``$3.49``, ``3,49 $``."""
    digits = exponent(value.currency)
    amount = decimal.Decimal(abs(value.minor)).scaleb(-digits)
    number = str(number_format(amount, decimal_pos=digits, force_grouping=True))
    sign = _MINUS if value.minor < 0 else ""
    mark = _SIGNS.get(value.currency, value.currency)
    language = (translation.get_language() or "en").split("-")[0]
    if language == "fr":
        return f"{sign}{number}{_NO_BREAK}{mark}"
    if language == "ja" and value.currency == "JPY":
        return f"{sign}{number}円"
    gap = "" if value.currency in _SIGNS else _NO_BREAK
    return f"{sign}{mark}{gap}{number}"


@register.filter
def day(value: dt.date | dt.datetime | None) -> SafeString | str:
    """Write a day in the reader's language, with the machine's form beside it; nothing for ``None``."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        value = timezone.localtime(value).date()
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), date_format(value, "DATE_FORMAT"))


@register.filter
def moment(value: dt.datetime) -> SafeString:
    """Write a day and a time in the reader's language and the shop's time zone."""
    local = timezone.localtime(value)
    written = f"{date_format(local, 'DATE_FORMAT')} {date_format(local, 'H:i')}"
    # No more is told than is shown: on the square nobody's words are dated to the second.
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="minutes"), written)


@register.filter
def clock(value: dt.datetime) -> SafeString:
    """Write a time of day with seconds, in the shop's time zone."""
    local = timezone.localtime(value)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), date_format(local, "H:i:s"))


@register.filter
def short(value: uuid.UUID | str) -> str:
    """Write the beginning of an opaque id, enough to tell two of them apart on a page."""
    return str(value)[:13]


@register.filter
def seconds(value: float | None) -> str:
    """Write a duration as an engineer would: ``42 ms``, ``1.3 s``, ``5 min``, ``2 h``, ``3 d``; a dash for none."""
    if value is None:
        return "–"
    for unit, length, limit in (("ms", 0.001, 1.0), ("s", 1.0, 100.0), ("min", 60.0, 6000.0)):
        if value < limit:
            amount = value / length
            places = 1 if unit == "s" and amount < 10 else 0
            return f"{number_format(round(amount, places), decimal_pos=places)}{_NO_BREAK}{unit}"
    if value < _TWO_DAYS_SECONDS:
        return f"{number_format(round(value / 3600), decimal_pos=0)}{_NO_BREAK}h"
    return f"{number_format(round(value / 86_400), decimal_pos=0, force_grouping=True)}{_NO_BREAK}{_('d')}"


@register.filter
def rate(value: float) -> str:
    """Write a rate with as many digits as mean something."""
    places = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return str(number_format(round(value, places), decimal_pos=places, force_grouping=True))


@register.filter
def event_title(kind: str) -> str:
    """Write a type of event as the shop's map calls it."""
    declared = declared_map().types.get(kind)
    return declared.title if declared and declared.title else kind


@register.filter
def rule_title(move: Move) -> str:
    """Write an earning rule as the programme calls it in the reader's language; without a title, by its name."""
    return title_in(move.titles, translation.get_language() or "en") or move.rule


@register.filter
def in_language(titles: Any) -> str:
    """Write what something is called in the reader's language; where that is missing, in English, or as it can be."""
    language = (translation.get_language() or "en").split("-")[0]
    if isinstance(titles, Mapping):
        return str(titles.get(language) or titles.get("en") or next(iter(titles.values()), ""))
    return str(getattr(titles, language, None) or titles.en)


@register.simple_tag
def room_url(room: str, path: str) -> str:
    """Write the address of a path in a room: its session opens there, or its entrance."""
    return addresses.url_of(ROOMS[room], path)


@register.simple_tag
def fresh_id() -> str:
    """Write an identity for a form, so that sending it twice is sending it once; it says when it was made."""
    return str(IDS.new())


@register.simple_tag
def square_code(text: str, label: str) -> SafeString:
    """Draw a QR code (ISO/IEC 18004) as SVG, one path, no style: dark on light in every colour scheme."""
    drawing = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=_QUIET_MODULES)
    drawing.add_data(text)
    drawing.make(fit=True)
    rows: list[list[bool]] = drawing.get_matrix()
    path = "".join(_runs(row, y) for y, row in enumerate(rows))
    return format_html(
        '<svg viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<rect width="{0}" height="{0}" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
        len(rows), label, path,
    )  # fmt: skip


@register.simple_tag
def bar_code(code: str, label: str) -> SafeString:
    """Draw the code of a coupon as bars: GS1-128 (ISO/IEC 15417), with the application identifier 99, as SVG.

    FNC1 begins it, its check character (modulo 103) ends it, and at least ten modules on each side stay empty.
    """
    from barcode.codex import Gs1_128  # noqa: PLC0415 - only where bars are drawn

    (modules,) = Gs1_128(f"{OWN_IDENTIFIER}{normal(code)}").build()
    row = [module == "1" for module in modules.center(_BARS_MODULES, "0")]
    return format_html(
        '<svg viewBox="0 0 {0} 1" preserveAspectRatio="none" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<rect width="{0}" height="1" fill="#fff"/><path d="{2}" fill="#000"/></svg>',
        len(row), label, _runs(row, 0),
    )  # fmt: skip


def _runs(row: list[bool], y: int) -> str:
    """Return the path of one row's dark runs."""
    path, start = "", None
    for x, is_dark in enumerate([*row, False]):
        if is_dark and start is None:
            start = x
        elif not is_dark and start is not None:
            path += f"M{start} {y}h{x - start}v1h-{x - start}z"
            start = None
    return path


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    """Return a mapping's value, or ``None``."""
    return mapping.get(key)
