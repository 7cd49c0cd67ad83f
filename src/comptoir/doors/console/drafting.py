"""The form in which staff write a campaign: its fields, what there is to choose from, and what it says when it is read.

Not here: pages (``campaigning.py``), what a campaign may be (``office/campaigns/rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comptoir.counter.loyalty.programme import title_in
from comptoir.counter.messages import queries as messaging
from comptoir.counter.offers.models import Promotion
from comptoir.doors.console import reporting
from comptoir.doors.console.locality import shop_of
from comptoir.foundation.kernel.numbers import whole
from comptoir.office.campaigns import segmenting
from comptoir.office.campaigns.contracts import Cap, Version
from comptoir.office.campaigns.errors import CampaignInvalid
from comptoir.office.campaigns.queries import Written
from comptoir.office.campaigns.windows import zone_of
from comptoir.vault.messages import ports

_PROMOTIONS_MAX: Final = 200
_NUMBER_MAX: Final = 10**9 - 1
BLANK: Final = {
    "name": "", "message_class": "marketing", "segment": "", "channel": "mail", "template_a": "", "template_b": "",
    "why_en": "", "why_fr": "", "why_ja": "", "promotion": "", "holdout": "10", "holdout_reason": "", "from_hour": "9",
    "until_hour": "20", "zone": "", "days": "28", "margin": "", "cost_per_contact": "", "cost_per_point": "",
    "drawn_by": "person", "after": "0", "asks_again": "yes",
}  # fmt: skip
FIELDS: Final = {
    "segment": "segment", "variants": "template_a", "why": "why_en", "window": "from_hour", "window.zone": "zone",
    "holdout_reason": "holdout_reason", "margin": "margin", "message_class": "message_class",
}  # fmt: skip


def blank(request: HttpRequest) -> dict[str, str]:
    """Return a form to begin with, with what the page that leads here has chosen."""
    form = dict(BLANK) | {"weekdays": "0 1 2 3 4 5 6", "zone": shop_of().zone}
    # A segment's page leads here with itself, a promotion's and a text's alike.
    form |= {"segment": request.GET.get("segment", ""), "promotion": request.GET.get("promotion", "")}
    if (text := request.GET.get("text", "")) and (found := _text_of(text)) is not None:
        form |= {"template_a": text, "channel": found.channel}
    return form


def _text_of(name: str) -> messaging.TemplateVersion | None:
    return next((each for each in messaging.templates() if each.template == name), None)


def form_of(found: Written) -> dict[str, str]:
    """Return the form of a campaign as it was written last."""
    content = found.content
    names = {each.name: each.template for each in content.variants}
    return {
        **BLANK, "name": content.name, "message_class": content.message_class, "segment": content.segment,
        "channel": content.channel, "template_a": names.get("a", ""), "template_b": names.get("b", ""),
        **{f"why_{language}": text for language, text in content.why.items()},
        "promotion": content.promotion or "", "holdout": f"{100 * content.holdout:g}",
        "holdout_reason": content.holdout_reason, "from_hour": str(content.window.from_hour),
        "until_hour": str(content.window.until_hour), "zone": content.window.zone,
        "weekdays": " ".join(map(str, content.window.weekdays)), "days": str(content.days),
        **costs_form(content), "drawn_by": content.drawn_by, "after": str(found.number),
        "asks_again": "yes" if content.asks_again else "",
    }  # fmt: skip


def read(form: Mapping[str, str]) -> Version:
    """Return what a form says. Raises :class:`CampaignInvalid`."""
    known = {each.template: each for each in messaging.templates()}
    variants = []
    for name in ("a", "b"):
        if not (asked := form[f"template_{name}"]):
            continue
        if asked not in known or known[asked].channel != form["channel"]:
            raise CampaignInvalid(_("This text is not one for that channel."), field=f"template_{name}")
        variants.append({"name": name, "template": asked, "template_version": known[asked].version})
    said = {
        "name": form["name"], "message_class": form["message_class"], "segment": form["segment"],
        "channel": form["channel"], "variants": variants, "promotion": form["promotion"] or None,
        "why": {language: form[f"why_{language}"] for language in reporting.LANGUAGES if form[f"why_{language}"]},
        "holdout": 0.0 if form["message_class"] == "service" else _decimal(form, "holdout") / 100,
        "drawn_by": form["drawn_by"] or "person", "holdout_reason": form["holdout_reason"],
        "days": int(_decimal(form, "days")),
        "window": {
            "from_hour": int(_decimal(form, "from_hour")), "until_hour": int(_decimal(form, "until_hour")),
            "weekdays": [int(each) for each in form["weekdays"].split()], "zone": form["zone"] or shop_of().zone,
        },
        **costs_said(form),
        "asks_again": bool(form["asks_again"]),
    }  # fmt: skip
    if form["segment"] not in {str(each.id) for each in segmenting.named_segments()}:
        raise CampaignInvalid(_("Choose whom it is for."), field="segment")
    if not variants:
        raise CampaignInvalid(_("Choose what is sent."), field="template_a")
    try:
        return msgspec.convert(said, Version)
    except msgspec.ValidationError as error:
        raise CampaignInvalid(
            str(error).partition(" - at")[0], field=str(error).rpartition("$.")[2].strip("`")
        ) from None


def number_after(form: Mapping[str, str]) -> int:
    """Return the number of the version that was read before writing; 0 for none. Raises :class:`CampaignInvalid`."""
    number = whole(form["after"] or "0", _NUMBER_MAX)
    if number is None:
        raise CampaignInvalid(_("That is not a number."), field="after")
    return number


class Costly(Protocol):
    """A version of a campaign or a journey, as far as it says what things cost and bring."""

    @property
    def margin(self) -> float | None:
        """The share of sales that is kept."""

    @property
    def cost_per_contact(self) -> float | None:
        """What a message costs."""

    @property
    def cost_per_point(self) -> float | None:
        """What a point costs."""


def costs_form(content: Costly) -> dict[str, str]:
    """Return the fields of a form for what things cost and bring."""
    return {
        "margin": "" if content.margin is None else f"{100 * content.margin:g}",
        "cost_per_contact": "" if content.cost_per_contact is None else f"{content.cost_per_contact:g}",
        "cost_per_point": "" if content.cost_per_point is None else f"{content.cost_per_point:g}",
    }


def costs_said(form: Mapping[str, str]) -> dict[str, float | None]:
    """Return what these fields say. Raises :class:`CampaignInvalid`."""
    return {
        "margin": _decimal(form, "margin") / 100 if form["margin"] else None,
        "cost_per_contact": _decimal(form, "cost_per_contact") if form["cost_per_contact"] else None,
        "cost_per_point": _decimal(form, "cost_per_point") if form["cost_per_point"] else None,
    }


def costs_told(content: Costly, *, currency: str) -> list[tuple[str, str]]:
    """Return what was said of what things cost and bring, in words."""
    told = []
    if content.margin is not None:
        told.append((_("Kept of what is paid"), reporting.percent(content.margin)))
    if content.cost_per_contact is not None:
        told.append((_("A message costs"), reporting.money(content.cost_per_contact, currency)))
    if content.cost_per_point is not None:
        told.append((_("A point costs"), f"{number_format(content.cost_per_point)} {currency}"))
    return told


def _decimal(form: Mapping[str, str], field: str) -> float:
    try:
        number = float(form[field].replace(",", "."))
    except ValueError:
        raise CampaignInvalid(_("That is not a number."), field=field) from None
    if not 0 <= number <= 1e9:
        raise CampaignInvalid(_("That is not a number."), field=field)
    return number


def cap(messages: str, days: str, channel: str) -> Cap:
    """Return what a row of the form of caps says. Raises :class:`CampaignInvalid`."""
    most, within = whole(messages.strip(), _NUMBER_MAX), whole(days.strip(), _NUMBER_MAX)
    if most is None or within is None:
        raise CampaignInvalid(_("That is not a number."), field="caps")
    try:
        return msgspec.convert({"messages": most, "days": within, "channel": channel or None}, Cap)
    except msgspec.ValidationError as error:
        raise CampaignInvalid(str(error).partition(" - at")[0], field="caps") from None


def moment(text: str) -> dt.datetime | None:
    """Return a moment of the shop's day, as a form's field has it; nothing is at once."""
    if not text.strip():
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise CampaignInvalid(_("That is not a date with a time."), field="starts_at") from None
    return moment.replace(tzinfo=zone_of(shop_of().zone)) if moment.tzinfo is None else moment


def offered(chosen: str) -> list[tuple[str, str]]:
    """Return the channels that the shop can write by; what a campaign has chosen before stays."""
    return [(name, title) for name, title in reporting.channels().items() if not ports.lacks(name) or name == chosen]


def lacking() -> list[tuple[str, str]]:
    """Return the channels that nobody takes messages of in this shop, each with what to do about it."""
    words = {
        "no_server": _(
            "The shop has no mail server. Whoever runs it sets COMPTOIR_MAIL_URL or COMPTOIR_MAIL_PROVIDER."
        ),
        "no_provider": _("The shop has no provider of text messages. Whoever runs it sets COMPTOIR_TEXTS_URL."),
    }
    found = ((title, ports.lacks(name)) for name, title in reporting.channels().items())
    return [(title, words[lack]) for title, lack in found if lack]


def texts() -> list[tuple[str, str]]:
    """Return the templates: name, and the name with the channel that it is for."""
    words = reporting.channels()
    return [(each.template, f"{each.template} ({words[each.channel]})") for each in messaging.templates()]


def promotions() -> list[tuple[str, str]]:
    """Return the promotions that give each customer a coupon: id and title."""
    language = get_language() or "en"
    found = Promotion.objects.filter(codes="each", ended_at=None).order_by("-published_at")
    return [
        (str(each.id), title_in(each.definition.get("titles", {}), language) or str(each.id))
        for each in found[:_PROMOTIONS_MAX]
    ]
