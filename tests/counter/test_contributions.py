"""Reviews of what was bought here, and points for them: said and given without telling whose they are."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import uuid
from collections import Counter as Tally
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.checking import ledger_holds
from comptoir.config.rebuilding import rebuild
from comptoir.counter.contributions import jobs, rules
from comptoir.counter.contributions.rules import COMPANY_MIN, WAIT, Buyers, Candidate, Contribution, Review
from comptoir.counter.loyalty.programme import EarningRule, Programme
from support import invariants
from support.casting import (
    ALICE,
    ALICE_ONLINE,
    CURRENCY,
    HEARD,
    NOON,
    RULES,
    Counter,
    Reference,
    give_up,
    identify,
    line,
    link,
    sale,
    versions,
)
from support.forgotten import dump, forget
from support.shop import Shop
from support.talking import STAFF, named, post_of, said, voted, wrote

DAY = dt.timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)
THANKFUL = Programme("Points", CURRENCY, "America/New_York", (*RULES, EarningRule("idea", 5, event="idea.done")))


def customer(number: int) -> Reference:
    return {"kind": "card", "value": f"reviewer {number}"}


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter whose programme promises points; in the end a rebuild has to find everything as it is."""
    one = Counter(shop, versions(THANKFUL))
    yield one
    assert rebuild(keep=False).changed == []
    invariants.check(one.connection)
    assert ledger_holds()
    one.close()


@pytest.fixture
def names(counter: Counter) -> list[str]:
    """Eight people with a public name each."""
    return [named(counter, f"Bird {'abcdefgh'[number]}", customer(number)) for number in range(8)]


def buy(counter: Counter, product: str, *numbers: int, at: dt.datetime = NOON - DAY) -> None:
    sales = [
        sale(f"{product}-{number}-{at:%j%H}", lines=[line(100, product=product)], of=customer(number), at=at)
        for number in numbers
    ]
    assert all(answer.is_accepted for answer in counter.send(*sales, received_at=max(at, HEARD)))


def review(counter: Counter, persona: str, product: str = "rye", *, at: dt.datetime = NOON) -> str:
    written = wrote(persona, f"What I think of {product}.", kind="review", product=product, rating=4, at=at)
    assert counter.tell(written, received_at=at).problem is None
    return post_of(written)


def confirm(counter: Counter, *, now: dt.datetime = NOON + 5 * DAY, seed: int = 1) -> int:
    return jobs.confirm_reviews(counter.connection, now=now, handlers=counter.handlers, chance=random.Random(seed))


def thank(counter: Counter, *, now: dt.datetime = NOON + 5 * DAY, seed: int = 1) -> int:
    return jobs.thank(
        counter.connection, now=now, programmes=counter.programmes, handlers=counter.handlers,
        chance=random.Random(seed),
    )  # fmt: skip


def confirmed(shop: Shop) -> set[str]:
    return {str(row["id"]) for row in shop.rows("select id from community_post where is_confirmed")}


# -- bought here --------------------------------------------------------------------------------------------------


def test_a_review_by_a_buyer_is_confirmed_once_five_had_bought_it(
    counter: Counter, shop: Shop, names: list[str]
) -> None:
    buy(counter, "rye", 0, 1, 2, 3)
    mine = review(counter, names[0])
    of_nobody_who_bought = review(counter, names[7])
    assert confirm(counter) == 0, "four are not enough"
    buy(counter, "rye", 4)
    assert confirm(counter) == 1
    assert confirmed(shop) == {mine}
    assert of_nobody_who_bought not in confirmed(shop)
    assert confirm(counter) == 0
    (event,) = shop.rows("select * from events_event where type = 'post.confirmed'")
    assert (event["customer"], event["data"], event["touchpoint"]) == (None, {"post": mine}, "clock")
    assert event["occurred_at"] == MIDNIGHT + WAIT, "its time is the review's day and the wait, and nobody's purchase"


def test_only_what_was_bought_before_the_review_counts(counter: Counter, shop: Shop, names: list[str]) -> None:
    buy(counter, "rye", 0, 1, 2, 3, 4, at=NOON + DAY)
    review(counter, names[0])
    assert confirm(counter) == 0
    assert confirmed(shop) == set()
    later = review(counter, names[0], at=NOON + 2 * DAY)
    assert confirm(counter, now=NOON + 4 * DAY) == 0, "too early"
    assert confirm(counter, now=NOON + 6 * DAY) == 1
    assert confirmed(shop) == {later}


