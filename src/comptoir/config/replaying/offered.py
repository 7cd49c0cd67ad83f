"""The coupons of "The Complete Journey": 27 campaigns, 1,197 coupons for 116,204 products, 2,102 redemptions.

Each coupon of a campaign becomes a promotion that another system has given, for its products and in the campaign's
days; each household that a campaign went to (6,589 in all), and each redemption, becomes a fact. Who was sent what was
chosen and not drawn by lot, and what a coupon was worth the data set does not say: so these are reported, and nothing
is claimed of them. Not here: sales (``journey.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from comptoir.config.replaying.journey import card_number, data_folder
from comptoir.config.replaying.recordings import Event
from comptoir.counter.offers.contracts import (
    ISSUED,
    PUBLISHED,
    REDEEMED,
    TARGETED,
    Amount,
    Budget,
    Conditions,
    Elsewhere,
    Items,
    Promotion,
    Titles,
)

CAMPAIGNS: Final = 27
ROWS: Final = 116_204
REDEMPTIONS: Final = 2_102
TARGETINGS: Final = 6_589
SOURCE: Final = "/console"
_STAFF: Final = "import"
_OPENED: Final = dt.datetime(2017, 1, 1, tzinfo=dt.UTC)
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comptoir:completejourney:coupons")


def promotion_id(campaign: int, coupon: int) -> str:
    """Return the id of a coupon of a campaign, the same every time."""
    return str(uuid.uuid5(_SPACE, f"{campaign}/{coupon}"))


def events() -> Iterator[Event]:
    """Yield the promotions, then to whom each campaign went, then the redemptions, in the order of time.

    Raises :class:`~comptoir.config.replaying.journey.JourneyError` if the data set is not installed.
    """
    products: dict[tuple[int, int], list[str]] = {}
    for row in _rows("coupons", "campaign_id", "coupon_upc", "product_id"):
        products.setdefault((row["campaign_id"], row["coupon_upc"]), []).append(str(row["product_id"]))
    campaigns = {row["campaign_id"]: row for row in _rows("campaign_descriptions")}
    for campaign, coupon in sorted(products, key=lambda each: (campaigns[each[0]]["start_date"], each)):
        said = campaigns[campaign]
        begins, ends = _day(said["start_date"]), _day(said["end_date"]) + dt.timedelta(days=1)
        definition = Promotion(
            Titles(f"Coupon {coupon}"),
            Elsewhere(),
            items=Items(products=tuple(products[campaign, coupon])),
            conditions=Conditions(starts_at=begins, ends_at=ends),
            series=_series(said),
        )
        promotion = promotion_id(campaign, coupon)
        data = {"staff": _STAFF, "promotion": promotion, "definition": definition}
        yield Event(id=f"journey/{promotion}", source=SOURCE, type=PUBLISHED, time=_OPENED, data=data)
    went = sorted(_rows("campaigns"), key=lambda each: (campaigns[each["campaign_id"]]["start_date"], *each.values()))
    for row in went:
        said, household = campaigns[row["campaign_id"]], row["household_id"]
        yield Event(
            id=f"journey/targeted/{row['campaign_id']}/{household}",
            source=SOURCE,
            type=TARGETED,
            time=max(_OPENED, _day(said["start_date"])),  # three went out before the year begins
            data={"customer": {"kind": "card", "value": card_number(household)}, "series": _series(said)},
        )
    redeemed = _rows("coupon_redemptions")
    for row in sorted(redeemed, key=lambda each: (each["redemption_date"], each["household_id"], each["coupon_upc"])):
        promotion = promotion_id(row["campaign_id"], row["coupon_upc"])
        at = _day(row["redemption_date"])
        yield Event(
            id=f"journey/{promotion}/{row['household_id']}/{at:%Y-%m-%d}",
            source=SOURCE,
            type=REDEEMED,
            time=at,
            data={"customer": {"kind": "card", "value": card_number(row["household_id"])}, "promotion": promotion},
        )


def to_try(card: str) -> Iterator[Event]:
    """Yield a promotion of the demo's own, and a coupon of it for one card."""
    promotion = str(uuid.uuid5(_SPACE, "welcome"))
    definition = Promotion(
        Titles(
            "Welcome: five dollars off",
            ja="ようこそ：5ドル引き",
            fr="Bienvenue, cinq dollars de moins",
        ),
        Amount(500),
        codes="each",
        conditions=Conditions(amount_min=1000),
        budget=Budget(redemptions_max=1000),
        honey=3,
    )
    data = {"staff": _STAFF, "promotion": promotion, "definition": definition}
    yield Event(id="demo/welcome", source=SOURCE, type=PUBLISHED, time=_OPENED, data=data)
    who = {"customer": {"kind": "card", "value": card}, "promotion": promotion}
    yield Event(id="demo/welcome/coupon", source=SOURCE, type=ISSUED, time=_OPENED, data=who)


def _rows(name: str, *columns: str) -> list[dict[str, Any]]:
    from pyarrow import parquet  # noqa: PLC0415 - half a second, for importers only

    rows: list[dict[str, Any]] = parquet.read_table(
        data_folder() / f"{name}.parquet", columns=list(columns) or None
    ).to_pylist()
    return rows


def _series(said: Mapping[str, Any]) -> str:
    """Return what the promotions of a campaign of the data set belong to."""
    return f"Campaign {said['campaign_id']:02d} ({said['campaign_type']})"


def _day(value: Any) -> dt.datetime:
    """Return a day's beginning; the file's days carry no zone and are taken as UTC."""
    return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
