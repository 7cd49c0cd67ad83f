"""What members say about what they want to hear of, as events. None of them names a customer."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

from comptoir.foundation.touchpoints.contracts import EventType

FOLLOW_CHANGED: Final = "follow.changed"
MEMBER_MENTIONED: Final = "member.mentioned"
NEWS_SEEN: Final = "news.seen"
NEWS_CHOSEN: Final = "news.chosen"
HEARING: Final = frozenset({FOLLOW_CHANGED, MEMBER_MENTIONED, NEWS_SEEN, NEWS_CHOSEN})

Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
#: What can be followed: a conversation or a person by its id, a topic by its slug.
Followed = Literal["thread", "topic", "member"]
How = Literal["follow", "mute", "neither"]
#: What news is about.
NewsKind = Literal["decision", "accepted", "idea", "mention", "reply", "followed", "charter"]
NEWS_KINDS: Final[tuple[str, ...]] = get_args(NewsKind)
Kinds = Annotated[list[NewsKind], msgspec.Meta(max_length=len(NEWS_KINDS))]


class FollowChanged(msgspec.Struct, forbid_unknown_fields=True):
    """``follow.changed``: a member follows a conversation, a topic or a person, mutes it, or neither any more."""

    persona: Uuid
    kind: Followed
    target: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z][0-9a-z-]{0,59}$")]
    how: How


class MemberMentioned(msgspec.Struct, forbid_unknown_fields=True):
    """``member.mentioned``: a post that was published names this member, who was found by that very name."""

    persona: Uuid
    post: Uuid


class NewsSeen(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``news.seen``: a member knows what is new up to an event, ``until``; of one conversation, or of everything."""

    persona: Uuid
    until: Uuid
    thread: Uuid | None = None


class NewsChosen(msgspec.Struct, forbid_unknown_fields=True):
    """``news.chosen``: of which kinds a member hears on the page, and of which in letters if they get any.

    ``is_following``: whoever writes in a conversation follows it.
    """

    persona: Uuid
    page: Kinds
    letters: Kinds
    is_following: bool


def _type(name: str, title: str, data: type[msgspec.Struct]) -> EventType:
    classes = {field.name: "member" if field.name == "persona" else "public" for field in msgspec.structs.fields(data)}
    return EventType(name=name, title=title, data=data, classes=classes, only_from="square")


EVENT_TYPES: Final = (
    _type(FOLLOW_CHANGED, "A member follows something, or mutes it", FollowChanged),
    _type(MEMBER_MENTIONED, "A post names a member", MemberMentioned),
    _type(NEWS_SEEN, "A member knows what was new", NewsSeen),
    _type(NEWS_CHOSEN, "A member chooses of what they hear", NewsChosen),
)
