"""What members hear of: replies, mentions, what they follow and mute, ideas, decisions; and how far they know it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.community.rendering import render
from comptoir.square.hearing import rules
from comptoir.square.hearing.contracts import NEWS_KINDS
from support import casting, talking
from support.casting import BOB, CHARLIE, Counter, Event
from support.shop import Shop

set_up_django()

from comptoir.square.community import queries as community  # noqa: E402 - models want Django
from comptoir.square.hearing import queries  # noqa: E402


@pytest.fixture
def robin(counter: Counter) -> str:
    """Have Charlie's public name."""
    return talking.named(counter, "Robin", CHARLIE)


def follow(persona: str, kind: str, target: str, how: str = "follow") -> Event:
    return talking.said("follow.changed", {"persona": persona, "kind": kind, "target": target, "how": how})


def mentioned(persona: str, post: str) -> Event:
    return talking.said("member.mentioned", {"persona": persona, "post": post})


def tell(counter: Counter, *events: Event) -> None:
    for each in events:
        assert counter.tell(each).problem is None


def heard(persona: str, **more: Any) -> list[tuple[str, bool]]:
    """Return what is new for a name, the latest first: its kind, and whether it is unread."""
    with entered(SQUARE):
        return [(each.kind, each.is_unread) for each in queries.news(uuid.UUID(persona), **more)]


def kinds(persona: str, **more: Any) -> list[str]:
    return [kind for kind, _ in heard(persona, **more)]


def asked(counter: Counter, persona: str, **more: Any) -> str:
    question = talking.wrote(persona, **more)
    tell(counter, question)
    return talking.post_of(question)


def test_who_asked_hears_of_answers_and_who_answered_that_it_helped(counter: Counter, wren: str, finch: str) -> None:
    thread = asked(counter, wren)
    answer = talking.wrote(finch, "Five days.", kind="answer", thread=thread)
    tell(counter, answer)
    assert (kinds(wren), kinds(finch)) == (["reply"], [])
    tell(
        counter, talking.said("answer.accepted", {"persona": wren, "thread": thread, "answer": talking.post_of(answer)})
    )
    assert kinds(finch) == ["accepted"]
    # Who helped follows the conversation, and hears of the next word in it, unless they do not want to.
    tell(counter, talking.wrote(wren, "Thank you!", kind="reply", thread=thread))
    assert kinds(finch) == ["followed", "accepted"]
    chosen = {"persona": finch, "page": list(NEWS_KINDS), "letters": [], "is_following": False}
    tell(counter, talking.said("news.chosen", chosen))
    assert kinds(finch) == ["accepted"]
    tell(counter, talking.said("news.chosen", {**chosen, "page": ["followed"], "is_following": True}))
    assert kinds(finch) == ["followed"]


def test_what_somebody_knows_is_unread_no_more_and_what_comes_later_is(counter: Counter, wren: str, finch: str) -> None:
    thread, other = asked(counter, wren), asked(counter, wren, text="And what of white bread?")
    for each in (thread, other, thread):
        tell(counter, talking.wrote(finch, "Five days.", kind="answer", thread=each))
    with entered(SQUARE):
        latest, second, first = queries.news(uuid.UUID(wren))
    tell(counter, talking.said("news.seen", {"persona": wren, "until": str(first.position), "thread": thread}))
    assert [unread for _, unread in heard(wren)] == [True, True, False]
    tell(counter, talking.said("news.seen", {"persona": wren, "until": str(second.position)}))
    assert [unread for _, unread in heard(wren)] == [True, False, False]
    assert kinds(wren, is_unread=True) == ["reply"]
    tell(counter, talking.said("news.seen", {"persona": wren, "until": str(latest.position)}))
    assert kinds(wren, is_unread=True) == []
    # Nobody can know what has not happened yet.
    tell(counter, talking.said("news.seen", {"persona": wren, "until": str(uuid.UUID(int=(1 << 128) - 1))}))
    tell(counter, talking.wrote(finch, "Six.", kind="answer", thread=thread))
    assert kinds(wren, is_unread=True) == ["reply"]
    # What was said of one conversation says nothing beside what is known of everything.
    assert counter.shop.value("select count(*) from hearing_seen where persona = %s", wren) == 1


