"""What the square does when a batch arrives: judge what is said, and write what pages show.

Everything that touches a thread waits for its row, so that its posts have one order. Not here: what an accepted event
does (``effects.py``), who is behind a name (the counter, which is asked for :class:`Mates`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.store import find_acts
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community import store, vouching, writing
from comptoir.square.community.contracts import (
    ANSWER_ACCEPTED,
    COMMUNITY,
    IDEA_MOVED,
    MEMBER_IMPORTED,
    POST_CONFIRMED,
    POST_DECIDED,
    POST_EDITED,
    POST_IMPORTED,
    POST_PUBLISHED,
    POST_WITHDRAWN,
    POSTS,
    TOPIC_OPENED,
    VOTE_CAST,
)
from comptoir.square.community.effects import REWARDED, Effects, Fact
from comptoir.square.community.errors import (
    IdeaUnknown,
    MarksNotOurs,
    MemberTaken,
    PersonaNotThere,
    PictureUnknown,
    PostChangedMeanwhile,
    PostGone,
    PostingTooFast,
    PostMisplaced,
    PostNotYours,
    PostTaken,
    PostUnknown,
    TopicTaken,
    TopicUnknown,
    VotedAlready,
    VoteForOneself,
)
from comptoir.square.community.writing import Post, Thread

#: All names of the person behind each of these names, itself among them; of an unknown one, nothing.
Mates = Callable[[Connection, Collection[Id]], Mapping[Id, Collection[Id]]]
#: How many posts in an hour and in a day each of these names may write, at a moment.
Paces = Callable[[Connection, Collection[Id], dt.datetime], Mapping[Id, tuple[int, int]]]
#: Tells whether the shop's programme promises points for a review that is published at a moment.
Rewarding = Callable[[dt.datetime], bool]
_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


class CommunityHandler:
    """One batch's words, votes and steps."""

    def __init__(
        self,
        mates: Mates,
        *,
        touching: Collection[str] = (),
        paces: Paces | None = None,
        rewarding: Rewarding = lambda _: False,
    ) -> None:
        """Start empty; ``mates`` says which names are one person's.

        ``touching`` are the types of other packages that speak of posts: their threads are locked with the others, in
        one order. ``paces`` says who may write more than others; it is asked about whoever does.
        ``rewarding`` says when points are promised for a review, so that it is marked at once, whoever wrote it.
        """
        self._mates_of = mates
        self._paces_of = paces
        self._rewarding = rewarding
        self._paces: Mapping[Id, tuple[int, int]] = {}
        self._touching = touching
        self._is_needed = False
        self._personas: set[Id] = set()
        self._mates: Mapping[Id, Collection[Id]] = {}
        self._threads: dict[Id, Thread] = {}
        self._posts: dict[Id, Post] = {}
        self._votes: dict[tuple[Id, Id], int] = {}
        self._recent: dict[Id, list[dt.datetime]] = {}
        self._edits: dict[Id, list[dt.datetime]] = {}
        self._topics: set[str] = set()
        self._members: set[Id] = set()
        self._pictures: Mapping[str, tuple[int, int]] = {}
        self._effects = Effects()
        self._touched: set[Id] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock every thread that the batch may touch."""
        said = [arrival for arrival in batch.arrivals if arrival.type in COMMUNITY]
        self._is_needed = bool(said)
        said += [arrival for arrival in batch.arrivals if arrival.type in self._touching]
        if not said:
            return
        referred = {each for arrival in said for each in _referred(arrival)}
        threads = set(store.find_threads_of(connection, referred).values()) if referred else set()
        threads |= {thread for arrival in said if (thread := getattr(arrival.data, "thread", None)) is not None}
        self._threads = store.lock_threads(connection, threads) if threads else {}
        for thread in self._threads.values():
            batch.saw(thread.last_position)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read the posts that are spoken of, who speaks, and what they have said and voted lately."""
        if not self._is_needed:
            return
        said = [arrival for arrival in batch.fresh if arrival.type in COMMUNITY]
        posts = {each for arrival in said for each in _referred(arrival)} | set(self._threads)
        self._posts = store.find_posts(connection, posts) if posts else {}
        for thread in self._threads.values():
            first = self._posts.get(thread.id)
            if first is not None:
                thread.opener, thread.state = first.author, first.state
        acting = {arrival.data.persona for arrival in said if arrival.type in _ACTING}
        if acting:
            self._personas = store.find_personas(connection, acting)
            self._mates = self._mates_of(connection, acting)
            voted_on = {arrival.data.post for arrival in said if arrival.type == VOTE_CAST}
            if voted_on:
                everybody = {mate for mates in self._mates.values() for mate in mates}
                self._votes = store.find_votes(connection, voted_on, everybody | acting)
            if edited := [a for a in said if a.type == POST_EDITED]:
                since = min(arrival.received_at for arrival in edited) - _HOUR
                asked = {each for a in edited for each in (*self._mates.get(a.data.persona, ()), a.data.persona)}
                self._edits = find_acts(connection, asked, event_type=POST_EDITED, since=since)
            writing_now = [a for a in said if a.type == POST_PUBLISHED]
            if writing_now:
                since = min(arrival.received_at for arrival in writing_now) - _DAY
                asked = {mate for a in writing_now for mate in (*self._mates.get(a.data.persona, ()), a.data.persona)}
                self._recent = store.find_recent(connection, asked, since=since)
                many = {
                    a.data.persona
                    for a in writing_now
                    if len(self._times_of(a.data.persona)) + len(writing_now) > writing.POSTS_PER_HOUR_MAX
                }
                if many and self._paces_of is not None:
                    self._paces = self._paces_of(connection, many, max(a.received_at for a in writing_now))
        carried = {arrival.data.persona for arrival in said if arrival.type in _CARRIED} - {None}
        if carried:
            self._members = store.find_members(connection, carried)
        named = {each.digest for arrival in said for each in getattr(arrival.data, "pictures", None) or ()}
        self._pictures = store.hold_pictures(connection, named) if named else {}
        topics = {topic for arrival in said if (topic := getattr(arrival.data, "topic", None)) is not None}
        self._topics = store.find_topics(connection, topics) if topics else set()

    def decide(self, batch: Batch) -> None:
        """Judge each in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in COMMUNITY:
                arrival.refusal = self._judge(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what was accepted, and count anew what it touched."""
        if not self._is_needed:
            return
        self._effects.write(connection)
        posts = self._effects.touched_posts
        threads = self._effects.touched_threads | {self._posts[post].thread for post in posts}
        store.recount(connection, threads=threads, posts={*posts})

    # -- decisions ------------------------------------------------------------------------------------------------

    def _judge(self, arrival: Arrival) -> Problem | None:
        data, kind = arrival.data, arrival.type
        problem = self._judge_speaker(arrival) or _JUDGES[kind](self, arrival)
        if problem is None:
            assert arrival.position is not None
            number = self._place(arrival) if kind in POSTS else 0
            if kind == POST_PUBLISHED and data.kind == "review" and self._rewarding(arrival.occurred_at):
                # Decided once, and part of the log: the programme may promise something else tomorrow.
                arrival.decision = [REWARDED]
            elif kind == POST_IMPORTED and data.marks:
                arrival.decision = sorted(set(data.marks))
            marks = tuple(arrival.decision or ())
            fact = Fact(arrival.position, arrival.occurred_at, kind, data, arrival.received_at, marks)
            self._effects.add(fact, number=number)
        return problem

    def _judge_speaker(self, arrival: Arrival) -> Problem | None:
        """Return why nobody can say this, or not in these words, whatever it is about."""
        data, kind = arrival.data, arrival.type
        if kind in _ACTING and data.persona not in self._personas:
            return PersonaNotThere(field="data.persona")
        for number, each in enumerate(getattr(data, "pictures", None) or ()):
            if self._pictures.get(each.digest) != (each.width, each.height):
                return PictureUnknown(field=f"data.pictures[{number}].digest")
            if (problem := writing.judge_text(each.alt, field=f"data.pictures[{number}].alt")) is not None:
                return problem
        if kind == POST_IMPORTED:
            return None  # what stood in another place stands here as it was
        for name in ("title", "text", "elsewhere", "reason", "facts", "rule"):
            text = getattr(data, name, None)
            if text is not None and (problem := writing.judge_text(text, field=f"data.{name}")) is not None:
                return problem
        return None

    def _judge_topic(self, arrival: Arrival) -> Problem | None:
        if arrival.data.topic in self._topics:
            return TopicTaken(field="data.topic")
        self._topics.add(arrival.data.topic)
        return None

    def _judge_member(self, arrival: Arrival) -> Problem | None:
        if arrival.data.persona in self._members:
            return MemberTaken(field="data.persona")
        self._members.add(arrival.data.persona)
        return None

    def _judge_idea(self, arrival: Arrival) -> Problem | None:
        thread = self._threads.get(arrival.data.idea)
        return IdeaUnknown(field="data.idea") if thread is None or thread.kind != "idea" else None

    def _judge_post(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if data.post in self._posts:
            return PostTaken("Make a new random id for every post.", field="data.post")
        thread = self._threads.get(data.thread) if data.thread is not None else None
        if data.thread is not None and thread is None:
            return PostUnknown(field="data.thread")
        parent = self._posts.get(data.parent) if data.parent is not None else None
        if data.parent is not None and parent is None:
            return PostUnknown(field="data.parent")
        if arrival.type == POST_IMPORTED and (problem := self._judge_carried(data)) is not None:
            return problem
        if data.topic is not None and data.topic not in self._topics:
            return TopicUnknown(field="data.topic")
        problem = writing.judge_place(data, thread, parent)
        if problem is None and arrival.type == POST_PUBLISHED:
            per_hour, per_day = self._paces.get(data.persona, (writing.POSTS_PER_HOUR_MAX, writing.POSTS_PER_DAY_MAX))
            times = self._times_of(data.persona)
            if writing.is_too_fast(times, now=arrival.received_at, per_hour=per_hour, per_day=per_day):
                return PostingTooFast(field="data.persona")
        return problem

    def _judge_carried(self, data: Any) -> Problem | None:
        """Return why a post cannot have been carried here as it says, or ``None``."""
        if data.persona is not None and data.persona not in self._members:
            return PersonaNotThere(field="data.persona")
        if data.marks and data.kind != "review":
            return PostMisplaced("Only a review has marks.", field="data.marks")
        if data.marks and not vouching.is_ours(data, data.marks, data.signature or ""):
            return MarksNotOurs(field="data.signature")
        return None

    def _times_of(self, persona: Id) -> list[dt.datetime]:
        """Return when the person behind a name has written lately, under whichever name."""
        mates = {*self._mates.get(persona, ()), persona}
        return [at for mate in mates for at in self._recent.get(mate, ())]

    def _place(self, arrival: Arrival) -> int:
        """Give a post its number in its thread."""
        data = arrival.data
        assert arrival.position is not None
        author = getattr(data, "persona", None)
        thread = self._threads.get(data.thread) if data.thread is not None else None
        if thread is None:
            thread = self._threads[data.post] = Thread(data.post, data.kind, author, 0, arrival.position)
        thread.posts += 1
        state = "held" if getattr(data, "held", None) else "public"
        self._posts[data.post] = Post(data.post, thread.id, data.kind, author, state, 1, arrival.position)
        if arrival.type == POST_PUBLISHED:
            self._recent.setdefault(data.persona, []).append(arrival.received_at)
        return thread.posts

    def _judge_vote(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        post = self._posts.get(data.post)
        persona: Id = data.persona
        if post is None:
            return PostUnknown(field="data.post")
        if post.state != "public":
            return PostGone(field="data.post")
        mates = {*self._mates.get(persona, ()), persona}
        if post.author in mates:
            return VoteForOneself(field="data.post")
        if any(self._votes.get((post.id, mate)) for mate in mates if mate != persona):
            return VotedAlready(field="data.post")
        self._votes[post.id, persona] = data.value
        return None

    def _judge_own(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        post = self._posts.get(data.post)
        if post is None:
            return PostUnknown(field="data.post")
        if post.author != data.persona:
            return PostNotYours(field="data.post")
        if post.state not in {"public", "held"}:
            return PostGone(field="data.post")
        if arrival.type == POST_EDITED:
            return self._judge_edit(arrival, post)
        post.state = "withdrawn"
        return None

    def _judge_edit(self, arrival: Arrival, post: Post) -> Problem | None:
        data = arrival.data
        if post.version != data.version:
            return PostChangedMeanwhile(f"It is at version {post.version}.", field="data.version")
        if data.title is not None and post.id != post.thread:
            return PostMisplaced("Only what begins a thread has a title.", field="data.title")
        if data.title is None and post.id == post.thread:
            return PostMisplaced("What begins a thread needs a title.", field="data.title")
        mates = {*self._mates.get(data.persona, ()), data.persona}
        edits = sum(arrival.received_at - at < _HOUR for mate in mates for at in self._edits.get(mate, ()))
        if edits >= writing.EDITS_PER_HOUR_MAX:
            return PostingTooFast("Every version stays; write the next one in a while.", field="data.persona")
        self._edits.setdefault(data.persona, []).append(arrival.received_at)
        post.version += 1
        return None

    def _judge_decision(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        post = self._posts.get(data.post)
        if post is None:
            return PostUnknown(field="data.post")
        if post.state in {"withdrawn", "gone"}:
            return PostGone(field="data.post")
        post.state = writing.state_after(data.action, post.state)
        thread = self._threads[post.thread]
        if post.id == post.thread:
            thread.state = post.state
        if data.action in {"lock", "unlock"}:
            thread.is_locked = data.action == "lock"
        return None

    def _judge_confirmation(self, arrival: Arrival) -> Problem | None:
        post = self._posts.get(arrival.data.post)
        if post is None:
            return PostUnknown(field="data.post")
        if post.kind != "review":
            return PostMisplaced("Only a review is confirmed.", field="data.post")
        return PostGone(field="data.post") if post.state in {"withdrawn", "gone"} else None

    def _judge_acceptance(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        thread = self._threads.get(data.thread)
        if thread is None:
            return PostUnknown(field="data.thread")
        if thread.kind != "question":
            return PostMisplaced("Only questions have answers.", field="data.thread")
        if thread.opener != data.persona:
            return PostNotYours("Only who asked can say what helped.", field="data.thread")
        answer: Id | None = data.answer
        if answer is not None:
            post = self._posts.get(answer)
            if post is None or post.thread != thread.id or post.kind != "answer":
                return PostUnknown(field="data.answer")
            if post.state != "public":
                return PostGone(field="data.answer")
        return None


#: What members do, under their names.
_ACTING = frozenset({POST_PUBLISHED, POST_EDITED, POST_WITHDRAWN, VOTE_CAST, ANSWER_ACCEPTED})
#: What is carried here from another place, with who wrote it there.
_CARRIED = frozenset({MEMBER_IMPORTED, POST_IMPORTED})

_JUDGES: Final[Mapping[str, Callable[[CommunityHandler, Arrival], Problem | None]]] = {
    **dict.fromkeys(POSTS, CommunityHandler._judge_post),  # noqa: SLF001 - the class's own
    VOTE_CAST: CommunityHandler._judge_vote,  # noqa: SLF001
    POST_EDITED: CommunityHandler._judge_own,  # noqa: SLF001
    POST_WITHDRAWN: CommunityHandler._judge_own,  # noqa: SLF001
    ANSWER_ACCEPTED: CommunityHandler._judge_acceptance,  # noqa: SLF001
    IDEA_MOVED: CommunityHandler._judge_idea,  # noqa: SLF001
    POST_DECIDED: CommunityHandler._judge_decision,  # noqa: SLF001
    POST_CONFIRMED: CommunityHandler._judge_confirmation,  # noqa: SLF001
    TOPIC_OPENED: CommunityHandler._judge_topic,  # noqa: SLF001
    MEMBER_IMPORTED: CommunityHandler._judge_member,  # noqa: SLF001
}


def _referred(arrival: Arrival) -> list[Id]:
    """Return the posts that an event speaks of, or makes."""
    fields = ("post", "parent", "answer", "idea", "thread")
    return [value for name in fields if (value := getattr(arrival.data, name, None)) is not None]
