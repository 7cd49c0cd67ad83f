"""What a shop may want a customer's data for, on what basis, and the terms that a customer may proffer. Constants.

Purposes are named in the Data Privacy Vocabulary of the W3C community group (DPV 2.2, https://w3id.org/dpv#); of its
terms only these are used here, and a test looks each of them up in the published list. The roster is modelled
on IEEE 7012-2025 ("MyTerms") by the names under which it is known in public; its text was not at hand
(``docs/terms.md``). Not here: who chose what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from comptoir.counter.customers.contracts import CHANNELS, PERSONA_CHOOSE, PERSONA_GIVE_UP, TERMS_SIGNED
from comptoir.foundation.kernel import codec

Basis = Literal["contract", "interest", "consent"]

#: The terms of DPV that a record needs beside the purposes.
DPV: Final = "https://w3id.org/dpv#"
LEGAL_BASES: Final[Mapping[Basis, str]] = {
    "contract": "dpv:ContractPerformance",
    "interest": "dpv:LegitimateInterestOfController",
    "consent": "dpv:Consent",
}
CONSENT_GIVEN: Final = "dpv:ConsentGiven"
#: The purpose for which somebody gives the day of their birthday (``vault/contacts``).
TREAT: Final = "treat"
#: How a consent is expressed on the house's pages: by a button that says this and nothing else.
CONSENT_EXPRESSED: Final = "dpv:ExplicitlyExpressedConsent"
PROCESSING: Final = ("dpv:Collect", "dpv:Store", "dpv:Use")


class Purpose(msgspec.Struct, frozen=True):
    """What data is for. ``basis``: what holds while the customer has said nothing about it.

    ``contract``: without it there is no programme, so it is always allowed. ``interest``: allowed until somebody
    objects. ``consent``: not allowed until somebody agrees. ``asked`` are the channels on which pages ask. A consent
    holds for ``days``, and no longer than nothing is heard of the person for ``quiet_days``.
    """

    name: str
    title: str
    dpv: str
    basis: Basis
    asked: tuple[str, ...] = ()
    days: int = 365
    quiet_days: int = 365


PURPOSES: Final[Mapping[str, Purpose]] = {
    each.name: each
    for each in (
        Purpose("service", "Doing what you asked for", "dpv:RequestedServiceProvision", "contract"),
        Purpose("points", "Keeping your points", "dpv:FulfilmentOfContractualObligation", "contract"),
        Purpose(
            "analysis",
            "Counting what is bought, to run the shop",
            "dpv:ServiceUsageAnalytics",
            "interest",
            ("store", "web", "app"),
        ),
        Purpose(
            "marketing",
            "Telling you of offers",
            "dpv:DirectMarketing",
            "consent",
            ("mail", "message", "app", "web", "store"),
            days=730,
        ),
        Purpose(
            "personalisation",
            "Choosing what you see by what you bought",
            "dpv:ServicePersonalisation",
            "consent",
            ("web", "app", "mail"),
            days=730,
        ),
        Purpose("sharing", "Passing it on to other firms", "dpv:SellDataToThirdParties", "consent", ("partner",)),
        Purpose("training", "Training artificial intelligence", "dpv:ResearchAndDevelopment", "consent", ("partner",)),
        Purpose("good", "Research for the common good", "dpv:NonCommercialResearch", "consent", ("partner",)),
        Purpose(
            "intent",
            "Answering what you look for",
            "dpv:ProvideProductRecommendations",
            "consent",
            ("mail", "app", "store"),
        ),
        Purpose(
            "treat", "A treat in the month of your birthday", "dpv:PersonalisedBenefits", "consent", ("store", "web")
        ),
    )
}

#: What nobody can object to or has to agree to, and what is allowed while nothing was said.
ALWAYS: Final = frozenset(name for name, each in PURPOSES.items() if each.basis == "contract")
BY_DEFAULT: Final = frozenset(name for name, each in PURPOSES.items() if each.basis == "interest")
#: What a customer can decide about, in the order in which it is shown.
CHOSEN: Final = tuple(name for name, each in PURPOSES.items() if each.basis != "contract")

#: The database's function that tells whether a customer allows a purpose on a channel.
PERMITS: Final = "customers_permits"
#: Types of events of which nobody outside hears: who is behind a public name stays here, and so does a signature, by
#: which its signer could be known again.
WITHHELD: Final = frozenset({PERSONA_CHOOSE, PERSONA_GIVE_UP, TERMS_SIGNED})


class Term(msgspec.Struct, frozen=True):
    """Terms that a customer may proffer: which purposes the shop may use data for, beside those of the contract.

    ``portable``: the shop promises a copy of everything in a form that machines read.
    """

    name: str
    title: str
    allows: tuple[str, ...] = ()
    portable: bool = False
    version: str = "1"

    @property
    def hash(self) -> str:
        """Return what the terms say, as a SHA-256 of their canonical JSON: it stands in every record of them."""
        said = {"name": self.name, "allows": list(self.allows), "portable": self.portable, "version": self.version}
        return hashlib.sha256(codec.canonical(said)).hexdigest()


TERMS: Final[Mapping[str, Term]] = {
    each.name: each
    for each in (
        Term("SD-BASE", "Service and nothing else"),
        Term("SD-BASE-DP", "Service and nothing else, and a copy of everything whenever you want it", portable=True),
        Term("PDC-AI", "Service, and your data may train artificial intelligence", ("training",)),
        Term("PDC-GOOD", "Service, and your data may serve research for the common good", ("good",)),
        Term("PDC-INTENT", "Service, and the shop may answer what you look for", ("intent",)),
    )
}

assert set(CHOSEN) == {"analysis", "marketing", "personalisation", "sharing", "training", "good", "intent", TREAT}
assert len(CHANNELS) == len(set(CHANNELS))
