"""Both verifiers, each beside a second one that knows nothing of it: what is proven, and every way in which it is not.

Alice is over 18 and has a wallet; Mallory has what she could copy of Alice's.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.attestations.contracts import Asked, TrustedIssuer
from comptoir.vault.attestations.mdoc import MdocVerifier, session_transcript
from comptoir.vault.attestations.sd_jwt import SdJwtVerifier
from comptoir.vault.attestations.trust import read_issuer
from support import attesting, second_mdoc
from support.attesting import Authority, base64url, bound, jwt, mdoc, new_key, sd_jwt, transcript, unbase64url

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
NONCE = "n-0S6_WzA2Mj-n-0S6_WzA2Mj-n-0S6_WzA2Mj"
US = "x509_hash:us"
RESPONSE = "https://safe.shop.example/prove/answer/x/"


@dataclass
class World:
    """An issuer that the shop trusts, and Alice's key."""

    authority: Authority = field(default_factory=lambda: Authority(NOW))
    alice: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    mallory: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def trusted(self, kind: str) -> TrustedIssuer:
        return read_issuer("nowhere", self.authority.trusted_for(kind).encode())

    def session(self, **changed: Any) -> list[Any]:
        return transcript(**{"client_id": US, "nonce": NONCE, "response_uri": RESPONSE, **changed})

    def bound(self, attestation: str, **changed: Any) -> str:
        asked: dict[str, Any] = {"nonce": NONCE, "audience": US, "now": NOW, **changed}
        return bound(attestation, asked.pop("holder", self.alice), **asked)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def asked(age: int = 18) -> Asked:
    return Asked(age=age, nonce=NONCE, client_id=US, response_uri=RESPONSE)


def no_status(status: Any, *, issuer: TrustedIssuer, now: dt.datetime) -> None:
    assert status is None


def judge(world: World, kind: str, presentation: str, *, age: int = 18, now: dt.datetime = NOW) -> str:
    """Return ``yes``, or the name of the problem."""
    issuer = world.trusted(kind)
    verifier = SdJwtVerifier() if kind == "sd_jwt_vc" else MdocVerifier()
    try:
        verifier.verify(presentation, kind=issuer.kind, asked=asked(age), issuers=[issuer], status=no_status, now=now)
    except Problem as problem:
        return problem.name
    return "yes"


# -- SD-JWT VC ----------------------------------------------------------------------------------------------------


def tampered(attestation: str) -> str:
    """Return an attestation whose one disclosure says something else."""
    issuer_jwt, disclosure, _ = attestation.split("~")
    salt, name, _value = json.loads(unbase64url(disclosure))
    return f"{issuer_jwt}~{base64url(json.dumps([salt, name, 'true']).encode())}~"


def without_algorithm(world: World) -> str:
    attestation = sd_jwt(world.authority, world.alice)
    header, claims, _ = (attestation.split("~")[0]).split(".")
    unsigned = jwt(None, {**json.loads(unbase64url(header)), "alg": "none"}, json.loads(unbase64url(claims)))
    return world.bound("~".join((unsigned, *attestation.split("~")[1:])))


