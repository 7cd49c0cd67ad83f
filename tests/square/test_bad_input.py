"""What bad input gets on the square: refused or held, by name; nothing executes, and nothing is lost.

One test for each sentence. Scripts in every field, on every page, stand in ``test_crawl.py``.
"""

from __future__ import annotations

import datetime as dt
import uuid

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.square.community.contracts import TEXT_CHARACTERS_MAX
from comptoir.square.community.rendering import render
from comptoir.square.community.rules import judge, skeleton
from comptoir.square.community.writing import EDITS_PER_HOUR_MAX
from comptoir.square.stewardship import trust
from support import casting, talking
from support.casting import ALICE, Counter
from support.gateway import Gateway
from support.pages import card, sale
from support.pages import event as sent
from support.shop import Shop
from support.talking import CONSOLE, STAFF, named, new, post_of, said, voted, wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.square.stewardship import queries

TABLES = ("community_post", "community_thread", "community_vote", "events_event")
NEWCOMER = trust.LEVELS[0]


def test_ten_thousand_mentions_do_not_fit_and_as_many_as_fit_are_held(shop: Shop, counter: Counter, wren: str) -> None:
    many = "@a " * 10_000
    with pytest.raises(AssertionError, match="refused at the door"):
        counter.tell(wrote(wren, many, title="Hello"))
    fits = many[: TEXT_CHARACTERS_MAX - 1]
    for level in trust.LEVELS:
        assert trust.reason_to_hold(fits, level) == "mentions", level.number
    assert counter.tell(wrote(wren, fits, title="Hello", held="mentions")).problem is None
    assert shop.rows("select state, text = %s as kept from community_post", fits) == [{"state": "held", "kept": True}]


def test_a_post_of_five_megabytes_is_refused_and_costs_nothing(gateway: Gateway, shop: Shop) -> None:
    gateway.post(sale("1000", 5, receipt="1"))
    persona = str(uuid.uuid4())
    data = {"customer": card("1000"), "persona": persona, "name": "Wren"}
    assert gateway.post(sent("persona.choose", data, source="/storefront"), touchpoint="storefront").is_success
    with shop.unchanged(*TABLES):
        answer = gateway.post(talking.wrote(persona, "x" * (5 << 20), title="Long"), touchpoint="square")
        assert answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        assert answer.json()["type"].rpartition(":")[2] == "body_too_large"
    # Sent one by one, as pages do it, until that is too much: refused by name, and not broken.
    now = dt.datetime.now(dt.UTC)
    texts = [talking.wrote(persona, f"Short {number}", at=now) for number in range(21)]
    told = [gateway.post(each, touchpoint="square") for each in texts]
    assert [each.status_code for each in told] == [200] * 20 + [429]
    assert told[-1].json()["type"].rpartition(":")[2] == "posting_too_fast"


def test_what_cannot_be_seen_or_turns_around_is_in_no_name(shop: Shop, counter: Counter) -> None:
    names = (
        "Wr\u200ben", "Wr\u202een", "\u2066Wren\u2069", "Wren\u00ad", "W\ufeffren", "Wren\u3164", "W\U000e0041ren",
        "Wren\u034f", "\u115fWren", "Wren\u2800", "Wren\ufe0f", "Wr\u0301\u0301\u0301en", "<b>Wren</b>",
    )  # fmt: skip
    with shop.unchanged("community_persona", "customers_personaholder"):
        for name in names:
            assert counter.tell(casting.persona(name, of=ALICE)).problem == "persona_name_invalid", ascii(name)


@given(st.text(max_size=12))
def test_no_name_hides_a_character(text: str) -> None:
    if judge(text) is None:
        assert text.isprintable()
        assert skeleton(text), "whatever may be a name looks like something"


def test_a_name_that_looks_like_anothers_is_refused(counter: Counter, wren: str) -> None:
    refusals = {
        "Shop Stаff": "persona_name_invalid", "Sһop staff": "persona_name_invalid",
        "5hop 5taff": "persona_name_reserved",
        "Ｓｔａｆｆ": "persona_name_reserved", "Modératеur": "persona_name_invalid", "Adm1n": "persona_name_reserved",
        "店員A": "persona_name_reserved", "wrеn": "persona_name_invalid", "VVren": "persona_name_taken",
        "W r e n": "persona_name_taken", "WREN": "persona_name_taken",
    }  # fmt: skip
    told = {name: counter.tell(casting.persona(name, of=casting.BOB)).problem for name in refusals}
    assert told == refusals