def test_what_a_name_is_confirmed_for_five_people_had_bought_together(
    counter: Counter, shop: Shop, names: list[str]
) -> None:
    buy(counter, "rye", 0, 1, 2, 3, 4, 5)
    buy(counter, "jam", 0, 1, 2, 3, 4)
    buy(counter, "oil", 0, 4, 5, 6, 7)
    rye, jam = review(counter, names[0]), review(counter, names[0], "jam", at=NOON + dt.timedelta(hours=1))
    review(counter, names[0], "oil", at=NOON + dt.timedelta(hours=2))
    # Five had bought oil, but only two of them rye and jam as well: oil would tell one of two.
    assert confirm(counter) == 2
    assert confirmed(shop) == {rye, jam}


def test_two_cards_of_one_person_are_one_buyer(counter: Counter, shop: Shop, names: list[str]) -> None:
    buy(counter, "rye", 0, 1, 2, 3)
    counter.tell(sale("r9", lines=[line(100, product="rye")], of=ALICE, at=NOON - DAY))
    counter.tell(link(ALICE, customer(3)))
    review(counter, names[0])
    assert confirm(counter) == 0
    counter.tell(sale("r10", lines=[line(100, product="rye")], of=ALICE_ONLINE, at=NOON - DAY))
    assert confirm(counter) == 1
    assert len(confirmed(shop)) == 1


def test_nothing_new_is_said_of_a_name_that_was_given_up_or_of_words_that_are_gone(
    counter: Counter, shop: Shop, names: list[str]
) -> None:
    buy(counter, "rye", *range(6))
    kept, withdrawn = review(counter, names[0]), review(counter, names[1])
    stays = review(counter, names[2])
    assert confirm(counter) == 3
    assert confirmed(shop) == {kept, withdrawn, stays}
    counter.tell(said("post.withdrawn", {"persona": names[1], "post": withdrawn}))
    counter.tell(give_up(names[2], of=customer(2)))
    review(counter, names[3])
    counter.tell(give_up(names[3], of=customer(3)))
    assert confirm(counter) == 0
    assert confirmed(shop) == {kept, stays}, "what was said before stays, as the review itself does"


PEOPLE = [f"person {number}" for number in range(9)]
GOODS = ["rye", "jam", "oil", "tea"]


@given(
    purchases=st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(GOODS), st.integers(0, 20)), max_size=80),
    written=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(GOODS), st.integers(0, 20)), max_size=12, unique_by=lambda r: r[:2]
    ),
)  # fmt: skip
def test_whatever_is_confirmed_of_a_name_five_people_could_have_written(
    purchases: list[tuple[str, str, int]], written: list[tuple[int, str, int]]
) -> None:
    bought = Buyers()
    for person, product, day in purchases:
        bought.note(person, product, NOON + day * DAY)
    candidates = [
        Review(str(number), f"name {name}", product, NOON + day * DAY)
        for number, (name, product, day) in enumerate(written)
    ]
    chosen = rules.confirmable(candidates, {}, bought)
    for name in {each.persona for each in chosen}:
        of_name = [each for each in chosen if each.persona == name]
        meant = {
            person
            for person in PEOPLE
            if all(
                any(p == person and g == each.product and NOON + day * DAY < each.at for p, g, day in purchases)
                for each in of_name
            )
        }
        assert len(meant) >= COMPANY_MIN


# -- points for reviews -------------------------------------------------------------------------------------------


def rewarded(shop: Shop) -> set[str]:
    return {str(row["id"]) for row in shop.rows("select id from community_post where is_rewarded")}


def points_for(counter: Counter, reason: str = "review") -> dict[str, int]:
    rows = counter.shop.rows("select customer, points from loyalty_transfer where reason = %s", reason)
    found: dict[str, int] = {}
    for row in rows:
        found[str(row["customer"])] = found.get(str(row["customer"]), 0) + row["points"]
    return found


def test_every_review_is_marked_at_once_while_points_are_promised(
    counter: Counter, shop: Shop, names: list[str]
) -> None:
    wren = names[0]
    mine = review(counter, wren)
    counter.tell(wrote(wren))
    assert rewarded(shop) == {mine}
    modest = Counter(shop, versions(Programme("Points", CURRENCY, "America/New_York", RULES[:1])))
    unpaid = review(modest, wren, "jam")
    modest.close()
    assert unpaid not in rewarded(shop)


def test_points_come_to_five_people_at_once_or_to_nobody(counter: Counter, shop: Shop, names: list[str]) -> None:
    for persona in names[:4]:
        review(counter, persona)
    with shop.unchanged():
        assert thank(counter) == 0
    review(counter, names[4])
    assert thank(counter, now=NOON + 2 * DAY) == 0, "not before moderation had its time"
    assert thank(counter) == 5
    assert points_for(counter) == {identify(customer(number)): 20 for number in range(5)}
    assert thank(counter) == 0
    assert thank(counter, now=NOON + 9 * DAY) == 0, "once for each review"
    rows = shop.rows("select * from events_event where type = 'contribution.thanked' order by position")
    assert {row["occurred_at"] for row in rows} == {MIDNIGHT + 5 * DAY}
    for row in rows:
        assert set(row["data"]) == {"customer", "activity", "earned"}


