"""Deriving the square from the log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import store
from comptoir.square.community.contracts import CLOCK_TYPES, COMMUNITY, EVENT_TYPES, POST_IMPORTED, POSTS
from comptoir.square.community.effects import Effects, Fact


def tolerant(data: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a Struct that reads what the log keeps: without limits, with whatever was added or emptied since."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(data):
        kind: Any = _plain(msgspec.inspect.type_info(field.type))
        default = None if field.default is msgspec.NODEFAULT else field.default
        fields.append((field.encode_name, kind) if field.required else (field.encode_name, kind | None, default))
    return msgspec.defstruct(f"Logged{data.__name__}", fields, kw_only=True)


def _plain(kind: msgspec.inspect.Type) -> Any:
    """Return what a field holds, whether or not it may be left out."""
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next(each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
    if isinstance(kind, msgspec.inspect.ListType):
        return list[_plain(kind.item_type)]  # type: ignore[misc]  # a type made of what the field says
    if isinstance(kind, msgspec.inspect.StructType):
        return tolerant(kind.cls)
    if isinstance(kind, msgspec.inspect.DictType):
        return dict[str, _plain(kind.value_type)]  # type: ignore[misc]  # likewise
    return _PLAIN.get(type(kind), str)


_PLAIN: Final[dict[type, type]] = {
    msgspec.inspect.IntType: int, msgspec.inspect.BoolType: bool, msgspec.inspect.FloatType: float,
}  # fmt: skip
_READERS: Final = {each.name: msgspec.json.Decoder(tolerant(each.data)) for each in (*EVENT_TYPES, *CLOCK_TYPES)}


class CommunityDeriver:
    """Every accepted event is done again; what is counted is counted at the end."""

    tables = (
        "community_topic", "community_importedmember", "community_thread", "community_post", "community_vote",
        "community_ideastep",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start with no thread."""
        self._posts: dict[Id, int] = {}
        self._late = Effects()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Write topics, people and posts; keep for the end what changes them."""
        effects = Effects()
        for event in events:
            if event.type not in COMMUNITY or not event.is_accepted:
                continue
            data = _READERS[event.type].decode(event.data)
            fact = Fact(event.position, event.occurred_at, event.type, data, event.received_at, _marks_of(event))
            if event.type in POSTS:
                thread = fact.data.thread or fact.data.post
                number = self._posts[thread] = self._posts.get(thread, 0) + 1
                effects.add(fact, number=number)
                if event.type == POST_IMPORTED:
                    self._late.accepted.update(effects.accepted)
            elif event.type in _ADDED:
                effects.add(fact)
            else:
                self._late.add(fact)
        effects.accepted.clear()
        effects.write(connection)

    def finish(self, connection: Connection) -> None:
        """Write what changed later, and count."""
        self._late.write(connection)
        store.recount_all(connection)


def _marks_of(event: Logged) -> Collection[str]:
    """Return the marks that a review was given when it was decided."""
    return msgspec.json.decode(event.decision, type=list[str]) if event.decision else ()


_ADDED: Final = frozenset({"topic.opened", "member.imported"})
