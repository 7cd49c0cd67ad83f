"""The square as the gateway keeps it: what is said, what is refused, what is counted; the log tells all of it again."""

from __future__ import annotations

import datetime as dt

import pytest

from comptoir.config.rebuilding import rebuild
from support import forgotten, talking
from support.casting import ALICE, HEARD, NOON, Counter
from support.forgotten import forget
from support.shop import Shop
from support.talking import later, named, post_of, voted, wrote

TABLES = ("community_post", "community_thread", "community_vote", "community_topic", "community_ideastep")


def test_a_question_is_asked_answered_voted_for_and_helped(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    counter.tell(talking.opened("bread"))
    asked = wrote(wren, topic="bread")
    assert counter.tell(asked).problem is None
    thread = post_of(asked)
    answer = wrote(finch, "Five days in a cloth.", kind="answer", thread=thread, at=later(3))
    assert counter.tell(answer).problem is None
    assert counter.tell(voted(wren, post_of(answer))).problem is None
    accepted = talking.said("answer.accepted", {"persona": wren, "thread": thread, "answer": post_of(answer)})
    assert counter.tell(accepted).problem is None
    row = shop.rows("select kind, posts, replies, score, accepted::text, last_at from community_thread")
    assert list(row[0].values()) == ["question", 2, 1, 0, post_of(answer), later(3)]
    counted = shop.rows("select number, up, down from community_post order by number")
    assert [tuple(each.values()) for each in counted] == [(1, 0, 0), (2, 1, 0)]


def test_the_answer_to_the_square_says_nothing_of_a_customer(counter: Counter, wren: str) -> None:
    outcome = counter.tell(wrote(wren)).outcome
    assert not {"customer", "balance", "points"} & outcome.keys()


def test_nobody_votes_twice_or_for_oneself_under_any_name(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    other = named(counter, "Robin", ALICE)
    asked = wrote(wren)
    counter.tell(asked)
    post = post_of(asked)
    assert counter.tell(voted(wren, post)).problem == "vote_for_oneself"
    assert counter.tell(voted(other, post)).problem == "vote_for_oneself"
    answer = wrote(finch, "Five days.", kind="answer", thread=post)
    counter.tell(answer)
    assert counter.tell(voted(wren, post_of(answer))).problem is None
    assert counter.tell(voted(other, post_of(answer))).problem == "voted_already"
    assert counter.tell(voted(wren, post_of(answer), 0)).problem is None
    assert counter.tell(voted(other, post_of(answer), -1)).problem is None
    assert shop.value("select up * 10 + down from community_post where number = 2") == 1


def test_what_is_written_anew_or_taken_back(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren)
    counter.tell(asked)
    post = post_of(asked)
    again = {"persona": wren, "post": post, "version": 1, "text": "How long does *rye* keep?", "title": "Rye"}
    assert counter.tell(talking.said("post.edited", {**again, "persona": finch})).problem == "post_not_yours"
    assert counter.tell(talking.said("post.edited", again)).problem is None
    assert counter.tell(talking.said("post.edited", again)).problem == "post_changed_meanwhile"
    twice = [
        talking.said("post.edited", {**again, "version": number, "text": f"Version {number}"}) for number in (2, 3)
    ]
    assert all(each.problem is None for each in counter.send(*twice))
    assert shop.rows("select version, text from community_post") == [{"version": 4, "text": "Version 3"}]
    assert counter.tell(talking.said("post.withdrawn", {"persona": wren, "post": post})).problem is None
    assert shop.value("select concat_ws('/', state, text, html, words::text) from community_post") == "withdrawn///"
    assert shop.rows("select title, is_shown from community_thread") == [{"title": "", "is_shown": False}]
    late = wrote(finch, "Too late", kind="answer", thread=post)
    with shop.unchanged("community_post", "community_thread"):
        assert counter.tell(late).problem == "post_gone"


def test_an_idea_goes_its_way(shop: Shop, counter: Counter, wren: str) -> None:
    idea = wrote(wren, "Sell rye by the half loaf", kind="idea")
    counter.tell(idea)
    steps = [("considered", 1), ("declined", 2)]
    for status, minutes in steps:
        data = {**talking.STAFF, "idea": post_of(idea), "status": status, "reason": "The bakers were asked."}
        assert counter.tell(talking.said("idea.moved", data, source=talking.CONSOLE, at=later(minutes))).problem is None
    assert shop.value("select status from community_thread") == "declined"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"kind": "answer"}, "post_misplaced"),
        ({"title": None}, "post_misplaced"),
        ({"topic": "cheese"}, "topic_unknown"),
        ({"kind": "review"}, "post_misplaced"),
        ({"thread": "00000000-0000-4000-8000-000000000000", "title": None, "kind": "reply"}, "post_unknown"),
        ({"text": "Look \u202ehere"}, "text_unfit"),
        ({"text": "   "}, "text_unfit"),
        ({"text": "Z" + "\u0301" * 9}, "text_unfit"),
        ({"persona": "00000000-0000-4000-8000-000000000000"}, "persona_not_there"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    shop: Shop, counter: Counter, wren: str, change: dict[str, object], refusal: str
) -> None:
    said = wrote(wren)
    said["data"] = {name: value for name, value in {**said["data"], **change}.items() if value is not None}
    with shop.unchanged(*TABLES):
        assert counter.tell(said).problem == refusal