BAD_SD_JWTS: dict[str, tuple[str, Callable[[World], str]]] = {
    "expired": (
        "attestation_expired",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, expires=dt.timedelta(days=-1))),
    ),
    "just expired": (
        "attestation_expired",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, expires=dt.timedelta(minutes=-2))),
    ),
    "replayed": ("presentation_replayed", lambda w: w.bound(sd_jwt(w.authority, w.alice), nonce="another-request")),
    "re-targeted": (
        "presentation_retargeted",
        lambda w: w.bound(sd_jwt(w.authority, w.alice), audience="x509_hash:somebody-else"),
    ),
    "tampered": ("attestation_tampered", lambda w: w.bound(tampered(sd_jwt(w.authority, w.alice)))),
    "signed by another key": (
        "attestation_tampered",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, signer=w.mallory)),
    ),
    "wrong typ": (
        "attestation_type_wrong",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, header={"typ": "vc+sd-jwt"})),
    ),
    "wrong vct": (
        "attestation_type_wrong",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, clear={"vct": "urn:example:library-card:1"})),
    ),
    "no key binding": ("key_binding_missing", lambda w: sd_jwt(w.authority, w.alice)),
    "another's key": ("key_binding_wrong", lambda w: w.bound(sd_jwt(w.authority, w.alice), holder=w.mallory)),
    "old key binding": (
        "key_binding_stale",
        lambda w: w.bound(sd_jwt(w.authority, w.alice), now=NOW - dt.timedelta(days=30)),
    ),
    "key binding from the future": (
        "key_binding_stale",
        lambda w: w.bound(sd_jwt(w.authority, w.alice), now=NOW + dt.timedelta(hours=1)),
    ),
    "alg none": ("algorithm_not_accepted", without_algorithm),
    "untrusted root": ("issuer_not_trusted", lambda w: w.bound(sd_jwt(Authority(NOW, "Mallory"), w.alice))),
    "says no": ("predicate_not_proven", lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": False}))),
    "says 1": ("predicate_not_proven", lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": 1}))),
    "shows nothing": (
        "predicate_not_proven",
        lambda w: w.bound(sd_jwt(w.authority, w.alice).split("~")[0] + "~"),
    ),
    "a date of birth": (
        "birth_date_disclosed",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": True, "birthdate": "1990-01-02"})),
    ),
    "a date of birth in clear": (
        "birth_date_disclosed",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, clear={"person": {"birth_date": "1990-01-02"}})),
    ),
    "an age": (
        "birth_date_disclosed",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": True, "age_in_years": 36})),
    ),
    "a name": (
        "discloses_too_much",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": True, "family_name": "Liddell"})),
    ),
    "another answer": (
        "discloses_too_much",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, shown={"age_over_18": True, "age_over_21": True})),
    ),
    "a serial in clear": (
        "discloses_too_much",
        lambda w: w.bound(sd_jwt(w.authority, w.alice, clear={"document_number": "X1"})),
    ),
    "nothing at all": ("presentation_malformed", lambda _: "~"),
    "words": ("presentation_malformed", lambda _: "I am over 18~"),
    "depth": ("presentation_malformed", lambda _: f"a.{base64url(b'[' * 5000)}.a~"),
    "length": ("presentation_malformed", lambda _: "a" * 70_000 + "~"),
}


def test_an_sd_jwt_proves_the_age_that_was_asked(world: World) -> None:
    presentation = world.bound(sd_jwt(world.authority, world.alice))
    assert judge(world, "sd_jwt_vc", presentation) == "yes"
    assert second_opinion(world, presentation)


@pytest.mark.parametrize("case", BAD_SD_JWTS)
def test_a_bad_sd_jwt_is_refused_by_name(world: World, case: str) -> None:
    name, make = BAD_SD_JWTS[case]
    assert judge(world, "sd_jwt_vc", make(world)) == name


#: What is ours to refuse: the attestation itself is as its issuer signed it, and is presented as it should be.
OURS = {
    "says no", "says 1", "shows nothing", "a date of birth", "a date of birth in clear", "an age", "a name",
    "another answer", "a serial in clear", "wrong vct",
}  # fmt: skip


@pytest.mark.parametrize("case", [*BAD_SD_JWTS])
def test_a_second_verifier_says_the_same_of_an_sd_jwt(world: World, case: str) -> None:
    _, make = BAD_SD_JWTS[case]
    assert second_opinion(world, make(world)) == (case in OURS), case


def second_opinion(world: World, presentation: str) -> bool:
    """Ask ``openvc-core``, which shares no code with the verifier of the shop."""
    from openvc.errors import OpenvcError
    from openvc.openid4vp import verify_vp_token

    query = {"credentials": [{"id": "q", "format": "dc+sd-jwt", "meta": {}}]}
    try:
        verify_vp_token(
            {"q": [presentation]}, dcql_query=query, nonce=NONCE, client_id=US, now=NOW, kb_max_age_s=300,
            x5c_trust_anchors=[world.authority.root],
        )  # fmt: skip
    except (OpenvcError, ValueError):
        return False
    return True


# -- mdoc ---------------------------------------------------------------------------------------------------------

