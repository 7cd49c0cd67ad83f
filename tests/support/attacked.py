"""A shop into which the known attack texts were written wherever it takes a text: by events, in its files, in lists.

Not here: what is typed into forms (``crawling.py``), and what the pages make of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints import house
from support import talking
from support.crawling import attacks
from support.examples import examples
from support.gateway import EXAMPLES, Gateway, running_gateway
from support.pages import Pages, event, running_pages, sale
from support.shop import Shop, environment

#: What each touchpoint of the example's map calls itself.
SOURCES: Final = {
    "till": "/stores/324/tills/1", "webshop": "/webshop", "app": "/app/zoe", "newsletter": "/newsletter",
    "console": "/console", "lists": "/lists/till", "carried": "/carried/meta.example.org", "square": "/square",
    "storefront": "/storefront", "vault": "/vault",
}  # fmt: skip
#: These would take away what is to be looked at.
_LEFT_OUT: Final = frozenset({"customer.forgotten", "identifier.forget", "sale.forget", "persona.give_up"})
#: The texts that are tried in the fields of every type: of each kind the one that has broken most.
_SHARP: Final = (
    "script that ends a script", "attribute, double quotes", "script address", "entities twice", "null byte",
    "template of Django", "direction turned", "longer than it should be", "several at once, Markdown",
)  # fmt: skip
_PER_PERSONA: Final = 15
_BATCH: Final = 100


@dataclass
class Attacked:
    """The shop with its pages, and what became of the attacks by event: how many were taken, and refusals by name."""

    shop: Shop
    pages: Pages
    taken: int = 0
    refused: int = 0

    @property
    def gateway(self) -> Gateway:
        """Return the gateway behind the pages."""
        return self.pages.gateway

    def send(self, said: Sequence[Mapping[str, Any]], *, touchpoint: str) -> list[dict[str, Any]]:
        """Send events in batches; each is taken or refused by name, and nothing breaks."""
        outcomes: list[dict[str, Any]] = []
        for start in range(0, len(said), _BATCH):
            batch = said[start : start + _BATCH]
            answer = self.gateway.post(batch, touchpoint=touchpoint)
            if answer.status_code == 413 and len(batch) > 1:
                for each in batch:
                    outcomes += self.send([each], touchpoint=touchpoint)
                continue
            assert answer.status_code in {200, 400, 413, 422}, (answer.status_code, answer.text[:400])
            if answer.status_code != 200:
                outcomes += [{"status": "refused", "problem": answer.json()}] * len(batch)
                continue
            outcomes += answer.json()["outcomes"]
        for outcome in outcomes:
            problem = outcome.get("problem")
            assert (outcome["status"] == "accepted") == (problem is None), outcome
            assert problem is None or problem["status"] < 500, outcome
        self.taken += sum(outcome["status"] == "accepted" for outcome in outcomes)
        self.refused += sum(outcome["status"] != "accepted" for outcome in outcomes)
        return outcomes


@contextlib.contextmanager
def attacked_shop(shop: Shop, folder: Path) -> Iterator[Attacked]:
    """Have a shop whose own files, events and lists are full of attacks, with its pages running."""
    texts = itertools.cycle(text for text in attacks().values() if len(text) < 140 and not _spoils_a_file(text))
    declared = folder / "touchpoints.toml"
    declared.write_text(_spoilt(EXAMPLES / "touchpoints.toml", r"title|system", texts), encoding="utf-8")
    plan = folder / "startup.toml"
    plan.write_text(_spoilt(EXAMPLES / "startup.toml", r"en", texts), encoding="utf-8")
    with (
        environment(COMPTOIR_STARTUP=str(plan)),
        running_gateway(folder, declared=declared) as gateway,
    ):
        for touchpoint in house.HOUSE:
            house.keep_key(touchpoint, gateway.keys[touchpoint])
        with running_pages(folder, gateway, declared=declared) as pages:
            yield Attacked(shop, pages)
        for touchpoint in house.HOUSE:
            house.key_path(touchpoint).unlink(missing_ok=True)


def _spoils_a_file(text: str) -> bool:
    return any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in text)


def _spoilt(path: Path, names: str, texts: Iterator[str]) -> str:
    """Return one of the shop's files with attacks in the place of these texts."""
    return re.sub(
        rf'(?m)(?<![\w."])((?:{names}) = )"(?:[^"\\]|\\.)*"',
        lambda found: found[1] + json.dumps(next(texts), ensure_ascii=False),
        path.read_text(encoding="utf-8"),
    )


