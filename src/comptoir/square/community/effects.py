"""What accepted events do to the tables: the same when a batch arrives and when everything is derived anew.

Facts are gathered and written as sets. Not here: whether an event is accepted (``handlers.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import store
from comptoir.square.community.contracts import (
    ANSWER_ACCEPTED,
    IDEA_MOVED,
    MEMBER_IMPORTED,
    POST_CONFIRMED,
    POST_DECIDED,
    POST_EDITED,
    POST_IMPORTED,
    POST_PUBLISHED,
    POST_WITHDRAWN,
    POSTS,
    STAFF_POSTED,
    TOPIC_OPENED,
    VOTE_CAST,
)

#: The marks of a review, as the log keeps them with the decision on it.
CONFIRMED: Final = "confirmed"
REWARDED: Final = "rewarded"


class Fact(Accepted, frozen=True):
    """An accepted event about a post, and when it came, with the marks that it was given when it was decided."""

    received_at: dt.datetime
    marks: Collection[str] = ()


class Effects:
    """The changes of one batch, or of one portion of the log. ``number`` is a post's place in its thread."""

    def __init__(self) -> None:
        """Start with no change."""
        self.topics: list[Fact] = []
        self.members: list[Fact] = []
        self.posts: list[store.NewPost] = []
        #: What was written anew and what was decided, of each post in the order of the log.
        self.changes: dict[Id, list[Fact]] = {}
        self.closings: list[Fact] = []
        self.confirmed: dict[Id, Fact] = {}
        self.withdrawn: dict[Id, Fact] = {}
        self.votes: dict[tuple[Id, Id], Fact] = {}
        self.accepted: dict[Id, Fact] = {}
        self.steps: list[Fact] = []

    def add(self, fact: Fact, *, number: int = 0) -> None:
        """Note what an event does."""
        data = fact.data
        if fact.type == TOPIC_OPENED:
            self.topics.append(fact)
        elif fact.type == MEMBER_IMPORTED:
            self.members.append(fact)
        elif fact.type in POSTS:
            self.posts.append(_new_post(fact, number))
            if fact.type == POST_IMPORTED and data.accepted and data.thread is not None:
                self.accepted[data.thread] = fact
        elif fact.type in {POST_EDITED, POST_DECIDED}:
            self.changes.setdefault(data.post, []).append(fact)
            if fact.type == POST_DECIDED and data.action in {"lock", "unlock"}:
                self.closings.append(fact)
        elif fact.type == POST_CONFIRMED:
            self.confirmed[data.post] = fact
        elif fact.type == POST_WITHDRAWN:
            self.withdrawn[data.post] = fact
        elif fact.type == VOTE_CAST:
            self.votes[data.post, data.persona] = fact
        elif fact.type == ANSWER_ACCEPTED:
            self.accepted[data.thread] = fact
        elif fact.type == IDEA_MOVED:
            self.steps.append(fact)

    def write(self, connection: Connection) -> None:
        """Write the changes: rows first, then what is counted over them."""
        if self.topics:
            store.insert_topics(connection, self.topics)
        if self.members:
            store.insert_members(connection, self.members)
        if self.posts:
            store.insert_posts(connection, self.posts)
        self._write_changes(connection)
        if self.withdrawn:
            store.withdraw_posts(connection, list(self.withdrawn.values()))
        if self.votes:
            store.write_votes(connection, list(self.votes.values()))
        if self.accepted:
            store.accept_answers(
                connection,
                {
                    thread: (fact.data.answer if fact.type == ANSWER_ACCEPTED else fact.data.post, fact.position)
                    for thread, fact in self.accepted.items()
                },
            )
        if self.steps:
            store.insert_steps(connection, self.steps)

    def _write_changes(self, connection: Connection) -> None:
        """Write what changes posts and threads that are there."""
        for number in range(max(map(len, self.changes.values()), default=0)):
            # Each post once in a statement: what was written anew twice is changed twice.
            changed = [each[number] for each in self.changes.values() if number < len(each)]
            if edits := [fact for fact in changed if fact.type == POST_EDITED]:
                store.edit_posts(connection, edits)
            if decisions := [fact for fact in changed if fact.type == POST_DECIDED]:
                store.decide_posts(connection, decisions)
        if self.closings:
            store.close_threads(connection, self.closings)
        if self.confirmed:
            store.confirm_posts(connection, list(self.confirmed.values()))

    @property
    def touched_threads(self) -> set[Id]:
        """Return the threads whose counts have to be made anew, but for those that only a post's id leads to."""
        return {post.thread for post in self.posts}

    @property
    def touched_posts(self) -> set[Id]:
        """Return the posts of which something was said."""
        return {*self.changes, *self.confirmed, *self.withdrawn, *(post for post, _ in self.votes)}


def _new_post(fact: Fact, number: int) -> store.NewPost:
    data = fact.data
    is_staff, is_imported = fact.type == STAFF_POSTED, fact.type == POST_IMPORTED
    held = data.held if fact.type == POST_PUBLISHED else None
    # The log has emptied what somebody wrote who was forgotten.
    is_gone = not data.text
    return store.NewPost(
        id=data.post,
        thread=data.thread or data.post,
        number=number,
        parent=data.parent,
        kind=data.kind,
        author=None if is_staff else data.persona,
        name=data.name if is_staff else None,
        place=data.place if is_imported else None,
        title=data.title,
        text=data.text,
        language=data.language,
        topic=data.topic,
        product=data.product,
        rating=None if is_staff else data.rating,
        elsewhere=data.elsewhere or None,
        published_at=fact.at,
        received_at=fact.received_at,
        position=fact.position,
        state="gone" if is_gone else "held" if held else "public",
        held=None if is_gone else held,
        up=data.up if is_imported else 0,
        down=data.down if is_imported else 0,
        is_seeded=is_staff and data.seeded,
        url=data.url if is_imported else None,
        license=data.license if is_imported else None,
        is_confirmed=CONFIRMED in fact.marks and not is_gone,
        is_rewarded=REWARDED in fact.marks and not is_gone,
        pictures=None if is_gone else store.written_pictures(data.pictures) or None,
    )