BAD_MDOCS: dict[str, tuple[str, Callable[[World], str]]] = {
    "expired": (
        "attestation_expired",
        lambda w: mdoc(w.authority, w.alice, w.session(), expires=dt.timedelta(days=-1)),
    ),
    "replayed": ("presentation_retargeted", lambda w: mdoc(w.authority, w.alice, w.session(nonce="another-request"))),
    "re-targeted": (
        "presentation_retargeted",
        lambda w: mdoc(w.authority, w.alice, w.session(client_id="x509_hash:somebody-else")),
    ),
    "sent elsewhere": (
        "presentation_retargeted",
        lambda w: mdoc(w.authority, w.alice, w.session(response_uri="https://elsewhere.example/")),
    ),
    "tampered": (
        "attestation_tampered",
        lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_18": False}, spoiled=True),
    ),
    "wrong document type": (
        "attestation_type_wrong",
        lambda w: mdoc(w.authority, w.alice, w.session(), document_type="org.iso.18013.5.1.mDL"),
    ),
    "deviceSigned missing": ("key_binding_missing", lambda w: mdoc(w.authority, w.alice, None)),
    "another's key": ("presentation_retargeted", lambda w: mdoc(w.authority, w.alice, w.session(), device=w.mallory)),
    "another algorithm": ("algorithm_not_accepted", lambda w: mdoc(w.authority, w.alice, w.session(), algorithm=-257)),
    "untrusted root": ("issuer_not_trusted", lambda w: mdoc(Authority(NOW, "Mallory"), w.alice, w.session())),
    "says no": (
        "predicate_not_proven",
        lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_18": False}),
    ),
    "says 1": ("predicate_not_proven", lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_18": 1})),
    "another age": (
        "discloses_too_much",
        lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_21": True}),
    ),
    "a date of birth": (
        "birth_date_disclosed",
        lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_18": True, "birth_date": "1990-01-02"}),
    ),
    "a name": (
        "discloses_too_much",
        lambda w: mdoc(w.authority, w.alice, w.session(), shown={"age_over_18": True, "family_name": "Liddell"}),
    ),
    "something of the device's own": (
        "discloses_too_much",
        lambda w: mdoc(w.authority, w.alice, w.session(), own={attesting.EU_TYPE: {"serial": 7}}),
    ),
    "nothing": ("presentation_malformed", lambda _: ""),
    "no CBOR": ("presentation_malformed", lambda _: base64url(b"\xff\xff")),
    "depth": ("presentation_malformed", lambda _: base64url(b"\x81" * 5000)),
    "length": ("presentation_malformed", lambda _: "a" * 70_000),
}
MDOCS_OURS = {
    "says no", "says 1", "another age", "a date of birth", "a name", "something of the device's own",
}  # fmt: skip


def test_an_mdoc_proves_the_age_that_was_asked(world: World) -> None:
    presentation = mdoc(world.authority, world.alice, world.session())
    assert judge(world, "mdoc", presentation) == "yes"
    assert second_mdoc.accepts(
        presentation, root=world.authority.root, session=world.session(), document_type=attesting.EU_TYPE, now=NOW
    )


@pytest.mark.parametrize("case", BAD_MDOCS)
def test_a_bad_mdoc_is_refused_by_name(world: World, case: str) -> None:
    name, make = BAD_MDOCS[case]
    assert judge(world, "mdoc", make(world)) == name


@pytest.mark.parametrize("case", BAD_MDOCS)
def test_a_second_verifier_says_the_same_of_an_mdoc(world: World, case: str) -> None:
    _, make = BAD_MDOCS[case]
    says = second_mdoc.accepts(
        make(world), root=world.authority.root, session=world.session(), document_type=attesting.EU_TYPE, now=NOW
    )
    assert says == (case in MDOCS_OURS), case


def test_the_session_is_bound_as_the_standard_says() -> None:
    """The example of OpenID4VP 1.0, B.2.6.1, to the byte."""
    example = Asked(
        age=18,
        nonce="exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA",
        client_id="x509_san_dns:example.com",
        response_uri="https://example.com/response",
        thumbprint=bytes.fromhex("4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047"),
    )
    assert session_transcript(example).hex() == (
        "83f6f682714f70656e494434565048616e646f7665725820048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
    )