def test_a_review_with_its_stars_is_there_after_a_rebuild(shop: Shop, counter: Counter, wren: str) -> None:
    assert counter.tell(wrote(wren, "Good bread", kind="review", product="bread", rating=4)).problem is None
    assert rebuild().changed == []
    assert shop.value("select rating from community_post") == 4


def test_who_writes_very_much_has_to_wait(counter: Counter, wren: str) -> None:
    other = named(counter, "Robin", ALICE)
    answers = [counter.tell(wrote((wren, other)[number % 2], f"Question {number}?")) for number in range(21)]
    assert [answer.problem for answer in answers[-2:]] == [None, "posting_too_fast"]


def test_what_says_it_was_written_long_ago_counts_when_it_came(shop: Shop, counter: Counter, wren: str) -> None:
    for number in range(20):
        long_ago = NOON - dt.timedelta(days=2 + number)
        assert counter.tell(wrote(wren, f"Question {number}?", at=long_ago)).problem is None
    last = wrote(wren, "One more?", at=NOON - dt.timedelta(days=400))
    with shop.unchanged(*TABLES):
        assert counter.tell(last).problem == "posting_too_fast"
    assert shop.value("select count(distinct published_at) from community_post") == 20
    assert shop.value("select count(distinct received_at) from community_post") == 1
    # An hour later there is room again, whatever it says of when it was written.
    assert counter.send(wrote(wren, "And now?"), received_at=HEARD + dt.timedelta(hours=1))[0].problem is None


def test_who_is_forgotten_has_said_nothing_and_their_votes_still_count(
    shop: Shop, counter: Counter, wren: str, finch: str
) -> None:
    asked = wrote(wren, "Where is the canary?")
    counter.tell(asked)
    thread = post_of(asked)
    again = {"persona": wren, "post": thread, "version": 1, "text": "Where is the *canary*?", "title": "Canary"}
    counter.tell(talking.said("post.edited", again))
    answers = [
        wrote(who, "A canary sings.", kind="answer", thread=thread, elsewhere="Canary & Co") for who in (wren, finch)
    ]
    counter.send(*answers)
    counter.tell(voted(wren, post_of(answers[1])))
    counter.tell(talking.said("answer.accepted", {"persona": wren, "thread": thread, "answer": post_of(answers[1])}))
    taken_back = wrote(wren, "Canary, never mind", kind="reply", thread=thread)
    counter.send(taken_back, talking.said("post.withdrawn", {"persona": wren, "post": post_of(taken_back)}))
    assert counter.tell(forget(ALICE)).problem is None
    states = shop.rows("select number, state, up from community_post order by number")
    assert [tuple(row.values()) for row in states] == [
        (1, "gone", 0), (2, "gone", 0), (3, "public", 1), (4, "withdrawn", 0),
    ]  # fmt: skip
    assert shop.value("select accepted::text from community_thread") == post_of(answers[1])
    text = forgotten.dump(shop)
    finchs = [line for line in text.splitlines() if "anary" in line and finch not in line]
    assert finchs == [], "somebody else's words stay, and no others"
    assert wren not in text
    assert "Wren" not in text
