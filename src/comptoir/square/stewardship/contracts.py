"""What is reported and objected to, as events. What is decided, ``post.decided``, stands with what posts are."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.community.contracts import POST_DECIDED, Uuid

POST_FLAGGED: Final = "post.flagged"
NOTICE_RECEIVED: Final = "notice.received"
DECISION_APPEALED: Final = "decision.appealed"
FILTER_CHANGED: Final = "filter.changed"
#: What this package judges.
STEWARDSHIP: Final = frozenset({POST_FLAGGED, NOTICE_RECEIVED, DECISION_APPEALED, POST_DECIDED, FILTER_CHANGED})

#: Why a member finds that somebody should look.
FlagReason = Literal["spam", "insult", "private", "false", "illegal", "other"]
FLAG_REASONS: Final[tuple[str, ...]] = get_args(FlagReason)
#: Against which law a post is, as somebody without an account says.
NoticeKind = Literal["hate", "threat", "fraud", "copyright", "privacy", "unsafe", "minors", "other"]
NOTICE_KINDS: Final[tuple[str, ...]] = get_args(NoticeKind)
#: What the filter for spam does: nothing, write down what it would hold, or hold it.
FilterMode = Literal["off", "log", "hold"]
FILTER_MODES: Final[tuple[FilterMode, ...]] = get_args(FilterMode)
FLAG_WORDS_MAX: Final = 500
NOTICE_WORDS_MAX: Final = 4_000
APPEAL_WORDS_MAX: Final = 2_000


class PostFlagged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``post.flagged``: a member asks somebody to look at a post, once, whichever names they have."""

    persona: Uuid
    post: Uuid
    reason: FlagReason
    words: Annotated[str, msgspec.Meta(min_length=1, max_length=FLAG_WORDS_MAX)] | None = None


class NoticeReceived(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``notice.received``: somebody, who need not say who they are, says that a post is illegal, and why.

    ``receipt`` is a digest (SHA-256) of the number that they were given to ask by. ``is_in_good_faith``: they say that
    what they write is right and complete as far as they know; without, there is no notice.
    """

    notice: Uuid
    post: Uuid
    kind: NoticeKind
    words: Annotated[str, msgspec.Meta(min_length=20, max_length=NOTICE_WORDS_MAX)]
    receipt: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    is_in_good_faith: Literal["yes"]


class DecisionAppealed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``decision.appealed``: the author of a post objects to what was decided on it."""

    persona: Uuid
    post: Uuid
    decision: Uuid
    words: Annotated[str, msgspec.Meta(min_length=1, max_length=APPEAL_WORDS_MAX)]


class FilterChanged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``filter.changed``: from now on the filter for spam does something else, or has learned from something else.

    ``weights`` is a digest of the shop's own weights; without, those that come with the house are in force.
    """

    mode: FilterMode
    weights: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")] | None = None


_CLASSES: Final = {
    "persona": "member", "post": "public", "reason": "public", "words": "words", "notice": "public", "kind": "public",
    "mode": "public", "weights": "public", "receipt": "public", "is_in_good_faith": "public", "decision": "public",
}  # fmt: skip


def _type(name: str, title: str, data: type[msgspec.Struct], only_from: str = "square") -> EventType:
    classes = {field.name: _CLASSES[field.name] for field in msgspec.structs.fields(data)}
    return EventType(name=name, title=title, data=data, classes=classes, only_from=only_from)


EVENT_TYPES: Final = (
    _type(POST_FLAGGED, "A member asks somebody to look at a post", PostFlagged),
    _type(NOTICE_RECEIVED, "Somebody says that a post is illegal", NoticeReceived),
    _type(DECISION_APPEALED, "An author objects to a decision", DecisionAppealed),
)
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (_type(FILTER_CHANGED, "The filter for spam is changed", FilterChanged, ""),)
