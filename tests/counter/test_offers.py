"""Promotions and coupons at the counter: taken once, held, posted, released, refused by one text, made anew."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import handlers_for
from comptoir.counter.offers import store
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.errors import UNUSABLE
from comptoir.counter.offers.jobs import release_overdue
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from support import casting, forgotten, promoting
from support.casting import ALICE, BOB, CHARLIE, HEARD, NOON, OTHER_TILL, PROGRAMME, WEBSHOP, Counter
from support.promoting import TABLES, given_back, goods, held, issued, new, posted, published, released, taken
from support.shop import Shop

set_up_django()

from comptoir.counter.offers import queries  # noqa: E402 - models want Django

#: What a refused request leaves behind: itself in the log, with its outcome.
LOGGED = {"events_event", "events_identity", "events_outbox"}
DAY = dt.timedelta(days=1)


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    opened = Counter(shop)
    opened.send(*[casting.sale(each["value"], 100, of=each) for each in (ALICE, BOB, CHARLIE)])
    yield opened
    opened.close()


def refused(counter: Counter, said: casting.Event, *, received_at: dt.datetime = HEARD) -> str:
    """Have a request refused: nothing has moved but the log. Returns the name of the problem."""
    shop = counter.shop
    moving = [name for name in shop.contents() if name not in LOGGED and not name.startswith("events_event")]
    with shop.unchanged(*moving):
        return str(counter.tell(said, received_at=received_at).problem)


def found_by_doctor(counter: Counter) -> dict[str, int]:
    """Count what the checks of the books find."""
    statements = load_statements("comptoir.config", "checking.sql")
    found = {name: counter.shop.value(sql) for name, sql in statements.items() if "_log" in name or "promo" in name}
    assert found
    return {name: count for name, count in found.items() if count}


def test_a_coupon_is_redeemed_once_at_whichever_channel(counter: Counter) -> None:
    promotion = new()
    assert counter.tell(published(promotion, codes="each")).problem is None
    code = promoting.alices_code(counter.shop, promotion)
    outcome = counter.tell(taken(code)).outcome
    assert (outcome["basket"]["before"], outcome["basket"]["discount"], outcome["basket"]["total"]) == (1000, 100, 900)
    assert outcome["customer"] == casting.identify(ALICE)
    assert refused(counter, taken(code, source=WEBSHOP)) == "coupon_unusable"
    assert counter.shop.rows("select use, discount, status, source from offers_redemption") == [
        {"use": 1, "discount": 100, "status": "redeemed", "source": casting.TILL}
    ]


def test_one_of_a_batch_gets_it(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each", uses_max=2))
    code = promoting.alices_code(counter.shop, promotion)
    answers = counter.send(*[taken(code, source=WEBSHOP if number % 2 else casting.TILL) for number in range(5)])
    assert [each.problem for each in answers] == [None, None, *["coupon_unusable"] * 3]


def test_what_is_wrong_with_a_code_is_never_said(counter: Counter) -> None:
    one, over, late, ours = new(), new(), new(), new()
    counter.tell(published(one, codes="each"))
    counter.tell(published(over, codes="each"))
    counter.tell(published(late, codes="each", days_good=3))
    counter.tell(published(ours, codes="shared", code="SPRING-24", budget={"redemptions_max": 1}))
    used, gone, old = (promoting.alices_code(counter.shop, each) for each in (one, over, late))
    counter.send(taken(used), promoting.ended(over), taken("spring24"))
    texts = set()
    for code, at in ((used, HEARD), (gone, HEARD), (old, HEARD + 3 * DAY), ("SPRING24", HEARD), ("0" * 20, HEARD)):
        answer = counter.tell(taken(code, at=at), received_at=at)
        problem = answer.outcome["problem"]
        texts.add((problem["type"], problem["title"], problem["detail"], problem["field"], problem["status"]))
        assert set(problem) == {"type", "title", "detail", "field", "status"}
    assert [each[2] for each in texts] == [UNUSABLE]


def test_what_is_ended_is_given_no_more_in_the_same_batch(counter: Counter) -> None:
    one = new()
    counter.tell(published(one, codes="each"))
    code = promoting.alices_code(counter.shop, one)
    counter.send(promoting.ended(one), taken(code))
    assert counter.shop.value("select count(*) from offers_redemption") == 0


def test_a_coupon_for_later_is_shown_with_its_code_and_the_day(counter: Counter) -> None:
    one = new()
    begins = HEARD + 3 * DAY
    counter.tell(published(one, codes="each", conditions={"starts_at": begins.isoformat()}))
    promoting.alices_code(counter.shop, one)
    members = [uuid.UUID(casting.identify(ALICE))]
    with entered(COUNTER):
        (early,) = queries.coupons_of(members, language="en", now=HEARD)
        (due,) = queries.coupons_of(members, language="en", now=begins)
    assert (early.told.state, early.told.starts_at, bool(early.code)) == ("to_come", begins, True)
    assert (due.told.state, due.told.starts_at) == ("usable", None)


def test_what_is_held_is_nobody_elses_until_it_is_released(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each", budget={"redemptions_max": 1}))
    code = promoting.alices_code(counter.shop, promotion)
    assert counter.tell(held("r1", code)).problem is None
    assert refused(counter, taken(code, source=WEBSHOP)) == "coupon_unusable"
    assert refused(counter, held("r1", code)) == "redemption_taken"
    assert refused(counter, released("r1", source=WEBSHOP)) == "redemption_unknown"
    assert counter.tell(released("r1")).problem is None
    assert refused(counter, posted("r1")) == "redemption_over"
    assert refused(counter, released("r1")) == "redemption_over"
    assert counter.tell(held("r2", code, source=OTHER_TILL)).problem is None
    assert counter.tell(posted("r2", source=OTHER_TILL)).problem is None
    assert refused(counter, released("r2")) == "redemption_over"
    assert [row["status"] for row in counter.shop.rows("select status from offers_redemption order by position")] == [
        "released", "redeemed",
    ]  # fmt: skip
    assert counter.shop.value("select redemptions from offers_promotion") == 1


@pytest.mark.parametrize("uses_max", [1, 3])
def test_what_was_paid_and_comes_back_gives_the_coupon_back_once(counter: Counter, uses_max: int) -> None:
    promotion = new()
    budget = {"redemptions_max": uses_max, "discount_max": uses_max * 100}
    counter.tell(published(promotion, codes="each", uses_max=uses_max, budget=budget))
    code = promoting.alices_code(counter.shop, promotion)
    at_once = [taken(code) for _ in range(uses_max)]
    assert [each.problem for each in counter.send(*at_once)] == [None] * uses_max
    assert refused(counter, taken(code)) == "coupon_unusable"
    assert refused(counter, given_back(taken(code))) == "redemption_unknown"
    # What the till has taken, the web shop may give back: once.
    assert counter.tell(given_back(at_once[0], source=WEBSHOP)).problem is None
    assert refused(counter, given_back(at_once[0])) == "redemption_over"
    later = held("r1", code)
    assert counter.tell(later).problem is None
    assert refused(counter, given_back(later)) == "redemption_over"  # it is held, and not paid
    answers = counter.send(posted("r1"), given_back(later), taken(code), taken(code))
    assert [each.problem for each in answers] == [None, None, None, "coupon_unusable"]
    assert counter.shop.rows("select redemptions, discount from offers_promotion") == [
        {"redemptions": uses_max, "discount": uses_max * 100}
    ]
    assert counter.shop.value("select count(*) from offers_redemption where status = 'returned'") == 2
    assert rebuild(keep=False).changed == []


def test_in_one_batch_it_is_taken_given_back_and_taken_again(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each"))
    code = promoting.alices_code(counter.shop, promotion)
    first = taken(code)
    answers = counter.send(first, given_back(first), taken(code))
    assert [each.problem for each in answers] == [None, None, None]
    assert rebuild(keep=False).changed == []


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_reservation_that_takes_nothing_is_closed_like_any_other(counter: Counter, is_paid: bool) -> None:
    counter.tell(published(new(), conditions={"amount_min": 5000}))
    first = held("small", of=ALICE)
    answer = counter.tell(first)
    assert (answer.problem, answer.outcome["basket"]["deductions"]) == (None, [])
    assert refused(counter, held("small", basket=[goods(9000)])) == "redemption_taken"
    assert refused(counter, given_back(first)) == "redemption_over"
    assert counter.tell((posted if is_paid else released)("small", source=OTHER_TILL)).problem is None
    assert refused(counter, posted("small")) == "redemption_over"
    assert counter.shop.rows("select promotion, customer, discount, status from offers_redemption") == [
        {"promotion": None, "customer": None, "discount": 0, "status": "redeemed" if is_paid else "released"}
    ]
    # In one batch too; and what nobody closes is over by the clock, once.
    assert [each.problem for each in counter.send(held("quick"), posted("quick"))] == [None, None]
    counter.send(held("late"))
    handlers, over = handlers_for(casting.versions(PROGRAMME)), HEARD + dt.timedelta(seconds=601)
    assert release_overdue(counter.connection, now=over, handlers=handlers) == 1
    assert release_overdue(counter.connection, now=over, handlers=handlers) == 0
    assert counter.tell(posted("late"), received_at=over).problem == "redemption_over"
    assert counter.tell(given_back(first), received_at=over).problem == (None if is_paid else "redemption_over")
    assert rebuild(keep=False).changed == []
    assert found_by_doctor(counter) == {}


def test_what_is_held_too_long_is_released_by_the_clock(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each"))
    code = promoting.alices_code(counter.shop, promotion)
    counter.tell(held("r1", code, seconds=60))
    later = HEARD + dt.timedelta(seconds=61)
    assert refused(counter, posted("r1"), received_at=later) == "redemption_over"
    handlers = handlers_for(casting.versions(PROGRAMME))
    with counter.shop.connect() as connection:
        assert release_overdue(connection, now=HEARD, handlers=handlers) == 0
        assert release_overdue(connection, now=later, handlers=handlers) == 1
        assert release_overdue(connection, now=later, handlers=handlers) == 0
    assert counter.shop.value("select status from offers_redemption") == "expired"
    assert counter.tell(taken(code), received_at=later).problem is None


def test_a_shared_budget_is_shared(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each", budget={"discount_max": 250}))
    codes = issued(counter.shop, promotion, ALICE, BOB, CHARLIE)
    answers = [counter.tell(taken(codes[name])).problem for name in ("alice", "bob")]
    assert answers == [None, None]
    assert refused(counter, taken(codes["charlie"])) == "nothing_taken"
    assert counter.tell(taken(codes["charlie"], basket=[goods(500)])).problem is None
    assert refused(counter, taken(codes["charlie"])) == "coupon_unusable"
    assert counter.shop.rows("select redemptions, discount from offers_promotion") == [
        {"redemptions": 3, "discount": 250}
    ]


def test_a_customer_has_so_many_turns(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="shared", code="TWICE", budget={"per_customer_max": 2}))
    assert refused(counter, taken("TWICE")) == "nothing_taken"  # whoever it is has to be recognised
    answers = counter.send(*[taken("TWICE", of=ALICE) for _ in range(3)], taken("TWICE", of=BOB))
    assert [each.problem for each in answers] == [None, None, "nothing_taken", None]
    assert refused(counter, taken("TWICE", of=ALICE)) == "nothing_taken"


def test_what_needs_no_code_is_given_by_itself(counter: Counter) -> None:
    counter.tell(published(new(), conditions={"amount_min": 2000}, title="Ten per cent from 20"))
    assert counter.tell(taken()).outcome["basket"]["discount"] == 0
    basket = counter.tell(taken(basket=[goods(1999), goods(1)])).outcome["basket"]
    assert basket["discount"] == 200
    assert basket["deductions"][0]["because"]["en"] == (
        "Ten per cent from 20: 10% off, on everything, from 20.00 USD on"
    )


def test_a_honey_code_is_refused_like_any_other_and_alerts(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each", honey=2))
    planted = CouponCodes.of_shop().honey(promotion, 1)
    answer = counter.tell(taken(planted))
    assert (answer.problem, answer.outcome["problem"]["detail"]) == ("coupon_unusable", UNUSABLE)
    assert counter.shop.rows("select source, touchpoint from offers_alert") == [
        {"source": casting.TILL, "touchpoint": "till"}
    ]
    assert planted not in str(counter.shop.contents())


def test_a_coupon_is_issued_once_for_a_campaign(counter: Counter) -> None:
    promotion, campaign = new(), new()
    counter.tell(published(promotion, codes="each"))
    first = issued(counter.shop, promotion, ALICE, BOB, campaign=campaign)
    assert issued(counter.shop, promotion, ALICE, BOB, campaign=campaign, at=HEARD + DAY) == first
    assert issued(counter.shop, promotion, ALICE, campaign=new()) != {"alice": first["alice"]}
    assert counter.shop.value("select count(*) from offers_coupon") == 3
    assert first["alice"] not in str(counter.shop.contents())


def test_a_promotion_that_contradicts_itself_is_refused_by_name(counter: Counter) -> None:
    bad = (
        {"codes": "shared"},
        {"code": "SPRING"},
        {"honey": 3},
        {"benefit": {"kind": "Bundle", "take": 3}},
        {"benefit": {"kind": "Bundle", "take": 3, "pay": 3}},
        {"conditions": {"audience": "holder"}},
        {"conditions": {"hours": ["10:00", "10:00"]}},
        {"conditions": {"starts_at": "2024-03-05T00:00:00Z", "ends_at": "2024-03-04T00:00:00Z"}},
    )
    for each in bad:
        assert refused(counter, published(new(), **each)) == "promotion_invalid", each
    promotion = new()
    counter.tell(published(promotion, codes="shared", code="SPRING"))
    assert refused(counter, published(promotion)) == "promotion_taken"
    assert refused(counter, published(new(), codes="shared", code="spr-ing")) == "promotion_taken"
    assert refused(counter, promoting.ended(new())) == "promotion_unknown"


def test_what_another_system_gave_is_not_even_looked_at_for_a_basket(counter: Counter) -> None:
    here = new()
    counter.send(
        published(here, benefit={"kind": "Amount", "amount": 50}),
        *(published(new(), benefit={"kind": "Elsewhere"}, series=f"Spring {number}") for number in range(3)),
    )
    assert store.find_automatic(counter.connection) == [here]


def test_everything_is_made_anew_from_the_log(counter: Counter) -> None:
    one, two, three = new(), new(), new()
    counter.send(
        published(one, codes="each", honey=3, uses_max=2, budget={"redemptions_max": 9}),
        published(two, codes="shared", code="SPRING", budget={"per_customer_max": 1}),
        published(three, benefit={"kind": "Amount", "amount": 50}),
        published(new(), benefit={"kind": "Elsewhere"}, series="Spring"),
        promoting.targeted("Spring", of=ALICE),
    )
    codes = issued(counter.shop, one, ALICE, BOB, CHARLIE, campaign=new())
    counter.send(
        taken(codes["alice"], "spring", of=BOB), held("h1", codes["bob"]), held("h2", codes["bob"]),
        taken(CouponCodes.of_shop().honey(one, 0)), held("h3", codes["charlie"]), taken(receipt="17"),
    )  # fmt: skip
    counter.send(posted("h1"), released("h2"), promoting.ended(two, at=NOON))
    before = counter.shop.contents(*TABLES)
    assert [len(before[name]) for name in TABLES] == [4, 3, 1, 3, 10, 1]
    counter.close()
    assert rebuild().changed == []
    assert counter.shop.contents(*TABLES) == before


def test_somebody_who_is_forgotten_leaves_their_coupons_as_nobodys(counter: Counter) -> None:
    shop, one, two = counter.shop, new(), new()
    counter.send(
        published(one, codes="each", uses_max=2),
        published(two, codes="shared", code="SPRING", budget={"per_customer_max": 1}),
        published(new(), benefit={"kind": "Elsewhere"}),
    )
    codes = issued(shop, one, ALICE, BOB, campaign=new())
    counter.send(
        taken(codes["alice"]), taken(codes["alice"], "spring", of=BOB), taken("spring", of=ALICE),
        held("basket", codes["bob"], of=ALICE),
    )  # fmt: skip
    before = shop.rows("select position, ordinal, promotion, coupon, use, discount, status from offers_redemption")
    assert counter.tell(forgotten.forget(ALICE)).problem is None
    assert forgotten.found_in(forgotten.dump(shop), [casting.identify(ALICE)]) == []
    after = shop.rows("select position, ordinal, promotion, coupon, use, discount, status from offers_redemption")
    assert sorted(map(str, after)) == sorted(map(str, before))
    assert rebuild(keep=False).changed == []
    assert counter.tell(posted("basket")).problem is None
    assert rebuild(keep=False).changed == []


def test_points_that_count_three_times_go_back_with_the_goods(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="shared", code="TRIPLE", benefit={"kind": "Points", "times": 3}))
    answer = counter.tell(taken("TRIPLE", of=ALICE, receipt="r1"))
    assert (answer.outcome["basket"]["points_times"], answer.outcome["basket"]["discount"]) == (3, 0)
    before, _, _ = counter.balance(ALICE)
    lines = [casting.line(100, quantity=2), casting.line(40)]
    counter.tell(casting.sale("r1", of=ALICE, lines=lines))
    assert counter.balance(ALICE)[0] == before + 3 * 140
    counter.tell(casting.sale("r2", 50, of=ALICE))
    assert counter.balance(ALICE)[0] == before + 3 * 140 + 50
    counter.tell(casting.goods_back("b1", sale="r1", lines=[(1, 1, 50)]))
    assert counter.balance(ALICE)[0] == before + 3 * 90 + 50
    counter.send(held("h", "TRIPLE", of=BOB), casting.sale("r3", 10, of=BOB))
    balance, _, _ = counter.balance(BOB)
    # Taken and sold in one batch: the promotion comes first.
    counter.send(taken("TRIPLE", of=BOB, receipt="r4"), casting.sale("r4", 10, of=BOB))
    assert counter.balance(BOB)[0] == balance + 30
    # Whoever posts books the sale, and need not be the till that reserved, whose receipt of that name is another.
    assert counter.tell(posted("h", source=OTHER_TILL, receipt="r5")).problem is None
    counter.tell(casting.sale("r5", 10, of=BOB))
    assert counter.balance(BOB)[0] == balance + 40
    counter.tell(casting.sale("r5", 10, of=BOB, source=OTHER_TILL))
    assert counter.balance(BOB)[0] == balance + 70
    counter.tell(casting.goods_back("b5", sale="r5", source=OTHER_TILL, lines=[(1, 1, 10)]))
    assert counter.balance(BOB)[0] == balance + 40
    assert rebuild(keep=False).changed == []
    assert counter.tell(forgotten.forget_sale("r1", of=ALICE)).problem is None
    assert counter.shop.value("select count(*) from offers_redemption where receipt = 'r1'") == 0
    assert counter.tell(forgotten.forget_sale("r5", of=BOB, source=OTHER_TILL)).problem is None
    assert counter.shop.value("select count(*) from offers_redemption where receipt = 'r5' or sale_source <> ''") == 0
    assert rebuild(keep=False).changed == []


def test_points_that_a_campaigns_coupons_add_are_known_by_whose_coupon_it_was(counter: Counter) -> None:
    promotion, campaign = new(), new()
    counter.tell(published(promotion, codes="each", uses_max=2, benefit={"kind": "Points", "times": 3}))
    codes = issued(counter.shop, promotion, ALICE, BOB, campaign=campaign)
    other = issued(counter.shop, promotion, ALICE)["alice"]
    counter.send(
        taken(codes["alice"], of=ALICE, receipt="a1"), casting.sale("a1", 100, of=ALICE),
        held("h", codes["bob"], of=BOB), posted("h", receipt="b1", source=OTHER_TILL),
        casting.sale("b1", 50, of=BOB, source=OTHER_TILL), taken(other, of=ALICE, receipt="a2"),
        casting.sale("a2", 1000, of=ALICE), casting.sale("a3", 500, of=ALICE),
    )  # fmt: skip

    def promised() -> dict[str, int]:
        with entered(OFFICE):
            return {str(each.customer): each.points for each in queries.promised_by([uuid.UUID(campaign)])}

    assert promised() == {casting.identify(ALICE): 200, casting.identify(BOB): 100}
    counter.tell(casting.goods_back("back", sale="a1", lines=[(1, 1, 40)]))
    assert promised() == {casting.identify(ALICE): 120, casting.identify(BOB): 100}
    with entered(OFFICE):
        assert queries.promised_by([uuid.UUID(new())]) == []


def test_whom_another_system_has_told_of_its_promotions(counter: Counter) -> None:
    assert refused(counter, promoting.targeted("Spring", of=ALICE)) == "promotion_unknown"
    counter.tell(published(new(), series="Ours"))
    assert refused(counter, promoting.targeted("Ours", of=ALICE)) == "promotion_unknown"
    promotion = new()
    answers = counter.send(
        published(promotion, benefit={"kind": "Elsewhere"}, series="Spring"), promoting.targeted("Spring", of=ALICE)
    )
    assert [each.problem for each in answers] == [None, None]
    counter.send(*[promoting.targeted("Spring", of=each) for each in (ALICE, BOB, CHARLIE)])
    redeemed = {"customer": dict(BOB), "promotion": promotion}
    assert counter.tell(casting.event("coupon.redeemed", redeemed, source=casting.CONSOLE)).problem is None
    with entered(COUNTER):
        assert queries.targeted() == {"Spring": (3, 1)}
    assert found_by_doctor(counter) == {}
    assert rebuild(keep=False).changed == []
    assert counter.tell(forgotten.forget(BOB)).problem is None
    bob = casting.identify(BOB)
    assert counter.shop.value(f"select count(*) from offers_targeting where customer = '{bob}'") == 0
    assert counter.shop.value("select count(*) from offers_targeting") == 4
    assert rebuild(keep=False).changed == []


def test_the_log_does_not_say_what_was_in_a_basket(counter: Counter) -> None:
    basket = [goods(1999, product="zebra-42"), goods(1, product="zebra-43")]
    said = taken(basket=basket, of=ALICE, receipt="r9")
    counter.tell(said)
    assert "zebra" not in str(counter.shop.contents())
    assert counter.tell(said).is_repeated
    other = {**said, "data": {**said["data"], "basket": [goods(2000, product="zebra-44")]}}
    assert counter.tell(other).problem == "id_reused"
    assert counter.shop.value("select data->'basket'->0->>'amount' from events_event where type = 'coupon.redeem'") == (
        "2000"
    )


def test_with_a_purchase_goes_what_its_basket_cost(counter: Counter) -> None:
    promotion = new()
    counter.tell(published(promotion, codes="each", uses_max=3))
    code = promoting.alices_code(counter.shop, promotion)
    basket = [goods(4711)]
    paid = posted("r1")
    paid["data"]["receipt"] = "secret"
    other = taken(code, basket=basket, receipt="another", of=ALICE)
    redeemed = taken(code, basket=basket, receipt="secret", of=ALICE)
    counter.send(redeemed, held("r1", code, basket=basket, of=ALICE), paid, other)
    counter.send(casting.sale("secret", 4240, of=ALICE))
    answer = counter.tell(forgotten.forget_sale("secret", of={"kind": "customer", "value": casting.identify(ALICE)}))
    assert answer.is_accepted, answer.outcome
    with_sum = "select id from events_event where data::text like '%4711%' or outcome like '%4711%'"
    assert [row["id"] for row in counter.shop.rows(with_sum)] == [other["id"]]
    assert counter.shop.value("select count(*) from events_event where data->>'receipt' = 'secret'") == 1  # the sale's
    assert refused(counter, taken(code)) == "coupon_unusable"  # what was used stays used
    assert refused(counter, redeemed) == "id_reused"
    assert rebuild(keep=False).changed == []