def test_nobody_votes_twice_or_for_themselves(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    second = named(counter, "Robin", casting.BOB)
    counter.tell(asked := wrote(wren))
    post = post_of(asked)
    assert counter.tell(voted(wren, post)).problem == "vote_for_oneself"
    assert counter.tell(voted(named(counter, "Wagtail", ALICE), post)).problem == "vote_for_oneself"
    told = counter.send(*(voted(who, post) for who in (finch, finch, second, finch)))
    assert [each.problem for each in told] == [None, None, "voted_already", None]
    assert shop.rows("select up, down from community_post") == [{"up": 1, "down": 0}]


@pytest.mark.parametrize("how", ["withdrawn", "hidden", "gone"])
def test_nothing_is_said_to_what_was_removed(shop: Shop, counter: Counter, wren: str, finch: str, how: str) -> None:
    counter.tell(asked := wrote(wren))
    thread = post_of(asked)
    counter.tell(answer := wrote(wren, "It keeps well.", kind="reply", thread=thread))
    removed = post_of(answer)
    if how == "withdrawn":
        counter.tell(said("post.withdrawn", {"persona": wren, "post": removed}))
    elif how == "hidden":
        decided = {**STAFF, "decision": new(), "post": removed, "action": "hide", "ground": "charter", "rule": "Spam",
                   "facts": "Spam.", "persona": wren}  # fmt: skip
        counter.tell(said("post.decided", decided, source=CONSOLE))
    else:
        from support.forgotten import forget

        counter.tell(forget(ALICE))
    with shop.unchanged(*TABLES[:3]):
        late = wrote(finch, "Really?", kind="reply", thread=thread, parent=removed)
        assert counter.tell(late).problem == "post_gone"
        assert counter.tell(voted(finch, removed)).problem == "post_gone"
        if how == "gone":
            assert counter.tell(wrote(finch, "Hello?", kind="reply", thread=thread)).problem == "post_gone"


def test_in_an_edit_war_both_are_told_every_version_stays_and_it_has_an_end(
    shop: Shop, counter: Counter, wren: str
) -> None:
    other = named(counter, "Robin", ALICE)
    posts = {who: wrote(who, "Version 1", title="War") for who in (wren, other)}
    counter.send(*posts.values())

    def edit(who: str, version: int, text: str) -> str | None:
        data = {"persona": who, "post": post_of(posts[who]), "version": version, "text": text, "title": "War"}
        return counter.tell(said("post.edited", data)).problem

    # Two windows of one author: the second one hears of it, and nothing is written over unseen.
    assert edit(wren, 1, "From the first window") is None
    assert edit(wren, 1, "From the second window") == "post_changed_meanwhile"
    assert edit(wren, 2, "From the second window, having seen the first") is None
    for version in range(3, EDITS_PER_HOUR_MAX + 1):
        assert edit(wren, version, f"Version {version}") is None
    assert edit(wren, EDITS_PER_HOUR_MAX + 1, "Once more") == "posting_too_fast"
    assert edit(other, 1, "Under another name") == "posting_too_fast", "it is one person"
    kept = shop.rows(
        "select data ->> 'text' as text from events_event where type = 'post.edited' and status = 'accepted'"
    )
    assert len(kept) == EDITS_PER_HOUR_MAX
    assert {"text": "From the first window"} in kept


def test_writing_anew_does_not_bring_links_back_that_were_taken_away(shop: Shop, counter: Counter, wren: str) -> None:
    counter.tell(asked := wrote(wren, "See https://lottery.example now"))
    post = post_of(asked)

    def decide(action: str) -> None:
        data = {
            **STAFF,
            "decision": new(),
            "post": post,
            "action": action,
            "persona": wren,
            "facts": "A lottery.",
            **({"ground": "charter", "rule": "No advertising"} if action == "unlink" else {"ground": "none"}),
        }
        assert counter.tell(said("post.decided", data, source=CONSOLE)).problem is None

    def edit(version: int, text: str) -> str:
        data = {"persona": wren, "post": post, "version": version, "text": text, "title": "Lottery"}
        assert counter.tell(said("post.edited", data)).problem is None
        return str(shop.value("select html from community_post"))

    decide("unlink")
    assert edit(1, "Nothing to see") == "<p>Nothing to see</p>"
    assert "lottery.example" not in edit(2, "[Look](https://lottery.example), <https://lottery.example>")
    decide("publish")
    assert "https://lottery.example" in edit(3, "See <https://lottery.example>")


def test_flags_of_a_group_hide_nothing_and_are_seen_to_come_together(shop: Shop, counter: Counter, wren: str) -> None:
    posts = [wrote(wren, f"Question {number}?") for number in range(4)]
    counter.send(*posts)
    group = [named(counter, f"Crow {'abdefghjkmnpqruvwxyz'[number]}", casting.card_of(number)) for number in range(20)]
    told = counter.send(
        *(
            said("post.flagged", {"persona": who, "post": post_of(post), "reason": "spam"})
            for post in posts[:3]
            for who in group
        )
    )
    assert {each.problem for each in told} == {None}
    one = said(
        "post.flagged", {"persona": group[0], "post": post_of(posts[3]), "reason": "illegal"}, at=talking.later(5)
    )
    assert counter.tell(one).problem is None
    assert shop.rows("select distinct state from community_post") == [{"state": "public"}]
    with entered(OFFICE):
        waiting = [line.post for line in queries.queue()]
        case = queries.case(uuid.UUID(post_of(posts[0])))
    assert case is not None
    assert len(case.flags) == 20
    assert case.is_flood
    assert waiting[-1] == uuid.UUID(post_of(posts[3])), "the oldest first, however many have flagged what"
    assert shop.value("select count(*) from stewardship_decision") == 0, "only people decide"


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8001/metrics", "http://localhost/", "http://my.localhost:8000/card", "http://[::1]/",
        "http://10.0.0.1", "http://192.168.1.1/admin", "https://172.16.3.4/", "http://169.254.169.254/latest/meta-data/",
        "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://[::ffff:10.0.0.1]/",
        "http://printer.local/", "http://db.internal/", "http://100.64.0.1/", "http://0.0.0.0/",
        "[look](http://192.168.1.1/)", "<http://10.1.2.3/>",
    ],
)  # fmt: skip
def test_a_link_to_a_private_address_is_held(address: str) -> None:
    for level in trust.LEVELS:
        assert trust.reason_to_hold(f"Look here: {address}", level) == "address", level.number
    assert trust.reason_to_hold("Look here: https://shop.example/bread", NEWCOMER) is None


def test_what_is_shown_of_a_text_has_no_address_that_runs() -> None:
    for scheme in ("javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x"):
        shown = render(f"[x]({scheme}) <{scheme}> {scheme}")
        assert "href" not in shown, shown
