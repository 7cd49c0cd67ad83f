"""The facts that an expression may ask of a customer: their arguments, their kinds, and from what each is computed.

Each fact has its formula in ``docs/segments.md``. Five sources: ``fact``, a column of the maintained fact table;
``line``, lines of purchases, summed or counted; ``act``, other things that were done; ``coupon``, coupons that somebody
has; ``redemption``, promotions that were given to their baskets. Where several customers are one person, ``joined``
says how their figures become one. Not here: how that is computed (``compiling.py``,
``evaluating.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from comptoir.office.segments.contracts import Kind

Source = Literal["fact", "line", "act", "coupon", "redemption"]
#: ``exists``: there is a row; ``sum``: of a column; ``count``: of rows; ``different``: values of a column;
#: ``days_since``: whole days from a column's day to today; ``column``: a column as it is.
How = Literal["exists", "sum", "count", "different", "days_since", "column"]
Joined = Literal["sum", "least", "most"]
#: ``days``: a window that ends today; ``thing``: a product or a category; ``promotion``: one by its number or its
#: English title; the others are the rows' columns.
Parameter = Literal["days", "thing", "product", "category", "store", "type", "promotion"]

#: A window is at most ten years.
DAYS_MAX: Final = 3_660


class Family(msgspec.Struct, frozen=True):
    """Facts that come from the same doings. ``channel``: where the customer's word on ``analysis`` counts for them.

    ``allows`` is the column of the fact table that says whether they may be known.
    """

    name: str
    channel: str
    allows: str


FAMILIES: Final[Mapping[str, Family]] = {
    each.name: each
    for each in (
        Family("buying", "store", "allows_store"),
        Family("points", "store", "allows_store"),
        Family("coupons", "store", "allows_store"),
        Family("messages", "web", "allows_web"),
        Family("square", "web", "allows_web"),
        Family("doing", "web", "allows_web"),
        Family("knowing", "web", "allows_web"),
    )
}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One fact. ``parameters`` may be given by place or by name; those in ``required`` must be.

    ``magnitude`` bounds the value, so that no engine is ever asked for a number that it does not have. ``type`` is that
    of the acts that it is about, where the fact names it.
    """

    name: str
    title: str
    kind: Kind
    family: str
    source: Source
    how: How
    column: str = ""
    parameters: tuple[Parameter, ...] = ()
    required: tuple[Parameter, ...] = ()
    joined: Joined = "sum"
    magnitude: int = 10**12
    type: str = ""

    @property
    def allows(self) -> str:
        """Return the column that says whether the fact may be known."""
        return FAMILIES[self.family].allows


_BOUGHT: Final[tuple[Parameter, ...]] = ("days", "category", "product", "store")
_MONEY: Final = 10**18

FACTS: Final[Mapping[str, Fact]] = {
    each.name: each
    for each in (
        Fact(
            name="spend", title="Money spent", kind="money", family="buying", source="line", how="sum",
            column="amount", parameters=_BOUGHT, magnitude=_MONEY,
        ),
        Fact(
            name="spend_days", title="Money spent within days", kind="money", family="buying", source="line", how="sum",
            column="amount", parameters=_BOUGHT, required=("days",), magnitude=_MONEY,
        ),
        Fact(
            name="spend_ever", title="Money spent, ever", kind="money", family="buying", source="fact", how="column",
            column="spend", magnitude=_MONEY,
        ),
        Fact(
            name="saved", title="Money saved by promotions", kind="money", family="buying", source="line", how="sum",
            column="discount", parameters=_BOUGHT, magnitude=_MONEY,
        ),
        Fact(
            name="purchases", title="Purchases", kind="number", family="buying", source="line", how="sum",
            column="opens", parameters=("days", "store"),
        ),
        Fact(
            name="purchases_ever", title="Purchases, ever", kind="number", family="buying", source="fact", how="column",
            column="purchases",
        ),
        Fact(
            name="items", title="Units bought", kind="number", family="buying", source="line", how="sum",
            column="quantity", parameters=_BOUGHT, magnitude=10**15,
        ),
        Fact(
            name="bought", title="Has bought a product or from a category", kind="truth", family="buying",
            source="line", how="exists", parameters=("thing", "days", "store"), required=("thing",),
        ),
        Fact(
            name="visited", title="Has bought at a store", kind="truth", family="buying", source="line",
            how="exists", parameters=("store", "days"), required=("store",),
        ),
        Fact(
            name="categories", title="Different categories", kind="number", family="buying", source="line",
            how="different", column="category", parameters=("days", "store"),
        ),
        Fact(
            name="products", title="Different products", kind="number", family="buying", source="line",
            how="different", column="product", parameters=("days", "category", "store"),
        ),
        Fact(
            name="stores", title="Different stores", kind="number", family="buying", source="line", how="different",
            column="store", parameters=("days", "category", "product"),
        ),
        Fact(
            name="days_since_purchase", title="Days since the last purchase", kind="number", family="buying",
            source="fact", how="days_since", column="last_day", joined="most", magnitude=10**7,
        ),
        Fact(
            name="days_since_first_purchase", title="Days since the first purchase", kind="number", family="buying",
            source="fact", how="days_since", column="first_day", joined="least", magnitude=10**7,
        ),
        Fact(
            name="days_known", title="Days since the shop first heard of them", kind="number", family="knowing",
            source="fact", how="days_since", column="since", joined="least", magnitude=10**7,
        ),
        Fact(
            name="points", title="Points that can be spent", kind="number", family="points", source="fact",
            how="column", column="points", magnitude=10**15,
        ),
        Fact(
            name="asked", title="Questions asked on the square", kind="number", family="square", source="fact",
            how="column", column="asked",
        ),
        Fact(
            name="answered", title="Answers given on the square", kind="number", family="square", source="fact",
            how="column", column="answered",
        ),
        Fact(
            name="trust", title="Trust on the square", kind="number", family="square", source="fact", how="column",
            column="trust", joined="most",
        ),
        Fact(
            name="did", title="Has done something", kind="truth", family="doing", source="act", how="exists",
            column="type", parameters=("type", "days"), required=("type",),
        ),
        Fact(
            name="times", title="How often something was done", kind="number", family="doing", source="act",
            how="count", column="type", parameters=("type", "days"), required=("type",),
        ),
        Fact(
            name="coupons_open", title="Coupons that can be used", kind="number", family="coupons", source="coupon",
            how="count",
        ),
        Fact(
            name="has_coupon", title="Has a coupon that can be used", kind="truth", family="coupons", source="coupon",
            how="exists", parameters=("promotion",), required=("promotion",),
        ),
        Fact(
            name="redeemed", title="Has redeemed a promotion", kind="truth", family="coupons", source="redemption",
            how="exists", parameters=("promotion", "days"), required=("promotion",),
        ),
        Fact(
            name="redemptions", title="Promotions redeemed", kind="number", family="coupons", source="redemption",
            how="count", parameters=("days",),
        ),
        Fact(
            name="messaged", title="Messages sent to them", kind="number", family="messages", source="act",
            how="count", parameters=("days",), type="message.sent",
        ),
        Fact(
            name="bounced", title="Messages that came back", kind="number", family="messages", source="act",
            how="count", parameters=("days",), type="message.bounced",
        ),
    )
}  # fmt: skip