# -- what is said -------------------------------------------------------------------------------------------------


def say_everything(attacked: Attacked) -> None:
    """Write every attack into every text that an event brings."""
    now = dt.datetime.now(dt.UTC)
    attacked.send([sale(str(1000 + number), 40, receipt=f"r{number}") for number in range(12)], touchpoint="till")
    topics = [_topic(number, text, now) for number, text in enumerate(attacks().values())]
    taken = attacked.send(topics, touchpoint="console")
    named = [
        each["data"]["topic"] for each, outcome in zip(topics, taken, strict=True) if outcome["status"] == "accepted"
    ]
    assert len(named) > len(attacks()) // 2, "most texts can stand in a title"
    personas = _names(attacked, now)
    posts = _conversations(attacked, personas, named, now)
    _what_is_said_about(attacked, personas, posts, now)
    _every_type(attacked, now)


def _topic(number: int, text: str, at: dt.datetime) -> dict[str, Any]:
    return talking.opened(f"topic-{number}", en=text[:150], ja=text[:150], kind="product", reference=text[:64], at=at)


def _names(attacked: Attacked, at: dt.datetime) -> list[str]:
    """Let customers choose names, and everybody try the attacks as names; return the plain ones' ids."""
    said = []
    for number in range(len(attacks()) // _PER_PERSONA + 2):
        data = {"customer": {"kind": "card", "value": str(1000 + number)}, "persona": str(uuid.uuid4())}
        said.append(event("persona.choose", data | {"name": f"Reader {'abcdefghijkl'[number]}"}, source="/storefront"))
    attacked.send(said, touchpoint="storefront")
    tried = [
        {"customer": {"kind": "card", "value": f"n{number}"}, "persona": str(uuid.uuid4()), "name": text}
        for number, text in enumerate(attacks().values())
    ]
    cards = [sale(f"n{number}", 1, receipt=f"n-{number}") for number, _ in enumerate(tried)]
    attacked.send(cards, touchpoint="till")
    attacked.send(
        [event("persona.choose", each, source="/storefront", at=at) for each in tried], touchpoint="storefront"
    )
    return [each["data"]["persona"] for each in said]


def _conversations(attacked: Attacked, personas: list[str], topics: list[str], at: dt.datetime) -> list[str]:
    """Begin a conversation with each attack, and let one conversation have them all; return the posts."""
    said, kinds = [], itertools.cycle(("question", "idea", "story", "review"))
    for number, text in enumerate(attacks().values()):
        kind, persona = next(kinds), personas[number // _PER_PERSONA]
        more: dict[str, Any] = {"product": text[:64]} | ({"rating": 4} if kind == "review" else {})
        topic = topics[number % len(topics)]
        said.append(talking.wrote(persona, text, kind=kind, title=text[:150], topic=topic, at=at, **more))
    attacked.send(said, touchpoint="square")
    places = {text[:100] for text in attacks().values()}
    members = [
        {"persona": str(uuid.uuid4()), "name": text, "place": text, "url": "https://meta.example.org/users/1"}
        for text in places
    ]
    carried = SOURCES["carried"]
    attacked.send([event("member.imported", each, source=carried, at=at) for each in members], touchpoint="carried")
    root = {
        "post": str(uuid.uuid4()), "kind": "question", "text": "Everything", "language": "en", "title": "Everything",
        "place": "meta.example.org",
    }  # fmt: skip
    answers = [
        {
            "post": str(uuid.uuid4()), "kind": "answer", "text": text, "language": "en", "place": text[:100],
            "thread": root["post"], "elsewhere": text[:200], "persona": member["persona"], "url": "https://a.example/1",
        }
        for text, member in zip(attacks().values(), itertools.cycle(members))
    ]  # fmt: skip
    imported = [event("post.imported", each, source=carried, at=at) for each in (root, *answers)]
    attacked.send(imported, touchpoint="carried")
    staff = [
        talking.said(
            "post.staff",
            {
                "staff": "camille", "name": text[:60], "post": str(uuid.uuid4()), "kind": "answer", "text": text,
                "language": "en", "thread": root["post"], "elsewhere": text[:200],
            },
            at=at, source="/console",
        )
        for text in attacks().values()
    ]  # fmt: skip
    attacked.send(staff, touchpoint="console")
    return [
        str(row["id"]) for row in attacked.shop.rows("select id from community_post where state = 'public' order by 1")
    ]


def _what_is_said_about(attacked: Attacked, personas: list[str], posts: list[str], at: dt.datetime) -> None:
    """Flag, give notice, decide, object and move ideas, all in these words."""
    texts = list(attacks().values())
    new = talking.new
    flags = [
        talking.said(
            "post.flagged",
            {
                "persona": personas[number % len(personas)],
                "post": posts[number % 9],
                "reason": "spam",
                "words": text[:500],
            },
            at=at,
        )
        for number, text in enumerate(texts)
    ]
    notices = [
        talking.said(
            "notice.received",
            {
                "notice": new(), "post": posts[number % 20], "kind": "fraud", "receipt": uuid.uuid4().hex * 2,
                "words": (text + " " * 20 + ".")[:4_000], "is_in_good_faith": "yes",
            },
            at=at,
        )
        for number, text in enumerate(texts)
    ]  # fmt: skip
    attacked.send([*flags, *notices], touchpoint="square")
    theirs = {
        str(row["id"]): str(row["author"])
        for row in attacked.shop.rows("select id, author from community_post where author = any(%s::uuid[])", personas)
    }
    actions = itertools.cycle(("warn", "unlink", "publish"))
    decided = [
        talking.said(
            "post.decided",
            {
                "staff": "camille", "name": text[:60], "decision": new(), "post": post, "action": next(actions),
                "ground": "charter", "facts": text[:2_000], "rule": text[:200], "persona": author,
            },
            at=at, source="/console",
        )
        for text, (post, author) in zip(texts, itertools.cycle(list(theirs.items())[:30]))
    ]  # fmt: skip
    attacked.send(decided, touchpoint="console")
    appeals = [
        talking.said(
            "decision.appealed",
            {name: each["data"][name] for name in ("persona", "post", "decision")} | {"words": text[:2_000]},
            at=at,
        )
        for text, each in zip(reversed(texts), decided, strict=True)
    ]
    attacked.send(appeals, touchpoint="square")
    ideas = [
        str(row["id"]) for row in attacked.shop.rows("select id from community_thread where kind = 'idea' order by 1")
    ]
    moved = [
        talking.said(
            "idea.moved",
            {"staff": "camille", "name": text[:60], "idea": idea, "status": "declined", "reason": text[:2_000]},
            at=at,
            source="/console",
        )
        for text, idea in zip(texts, itertools.cycle(ideas))
    ]
    attacked.send(moved, touchpoint="console")


def _every_type(attacked: Attacked, at: dt.datetime) -> None:
    """Try the sharpest texts in every text of every type, whatever it is: nothing breaks."""
    from comptoir.foundation.touchpoints.reading import load_map

    declared = load_map(EXAMPLES / "touchpoints.toml", types=EVENT_TYPES, products=PRODUCTS)
    sharp = [attacks()[name] for name in _SHARP]
    for touchpoint in declared.touchpoints:
        said = [
            event(sends.type, data, source=SOURCES[touchpoint.name], at=at)
            for sends in touchpoint.sends
            if sends.type in EVENT_TYPES and sends.type not in _LEFT_OUT
            for data in _variants(sends.type, sharp)
        ]
        attacked.send(said, touchpoint=touchpoint.name)


def _variants(kind: str, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the example of a type with each text in each of its texts, as far as its contract takes it."""
    example = examples()[kind]
    for path in _texts_of(example):
        for text in texts:
            data = json.loads(json.dumps(example))
            inside = data
            for step in path[:-1]:
                inside = inside[step]
            inside[path[-1]] = text
            yield data


def _texts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts_of(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _texts_of(each, (*path, number))
