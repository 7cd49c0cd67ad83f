"""Reports, decisions and appeals as the gateway keeps them: a person decides, gives reasons, and can be wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from comptoir.square.stewardship.store import find_examples, find_paces
from support import casting, forgotten, talking
from support.casting import ALICE, BOB, NOON, Counter, Event
from support.forgotten import forget
from support.shop import Shop
from support.talking import CONSOLE, named, new, post_of, said, wrote

TABLES = (
    "community_post", "community_thread", "stewardship_flag", "stewardship_notice", "stewardship_decision",
    "stewardship_appeal",
)  # fmt: skip
OTHER_STAFF = {"staff": "dominique", "name": "Dominique, wine"}


def flagged(persona: str, post: str, *, reason: str = "spam", words: str | None = None) -> Event:
    """Return that a member flags a post."""
    return said("post.flagged", {"persona": persona, "post": post, "reason": reason, "words": words})


def noticed(post: str, *, number: str = "N-1") -> Event:
    """Return that somebody gives notice of a post."""
    receipt = hashlib.sha256(number.encode()).hexdigest()
    words = "This offers a lottery that needs a licence, and has none."
    return said(
        "notice.received",
        {"notice": new(), "post": post, "kind": "fraud", "words": words, "receipt": receipt, "is_in_good_faith": "yes"},
    )


def decided(post: str, action: str, *, persona: str | None, **more: Any) -> Event:
    """Return a decision, with its reasons."""
    reasons = {} if action in {"publish", "unlock"} else {"ground": "charter", "rule": "No advertising"}
    data = {
        **talking.STAFF, "decision": new(), "post": post, "action": action, "ground": "none", "persona": persona,
        "facts": "It offers a lottery.", **reasons, **more,
    }  # fmt: skip
    return said("post.decided", data, source=CONSOLE)


def appealed(
    decision: Event, *, persona: str, words: str = "It was about our own tombola.", at: dt.datetime = NOON
) -> Event:
    """Return that an author objects."""
    data = {"persona": persona, "post": decision["data"]["post"], "decision": decision["data"]["decision"]}
    return said("decision.appealed", {**data, "words": words}, at=at)


def state(shop: Shop) -> tuple[Any, ...]:
    return tuple(shop.rows("select state, held from community_post where number = 1")[0].values())


def test_a_person_flags_a_post_once_under_whichever_name(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    other = named(counter, "Robin", BOB)
    post = post_of(asked := wrote(wren))
    counter.tell(asked)
    with shop.unchanged(*TABLES):
        assert counter.tell(flagged(wren, post)).problem == "flag_of_oneself"
        assert counter.tell(flagged(new(), post)).problem == "persona_not_there"
        assert counter.tell(flagged(finch, new())).problem == "post_unknown"
        assert counter.tell(flagged(finch, post, words="Look \u202ehere")).problem == "text_unfit"
    assert counter.tell(flagged(finch, post, reason="insult", words="Not kind.")).problem is None
    with shop.unchanged(*TABLES):
        assert counter.tell(flagged(finch, post)).problem == "flagged_already"
        assert counter.tell(flagged(other, post)).problem == "flagged_already"
    assert state(shop) == ("public", None), "no flag hides anything"
    assert [each.problem for each in counter.send(flagged(finch, post), flagged(other, post))] == [
        "flagged_already"
    ] * 2


def test_who_flags_very_much_has_to_wait(counter: Counter, wren: str, finch: str) -> None:
    asked = [wrote(wren, f"Question {number}?") for number in range(16)]
    robin = named(counter, "Robin", casting.CHARLIE)
    answers = [wrote(robin, f"Question {number}!") for number in range(16)]
    counter.send(*asked, *answers)
    told = counter.send(*(flagged(finch, post_of(each)) for each in (*asked, *answers)))
    assert [each.problem for each in told[29:]] == [None, "flagging_too_fast", "flagging_too_fast"]


def test_what_is_held_waits_for_a_person(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren, "See https://lottery.example now", held="links")
    counter.tell(asked)
    post = post_of(asked)
    assert shop.value("select is_shown from community_thread") is False
    again = {"persona": wren, "post": post, "version": 1, "text": "See https://lottery.example", "title": "Lottery"}
    assert counter.tell(said("post.edited", again)).problem is None
    assert state(shop) == ("held", "links"), "writing it anew is no way around"
    assert counter.tell(decided(post, "publish", persona=wren)).problem is None
    assert state(shop) == ("public", None)
    assert shop.value("select is_shown from community_thread") is True
    assert counter.tell(decided(post, "unlink", persona=wren)).problem is None
    assert shop.value("select html from community_post") == "<p>See …</p>"
    assert counter.tell(decided(post, "publish", persona=wren)).problem is None
    again = {**again, "version": 2, "held": "links", "text": "https://lottery.example"}
    assert counter.tell(said("post.edited", again)).problem is None
    assert state(shop) == ("held", "links")


def test_a_decision_has_reasons_and_can_be_taken_back(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren)
    counter.tell(asked)
    post = post_of(asked)
    with shop.unchanged(*TABLES):
        assert counter.tell(decided(post, "hide", persona=wren, ground="none")).problem == "decision_unreasoned"
        assert counter.tell(decided(post, "hide", persona=wren, rule=None)).problem == "decision_unreasoned"
        assert counter.tell(decided(post, "hide", persona=finch)).problem == "decision_misaddressed"
        assert counter.tell(decided(new(), "hide", persona=wren)).problem == "post_unknown"
        assert counter.tell(decided(post, "hide", persona=wren, appeal=new())).problem == "appeal_unknown"
    hidden = decided(post, "hide", persona=wren)
    assert counter.tell(hidden).problem is None
    assert state(shop) == ("hidden", None)
    with shop.unchanged(*TABLES):
        assert counter.tell(talking.voted(finch, post)).problem == "post_gone"
        assert counter.tell(wrote(finch, "Why?", kind="answer", thread=post)).problem == "post_gone"
        twice = decided(post, "hide", persona=wren, decision=hidden["data"]["decision"])
        assert counter.tell(twice).problem == "decision_taken"
    assert counter.tell(decided(post, "publish", persona=wren)).problem is None
    assert state(shop) == ("public", None)
    assert counter.tell(decided(post, "lock", persona=wren)).problem is None
    assert counter.tell(wrote(finch, "Why?", kind="answer", thread=post)).problem == "thread_locked"
    assert counter.tell(decided(post, "unlock", persona=wren)).problem is None
    answers = counter.send(
        wrote(finch, "Like this.", kind="answer", thread=post), decided(post, "lock", persona=wren),
        wrote(finch, "And this.", kind="answer", thread=post),
    )  # fmt: skip
    assert [each.problem for each in answers] == [None, None, "thread_locked"]


def test_an_appeal_is_answered_by_somebody_else(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren)
    counter.tell(asked)
    post = post_of(asked)
    hidden = decided(post, "hide", persona=wren)
    counter.tell(hidden)
    with shop.unchanged(*TABLES):
        assert counter.tell(appealed(hidden, persona=finch)).problem == "post_not_yours"
        unknown = {**hidden, "data": {**hidden["data"], "decision": new()}}
        assert counter.tell(appealed(unknown, persona=wren)).problem == "decision_unknown"
        late = NOON + dt.timedelta(days=190)
        told = counter.tell(appealed(hidden, persona=wren, at=late), received_at=late)
        assert told.problem == "appeal_too_late"
    assert counter.tell(appealed(hidden, persona=wren)).problem is None
    answer = {"persona": wren, "appeal": hidden["data"]["decision"]}
    with shop.unchanged(*TABLES):
        assert counter.tell(appealed(hidden, persona=wren)).problem == "appealed_already"
        assert counter.tell(decided(post, "publish", **answer)).problem == "appeal_needs_somebody_else"
    granted = decided(post, "publish", **answer, **OTHER_STAFF)
    assert counter.tell(granted).problem is None
    assert state(shop) == ("public", None)
    with shop.unchanged(*TABLES):
        again = decided(post, "hide", **answer, staff="third", name="Third")
        assert counter.tell(again).problem == "appeal_unknown", "it was answered"
        assert counter.tell(appealed(granted, persona=wren)).problem == "appealed_already"


def test_a_notice_needs_no_account_and_is_asked_after_by_its_receipt(shop: Shop, counter: Counter, wren: str) -> None:
    asked = wrote(wren)
    counter.tell(asked)
    post = post_of(asked)
    assert counter.tell(noticed(post)).problem is None
    with shop.unchanged(*TABLES):
        assert counter.tell(noticed(post)).problem == "notice_taken"
        assert counter.tell(noticed(new(), number="N-2")).problem == "post_unknown"
    told = counter.send(*(noticed(post, number=f"N-{number}") for number in range(2, 13)))
    assert [each.problem for each in told[8:]] == [None, "notices_enough", "notices_enough"]
    digest = hashlib.sha256(b"N-1").hexdigest()
    asking = f"select action, ground from stewardship_receipt where receipt = '{digest}'"
    assert list(shop.rows(asking)[0].values()) == [None, None]
    counter.tell(decided(post, "hide", persona=wren, ground="law", rule="Games of chance"))
    assert list(shop.rows(asking)[0].values()) == ["hide", "law"]
    assert counter.tell(noticed(post, number="N-99")).problem is None, "what waited was decided"


def test_the_square_does_not_see_who_reports(shop: Shop) -> None:
    with shop.connect("comptoir_square") as square:
        for table, allowed in (("flag", False), ("notice", False), ("receipt", True), ("decision", True)):
            found = square.execute(
                "select has_table_privilege(current_user, %s, 'select')", (f"stewardship_{table}",)
            ).fetchone()
            assert found == (allowed,), table


def test_who_is_forgotten_leaves_no_word_in_stewardship(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked, other = wrote(wren, "Where is the canary?"), wrote(finch, "Rye?")
    counter.send(asked, other)
    counter.tell(flagged(wren, post_of(other), words="A canary told me."))
    about = noticed(post_of(asked))
    about["data"]["words"] = "The canary offers a lottery without a licence."
    of_others = [flagged(finch, post_of(asked), words='It is "the canary" of Larkspindle.'), about]
    assert [each.problem for each in counter.send(*of_others)] == [None, None]
    hidden = decided(post_of(asked), "hide", persona=wren, facts="It says: canary.")
    counter.tell(hidden)
    counter.tell(appealed(hidden, persona=wren, words="My canary!"))
    assert counter.tell(forget(ALICE)).problem is None
    text = forgotten.dump(shop)
    assert [line for line in text.splitlines() if "anary" in line] == []
    assert wren not in text
    # Both begin a conversation, so that their numbers do not tell them apart.
    assert shop.value("select state from community_post where id = %s", post_of(asked)) == "gone"
    assert shop.value("select count(*) from stewardship_decision") == 1
    assert shop.rows("select persona::text, words from stewardship_flag where post = %s", post_of(asked)) == [
        {"persona": finch, "words": ""}
    ], "that it was flagged, and by whom, stays"


def helped(counter: Counter, who: str, whom: str, *, heard: dt.datetime | None = None) -> list[Event]:
    """Let somebody answer on three days in conversations in which they also vote; return the answers.

    ``heard`` is when the shop hears of all of it, if not on those days.
    """
    answers = []
    for day in (5, 4, 3):
        at = NOON - dt.timedelta(days=day)
        asked = wrote(whom, f"Question {day}?", at=at)
        answer = wrote(who, "Like this.", kind="answer", thread=post_of(asked), at=at)
        vote = talking.voted(who, post_of(asked), at=at)
        assert [each.problem for each in counter.send(asked, answer, vote, received_at=heard or at)] == [None] * 3
        answers.append(answer)
    return answers


def test_who_has_helped_may_write_more(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    helped(counter, wren, finch)
    for who, most in ((wren, 30), (finch, 20)):
        told = [counter.tell(wrote(who, f"Thought {number}", kind="story")).problem for number in range(most + 1)]
        assert told == [None] * most + ["posting_too_fast"]


def test_days_that_were_only_claimed_make_nobody_faster(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    helped(counter, wren, finch, heard=NOON)
    with shop.connect("comptoir_counter") as connection:
        assert find_paces(connection, [wren], NOON)[wren] == (20, 80)


def test_a_decision_against_lowers_trust_until_it_is_taken_back(
    shop: Shop, counter: Counter, wren: str, finch: str
) -> None:
    def pace() -> tuple[int, ...]:
        with shop.connect("comptoir_counter") as connection:
            return find_paces(connection, [wren], NOON)[wren]

    answers = helped(counter, wren, finch)
    assert pace() == (30, 120)
    for each in answers[:2]:
        assert counter.tell(decided(post_of(each), "warn", persona=wren)).problem is None
    assert pace() == (20, 80)
    counter.tell(decided(post_of(answers[0]), "publish", persona=wren))
    assert pace() == (30, 120)


def test_what_people_decided_is_what_the_filter_learns_from(shop: Shop, counter: Counter, wren: str) -> None:
    posts = [wrote(wren, text) for text in ("Win a prize", "How long?", "Never decided")]
    counter.send(*posts)
    counter.tell(decided(post_of(posts[0]), "publish", persona=wren))
    counter.tell(decided(post_of(posts[0]), "hide", persona=wren))
    counter.tell(decided(post_of(posts[1]), "publish", persona=wren))
    with shop.connect("comptoir_office") as connection:
        assert sorted(find_examples(connection)) == [("How long?", False), ("Win a prize", True)]