def test_a_post_that_waits_is_new_when_it_is_shown(counter: Counter, wren: str, finch: str) -> None:
    thread = asked(counter, wren)
    held = talking.wrote(finch, "See here.", kind="answer", thread=thread, held="links")
    tell(counter, held)
    assert kinds(wren) == []
    tell(counter, talking.said("news.seen", {"persona": wren, "until": str(uuid.UUID(int=(1 << 128) - 1))}))
    decided = {
        **talking.STAFF, "decision": talking.new(), "post": talking.post_of(held), "persona": finch,
        "action": "publish", "ground": "none", "facts": "It is fine.",
    }  # fmt: skip
    tell(counter, talking.said("post.decided", decided, source=talking.CONSOLE))
    assert heard(wren) == [("reply", True)]
    assert kinds(finch) == ["decision"]
    hidden = {**decided, "decision": talking.new(), "action": "hide", "ground": "charter", "rule": "Be kind."}
    tell(counter, talking.said("post.decided", hidden, source=talking.CONSOLE))
    assert (kinds(wren), kinds(finch)) == ([], ["decision", "decision"])


def test_a_mention_is_heard_once_and_muted_people_and_conversations_are_silent(
    counter: Counter, wren: str, finch: str, robin: str
) -> None:
    thread = asked(counter, finch, text="@Robin may know this.")
    tell(counter, mentioned(robin, thread))
    assert kinds(robin) == ["mention"]
    reply = talking.wrote(finch, "@Robin?", kind="reply", thread=thread)
    tell(counter, reply, mentioned(robin, talking.post_of(reply)), mentioned(robin, talking.post_of(reply)))
    tell(counter, follow(robin, "thread", thread))
    assert kinds(robin) == ["mention", "mention"]
    tell(counter, follow(robin, "member", finch, "mute"))
    assert kinds(robin) == []
    tell(counter, follow(robin, "member", finch, "neither"), follow(robin, "thread", thread, "mute"))
    assert kinds(robin) == []
    tell(counter, follow(robin, "thread", thread, "neither"))
    assert kinds(robin) == ["mention", "mention"]
    with counter.shop.unchanged(*_TABLES):
        assert counter.tell(mentioned(finch, thread)).problem == "mention_of_oneself"
        assert counter.tell(mentioned(talking.new(), thread)).problem == "persona_not_there"
        assert counter.tell(mentioned(wren, talking.new())).problem == "post_unknown"


def test_what_is_written_and_spoken_of_in_one_batch_is_heard(
    counter: Counter, wren: str, finch: str, robin: str
) -> None:
    """As when a day's events come at once: the post, whom it means, and who follows what it begins."""
    question = talking.wrote(finch, "@Robin may know this.")
    thread = talking.post_of(question)
    batch = [question, mentioned(robin, thread), follow(wren, "thread", thread), mentioned(finch, thread)]
    assert [each.problem for each in counter.send(*batch)] == [None, None, None, "mention_of_oneself"]
    assert kinds(robin) == ["mention"]
    tell(counter, talking.wrote(robin, "Five days.", kind="answer", thread=thread))
    assert kinds(wren) == ["followed"]


def test_a_topic_and_a_person_are_followed_from_now_on(counter: Counter, wren: str, finch: str, robin: str) -> None:
    tell(counter, talking.opened("bread"), talking.opened("cheese", en="Cheese"))
    asked(counter, wren, topic="bread")
    tell(counter, follow(robin, "topic", "bread"), follow(robin, "member", finch))
    assert kinds(robin) == []
    asked(counter, wren, topic="bread", text="Which flour?")
    thread = asked(counter, wren, topic="cheese", text="Which rind?")
    assert kinds(robin) == ["followed"]
    tell(counter, talking.wrote(finch, "The grey one.", kind="answer", thread=thread))
    assert kinds(robin) == ["followed", "followed"]
    with counter.shop.unchanged(*_TABLES):
        assert counter.tell(follow(robin, "topic", "wine")).problem == "followed_unknown"
        assert counter.tell(follow(robin, "member", talking.new())).problem == "followed_unknown"
        assert counter.tell(follow(robin, "thread", "not-an-id")).problem == "followed_unknown"
        assert counter.tell(follow(robin, "member", robin)).problem == "follow_of_oneself"