def test_what_was_taken_back_hidden_or_held_earns_nothing(counter: Counter, names: list[str]) -> None:
    posts = [review(counter, persona) for persona in names[:7]]
    counter.tell(said("post.withdrawn", {"persona": names[0], "post": posts[0]}))
    hidden = {**STAFF, "decision": str(uuid.uuid4()), "post": posts[1], "action": "hide", "ground": "charter",
              "facts": "An advertisement.", "persona": names[1], "rule": "1"}  # fmt: skip
    assert counter.tell(said("post.decided", hidden, source="/console")).problem is None
    counter.tell(wrote(names[7], "Buy!", kind="review", product="rye", rating=5, held="link"))
    assert thank(counter) == 5
    assert points_for(counter).keys() == {identify(customer(number)) for number in range(2, 7)}
    # Taking back what was thanked for and writing it anew earns nothing either.
    for number in range(2, 7):
        counter.tell(said("post.withdrawn", {"persona": names[number], "post": posts[number]}))
        review(counter, names[number])
    assert thank(counter, now=NOON + 9 * DAY) == 0


def test_three_of_a_month_count_under_whichever_name(counter: Counter, names: list[str]) -> None:
    second = named(counter, "Second bird", customer(0))
    for persona in (*names, second):
        for product in ("rye", "jam", "oil"):
            review(counter, persona, product)
    for day in range(5, 60):
        thank(counter, now=NOON + day * DAY, seed=day)
    # Whoever is left over when fewer than five wait, waits for others.
    given = sorted(points_for(counter).values())
    assert len(given) == 8
    assert max(given) == 60
    assert given.count(60) >= COMPANY_MIN


def test_who_voted_for_an_idea_that_was_done_is_thanked(counter: Counter, shop: Shop, names: list[str]) -> None:
    idea = wrote(names[0], "Sell half loaves", kind="idea")
    counter.tell(idea)
    votes = [voted(persona, post_of(idea)) for persona in names[1:7]]
    assert all(answer.is_accepted for answer in counter.send(*votes))
    counter.tell(voted(names[6], post_of(idea), 0))
    moved = {**STAFF, "idea": post_of(idea), "status": "done", "reason": "From Monday on."}
    counter.tell(said("idea.moved", moved, source="/console"))
    counter.tell(voted(names[7], post_of(idea)))  # too late
    assert thank(counter) == 5
    assert points_for(counter, "idea") == {identify(customer(number)): 5 for number in range(1, 6)}
    assert "idea.done" in str(shop.rows("select data from events_event where type = 'contribution.thanked'"))


@st.composite
def communities(draw: st.DrawFn) -> list[Contribution]:
    made = []
    for person in range(draw(st.integers(0, 12))):
        for day in draw(st.lists(st.integers(0, 40), max_size=6)):
            name = f"name {person}"
            made.append(Contribution(name, f"customer {person}", f"person {person}", MIDNIGHT + day * DAY))
    return made


def run(contributions: list[Contribution], days: range, seed: int) -> dict[str, list[dt.datetime]]:
    """Thank every night; return when each customer was thanked."""
    chance = random.Random(seed)
    thanks: dict[str, list[dt.datetime]] = {}
    for day in days:
        at = MIDNIGHT + day * DAY
        done = rules.under_ceiling(each for each in contributions if each.at < at - WAIT)
        own: dict[str, list[Contribution]] = {}
        for each in done:
            own.setdefault(each.customer, []).append(each)
        waiting = [
            Candidate(name, mine[0].person, (("review", 20),), tuple(thanks.get(name, ())))
            for name, mine in own.items()
            if len(thanks.get(name, ())) < len(mine)
        ]
        for one in rules.thanked(waiting, rules.public_times(done), at=at, chance=chance):
            thanks.setdefault(one.customer, []).append(at)
    return thanks


@given(communities(), st.integers(0, 1_000))
def test_five_are_thanked_at_once_and_five_names_could_have_earned_it(
    contributions: list[Contribution], seed: int
) -> None:
    thanks = run(contributions, range(60), seed)
    together = Tally(at for times in thanks.values() for at in times)
    assert all(count >= COMPANY_MIN for count in together.values())
    public: dict[str, list[dt.datetime]] = {}
    for each in contributions:
        public.setdefault(each.persona, []).append(each.at)
    for customer_thanked, times in thanks.items():
        assert len(set(times)) == len(times)
        assert len(times) <= len(public[customer_thanked.replace("customer", "name")])
        assert len(meant(public, times)) >= COMPANY_MIN


