"""Reads for pages: promotions and what was given of them, a customer's coupons with their codes.

Not here: what a touchpoint is told (``quoting.py``).
"""

from __future__ import annotations

import collections
import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.db import connections, router
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from comptoir.counter.loyalty.contracts import MULTIPLIED, Account
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.offers import models, quoting, wording
from comptoir.counter.offers.codes import code_of
from comptoir.counter.offers.contracts import Elsewhere, Promotion
from comptoir.counter.offers.quoting import CouponTold
from comptoir.counter.offers.rules import Offered
from comptoir.foundation.kernel.money import Money

CURRENCY_UNKNOWN: Final = "USD"
_ALERTS_SHOWN: Final = 20
_SOURCES_SHOWN: Final = 20


class Given(msgspec.Struct, frozen=True):
    """What was given of a promotion: how many redemptions by what became of them, and the money that stays given."""

    held: int = 0
    redeemed: int = 0
    released: int = 0
    expired: int = 0
    returned: int = 0
    discount: int = 0

    @property
    def active(self) -> int:
        """Return how many count against the budget."""
        return self.held + self.redeemed


class Shown(msgspec.Struct, frozen=True):
    """A promotion as staff see it. ``state``: ``open``, ``to come``, ``over`` or ``elsewhere``."""

    id: uuid.UUID
    promotion: Promotion
    published_at: dt.datetime
    ended_at: dt.datetime | None
    state: str
    given: Given
    coupons: int
    discount: Money
    discount_max: Money | None
    benefit: str

    def title_in(self, language: str) -> str:
        """Return what it is called in a language of the house."""
        return getattr(self.promotion.titles, language, None) or self.promotion.titles.en


class Alarm(msgspec.Struct, frozen=True):
    """A honey code that was shown: of which promotion, where, when."""

    promotion: uuid.UUID
    title: str
    touchpoint: str
    source: str
    shown_at: dt.datetime


class Mine(msgspec.Struct, frozen=True):
    """A coupon as its customer sees it, with the words of its code as long as it can be used."""

    told: CouponTold
    title: str
    words: str
    code: str


def currency() -> str:
    """Return the currency that the shop sells in."""
    programmes = find_programmes(_connection())
    return programmes.currency if programmes is not None else CURRENCY_UNKNOWN


def promotions(*, language: str) -> list[Shown]:
    """Return every promotion, the latest first."""
    rows = list(models.Promotion.objects.order_by("-position"))
    return _shown(rows, language=language)


def promotion(promotion_id: uuid.UUID, *, language: str) -> Shown | None:
    """Return one promotion."""
    found = _shown(list(models.Promotion.objects.filter(id=promotion_id)), language=language)
    return found[0] if found else None


def by_place(promotion_id: uuid.UUID) -> list[tuple[str, int, int]]:
    """Return where a promotion was given most: source, how often, and for how much in minor units."""
    rows = (
        models.Redemption.objects.filter(promotion=promotion_id, status__in=["held", "redeemed"])
        .values("source")
        .annotate(times=Count("*"), off=Sum("discount"))
        .order_by("-times", "source")[:_SOURCES_SHOWN]
    )
    return [(row["source"], row["times"], row["off"]) for row in rows]


def of_campaign(campaign: uuid.UUID) -> tuple[int, int, Money]:
    """Return how many coupons a campaign gave, how many of those were redeemed, and how much came off by them."""
    coupons = models.Coupon.objects.filter(campaign=campaign)
    redeemed = models.Redemption.objects.filter(coupon__in=coupons.values("id"), status="redeemed")
    sums = redeemed.aggregate(coupons=Count("coupon", distinct=True), off=Sum("discount"))
    return coupons.count(), sums["coupons"], Money(sums["off"] or 0, currency())


def targeted() -> dict[str, tuple[int, int]]:
    """Return, by series, how many customers another system has told of it, and how many of those have redeemed."""
    named = models.Promotion.objects.annotate(name=KeyTextTransform("series", "definition"))
    redeemed = models.Redemption.objects.filter(
        customer=OuterRef("customer"),
        status="redeemed",
        promotion__in=named.filter(name=OuterRef(OuterRef("series"))).values("id"),
    )
    rows = (
        models.Targeting.objects.annotate(has_redeemed=Exists(redeemed))
        .values("series")
        .annotate(
            customers=Count("customer", distinct=True),
            redeemers=Count("customer", distinct=True, filter=Q(has_redeemed=True)),
        )
    )
    return {row["series"]: (row["customers"], row["redeemers"]) for row in rows}


class Promised(msgspec.Struct, frozen=True):
    """Points that a customer has by an offer: for a sale with a coupon, less what came back, or as a gift."""

    customer: uuid.UUID
    at: dt.datetime
    points: int


