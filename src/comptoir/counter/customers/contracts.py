"""What customers are known by, and the events that link them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal, get_args

import msgspec

from comptoir.foundation.touchpoints.contracts import CustomerReference, EventType

#: An identifier of this kind carries a customer's own opaque id instead of something to be derived.
CUSTOMER_KIND: Final = "customer"
#: By an identifier of this kind the counter knows whoever signs in; its value is the id of the vault's user.
USER_KIND: Final = "user"

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


class LinkUndo(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``link.undo``: a link was made by mistake; both sides are to be as if it had never been."""

    identifier: Identifier
    customer: Identifier
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


#: How close a person lets the shop come. Who is *unknown* leaves nothing behind, so nothing is said of them.
Closeness = Literal["recognised", "known"]


class ClosenessChanged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``closeness.changed``: somebody came closer (the vault has contact data of theirs now), or stepped back."""

    customer: Identifier
    closeness: Closeness


class CustomerForgotten(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``customer.forgotten``: everybody who is one person with this customer is nobody from now on."""

    customer: Identifier


class IdentifierForget(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``identifier.forget``: one customer of a person is to be nobody; the others stay one person without it.

    ``customer`` is whom the person stays with, ``identifier`` the one that goes, with its points.
    """

    customer: Identifier
    identifier: Identifier


class PieceForgotten(msgspec.Struct, omit_defaults=True):
    """What the log keeps of a request to forget a piece: who asked, and nothing of what it was.

    After ``identifier.forget``, ``joined`` are the customers that only the one that is gone had joined with this one,
    and that this event joins; ``named`` are the person's other ones. Both are there so that a rebuild knows them.
    """

    customer: Identifier
    joined: list[Identifier] = []
    named: list[Identifier] = []


#: The kinds of place on which something may be done; those of the map (``foundation/touchpoints/reading.py``).
Channel = Literal[
    "store", "web", "app", "mail", "message", "social", "forum", "phone", "device", "staff", "partner", "clock"
]
CHANNELS: Final[tuple[str, ...]] = get_args(Channel)
#: What a customer can decide about; what the contract needs is not among them (``purposes.py``).
ChosenPurpose = Literal["analysis", "marketing", "personalisation", "sharing", "training", "good", "intent", "treat"]
TermName = Literal["SD-BASE", "SD-BASE-DP", "PDC-AI", "PDC-GOOD", "PDC-INTENT"]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class TermsProffered(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``terms.proffered``: a customer proffers terms to the shop."""

    customer: Identifier
    proffer: _Name
    term: TermName


class TermsAnswered(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``terms.answered``: the shop does not accept the proffered terms; it offers others, once, or none."""

    customer: Identifier
    proffer: _Name
    term: TermName
    alternative: TermName | None = None


class TermsAgreed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``terms.agreed``: both sides agree; ``record`` is the signed record that both keep."""

    customer: Identifier
    proffer: _Name
    term: TermName
    record: Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


class TermsSigned(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``terms.signed``: the customer has signed an agreement, too; ``record`` is signed by both."""

    customer: Identifier
    proffer: _Name
    record: Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


class TermsEnded(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``terms.ended``: the customer ends the agreement."""

    customer: Identifier


#: For longer no consent is taken to hold: three years is what a supervisory authority let pass (``docs/terms.md``).
CONSENT_DAYS_MAX: Final = 1_095
ConsentDays = Annotated[int, msgspec.Meta(ge=1, le=CONSENT_DAYS_MAX)]


class ConsentGiven(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``consent.given``: for one purpose on one channel. ``receipt`` is the SHA-256 of what the customer holds.

    It holds for so many ``days``, and no longer than nothing is heard of the person for ``quiet_days``; where it says
    neither, the shop's policy does. ``evidence`` says by what a consent was given that an earlier system recorded.
    """

    customer: Identifier
    purpose: ChosenPurpose
    channel: Channel
    receipt: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    days: ConsentDays | None = None
    quiet_days: ConsentDays | None = None
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class ConsentWithdrawn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``consent.withdrawn``: no longer, for one purpose on one channel."""

    customer: Identifier
    purpose: ChosenPurpose
    channel: Channel


class ConsentExpired(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``consent.expired``: a consent is over by itself. Said by the house's clock alone.

    It ends the consent that was given at ``given_at`` and none that was given later. ``because``: its ``duration`` is
    over, or the person was ``unheard`` of for too long.
    """

    customer: Identifier
    purpose: ChosenPurpose
    channel: Channel
    given_at: dt.datetime
    because: Literal["duration", "unheard"]


class ObjectionMade(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``objection.made``: against every use beyond the contract; ``gpc``: said by the browser (Sec-GPC)."""

    customer: Identifier
    means: Literal["gpc", "page"]


class ObjectionWithdrawn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``objection.withdrawn``: the objection holds no longer."""

    customer: Identifier


#: An id that is random (UUIDv4), such as a persona's: it says nothing of its time, and nothing of whose it is.
_Random = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
#: How often somebody wants to hear of what concerns their public names; which names these are is not said.
Rhythm = Literal["never", "weekly", "daily", "at_once"]


class LettersChosen(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``letters.chosen``: how often a customer wants a letter of what is new on the square, and in which language."""

    customer: Identifier
    rhythm: Rhythm
    language: Literal["en", "ja", "fr"] = "en"


class NotificationsChosen(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``notifications.chosen``: how often one device of a customer shows what is new on the square.

    ``subscription`` is a random number under which the vault keeps where that device is reached; ``never`` ends it.
    """

    customer: Identifier
    subscription: _Random
    rhythm: Rhythm
    device: Literal["phone", "tablet", "computer"] = "computer"
    language: Literal["en", "ja", "fr"] = "en"


class PersonaChoose(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``persona.choose``: a customer wants a public name; ``persona`` is the random id that goes with it."""

    customer: Identifier
    persona: _Random
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PersonaGiveUp(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``persona.give_up``: a customer does not want a public name any more."""

    customer: Identifier
    persona: _Random


LINKED: Final = "identifier.linked"
UNLINKED: Final = "identifier.unlinked"
LINK_UNDO: Final = "link.undo"
LINKS: Final = frozenset({LINKED, UNLINKED, LINK_UNDO})
#: What a link from the house's own pages rests on: how the identifier was shown to be at hand, and what confirmed it
#: freshly. That two people have the same e-mail address is not among them.
HOLDINGS: Final = frozenset({"card_link", "card_code", "passkey", "receipt", "staff"})
CONFIRMATIONS: Final = frozenset({"passkey", "email_code", "staff"})
CLOSENESS_CHANGED: Final = "closeness.changed"
TERMS_PROFFERED: Final = "terms.proffered"
TERMS_ANSWERED: Final = "terms.answered"
TERMS_AGREED: Final = "terms.agreed"
TERMS_SIGNED: Final = "terms.signed"
TERMS_ENDED: Final = "terms.ended"
CONSENT_GIVEN: Final = "consent.given"
CONSENT_WITHDRAWN: Final = "consent.withdrawn"
CONSENT_EXPIRED: Final = "consent.expired"
OBJECTION_MADE: Final = "objection.made"
OBJECTION_WITHDRAWN: Final = "objection.withdrawn"
LETTERS_CHOSEN: Final = "letters.chosen"
NOTIFICATIONS_CHOSEN: Final = "notifications.chosen"
PERSONA_CHOOSE: Final = "persona.choose"
PERSONA_GIVE_UP: Final = "persona.give_up"
PERSONAS: Final = frozenset({PERSONA_CHOOSE, PERSONA_GIVE_UP})
#: Types by which customers choose something for themselves. They are rare; a batch without any does no work for them.
CHOICES: Final = frozenset({
    CLOSENESS_CHANGED, TERMS_PROFFERED, TERMS_ANSWERED, TERMS_AGREED, TERMS_SIGNED, TERMS_ENDED, CONSENT_GIVEN,
    CONSENT_WITHDRAWN, CONSENT_EXPIRED, OBJECTION_MADE, OBJECTION_WITHDRAWN, LETTERS_CHOSEN,
    NOTIFICATIONS_CHOSEN,
})  # fmt: skip
FORGOTTEN: Final = "customer.forgotten"
IDENTIFIER_FORGET: Final = "identifier.forget"
#: One purchase is to be nobody's. What the request carries stands with the sales (``counter/sales/contracts.py``).
SALE_FORGET: Final = "sale.forget"
#: A piece of what is known of a person is forgotten, and the person stays.
PIECES: Final = frozenset({IDENTIFIER_FORGET, SALE_FORGET})
#: Each has a transaction of its own: everything else is either before it or after it.
FORGETTING: Final = frozenset({FORGOTTEN, *PIECES})

EVENT_TYPES: Final = (
    EventType(
        name=LINKED, title="Two identifiers are one person", data=IdentifierLinked,
        classes={"identifier": "pseudonym", "customer": "pseudonym", "evidence": "reason"},
    ),
    EventType(
        name=UNLINKED, title="Two identifiers are not one person after all", data=IdentifierUnlinked,
        classes={"identifier": "pseudonym", "customer": "pseudonym", "evidence": "reason"},
    ),
    EventType(
        name=LINK_UNDO, title="Undo a link that was made by mistake", data=LinkUndo,
        classes={"identifier": "pseudonym", "customer": "pseudonym", "evidence": "reason"},
    ),
    EventType(
        name=CLOSENESS_CHANGED, title="Somebody came closer, or stepped back", data=ClosenessChanged,
        classes={"customer": "pseudonym", "closeness": "activity"},
    ),
    EventType(
        name=FORGOTTEN, title="Somebody is to be forgotten", data=CustomerForgotten, classes={"customer": "pseudonym"},
    ),
    EventType(
        name=IDENTIFIER_FORGET, title="One identifier of a person is to be forgotten", data=IdentifierForget,
        classes={"customer": "pseudonym", "identifier": "pseudonym"}, only_from="vault",
    ),
    EventType(
        name=LETTERS_CHOSEN, title="Somebody chooses how often a letter comes", data=LettersChosen,
        classes={"customer": "pseudonym", "rhythm": "consent", "language": "consent"}, only_from="counter",
    ),
    EventType(
        name=NOTIFICATIONS_CHOSEN, title="Somebody chooses how often a device shows what is new",
        data=NotificationsChosen,
        classes={
            "customer": "pseudonym", "subscription": "consent", "rhythm": "consent", "device": "consent",
            "language": "consent",
        },
    ),
    EventType(
        name=PERSONA_CHOOSE, title="Choose a public name", data=PersonaChoose,
        classes={"customer": "pseudonym", "persona": "persona", "name": "persona"},
    ),
    EventType(
        name=PERSONA_GIVE_UP, title="Give up a public name", data=PersonaGiveUp,
        classes={"customer": "pseudonym", "persona": "persona"},
    ),
    EventType(
        name=TERMS_PROFFERED, title="Terms are proffered to the shop", data=TermsProffered,
        classes={"customer": "pseudonym", "proffer": "consent", "term": "consent"},
    ),
    EventType(
        name=TERMS_ANSWERED, title="The shop answers with other terms, or with none", data=TermsAnswered,
        classes={"customer": "pseudonym", "proffer": "consent", "term": "consent", "alternative": "consent"},
    ),
    EventType(
        name=TERMS_AGREED, title="Customer and shop agree on terms", data=TermsAgreed,
        classes={"customer": "pseudonym", "proffer": "consent", "term": "consent", "record": "consent"},
    ),
    EventType(
        name=TERMS_SIGNED, title="A customer signs an agreement, too", data=TermsSigned,
        classes={"customer": "pseudonym", "proffer": "consent", "record": "consent"},
    ),
    EventType(
        name=TERMS_ENDED, title="An agreement on terms ends", data=TermsEnded, classes={"customer": "pseudonym"},
    ),
    EventType(
        name=CONSENT_GIVEN, title="Somebody consents to a purpose on a channel", data=ConsentGiven,
        classes={
            "customer": "pseudonym", "purpose": "consent", "channel": "consent", "receipt": "consent",
            "days": "consent", "quiet_days": "consent", "evidence": "reason",
        },
    ),
    EventType(
        name=CONSENT_WITHDRAWN, title="Somebody consents no longer", data=ConsentWithdrawn,
        classes={"customer": "pseudonym", "purpose": "consent", "channel": "consent"},
    ),
    EventType(
        name=OBJECTION_MADE, title="Somebody objects to every use beyond the contract", data=ObjectionMade,
        classes={"customer": "pseudonym", "means": "consent"},
    ),
    EventType(
        name=OBJECTION_WITHDRAWN, title="An objection is withdrawn", data=ObjectionWithdrawn,
        classes={"customer": "pseudonym"},
    ),
)  # fmt: skip
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (
    EventType(
        name=CONSENT_EXPIRED, title="A consent is over by itself", data=ConsentExpired,
        classes={
            "customer": "pseudonym", "purpose": "consent", "channel": "consent", "given_at": "time",
            "because": "consent",
        },
    ),
)  # fmt: skip
