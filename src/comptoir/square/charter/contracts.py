"""The charter as events: what the shop writes first, what members propose and vote, what the clock says of it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.community.contracts import Slug, Uuid

CHARTER_PUBLISHED: Final = "charter.published"
CHARTER_PROPOSED: Final = "charter.proposed"
CHARTER_VOTED: Final = "charter.voted"
CHARTER_VETOED: Final = "charter.vetoed"
CHARTER_ADOPTED: Final = "charter.adopted"
CHARTER_REJECTED: Final = "charter.rejected"
#: What this package judges.
CHARTER: Final = frozenset(
    {CHARTER_PUBLISHED, CHARTER_PROPOSED, CHARTER_VOTED, CHARTER_VETOED, CHARTER_ADOPTED, CHARTER_REJECTED}
)
LANGUAGES: Final = ("en", "ja", "fr")
TITLE_CHARACTERS_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 4_000
REASON_CHARACTERS_MAX: Final = 2_000
#: How long members can vote, the shop can say no after that, and how many votes are needed: bounds for any shop.
DAYS_MAX: Final = 90
QUORUM_MAX: Final = 1_000


class Wording(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A section in one language."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARACTERS_MAX)]


Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARACTERS_MAX, pattern=r"\S")]
Staff = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Version = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class CharterPublished(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.published``: the shop writes a section's first version, in every language of the pages."""

    staff: Staff
    name: Name
    section: Slug
    en: Wording
    ja: Wording
    fr: Wording


class CharterProposed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.proposed``: a member proposes the whole new text of a section, or a new section.

    ``base`` is the version that was before them, 0 for a new section. ``days`` is how long members vote, ``veto_days``
    how long the shop can say no after that, ``quorum`` how many votes are needed. ``thread`` is where it is talked
    over.
    """

    persona: Uuid
    proposal: Uuid
    section: Slug
    base: Version
    reason: Reason
    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]
    veto_days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]
    quorum: Annotated[int, msgspec.Meta(ge=1, le=QUORUM_MAX)]
    en: Wording | None = None
    ja: Wording | None = None
    fr: Wording | None = None
    thread: Uuid | None = None


class CharterVoted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.voted``: a member is for a proposal (1), against it (-1), or neither any more (0). The last counts."""

    persona: Uuid
    proposal: Uuid
    value: Annotated[int, msgspec.Meta(ge=-1, le=1)]


class CharterVetoed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.vetoed``: the shop says no to a proposal, and everybody reads why."""

    staff: Staff
    name: Name
    proposal: Uuid
    reason: Reason


class CharterAdopted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.adopted``: a proposal is a version of its section from now on, with the votes that it had.

    It carries the whole text: what the community has adopted stays when whoever proposed it is forgotten.
    """

    proposal: Uuid
    section: Slug
    version: Version
    up: int
    down: int
    en: Wording | None = None
    ja: Wording | None = None
    fr: Wording | None = None


class CharterRejected(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``charter.rejected``: a proposal found too few votes, too few for it, or its section had changed meanwhile."""

    proposal: Uuid
    why: Literal["quorum", "majority", "changed"]
    up: int
    down: int


_CLASSES: Final = {"persona": "member", "staff": "pseudonym"}


def _type(name: str, title: str, data: type[msgspec.Struct], only_from: str = "") -> EventType:
    is_a_members = name == CHARTER_PROPOSED
    classes: dict[str, str] = {}
    for field in msgspec.structs.fields(data):
        if field.name in LANGUAGES:
            # Each by itself, so that all of them go with whoever is forgotten.
            classes |= {f"{field.name}.{part}": "words" if is_a_members else "public" for part in ("title", "text")}
        else:
            is_words = is_a_members and field.name == "reason"
            classes[field.name] = "words" if is_words else _CLASSES.get(field.name, "public")
    return EventType(name=name, title=title, data=data, classes=classes, only_from=only_from)


EVENT_TYPES: Final = (
    _type(CHARTER_PUBLISHED, "The shop writes a section of the charter", CharterPublished, "office"),
    _type(CHARTER_PROPOSED, "A member proposes an amendment of the charter", CharterProposed, "square"),
    _type(CHARTER_VOTED, "A member votes on an amendment", CharterVoted, "square"),
    _type(CHARTER_VETOED, "The shop says no to an amendment", CharterVetoed, "office"),
)
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (
    _type(CHARTER_ADOPTED, "An amendment of the charter is adopted", CharterAdopted),
    _type(CHARTER_REJECTED, "An amendment of the charter is rejected", CharterRejected),
)


def wording_of(data: Any) -> dict[str, dict[str, str]]:
    """Return what an event says in each language; of what is emptied in the log, nothing."""
    found = {}
    for language in LANGUAGES:
        said = getattr(data, language, None)
        if said is not None and said.title:
            found[language] = {"title": said.title, "text": said.text}
    return found
