"""What customers are known by, and the events that link them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from comptoir.foundation.touchpoints.contracts import CustomerReference, EventType

#: An identifier of this kind carries a customer's own opaque id instead of something to be derived.
CUSTOMER_KIND: Final = "customer"

#: What a channel knows somebody by. The gateway replaces its ``value`` by the opaque customer id before anything else
#: sees it, so in the log and in all packages ``value`` is the text of a UUID.
Identifier = CustomerReference


class IdentifierLinked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``identifier.linked``: two customers are one person, and what that rests on."""

    identifier: Identifier
    customer: Identifier
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class IdentifierUnlinked(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``identifier.unlinked``: a link was a mistake or is no longer wanted, and why."""

    identifier: Identifier
    customer: Identifier
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


LINKED: Final = "identifier.linked"
UNLINKED: Final = "identifier.unlinked"
LINKS: Final = frozenset({LINKED, UNLINKED})

EVENT_TYPES: Final = (
    EventType(
        name=LINKED, title="Two identifiers are one person", data=IdentifierLinked,
        classes={"identifier": "pseudonym", "customer": "pseudonym", "evidence": "reason"},
    ),
    EventType(
        name=UNLINKED, title="Two identifiers are not one person after all", data=IdentifierUnlinked,
        classes={"identifier": "pseudonym", "customer": "pseudonym", "evidence": "reason"},
    ),
)  # fmt: skip
