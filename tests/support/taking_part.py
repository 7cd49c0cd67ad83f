"""Somebody who goes through everything that the square does, by its pages: a neighbour answers, staff decide.

Not here: what becomes of it when they are forgotten.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE
from support.pages import words
from support.vault import Visitor, ticket_in
from support.whole_house import World

#: What each of them says, by what it is called afterwards. The last two are a neighbour's own.
SAID: Final = {
    "title": "Petrelwing titles", "text": "Where do petrelwing embers go?", "former text": "A coracle thatch, formerly",
    "reply": "Gannetsmoke, I think", "elsewhere": "Kittiwakery of Brest", "idea": "Sell fulmarglint by the half",
    "taken back": "Never mind the razorbillow", "flag": "It smells of murrelight",
    "appeal": "A skerrybloom was overlooked",
    "statement": "It says petrelwing, which is a brand", "flag of others": "Whoever says guillemotash is known to me",
    "notice": "This shearwatermark infringes what I have drawn myself.",
}  # fmt: skip
OF_BOB: Final = {"question": "How is linen washed?", "answer": "With ash, says my aunt."}


def enter(visitor: Visitor, persona: str) -> None:
    """Go from the counter to the square under a public name."""
    form = {"request": str(uuid.uuid4()), "persona": persona}
    shown = visitor.send("/who", form, to="/who/names/take-part", room=COUNTER)
    ticket = ticket_in(shown)
    assert ticket is not None, words(shown.content.decode())
    assert visitor.post("/arrive/", {"ticket": ticket}, room=SQUARE, origin=COUNTER).status_code == 302


def persona_of(world: World, name: str) -> str:
    """Return the id of a public name."""
    return str(world.shop.value("select id from community_persona where name = %s", name))


def on_the_square(world: World, staff: Visitor, zoe: Visitor, bob: Visitor, *, persona: str) -> dict[str, str]:
    """Let Zoé say everything in :data:`SAID`, and Bob what is his; return the ids of her posts."""
    enter(zoe, persona)
    enter(bob, persona_of(world, "Neighbour Bob"))
    theirs = begin(bob, OF_BOB["question"], "I have never done it.")
    thread = begin(zoe, SAID["title"], SAID["former text"])
    did(zoe, f"/en/posts/{thread}/edit", {"title": SAID["title"], "text": SAID["text"], "version": "1"})
    said(bob, thread, {"text": OF_BOB["answer"], "kind": "answer"})
    more = {"text": SAID["reply"], "kind": "answer", "elsewhere": SAID["elsewhere"], "is_elsewhere": "1"}
    answer = said(zoe, theirs, more)
    gone = said(zoe, theirs, {"text": SAID["taken back"], "kind": "reply"})
    did(zoe, f"/en/posts/{gone}/edit", {}, to=f"/en/posts/{gone}/withdraw")
    idea = begin(zoe, SAID["idea"], SAID["idea"], kind="idea")
    page = f"/en/threads/{theirs}"
    did(zoe, page, {"value": "1"}, to=f"/en/posts/{theirs}/vote")
    did(bob, f"/en/threads/{idea}", {"value": "1"}, to=f"/en/posts/{idea}/vote")
    helped = str(world.shop.value("select id from community_post where text = %s", OF_BOB["answer"]))
    did(zoe, f"/en/threads/{thread}", {"answer": helped}, to=f"/en/threads/{thread}/accept")
    flag(zoe, theirs, SAID["flag"])
    flag(bob, thread, SAID["flag of others"])
    stranger = world.visitor()
    form = {"kind": "copyright", "words": SAID["notice"], "faith": "yes"}
    noticed = stranger.post(f"/en/posts/{answer}/notice", form, room=SQUARE, origin=SQUARE)
    assert noticed.status_code == 200, words(noticed.content.decode())
    decision = decided(staff, thread)
    did(zoe, f"/en/decisions/{decision}", {"words": SAID["appeal"]}, to=f"/en/decisions/{decision}/appeal", status=200)
    for path in ("/en/", page, f"/en/threads/{thread}", "/en/search?q=petrelwing", "/en/trust", "/en/feed.atom"):
        assert zoe.get(path, room=SQUARE).status_code == 200, path
    return {"thread": thread, "answer": answer, "idea": idea}


def begin(visitor: Visitor, title: str, text: str, *, kind: str = "question") -> str:
    """Begin a conversation; return its id."""
    form = {"kind": kind, "title": title, "text": text, "post": str(uuid.uuid4())}
    did(visitor, "/en/write", form)
    return form["post"]


def said(visitor: Visitor, thread: str, form: dict[str, str]) -> str:
    """Say something in a conversation; return its id."""
    post = str(uuid.uuid4())
    did(visitor, f"/en/threads/{thread}", {"post": post, **form}, to=f"/en/threads/{thread}/reply")
    return post


def flag(visitor: Visitor, post: str, why: str) -> None:
    """Flag a post."""
    form = {"reason": "other", "words": why}
    did(visitor, f"/en/posts/{post}/report", form, to=f"/en/posts/{post}/flag", status=200)


def decided(staff: Visitor, post: str) -> str:
    """Let staff decide on a post, with a statement; return the decision's id."""
    page = f"/moderation/{post}"
    found = re.search(r'name="decision" value="([0-9a-f-]{36})"', staff.get(page, room=OFFICE).content.decode())
    assert found is not None
    form = {
        "decision": found[1],
        "action": "warn",
        "ground": "charter",
        "rule": "No brands",
        "facts": SAID["statement"],
    }
    did(staff, page, form, to=f"{page}/decide", room=OFFICE)
    return found[1]


def did(
    visitor: Visitor, page: str, form: dict[str, str], *, to: str | None = None, status: int = 302, room: Any = SQUARE
) -> None:
    """Send a form of a page; an assertion with what the page says, if it was not taken."""
    answer = visitor.send(page, form, to=to, room=room)
    assert answer.status_code in {status, 302}, (to or page, words(answer.content.decode()))
