"""What is said on the square, as events: threads and replies, votes, answers that helped, ideas on their way.

None of them names a customer: who takes part does so under a public name, by its random id (*persona*), or as a
member of staff, and only the counter knows who is behind a name.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

from comptoir.foundation.touchpoints.contracts import EventType

TOPIC_OPENED: Final = "topic.opened"
POST_PUBLISHED: Final = "post.published"
STAFF_POSTED: Final = "post.staff"
POST_IMPORTED: Final = "post.imported"
MEMBER_IMPORTED: Final = "member.imported"
POST_EDITED: Final = "post.edited"
POST_WITHDRAWN: Final = "post.withdrawn"
VOTE_CAST: Final = "vote.cast"
ANSWER_ACCEPTED: Final = "answer.accepted"
IDEA_MOVED: Final = "idea.moved"
POST_DECIDED: Final = "post.decided"
POST_CONFIRMED: Final = "post.confirmed"
#: What brings words onto the square.
POSTS: Final = frozenset({POST_PUBLISHED, STAFF_POSTED, POST_IMPORTED})
COMMUNITY: Final = POSTS | {
    TOPIC_OPENED, MEMBER_IMPORTED, POST_EDITED, POST_WITHDRAWN, VOTE_CAST, ANSWER_ACCEPTED, IDEA_MOVED,
    POST_DECIDED, POST_CONFIRMED,
}  # fmt: skip

TITLE_CHARACTERS_MAX: Final = 150
TEXT_CHARACTERS_MAX: Final = 10_000
PRODUCT_CHARACTERS_MAX: Final = 64

Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
#: Where something stands in another place, for everybody to follow.
Address = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s\"'<>\\]{1,480}$", max_length=500)]
Language = Literal["en", "ja", "fr"]
#: How a picture is known: the digest (SHA-256) of what is kept of it.
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
PICTURES_MAX: Final = 4
ALT_CHARACTERS_MAX: Final = 500
#: What is kept of a picture fits into so many pixels.
PICTURE_WIDTH_MAX: Final = 1_280
PICTURE_HEIGHT_MAX: Final = 1_920
#: What a post is. The first five begin a thread; an answer or a reply stands in one.
Kind = Literal["question", "review", "idea", "story", "answer", "reply"]
OPENING: Final[frozenset[str]] = frozenset({"question", "review", "idea", "story"})
KINDS: Final[tuple[str, ...]] = get_args(Kind)
#: What a topic is about.
TopicKind = Literal["interest", "product", "place"]
#: How far an idea has come. Everybody may see why.
IdeaStatus = Literal["proposed", "considered", "doing", "done", "declined"]
IDEA_STATUSES: Final[tuple[str, ...]] = get_args(IdeaStatus)
#: What somebody of the shop can decide on a post; every one can be taken back by another.
Action = Literal["publish", "hide", "unlink", "warn", "lock", "unlock"]
ACTIONS: Final[tuple[str, ...]] = get_args(Action)
#: What a decision rests on: the charter, the law, or nothing that was against the post.
Ground = Literal["charter", "law", "none"]


#: What the shop knows of a review: whoever wrote it had bought the product here; points were promised for it.
Mark = Literal["confirmed", "rewarded"]


class TopicOpened(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``topic.opened``: there is a topic to talk about, with its title in one language or several.

    ``reference`` is the product's number or the store's, for a topic about one.
    """

    topic: Slug
    kind: TopicKind
    en: Title
    ja: Title | None = None
    fr: Title | None = None
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Picture(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A picture of a post: what is kept of it, its size in pixels, and in words what it shows."""

    digest: Digest
    alt: Annotated[str, msgspec.Meta(min_length=1, max_length=ALT_CHARACTERS_MAX)]
    width: Annotated[int, msgspec.Meta(ge=1, le=PICTURE_WIDTH_MAX)]
    height: Annotated[int, msgspec.Meta(ge=1, le=PICTURE_HEIGHT_MAX)]


#: The pictures of a post, in their order.
Pictures = Annotated[list[Picture], msgspec.Meta(max_length=PICTURES_MAX)]


class PostPublished(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.published``: a member has written something.

    ``thread`` is left out by what begins one, and by nothing else; ``parent`` is the post that a reply is about.
    ``elsewhere`` names another shop or maker where an honest answer sends somebody; ``held`` says why the post waits
    for a person's decision before others see it.
    """

    persona: Uuid
    post: Uuid
    kind: Kind
    text: Text
    language: Language
    thread: Uuid | None = None
    parent: Uuid | None = None
    topic: Slug | None = None
    title: Title | None = None
    product: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    elsewhere: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    held: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")] | None = None
    pictures: Pictures | None = None


class StaffPosted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.staff``: a member of staff has written something, as such. ``seeded``: to start a conversation."""

    staff: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    post: Uuid
    kind: Kind
    text: Text
    language: Language
    thread: Uuid | None = None
    parent: Uuid | None = None
    topic: Slug | None = None
    title: Title | None = None
    product: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    elsewhere: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    seeded: bool = False
    pictures: Pictures | None = None


class MemberImported(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``member.imported``: somebody wrote under this name in another place, from which posts were brought here.

    ``url`` is their page there, which some licences want to be named.
    """

    persona: Uuid
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    url: Address | None = None


class PostImported(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.imported``: a post from another place, with the votes that it had there and what became of it.

    ``url`` is where it stands there, ``license`` under which licence it was published. ``marks`` are what this shop
    knew of a review when it wrote its own archive, with the ``signature`` that its key gave them there.
    """

    post: Uuid
    kind: Kind
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=60_000)]
    language: Language
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    persona: Uuid | None = None
    thread: Uuid | None = None
    parent: Uuid | None = None
    topic: Slug | None = None
    title: Title | None = None
    up: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    down: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    accepted: bool = False
    product: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    elsewhere: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    url: Address | None = None
    license: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9 .+-]{1,60}$")] | None = None
    pictures: Pictures | None = None
    marks: Annotated[list[Mark], msgspec.Meta(min_length=1, max_length=2)] | None = None
    signature: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{128}$")] | None = None


class PostEdited(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.edited``: its author has written it anew; ``version`` is the one that was before them.

    ``pictures`` are all that it has from now on; left out, they stay as they are.
    """

    persona: Uuid
    post: Uuid
    version: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    text: Text
    title: Title | None = None
    held: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")] | None = None
    pictures: Pictures | None = None


class PostWithdrawn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.withdrawn``: its author takes it back; what others answered stays."""

    persona: Uuid
    post: Uuid


class VoteCast(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``vote.cast``: a member finds a post good (1), bad (-1), or neither any more (0). The last one counts."""

    persona: Uuid
    post: Uuid
    value: Annotated[int, msgspec.Meta(ge=-1, le=1)]


class AnswerAccepted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``answer.accepted``: who asked says which answer helped; none, to take that back."""

    persona: Uuid
    thread: Uuid
    answer: Uuid | None = None


class IdeaMoved(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``idea.moved``: the shop says how far an idea has come, with a reason in words."""

    staff: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    idea: Uuid
    status: IdeaStatus
    reason: Reason


class PostDecided(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.decided``: somebody of the shop has decided what becomes of a post, with a statement of reasons.

    ``persona`` is its author, to whom the statement goes; a post of the staff or from another place has none.
    ``rule`` says which rule of the charter or which law; ``is_automated`` that a machine had noticed or held the post.
    ``appeal`` is the decision against which the author had objected, where this is the answer.
    """

    staff: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    decision: Uuid
    post: Uuid
    action: Action
    ground: Ground
    facts: Reason
    persona: Uuid | None = None
    rule: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    is_automated: bool = False
    appeal: Uuid | None = None


class PostConfirmed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.confirmed``: whoever wrote this review had bought the product here. Said by the house's clock alone.

    Nothing in it tells who that is, when they bought it, or where.
    """

    post: Uuid


_WRITTEN: Final = {
    "persona": "member", "staff": "pseudonym", "name": "public", "post": "public", "kind": "public", "text": "words",
    "language": "public", "thread": "public", "parent": "public", "topic": "public", "title": "words",
    "product": "public", "rating": "public", "elsewhere": "words", "held": "public", "seeded": "public",
    "place": "public", "up": "public", "down": "public", "accepted": "public", "version": "public", "value": "public",
    "answer": "public", "idea": "public", "status": "public", "reason": "public", "en": "public", "ja": "public",
    "fr": "public", "reference": "public", "url": "public", "license": "public", "decision": "public",
    "action": "public", "ground": "public", "facts": "words", "rule": "public", "is_automated": "public",
    "appeal": "public", "marks": "public", "signature": "public",
}  # fmt: skip


def _type(name: str, title: str, data: type[msgspec.Struct], only_from: str) -> EventType:
    classes = {field.name: _WRITTEN[field.name] for field in msgspec.structs.fields(data) if field.name != "pictures"}
    if len(classes) < len(msgspec.structs.fields(data)):
        # Each by itself, so that all of them go with whoever is forgotten.
        classes |= {f"pictures.{field.name}": "words" for field in msgspec.structs.fields(Picture)}
    return EventType(name=name, title=title, data=data, classes=classes, only_from=only_from)


EVENT_TYPES: Final = (
    _type(TOPIC_OPENED, "There is a topic to talk about", TopicOpened, "office"),
    _type(POST_PUBLISHED, "A member has written something", PostPublished, "square"),
    _type(STAFF_POSTED, "A member of staff has written something", StaffPosted, "office"),
    _type(MEMBER_IMPORTED, "Somebody who wrote in another place", MemberImported, "office"),
    _type(POST_IMPORTED, "A post from another place", PostImported, "office"),
    _type(POST_EDITED, "A member has written a post anew", PostEdited, "square"),
    _type(POST_WITHDRAWN, "A member has taken a post back", PostWithdrawn, "square"),
    _type(VOTE_CAST, "A member has voted", VoteCast, "square"),
    _type(ANSWER_ACCEPTED, "Who asked says what helped", AnswerAccepted, "square"),
    _type(IDEA_MOVED, "The shop says how far an idea has come", IdeaMoved, "office"),
    _type(POST_DECIDED, "Somebody of the shop has decided on a post", PostDecided, "office"),
)
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (
    EventType(
        name=POST_CONFIRMED, title="A review is by somebody who bought it here", data=PostConfirmed,
        classes={"post": "public"},
    ),
)  # fmt: skip