def promised_by(campaigns: Collection[uuid.UUID]) -> list[Promised]:
    """Return what the coupons of campaigns added to the points of sales, by the customer whose coupon it was."""
    with connections[router.db_for_read(models.Coupon)].cursor() as cursor:
        cursor.execute(_PROMISED, {"campaigns": list(campaigns), "reason": MULTIPLIED, "issued": Account.ISSUED.value})
        return [Promised(row[0], row[1], int(row[2])) for row in cursor.fetchall()]


#: Goods that come back take their points along: those transfers are caused by the return, and go the other way.
_PROMISED: Final = """
with sold as materialized (
  select distinct on (s.position) c.customer, s.customer as buyer, s.position, s.source, s.receipt, s.occurred_at
  from offers_coupon c join offers_redemption r on r.coupon = c.id and r.receipt is not null
  join sales_sale s on s.source = coalesce(r.sale_source, r.source) and s.receipt = r.receipt
  where c.campaign = any(%(campaigns)s::uuid[]) and r.status in ('redeemed', 'returned')
  order by s.position, c.id
), causes as (
  select sold.*, position as cause from sold
  union all
  select sold.*, b.position from sold
  join sales_return b on b.sale_source = sold.source and b.sale_receipt = sold.receipt and b.status = 'applied'
)
select c.customer, c.occurred_at,
  sum(case when t.debit = %(issued)s then t.points else -t.points end) as points
from causes c join loyalty_transfer t on t.customer = c.buyer and t.cause = c.cause and t.reason = %(reason)s
where %(issued)s in (t.debit, t.credit)
group by c.customer, c.position, c.occurred_at
"""


def alarms() -> list[Alarm]:
    """Return the honey codes that were shown last."""
    rows = list(models.Alert.objects.order_by("-position")[:_ALERTS_SHOWN])
    titles = {
        each.id: _definition(each.definition).titles.en
        for each in models.Promotion.objects.filter(id__in={row.promotion for row in rows})
    }
    return [
        Alarm(row.promotion, titles.get(row.promotion, ""), row.touchpoint, row.source, row.shown_at) for row in rows
    ]


def coupons_of(members: Collection[uuid.UUID], *, language: str, now: dt.datetime) -> list[Mine]:
    """Return a person's coupons, the latest first; the code of one that is used or over is shown no more."""
    told = quoting.coupons_of(_connection(), [str(each) for each in members], now=now, currency=currency())
    return [
        Mine(
            each,
            getattr(each.titles, language, None) or each.titles.en,
            each.explained.get(language, each.explained["en"]).partition(": ")[2],
            code_of(each.coupon) if each.state in {"to_come", "usable", "held"} else "",
        )
        for each in told
    ]


def _shown(rows: Sequence[models.Promotion], *, language: str) -> list[Shown]:
    now, money = timezone.now(), currency()
    ids = [row.id for row in rows]
    given = _given(ids)
    coupons = dict(
        models.Coupon.objects.filter(promotion__in=ids)
        .values("promotion")
        .annotate(times=Count("*"))
        .values_list("promotion", "times")
    )
    found = []
    for row in rows:
        definition, sums = _definition(row.definition), given.get(row.id, Given())
        most = definition.budget.discount_max
        found.append(
            Shown(
                row.id, definition, row.published_at, row.ended_at, _state(row, definition, sums, now), sums,
                coupons.get(row.id, 0), Money(sums.discount, money), None if most is None else Money(most, money),
                wording.benefit(definition.benefit, language, currency=money),
            )
        )  # fmt: skip
    return found


def _state(row: models.Promotion, definition: Promotion, given: Given, now: dt.datetime) -> str:
    if isinstance(definition.benefit, Elsewhere):
        return "elsewhere"
    begins = definition.conditions.starts_at
    if begins is not None and begins > now and row.ended_at is None:
        return "to come"
    offered = Offered(str(row.id), definition, row.ended_at, given.active, given.discount)
    return "open" if offered.is_open(now) else "over"


def _given(ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Given]:
    counts: dict[uuid.UUID, dict[str, int]] = collections.defaultdict(dict)
    rows = (
        models.Redemption.objects.filter(promotion__in=ids)
        .values("promotion", "status")
        .annotate(times=Count("*"), off=Sum("discount"))
    )
    for row in rows:
        found = counts[row["promotion"]]  # type: ignore[index]  # asked for by these ids
        found[row["status"]] = row["times"]
        if row["status"] in {"held", "redeemed"}:
            found["discount"] = found.get("discount", 0) + row["off"]
    return {promotion: Given(**found) for promotion, found in counts.items()}


def _definition(value: Any) -> Promotion:
    return msgspec.convert(value, Promotion)


def _connection() -> Any:
    own = connections[router.db_for_read(models.Coupon)]
    own.ensure_connection()
    return own.connection
