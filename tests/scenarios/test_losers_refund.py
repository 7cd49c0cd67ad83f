"""``losers-refund``: the losing thread refunded the payment that the winner relied on.

https://github.com/saleor/saleor/pull/15855. Whoever loses the race for a code tidies up: releases what it had asked
for, under its own name, under the winner's, at its own till and at the winner's. The winner's redemption is unchanged.
"""

from __future__ import annotations

from support import casting, promoting
from support.casting import ALICE, OTHER_TILL, TILL, WEBSHOP, Counter
from support.promoting import held, issued, posted, published, released, taken
from support.shop import Shop


def test_the_losers_tidying_up_touches_nothing_of_the_winners(shop: Shop, counter: Counter) -> None:
    promotion = promoting.new()
    counter.send(casting.sale("r1", 100), published(promotion, codes="each", budget={"redemptions_max": 5}))
    code = issued(shop, promotion, ALICE)["alice"]
    answers = counter.send(held("winner", code, source=WEBSHOP), held("loser", code, source=TILL))
    assert [each.problem for each in answers] == [None, "coupon_unusable"]
    with shop.unchanged("offers_redemption", "offers_promotion", "offers_coupon", "loyalty_account"):
        answers = counter.send(
            released("loser"), released("loser", source=WEBSHOP), released("winner"),
            released("winner", source=OTHER_TILL), posted("loser"), posted("winner"), taken(code),
        )  # fmt: skip
    assert [each.problem for each in answers] == [*["redemption_unknown"] * 6, "coupon_unusable"]
    assert counter.tell(posted("winner", source=WEBSHOP)).problem is None
    with shop.unchanged("offers_redemption", "offers_promotion"):
        assert counter.tell(released("winner", source=WEBSHOP)).problem == "redemption_over"
    assert shop.rows("select status, source from offers_redemption") == [{"status": "redeemed", "source": WEBSHOP}]
    assert shop.value("select redemptions from offers_promotion") == 1


def test_a_late_release_after_the_code_has_found_another_basket_frees_nothing(shop: Shop, counter: Counter) -> None:
    """The first holder released; the second has it now; the first one's release comes again, and once more anew."""
    promotion = promoting.new()
    counter.send(casting.sale("r1", 100), published(promotion, codes="each"))
    code = issued(shop, promotion, ALICE)["alice"]
    release = released("first")
    counter.send(held("first", code), release)
    counter.tell(held("second", code, source=WEBSHOP))
    with shop.unchanged("offers_redemption"):
        assert counter.tell(release).is_repeated
        assert counter.tell(released("first")).problem == "redemption_over"
        assert counter.tell(taken(code)).problem == "coupon_unusable"
