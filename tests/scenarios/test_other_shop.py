"""``other-shop``: points were not supported between shops or devices, https://github.com/odoo/odoo/pull/244412.

Earned in one shop, spent in another with the next request; a return may come back anywhere.
"""

from __future__ import annotations

from support import casting
from support.gateway import Gateway, running_gateway
from support.shop import Shop


def test_earned_in_one_shop_and_spent_in_another_through_another_gateway(shop: Shop, gateway: Gateway) -> None:
    gateway.post(casting.sale("r1", 5_000, source=casting.TILL))
    with running_gateway(gateway.log.parent, keys=gateway.keys) as other:
        spent = other.post(casting.redeem(30, source=casting.OTHER_TILL))
        assert spent.json()["balance"] == {"available": 20, "held": 0, "owed": 0}
        back = other.post(
            casting.goods_back(
                "t1", sale="r1", sale_source=casting.TILL, source=casting.OTHER_TILL, lines=[(1, 1, 1_000)]
            )
        )
        assert back.json()["balance"] == {"available": 10, "held": 0, "owed": 0}
        customer = spent.json()["customer"]
    assert gateway.get(f"/v1/customers/{customer}/balance").json()["balance"]["available"] == 10
