"""Presentations with something changed, cut short, or of pure noise: refused by name, never accepted, never a crash."""

from __future__ import annotations

import datetime as dt
import functools

import cbor2
import hypothesis.strategies as st
from hypothesis import given

from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.attestations.contracts import Asked, TrustedIssuer, Verifier
from comptoir.vault.attestations.mdoc import MdocVerifier
from comptoir.vault.attestations.sd_jwt import SdJwtVerifier
from comptoir.vault.attestations.trust import read_issuer
from support.attesting import Authority, base64url, bound, mdoc, new_key, sd_jwt, transcript, unbase64url

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
ASKED = Asked(age=18, nonce="n" * 43, client_id="x509_hash:us", response_uri="https://safe.shop.example/x/")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=/+ \x00é"


@functools.cache
def world() -> tuple[Authority, str, bytes]:
    """Return an issuer, a good SD-JWT and the bytes of a good mdoc."""
    authority, holder = Authority(NOW), new_key()
    session = transcript(client_id=ASKED.client_id, nonce=ASKED.nonce, response_uri=ASKED.response_uri)
    presented = bound(sd_jwt(authority, holder), holder, nonce=ASKED.nonce, audience=ASKED.client_id, now=NOW)
    return authority, presented, unbase64url(mdoc(authority, holder, session))


def judge(verifier: Verifier, presentation: str) -> str:
    """Return ``yes``, or the name of the problem; anything else that is raised is a fault of ours."""
    authority, *_ = world()
    issuer = read_issuer("nowhere", authority.trusted_for(verifier.format).encode())
    try:
        verifier.verify(presentation, kind=issuer.kind, asked=ASKED, issuers=[issuer], status=no_status, now=NOW)
    except Problem as problem:
        return problem.name
    return "yes"


def no_status(status: object, *, issuer: TrustedIssuer, now: dt.datetime) -> None:
    assert status is None


def test_the_unchanged_ones_are_good() -> None:
    _, one, other = world()
    assert judge(SdJwtVerifier(), one) == judge(MdocVerifier(), base64url(other)) == "yes"


@given(st.integers(0, 100_000), st.sampled_from(_LETTERS))
def test_one_character_changed_in_an_sd_jwt(place: int, letter: str) -> None:
    _, good, _ = world()
    at = place % len(good)
    changed = good[:at] + letter + good[at + 1 :]
    assert judge(SdJwtVerifier(), changed) != "yes" or changed == good


@given(st.integers(0, 100_000), st.integers(1, 255))
def test_one_byte_changed_in_an_mdoc(place: int, difference: int) -> None:
    _, _, good = world()
    at = place % len(good)
    changed = good[:at] + bytes([good[at] ^ difference]) + good[at + 1 :]
    # Two things are signed by nobody and say nothing: the response's own version, which comes first, and how many bits
    # at the end of the certificate's signature are unused (a BIT STRING's first byte, X.690, 8.6.2).
    is_idle = at < good.index(b"documents") or (good[at] == 0 and good[at - 2] == 0x03 and good[at + 1] == 0x30)
    assert is_idle or judge(MdocVerifier(), base64url(changed)) != "yes"


@given(st.integers(1, 5_000))
def test_cut_short(length: int) -> None:
    _, one, other = world()
    assert judge(SdJwtVerifier(), one[: -(length % len(one) + 1)]) != "yes"
    assert judge(MdocVerifier(), base64url(other[: -(length % len(other) + 1)])) != "yes"


@given(st.binary(max_size=300), st.text(max_size=300))
def test_noise(content: bytes, text: str) -> None:
    for presentation in (
        base64url(content),
        text,
        f"{text}~{base64url(content)}~",
        f"a.{base64url(content)}.a~{text}~",
    ):
        assert judge(SdJwtVerifier(), presentation) != "yes"
        assert judge(MdocVerifier(), presentation) != "yes"


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["docType", "issuerSigned", "deviceSigned", "nameSpaces", "issuerAuth", "deviceAuth"]), _values)
def test_any_value_at_any_place_of_an_mdoc(place: str, value: object) -> None:
    _, _, good = world()
    response = cbor2.loads(good)
    document = response["documents"][0]
    for holder in (document, document["issuerSigned"], document["deviceSigned"]):
        if place in holder:
            before, holder[place] = holder[place], value
            assert judge(MdocVerifier(), base64url(cbor2.dumps(response))) != "yes"
            holder[place] = before
