"""What is said on the demo's square: made up for it and labelled so, the same every time, from ``conversations.toml``.

Customers of the demo choose a public name that ends with "demo", ask, answer, review, propose and vote; a member of the
demo's staff opens topics and answers ideas. Events go through the gateway as the pages' own would, each with an id made
of its place in the file, so that a second demo changes nothing. Times count back from the hour in which the demo was
first opened. Not here: sales (``journey.py``) and what is added to them (``additions.py``).
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import itertools
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from comptoir.config.replaying.journey import Basket
from comptoir.config.replaying.recordings import Entry, Event
from comptoir.square.charter.contracts import LANGUAGES, Wording

CONSOLE: Final = "/console"
STOREFRONT: Final = "/storefront"
SQUARE: Final = "/square"
_STAFF: Final = "demo"
_ON: Final = "on"
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comptoir:demo:conversations")
_Hours = Annotated[float, msgspec.Meta(ge=0, le=10_000)]


class _Topic(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    topic: str
    kind: str
    en: str
    ja: str
    fr: str
    reference: str | None = None


class _Post(msgspec.Struct, forbid_unknown_fields=True):
    by: str
    kind: str
    text: str
    after: _Hours
    language: str | None = None
    about: int | None = None
    elsewhere: str | None = None
    helped: bool = False
    votes: list[str] = []
    #: Members whom the text names with an ``@``.
    names: list[str] = []


class _Follow(msgspec.Struct, forbid_unknown_fields=True):
    by: str
    topic: str | None = None
    member: str | None = None


class _Step(msgspec.Struct, forbid_unknown_fields=True):
    status: str
    reason: str
    after: _Hours


class _Thread(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    topic: str
    language: str
    by: str
    before: _Hours
    title: str
    text: str
    rating: int | None = None
    votes: list[str] = []
    posts: list[_Post] = []
    steps: list[_Step] = []


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    section: str
    en: Wording
    ja: Wording
    fr: Wording


class _Amendment(_Section):
    by: str
    before: _Hours
    reason: str
    votes: list[str]
    against: list[str]


class Conversations(msgspec.Struct, forbid_unknown_fields=True):
    """The file: who takes part, what there is to talk about, and what is said."""

    members: list[str]
    staff: str
    topic: list[_Topic]
    follow: list[_Follow]
    thread: list[_Thread]
    charter: list[_Section]
    amendment: _Amendment

    def cards(self, baskets: Iterable[Basket]) -> list[str]:
        """Return a card for each member, in their order: of somebody who has bought what the member reviews.

        ``baskets`` are the first ones of the year; of somebody without such reviews, and where nobody has, anybody's.
        """
        references = {topic.topic: topic.reference for topic in self.topic}
        wanted: dict[str, set[str]] = {name: set() for name in self.members}
        for thread in self.thread:
            reference = references.get(thread.topic)
            if thread.kind == "review" and reference is not None:
                wanted[thread.by].add(reference)
        bought: dict[str, set[str]] = {}
        for basket in baskets:
            goods = {line.product for line in basket.sale.lines}
            bought.setdefault(basket.sale.customer.value, set()).update(goods)
        found: dict[str, str] = {}
        for name in sorted(self.members, key=lambda each: -len(wanted[each])):
            free = [card for card in bought if card not in found.values()]
            found[name] = next((card for card in free if wanted[name] <= bought[card]), free[0])
        return [found[name] for name in self.members]

    def events(self, cards: Sequence[str], *, opened_at: dt.datetime) -> Iterator[Entry]:
        """Yield what is said, in its order; ``cards`` are customers of the demo, one for each member at least."""
        assert len(cards) >= len(self.members), "every member is a customer of their own"
        begins = opened_at - dt.timedelta(hours=max(thread.before for thread in self.thread) + 1)
        for topic in self.topic:
            yield _event("topic.opened", CONSOLE, msgspec.to_builtins(topic), f"topic/{topic.topic}", begins)
        for name, card in zip(self.members, cards, strict=False):
            data = {"customer": {"kind": "card", "value": card}, "persona": _id(f"member/{name}"), "name": name}
            yield _event("persona.choose", STOREFRONT, data, f"member/{name}", begins)
        for each in self.follow:
            kind, target = ("topic", each.topic) if each.topic else ("member", _id(f"member/{each.member}"))
            wish = {"persona": _id(f"member/{each.by}"), "kind": kind, "target": target, "how": "follow"}
            yield _event("follow.changed", SQUARE, wish, f"follow/{each.by}/{target}", begins)
        said = itertools.chain.from_iterable(
            self._thread(thread, number, opened_at) for number, thread in enumerate(self.thread)
        )
        # By their times: a page's order is that in which something was said.
        for _, _, entry in sorted((entry.time, number, entry) for number, entry in enumerate(said)):
            yield entry
        # Whoever proposes and votes has to have read and helped before.
        yield from self._charter(opened_at)

    def _charter(self, opened_at: dt.datetime) -> Iterator[Entry]:
        amendment = self.amendment
        at = opened_at - dt.timedelta(hours=amendment.before)
        for each in self.charter:
            data = {"staff": _STAFF, "name": self.staff, **msgspec.to_builtins(each)}
            yield _event("charter.published", CONSOLE, data, f"charter/{each.section}", at - _A_LITTLE)
        proposal = _id("amendment")
        data = {
            "persona": _id(f"member/{amendment.by}"), "proposal": proposal, "base": 1, "days": 14, "veto_days": 7,
            "quorum": 5, "reason": amendment.reason, "section": amendment.section,
            **{language: msgspec.to_builtins(getattr(amendment, language)) for language in LANGUAGES},
        }  # fmt: skip
        yield _event("charter.proposed", SQUARE, data, "amendment", at)
        ballots = [*((name, 1) for name in amendment.votes), *((name, -1) for name in amendment.against)]
        for place, (name, value) in enumerate(ballots, start=1):
            vote = {"persona": _id(f"member/{name}"), "proposal": proposal, "value": value}
            yield _event("charter.voted", SQUARE, vote, f"amendment/{name}", at + place * _A_LITTLE)

    def _thread(self, thread: _Thread, number: int, opened_at: dt.datetime) -> Iterator[Entry]:
        name = f"thread/{number}"
        at = opened_at - dt.timedelta(hours=thread.before)
        first = {"kind": thread.kind, "title": thread.title, "text": thread.text.strip(), "topic": thread.topic,
                 "language": thread.language, "rating": thread.rating}  # fmt: skip
        yield from self._post(thread.by, name, first, thread.votes, at)
        for place, post in enumerate(thread.posts, start=1):
            said = {
                "kind": post.kind, "text": post.text, "thread": _id(name), "elsewhere": post.elsewhere,
                "language": post.language or thread.language,
                "parent": None if post.about is None else _id(f"{name}/{post.about}"),
            }  # fmt: skip
            then = at + dt.timedelta(hours=post.after)
            yield from self._post(post.by, f"{name}/{place}", said, post.votes, then)
            for named in post.names:
                assert f"@{named}" in post.text, "whom a text names stands in it"
                mention = {"persona": _id(f"member/{named}"), "post": _id(f"{name}/{place}")}
                yield _event("member.mentioned", SQUARE, mention, f"{name}/{place}/names/{named}", then + _A_LITTLE)
            if post.helped:
                helped = {"persona": _id(f"member/{thread.by}"), "thread": _id(name), "answer": _id(f"{name}/{place}")}
                yield _event("answer.accepted", SQUARE, helped, f"{name}/{place}/helped", then + _A_LITTLE)
        for place, step in enumerate(thread.steps):
            data = {"staff": _STAFF, "name": self.staff, "idea": _id(name), "status": step.status,
                    "reason": step.reason}  # fmt: skip
            yield _event("idea.moved", CONSOLE, data, f"{name}/step/{place}", at + dt.timedelta(hours=step.after))

    def _post(self, by: str, name: str, data: dict[str, Any], votes: Sequence[str], at: dt.datetime) -> Iterator[Entry]:
        data = {"post": _id(name), **data}
        if by == _ON:
            yield _event("post.staff", CONSOLE, {"staff": _STAFF, "name": self.staff, **data}, name, at)
        else:
            yield _event("post.published", SQUARE, {"persona": _id(f"member/{by}"), **data}, name, at)
        for place, voter in enumerate(votes, start=1):
            vote = {"persona": _id(f"member/{voter}"), "post": _id(name), "value": 1}
            yield _event("vote.cast", SQUARE, vote, f"{name}/vote/{voter}", at + place * _A_LITTLE)


_A_LITTLE: Final = dt.timedelta(minutes=7)


def load() -> Conversations:
    """Read the file that comes with the software."""
    text = (importlib.resources.files("comptoir.config") / "examples" / "conversations.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Conversations)


def _id(name: str) -> str:
    # A persona's id has the form of a random one.
    return str(uuid.UUID(bytes=uuid.uuid5(_SPACE, name).bytes, version=4))


def _event(kind: str, source: str, data: dict[str, Any], name: str, at: dt.datetime) -> Entry:
    said = {field: value for field, value in data.items() if value is not None}
    return Event(id=str(uuid.uuid5(_SPACE, f"event/{name}")), source=source, type=kind, time=at, data=said).encode()
