"""The events that carry an answer, and the data that touchpoints may ask for."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.customers.contracts import Identifier
from comptoir.foundation.touchpoints.contracts import EventType, Product

PROVEN: Final = "answer.proven"
SEEN: Final = "answer.seen"
WITHDRAWN: Final = "answer.withdrawn"
FACTS: Final = frozenset({PROVEN, SEEN, WITHDRAWN})

#: A question that has no other answer than yes; the number is an age in years.
PREDICATE_PATTERN: Final = r"^age_over_[1-9][0-9]$"
Predicate = Annotated[str, msgspec.Meta(pattern=PREDICATE_PATTERN)]
#: Whether a treat is due: asked as a predicate is, and answered without a reason.
TREAT_DUE: Final = "treat_due"
#: How a yes was shown: by an attestation of one of two formats, or to a member of staff.
AttestedBy = Literal["sd_jwt_vc", "mdoc"]
Method = Literal["sd_jwt_vc", "mdoc", "in_person"]
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class AnswerProven(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``answer.proven``: a customer has proven a predicate by an attestation, and wants that remembered.

    The event's time is when. Without ``valid_until`` the answer ends with the visit.
    """

    customer: Identifier
    predicate: Predicate
    method: AttestedBy
    valid_until: Moment | None = None


class AnswerSeen(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``answer.seen``: a member of staff has seen that somebody is old enough; ``by`` is their opaque id.

    Without a customer only the log has it: that somebody looked.
    """

    predicate: Predicate
    customer: Identifier | None = None
    by: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    valid_until: Moment | None = None


class AnswerWithdrawn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``answer.withdrawn``: a customer no longer wants an answer remembered."""

    customer: Identifier
    predicate: Predicate


class CodeShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a till asks about a code that somebody shows: whether it answers this predicate."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    predicate: Predicate


EVENT_TYPES: Final = (
    EventType(
        name=PROVEN, title="Somebody has proven an answer", data=AnswerProven,
        classes={"customer": "pseudonym", "predicate": "answer", "method": "answer", "valid_until": "time"},
        only_from="vault",
    ),
    EventType(
        name=SEEN, title="Staff have seen an answer in person", data=AnswerSeen,
        classes={"predicate": "answer", "customer": "pseudonym", "by": "pseudonym", "valid_until": "time"},
    ),
    EventType(
        name=WITHDRAWN, title="An answer is no longer remembered", data=AnswerWithdrawn,
        classes={"customer": "pseudonym", "predicate": "answer"},
    ),
)  # fmt: skip

PRODUCTS: Final = (
    Product(
        name="customer.answers", title="Whether somebody is over an age, or a treat is due", maker="answers",
        made_from=FACTS, data_class="answer", streamed=False,
    ),
)  # fmt: skip
