"""How the audit chain is told to the person whom an entry is about: who, what and why, in their language.

What the chain says in words of its own that nobody here knows is told as it stands there, never left out: that is what
staff type. For what the software says itself there are words here, all of it (``tests/vault/test_told_in_words.py``).
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from comptoir.foundation.events.queries import AuditedEntry

_ACTORS: Final[Mapping[str, Any]] = {
    "staff": gettext_lazy("Somebody who works here"),
    "customer": gettext_lazy("A customer"),
    "worker": gettext_lazy("The shop's software, by itself"),
    "operator": gettext_lazy("Whoever runs the shop's computers"),
    "stranger": gettext_lazy("Somebody who was not signed in"),
}
_ACTIONS: Final[Mapping[str, Any]] = {
    "contacts.read": gettext_lazy("Opened contact data"),
    "contacts.read_former": gettext_lazy("Opened the former e-mail address"),
    "contacts.keep": gettext_lazy("Kept contact data"),
    "contacts.remove": gettext_lazy("Removed contact data"),
    "contacts.destroy": gettext_lazy("Destroyed contact data and their key"),
    "rights.copied": gettext_lazy("Made a copy of everything"),
    "rights.forgetting_asked": gettext_lazy("Asked to be forgotten"),
    "rights.forgotten": gettext_lazy("Forgot you"),
    "rights.forgotten_again": gettext_lazy("Forgot you again, after a backup was restored"),
    "rights.card_forgotten": gettext_lazy("Had one card forgotten"),
    "rights.purchase_forgotten": gettext_lazy("Had one purchase forgotten"),
    "rights.retention_ended": gettext_lazy("Destroyed what had been kept long enough"),
    "checkout.read_recipient": gettext_lazy("Opened for whom an order is"),
    "checkout.address_gift": gettext_lazy("Addressed a gift"),
    "checkout.read_gift": gettext_lazy("Opened where a gift goes"),
    "devices.allowed": gettext_lazy("Let a device read"),
    "devices.denied": gettext_lazy("Did not let a device read"),
    "devices.ended": gettext_lazy("Ended what a device may read"),
    "credentials.passkey_made": gettext_lazy("Made a passkey"),
    "credentials.passkey_added": gettext_lazy("Added a passkey"),
    "credentials.passkey_removed": gettext_lazy("Removed a passkey"),
    "credentials.recovered": gettext_lazy("Made a new passkey after every other was lost"),
    "credentials.recovery_allowed": gettext_lazy("Made a link with which a passkey can be made for you"),
    "credentials.recovered_in_person": gettext_lazy("Made a new passkey at the counter"),
    "credentials.email_added": gettext_lazy("Added an e-mail address"),
    "credentials.email_changed": gettext_lazy("Changed the e-mail address"),
    "credentials.email_removed": gettext_lazy("Removed the e-mail address"),
    "credentials.stepped_back": gettext_lazy("Stepped back from known to recognised"),
    "credentials.became_unknown": gettext_lazy("Ended every sign-in"),
    "credentials.card_linked": gettext_lazy("Linked a card"),
    "credentials.spending_signed": gettext_lazy("Signed how many points are spent"),
    "credentials.terms_signed": gettext_lazy("Signed the terms"),
    "credentials.limits_signed": gettext_lazy("Signed limits for spending"),
    "credentials.provider_linked": gettext_lazy("Linked a sign-in at another provider"),
    "credentials.provider_unlinked": gettext_lazy("Took back a sign-in at another provider"),
    "credentials.provider_vouched": gettext_lazy("Let somebody in for whom another provider vouched"),
    "credentials.signed_out_by_provider": gettext_lazy("Ended sign-ins because another provider ended its own"),
    "credentials.frozen": gettext_lazy("Stopped all spending"),
    "credentials.thawed": gettext_lazy("Let spending on again"),
    "credentials.refused": gettext_lazy("Was refused"),
}
_PURPOSES: Final[Mapping[str, Any]] = {
    "shown to the person": gettext_lazy("to show it to you"),
    "signing in and notices": gettext_lazy("for signing in and notices"),
    "letters of the square": gettext_lazy("for letters of what is new, to everybody who wants them"),
    "notifications of the square": gettext_lazy("for notifications of what is new, to everybody who wants them"),
    "a parcel is packed": gettext_lazy("to pack a parcel for you"),
    "a gift is addressed": gettext_lazy("to send you a gift"),
    "a receipt is sent": gettext_lazy("to send you a receipt"),
    "where an order waits is sent": gettext_lazy("to tell you where your order waits"),
    "that an order was cancelled is sent": gettext_lazy("to tell you that your order was cancelled"),
    "that an order lies ready is sent": gettext_lazy("to tell you that your order lies ready"),
    "that a parcel has left is sent": gettext_lazy("to tell you that your parcel has left"),
    "where an order goes is compared": gettext_lazy("to see whether an order goes to an address of yours"),
    "delivery": gettext_lazy("for deliveries"),
    "messages": gettext_lazy("for messages"),
    "message of the shop": gettext_lazy("for a message of the shop"),
    "invitation": gettext_lazy("to send you an invitation"),
    "customer_list": gettext_lazy("as a list of the shop had it"),
    "duplicates": gettext_lazy("to see whether two entries are one person"),
    "reading on a device": gettext_lazy("for reading on a device"),
    "identity provider": gettext_lazy("by a sign-in at another provider"),
    "code by e-mail": gettext_lazy("by a code by e-mail"),
    "birthday treat": gettext_lazy("to see whether a treat is due"),
    "notice of a change": gettext_lazy("to tell you of a change"),
    "code to sign in": gettext_lazy("to send you a code to sign in"),
    "confirmed with a passkey": gettext_lazy("confirmed with a passkey"),
    "the customer wanted it": gettext_lazy("you wanted it"),
    "the person asked for it": gettext_lazy("you asked for it"),
    "card link and passkey": gettext_lazy("by the card's link and a passkey"),
    "freeze link of a notice": gettext_lazy("by the link in a notice"),
    "in person, at the counter": gettext_lazy("in person, at the counter"),
    "security": gettext_lazy("for your safety"),
    "removed": gettext_lazy("taken back"),
    "destroyed": gettext_lazy("taken back"),
}
_FIELDS: Final[Mapping[str, Any]] = {
    "name": gettext_lazy("name"),
    "email": gettext_lazy("e-mail address"),
    "phone": gettext_lazy("telephone number"),
    "addresses": gettext_lazy("postal addresses"),
    "birthday": gettext_lazy("birthday"),
    "device": gettext_lazy("where a device is reached"),
}


#: Why contact data end by themselves (``retention.py``): after so many days.
_UNHEARD: Final = re.compile(r"nobody has heard of them for (\d+) days")


class Access(msgspec.Struct, frozen=True):
    """An entry of the chain in words. ``number`` is the entry's; ``pieces`` are the kinds of contact data touched."""

    number: int
    at: dt.datetime
    who: str
    what: str
    why: str
    pieces: str


def told(audited: AuditedEntry, *, user: uuid.UUID) -> Access:
    """Tell an entry to the user whom it is about."""
    entry = audited.entry
    kind = entry.actor.partition(":")[0]
    is_own = entry.actor == f"customer:{user}"
    pieces = (str(_FIELDS.get(each, each)) for each in entry.detail.get("fields", "").split())
    return Access(
        number=audited.number,
        at=entry.at,
        who=_("You") if is_own else str(_ACTORS.get(kind, entry.actor)),
        what=str(_ACTIONS.get(entry.action, entry.action)),
        why=_why(entry.purpose),
        pieces=", ".join(pieces),
    )


def _why(purpose: str) -> str:
    if unheard := _UNHEARD.fullmatch(purpose):
        days = int(unheard[1])
        return ngettext(
            "nobody had heard of you for %(days)s day", "nobody had heard of you for %(days)s days", days
        ) % {"days": days}  # fmt: skip
    return str(_PURPOSES.get(purpose, purpose))