def test_the_author_and_the_voters_hear_of_each_step_of_an_idea(
    counter: Counter, wren: str, finch: str, robin: str
) -> None:
    idea = asked(counter, wren, kind="idea", text="A bread for one.")
    tell(counter, talking.voted(finch, idea), talking.voted(robin, idea))
    for status in ("considered", "doing"):
        moved = {**talking.STAFF, "idea": idea, "status": status, "reason": "We like it."}
        tell(counter, talking.said("idea.moved", moved, source=talking.CONSOLE))
    assert kinds(wren) == kinds(finch) == ["idea", "idea"]
    tell(counter, talking.voted(robin, idea, 0))
    assert kinds(robin) == []


def test_letters_leave_out_what_somebody_new_wrote_first_until_a_member_answers(
    counter: Counter, wren: str, finch: str, robin: str
) -> None:
    thread = asked(counter, wren)
    first = talking.wrote(finch, "Buy my pills.", kind="answer", thread=thread)
    tell(counter, first)
    assert (kinds(wren), kinds(wren, is_letter=True)) == (["reply"], [])
    tell(counter, talking.wrote(robin, "No.", kind="reply", thread=thread, parent=talking.post_of(first)))
    # Robin's own first word waits as well.
    assert kinds(wren, is_letter=True) == ["reply"]
    tell(counter, talking.wrote(finch, "A second word.", kind="reply", thread=thread))
    assert kinds(wren, is_letter=True) == ["reply", "reply"]


def test_there_is_an_end_to_what_one_name_follows_and_one_post_mentions(
    counter: Counter, shop: Shop, wren: str, finch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comptoir.square.hearing.handlers.FOLLOWS_MAX", 2)
    monkeypatch.setattr("comptoir.square.hearing.handlers.MENTIONS_MAX", 1)
    tell(counter, talking.opened("bread"), talking.opened("cheese", en="Cheese"), talking.opened("wine", en="Wine"))
    tell(counter, follow(wren, "topic", "bread"), follow(wren, "topic", "cheese"))
    with shop.unchanged(*_TABLES):
        assert counter.tell(follow(wren, "topic", "wine")).problem == "follows_too_many"
    tell(counter, follow(wren, "topic", "bread", "neither"), follow(wren, "topic", "wine"))
    robin = talking.named(counter, "Robin", CHARLIE)
    thread = asked(counter, wren)
    tell(counter, mentioned(finch, thread), mentioned(finch, thread))
    assert counter.tell(mentioned(robin, thread)).problem == "mentions_enough"


def test_whoever_is_forgotten_is_followed_and_mentioned_no_more(counter: Counter, wren: str, finch: str) -> None:
    thread = asked(counter, wren)
    tell(
        counter,
        mentioned(finch, thread),
        follow(wren, "member", finch),
        follow(wren, "member", finch, "neither"),
        follow(wren, "member", finch, "mute"),
        follow(finch, "thread", thread),
        talking.said("news.seen", {"persona": finch, "until": talking.new(), "thread": thread}),
        talking.said("news.chosen", {"persona": finch, "page": ["reply"], "letters": [], "is_following": True}),
    )
    tell(counter, casting.event("customer.forgotten", {"customer": dict(BOB)}, source=casting.VAULT))
    dump = [str(row) for table in _TABLES for row in counter.shop.rows(f"select * from {table}")]
    dump += [str(row) for row in counter.shop.rows("select id, data::text, outcome from events_event")]
    assert len(dump) > 8
    assert [line for line in dump if finch in line] == []
    assert rebuild(keep=False).changed == []


_TABLES = ("hearing_follow", "hearing_mention", "hearing_seen", "hearing_choice")


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("Ask @Wren, she knows.", {"wren": "1"}, ["1"]),
        ("Ask @wren green about it", {"wren": "1", "wren green": "2"}, ["2"]),
        ("Ask @Wren about it", {"wren": "1", "wren green": "2"}, ["1"]),
        ("me@wren.example and x@Wren", {"wren": "1", "wren.example": "2"}, []),
        ("`@Wren` and ```\n@Wren\n```", {"wren": "1"}, []),
        ("@Wrеn looks like her", {"wren": "1"}, []),
        ("@花子さん、教えて", {"花子": "1"}, ["1"]),
        ("＠花子さんに聞いて", {"花子": "1", "花子さん": "2"}, ["2"]),
        ("@Zoé et @L'Hirondelle.", {"zoé": "1", "l'hirondelle": "2"}, ["1", "2"]),
        ("@Wren @Wren @Finch", {"wren": "1", "finch": "2"}, ["1", "2"]),
        ("@Nobody at all", {}, []),
    ],
)
def test_a_name_is_meant_by_its_letters(text: str, names: dict[str, str], expected: list[str]) -> None:
    assert rules.meant(text, names, limit=10) == expected


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("Ask @Wren, she *knows* it.", {"wren": "1"}, '<p>Ask <a href="/m/1">@Wren</a>, she <em>knows</em> it.</p>'),
        ("Ask @wren green & @Wren", {"wren green": "2"}, '<p>Ask <a href="/m/2">@wren green</a> &amp; @Wren</p>'),
        ("a@Wren and `@Wren`", {"wren": "1"}, "<p>a@Wren and <code>@Wren</code></p>"),
        ("＠花子さん", {"花子": "1"}, '<p><a href="/m/1">＠花子</a>さん</p>'),
        ("@L'Hirondelle <b>", {"l'hirondelle": "2"}, '<p><a href="/m/2">@L\'Hirondelle</a> &lt;b&gt;</p>'),
        ("@Zoe\u0301 sait", {"zoé": "3"}, '<p><a href="/m/3">@Zoé</a> sait</p>'),
    ],
)
def test_a_name_that_was_meant_leads_to_its_member(text: str, names: dict[str, str], expected: str) -> None:
    assert rules.linked(render(text), names, prefix="/m/") == expected


