"""Deriving promotions, coupons and redemptions from the log: the decisions are part of it, nothing is decided again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from comptoir.counter.offers import rules, store
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.contracts import (
    CLOSING,
    ENDED,
    ISSUED,
    POST,
    PUBLISHED,
    REDEEMED,
    RESERVE,
    RETURN,
    TAKING,
    TARGETED,
    TYPES,
    Points,
    Promotion,
)
from comptoir.counter.offers.handlers import Given
from comptoir.counter.offers.rules import Coupon
from comptoir.counter.offers.store import Alert, Key, Redemption, Targeting
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE


class _Reference(msgspec.Struct):
    id: str
    source: str | None = None


class _Said(msgspec.Struct):
    """What an event says, of whichever type."""

    promotion: Id = ""
    definition: Promotion | None = None
    campaign: Id | None = None
    codes: tuple[str, ...] = ()
    reservation: str | None = None
    expires_in: int = 0
    receipt: str | None = None
    series: str = ""
    redemption: _Reference | None = None


_said = msgspec.json.Decoder(_Said)
_given = msgspec.json.Decoder(list[Given])


class OffersDeriver:
    """Promotions and coupons are written as they come; redemptions at the end, when it is known how each ended."""

    tables = (
        "offers_promotion", "offers_honeycode", "offers_alert", "offers_coupon", "offers_redemption",
        "offers_targeting",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start with nothing given."""
        self._codes = CouponCodes.of_shop()
        self._redemptions: list[Redemption] = []
        self._held: dict[Key, list[Redemption]] = {}
        self._redeemed: dict[tuple[str, str], list[Redemption]] = {}
        self._ended: list[tuple[Id, dt.datetime]] = []
        self._honey: dict[str, Id] = {}
        self._multiplying: set[Id] = set()
        self._alerts: dict[tuple[Id, str], Alert] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write the next promotions and coupons; follow what was given."""
        coupons: list[tuple[Coupon, str]] = []
        targetings: list[Targeting] = []
        for event in events:
            if event.type not in TYPES:
                continue
            said = _said.decode(event.data)
            if event.type in TAKING:
                self._take(event, said)
            elif not event.is_accepted:
                continue
            elif event.type == REDEEMED:
                self._take(event, said, at=event.occurred_at)
            elif event.type in CLOSING or event.type == RETURN:
                self._close(event, said)
            elif event.customer is not None and event.type == ISSUED:
                coupon = Coupon(event.position, said.promotion, event.customer, event.occurred_at, said.campaign)
                coupons.append((coupon, self._codes.digest(self._codes.code(coupon.id))))
            elif event.customer is not None and event.type == TARGETED:
                targetings.append(Targeting(event.position, event.customer, said.series, event.occurred_at))
            elif event.type == PUBLISHED:
                self._publish(connection, event, said)
            elif event.type == ENDED:
                self._ended.append((said.promotion, event.occurred_at))
        store.insert_coupons(connection, coupons)
        store.insert_targetings(connection, targetings)

    def finish(self, connection: Connection) -> None:
        """Write what was given, and count."""
        if self._redemptions:
            store.insert_redemptions(connection, self._redemptions)
        for promotion, at in self._ended:
            store.end_promotion(connection, promotion, at)
        if self._alerts:
            store.insert_alerts(connection, list(self._alerts.values()))
        store.sum_given(connection)

    def _publish(self, connection: Connection, event: Logged, said: _Said) -> None:
        definition = said.definition
        assert definition is not None
        digest = None if definition.code is None else self._codes.digest(definition.code)
        store.insert_promotion(
            connection, said.promotion, definition, position=event.position, digest=digest, at=event.occurred_at
        )
        if isinstance(definition.benefit, Points):
            self._multiplying.add(said.promotion)
        honey = [self._codes.digest(self._codes.honey(said.promotion, number)) for number in range(definition.honey)]
        store.insert_honey(connection, said.promotion, honey)
        self._honey.update(dict.fromkeys(honey, said.promotion))

    def _take(self, event: Logged, said: _Said, *, at: dt.datetime | None = None) -> None:
        if not event.is_accepted:
            for code in said.codes:
                if code in self._honey:
                    self._alerts[event.position, code] = Alert(
                        event.position, code, self._honey[code], event.touchpoint, event.source, event.received_at
                    )
            return
        is_held = event.type == RESERVE
        ends = event.received_at + dt.timedelta(seconds=said.expires_in) if is_held else None
        given = _given.decode(event.decision) if event.decision else []
        status, name = (rules.HELD, said.reservation) if is_held else (rules.REDEEMED, None)
        for ordinal, each in enumerate(given):
            redemption = Redemption(
                event.position, ordinal, each.promotion, each.coupon, each.customer, each.use, each.turn, each.discount,
                status, event.touchpoint, event.source, name,
                None if is_held else self._receipt(each.promotion, said), at or event.received_at, ends,
            )  # fmt: skip
            self._redemptions.append(redemption)
            self._redeemed.setdefault((event.source, event.id), []).append(redemption)
            if is_held:
                self._held.setdefault((event.touchpoint, str(said.reservation)), []).append(redemption)

    def _receipt(self, promotion: Id | None, said: _Said) -> str | None:
        return (said.receipt or None) if promotion in self._multiplying else None

    def _close(self, event: Logged, said: _Said) -> None:
        if said.redemption is not None:
            for each in self._redeemed[said.redemption.source or event.source, said.redemption.id]:
                each.status = rules.RETURNED
            return
        for each in self._held[event.touchpoint, str(said.reservation)]:
            if event.type == POST:
                each.status, each.receipt = rules.REDEEMED, self._receipt(each.promotion, said)
                each.sale_source = rules.sale_source(each.receipt, reserved=each.source, posted=event.source)
            else:
                each.status = rules.EXPIRED if event.source == CLOCK_SOURCE else rules.RELEASED