def meant(public: Mapping[str, list[dt.datetime]], thanked_at: list[dt.datetime]) -> set[str]:
    """Return the names behind which a customer with these thanks could be, for whoever knows every time of both."""
    return {
        name
        for name, times in public.items()
        if len(times) >= len(thanked_at)
        and all(done + WAIT <= at for done, at in zip(sorted(times), sorted(thanked_at), strict=False))
    }


# -- joining ------------------------------------------------------------------------------------------------------


def test_nobody_is_joined_by_everything_that_is_revealed(counter: Counter, shop: Shop, names: list[str]) -> None:
    """Whoever sees every page, every purchase and every ledger at every moment still has five to choose from."""
    chance = random.Random(4)
    for product, number in itertools.product(GOODS, range(8)):
        if chance.random() < 0.85:
            buy(counter, product, number, at=NOON - chance.randint(1, 20) * DAY)
    for day, persona in itertools.product(range(0, 30, 3), range(8)):
        if chance.random() < (0.9 if persona == 0 else 0.5):  # one writes much more than the others
            review(counter, names[persona], chance.choice(GOODS), at=NOON + day * DAY + persona * dt.timedelta(hours=1))
    for day in range(1, 50):
        confirm(counter, now=NOON + day * DAY, seed=day)
        thank(counter, now=NOON + day * DAY, seed=day)
    assert confirmed(shop), "something was said"
    purchases = shop.rows(
        "select customer, occurred_at, line ->> 'product' as product from events_event,"
        " json_array_elements(data -> 'lines') line where type = 'sale.closed'"
    )
    posts = shop.rows("select id, author, product, published_at, is_confirmed from community_post")
    # By purchases: behind each name there may be whoever had bought all that it is confirmed for, before.
    for name in names:
        of_name = [post for post in posts if str(post["author"]) == name and post["is_confirmed"]]
        suspects = {
            buyer
            for buyer in {row["customer"] for row in purchases}
            if all(
                any(
                    row["customer"] == buyer and row["product"] == post["product"]
                    and row["occurred_at"] < post["published_at"]
                    for row in purchases
                )
                for post in of_name
            )
        }  # fmt: skip
        assert len(suspects) >= COMPANY_MIN
    # By points: behind each customer there may be whatever name could have earned them by then.
    public: dict[str, list[dt.datetime]] = {}
    for post in posts:
        public.setdefault(str(post["author"]), []).append(post["published_at"])
    thanks: dict[str, list[dt.datetime]] = {}
    for row in shop.rows("select customer, occurred_at from loyalty_transfer where reason = 'review'"):
        thanks.setdefault(str(row["customer"]), []).append(row["occurred_at"])
    assert len(thanks) == 8
    for times in thanks.values():
        assert len(meant(public, times)) >= COMPANY_MIN
    # By order and time: what stands in the log of a night has one time, and its order is not that of anything else.
    told = shop.rows("select type, occurred_at, customer, data from events_event where touchpoint = 'clock'"
                     " order by position")  # fmt: skip
    assert all(row["occurred_at"].time() == dt.time(0, tzinfo=None) for row in told)
    assert all(row["customer"] is None for row in told if row["type"] == "post.confirmed")
    for _, night in itertools.groupby(
        (row for row in told if row["type"] == "contribution.thanked"), key=lambda row: row["occurred_at"]
    ):
        assert len({row["customer"] for row in night}) >= COMPANY_MIN


def test_a_clock_says_it_and_no_touchpoint(counter: Counter) -> None:
    from comptoir.counter.assembly import EVENT_TYPES

    assert not {"post.confirmed", "contribution.thanked"} & EVENT_TYPES.keys()
    assert counter.read(wrote(str(uuid.uuid4())), received_at=HEARD)


def test_who_is_forgotten_leaves_neither_mark_nor_way_back(counter: Counter, shop: Shop, names: list[str]) -> None:
    buy(counter, "rye", *range(6))
    posts = [review(counter, persona) for persona in names[:6]]
    assert confirm(counter) == 6
    assert thank(counter) >= COMPANY_MIN
    before = points_for(counter)
    assert counter.tell(forget(customer(0))).problem is None
    (gone,) = shop.rows("select * from community_post where id = %s", posts[0])
    assert (gone["state"], gone["is_confirmed"], gone["is_rewarded"]) == ("gone", False, False)
    text = dump(shop)
    assert names[0] not in text
    assert identify(customer(0)) not in text
    assert sum(points_for(counter).values()) == sum(before.values()), "the books stay"
    # Whoever is nobody now is company for nobody.
    later_one = review(counter, names[6], "rye")
    buy(counter, "rye", 6)
    assert confirm(counter, now=NOON + 6 * DAY) == 1
    assert later_one in confirmed(shop)