def test_a_name_within_a_link_stays_the_links_own() -> None:
    made = render("[@Wren](https://elsewhere.example/@Wren) @Wren")
    assert rules.linked(made, {"wren": "1"}, prefix="/m/") == made.replace(
        "</a> @Wren", '</a> <a href="/m/1">@Wren</a>'
    )


def test_a_name_that_could_begin_one_that_was_given_up_stays_text() -> None:
    made = render("Ask @Wren Green, or @Wren.")
    assert rules.linked(made, {"wren": "1"}, prefix="/m/", is_complete=False) == (
        '<p>Ask @Wren Green, or <a href="/m/1">@Wren</a>.</p>'
    )


def shown(thread: str) -> list[str]:
    """Return what the posts of a conversation say, with links to whom they mention."""
    with entered(SQUARE):
        found = community.thread(uuid.UUID(thread))
        assert found is not None
        return [post.html for post in queries.with_links(found.posts, prefix="/en/members/")]


def test_only_whom_a_post_was_found_to_mention_is_led_to(counter: Counter, wren: str, finch: str) -> None:
    thread = asked(counter, wren, text="Does @Finch know, or @Robin?")
    assert shown(thread) == ["<p>Does @Finch know, or @Robin?</p>"]
    tell(counter, mentioned(finch, thread))
    link = f'<a href="/en/members/{finch}">@Finch</a>'
    assert shown(thread) == [f"<p>Does {link} know, or @Robin?</p>"]
    # A name that comes later was not meant, and one that is given up leads nowhere, nor to who takes it next.
    talking.named(counter, "Robin", CHARLIE)
    assert shown(thread) == [f"<p>Does {link} know, or @Robin?</p>"]
    tell(counter, casting.event("customer.forgotten", {"customer": dict(BOB)}, source=casting.VAULT))
    assert shown(thread) == ["<p>Does @Finch know, or @Robin?</p>"]
    assert counter.shop.value("select html from community_post where id = %s", [thread]) == (
        "<p>Does @Finch know, or @Robin?</p>"
    )


def test_the_database_is_asked_only_where_somebody_could_be_meant(
    counter: Counter, wren: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = asked(counter, wren, text="Write to wren@shop.example.")
    monkeypatch.setattr(queries, "_ask", pytest.fail)
    assert shown(thread) == [render("Write to wren@shop.example.")]


def test_ten_thousand_links_are_a_few() -> None:
    made = rules.linked(render("@a " * 10_000), {"a": "1"}, prefix="/m/")
    assert made.count("<a ") == 30


def test_ten_thousand_mentions_are_a_few() -> None:
    names = {f"n{number}": str(number) for number in range(10_000)}
    text = " ".join(f"@n{number}" for number in range(10_000))
    assert rules.meant(text, names, limit=10) == [str(number) for number in range(10)]
    assert sum(map(len, rules.candidates(text))) <= 400
