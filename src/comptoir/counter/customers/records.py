"""Records that shop and customer both hold: agreements on terms, and receipts of consents; signed, and verified.

A customer who has a passkey can sign an agreement as well. Then there is one more record, in which the shop has signed
both together: the agreement as it was, and the customer's signature of its text (``signatures.py``).

A record is canonical JSON (sorted keys, no spaces) signed as a compact JWS (RFC 7515) with Ed25519 (RFC 8037, named as
RFC 9864 does). The shop's key lies in its folder (``keys/records.key``) and never leaves it; its public half
(:func:`public_key`) is given to whoever wants to check. Ed25519 is deterministic: the same record is the same text.
Not here: what is chosen, and when.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from comptoir.counter.customers import signatures
from comptoir.counter.customers.errors import RecordChanged
from comptoir.counter.customers.purposes import (
    CONSENT_EXPRESSED,
    CONSENT_GIVEN,
    DPV,
    LEGAL_BASES,
    PROCESSING,
    PURPOSES,
    TERMS,
)
from comptoir.counter.customers.signatures import CustomerSignature
from comptoir.foundation.kernel import codec, shop

CHARACTERS_MAX: Final = 8_000
_ALGORITHM: Final = "Ed25519"
_AGREEMENT: Final = "comptoir-agreement+jws"
_SIGNED_AGREEMENT: Final = "comptoir-signed-agreement+jws"
_RECEIPT: Final = "comptoir-consent+jws"


class Agreement(msgspec.Struct, frozen=True):
    """What stands in an agreement: its random name, which terms hold, from when on, and by what somebody was known.

    Whose it is says the log alone: a record that outlives the customer's number leads nowhere.
    """

    agreement: str
    term: str
    term_version: str
    term_hash: str
    proffered_by: str
    agreed_at: str
    agreed_by: str = ""
    model: str = "IEEE 7012-2025, by its public names"


class SignedAgreement(msgspec.Struct, frozen=True):
    """An agreement that both have signed: the shop's record, and what the customer's passkey has said to its text."""

    record: str
    customer: CustomerSignature


class Receipt(msgspec.Struct, frozen=True):
    """A consent, with the fields of ISO/IEC TS 27560 (by their public names) and the terms of DPV.

    ``duration`` and ``inactivity`` are durations of ISO 8601: so long it holds, unless it is withdrawn before, or
    nothing is heard of the person for the latter.
    """

    schema_version: str
    record_id: str
    pii_principal_id: str
    pii_controller: str
    purpose: str
    purpose_dpv: str
    lawful_basis: str
    channel: str
    pii_types: list[str]
    processing: list[str]
    consent_state: str
    event_time: str
    event_type: str
    duration: str
    inactivity: str
    withdrawal_method: str
    vocabulary: str = DPV


Record = Agreement | SignedAgreement | Receipt
_SHAPES: Final[Mapping[str, type[Record]]] = {
    _AGREEMENT: Agreement,
    _SIGNED_AGREEMENT: SignedAgreement,
    _RECEIPT: Receipt,
}


def agreement(*, name: uuid.UUID, term: str, at: dt.datetime, by: str = "") -> str:
    """Return the signed record of an agreement; ``by`` is how whoever proffered it was known (``card_link``)."""
    chosen = TERMS[term]
    return _sign(
        Agreement(
            agreement=str(name),
            term=term,
            term_version=chosen.version,
            term_hash=chosen.hash,
            proffered_by="customer",
            agreed_at=_moment(at),
            agreed_by=by,
        ),
        _AGREEMENT,
    )


def signed_agreement(*, record: str, customer: CustomerSignature) -> str:
    """Return the record of an agreement together with the customer's signature of it, signed by the shop.

    Raises :class:`RecordChanged` for a record that this shop did not sign, :class:`SignatureWrong`.
    """
    if not isinstance(verify(record), Agreement):
        raise RecordChanged("It is no agreement.", field="record")
    signatures.check(customer, text_of(record))
    return _sign(SignedAgreement(record, customer), _SIGNED_AGREEMENT)


def text_of(record: str) -> bytes:
    """Return the text that stands in a record, as it was signed. Raises :class:`RecordChanged`."""
    try:
        return signatures.read(record.strip().split(".")[1])
    except (ValueError, IndexError):
        raise RecordChanged("It is no record.", field="record") from None


def receipt(
    *, name: uuid.UUID, purpose: str, channel: str, controller: str, at: dt.datetime, days: int, quiet_days: int
) -> str:
    """Return the signed receipt of a consent that holds for ``days``, or until nothing was heard for ``quiet_days``.

    Equal arguments give an equal text, so that nobody has to keep it.
    """
    meant = PURPOSES[purpose]
    return _sign(
        Receipt(
            schema_version="comptoir/1, fields of ISO/IEC TS 27560:2023",
            record_id=str(name),
            pii_principal_id=f"whoever gave the consent {name}",
            pii_controller=controller,
            purpose=purpose,
            purpose_dpv=meant.dpv,
            lawful_basis=LEGAL_BASES["consent"],
            channel=channel,
            pii_types=["pseudonym", "sale", "points", "activity"],
            processing=list(PROCESSING),
            consent_state=CONSENT_GIVEN,
            event_time=_moment(at),
            event_type=CONSENT_EXPRESSED,
            duration=f"P{days}D",
            inactivity=f"P{quiet_days}D",
            withdrawal_method="the page of terms and consents",
        ),
        _RECEIPT,
    )


def hash_of(record: str) -> str:
    """Return what the shop keeps of a receipt: its SHA-256, as hexadecimal digits."""
    return hashlib.sha256(record.encode()).hexdigest()


def verify(record: str, *, key: Mapping[str, Any] | None = None) -> Record:
    """Return what a record says; :class:`RecordChanged` unless the shop signed exactly that.

    ``key`` is the shop's public key as a JWK; unset, this shop's own. Of an agreement that the customer has signed,
    too, both are checked; :class:`SignatureWrong` if it is the customer's part that does not hold.
    """
    text = record.strip()
    if len(text) > CHARACTERS_MAX or not text.isascii():
        raise RecordChanged("It is no record of this shop.", field="record")
    try:
        # A part of a JWS ends in bits that mean nothing; only the one text that was signed is the record.
        for part in text.split("."):
            signatures.read(part)
        public = _public() if key is None else OKPKey.import_key(dict(key))
        signed = jws.deserialize_compact(text, public, algorithms=[_ALGORITHM])
        said: Record = msgspec.json.decode(signed.payload, type=_SHAPES[signed.headers()["typ"]])
    except (JoseError, ValueError, KeyError, TypeError, msgspec.MsgspecError):
        raise RecordChanged("Not one character of it may change.", field="record") from None
    if isinstance(said, SignedAgreement):
        if not isinstance(verify(said.record, key=key), Agreement):
            raise RecordChanged("It is no agreement.", field="record")
        signatures.check(said.customer, text_of(said.record))
    return said


def agreement_in(said: Record) -> Agreement | None:
    """Return the agreement that a verified record is about; a receipt is about none."""
    if isinstance(said, SignedAgreement):
        return msgspec.json.decode(text_of(said.record), type=Agreement)
    return said if isinstance(said, Agreement) else None


def public_key() -> Mapping[str, Any]:
    """Return the public key as a JWK (RFC 7517), with which anybody can check a record."""
    return dict(_public().as_dict(private=False))


def _sign(said: msgspec.Struct, kind: str) -> str:
    header = {"alg": _ALGORITHM, "typ": kind}
    return jws.serialize_compact(header, codec.canonical(said), _private(), algorithms=[_ALGORITHM])


def _private() -> OKPKey:
    seed = shop.secret("records")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    halves = {"d": signatures.written(seed), "x": signatures.written(public)}
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", **halves})


def _public() -> OKPKey:
    public = Ed25519PrivateKey.from_private_bytes(shop.secret("records")).public_key().public_bytes_raw()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": signatures.written(public)})


def _moment(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
