"""What is done with a proof: begun in a browser, answered by a wallet, taken back in the browser that began it.

Every command enters the vault itself and takes the time as an argument. Not here: pages (``views.py``), what a
presentation has to hold (``sd_jwt.py``, ``mdoc.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connections, transaction
from polaris_oid4vp.jwe import JweError, decrypt_response

from comptoir.counter.answers.contracts import AttestedBy
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.attestations import requests
from comptoir.vault.attestations.contracts import Asked, Kind, StatusQuestion
from comptoir.vault.attestations.errors import (
    NobodyTrusted,
    PresentationMalformed,
    ProofAnswered,
    ProofOver,
    ProofUnknown,
    ResponseMalformed,
    TooManyProofs,
    VerifierBusy,
    WalletDeclined,
)
from comptoir.vault.attestations.models import ProofRequest
from comptoir.vault.attestations.offer import Offer, present_offer
from comptoir.vault.attestations.requests import Way

#: How long a request is open, and how long its result waits for the browser.
LIFE: Final = dt.timedelta(minutes=5)
OPEN_PER_VISIT_MAX: Final = 5
OPEN_MAX: Final = 2_000
#: How many presentations are verified at once, in all processes of the shop.
VERIFIED_AT_ONCE_MAX: Final = 2
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SEALED_AS: Final = b"attestations.response_key"
_SLOTS: Final = 7_209_041


class Begun(msgspec.Struct, frozen=True):
    """A request that was begun: its id for the browser, and the link that opens the wallet."""

    id: uuid.UUID
    link: str


class Result(msgspec.Struct, frozen=True):
    """What came of a request: proven by ``method``, refused for ``refusal`` (a problem's name), or still open."""

    age: int
    way: Way
    is_same_device: bool
    ends_at: dt.datetime
    method: AttestedBy | None = None
    refusal: str | None = None
    needs_code: bool = False


def begin(
    *, visit: str, age: int, way: Way, is_same_device: bool, now: dt.datetime, offer: Offer | None = None
) -> Begun:
    """Begin a request for a proof, for the browser whose visit has this secret.

    Raises :class:`NobodyTrusted`, :class:`TooManyProofs`.
    """
    offer = offer or present_offer()
    if not _kinds(offer, way):
        raise NobodyTrusted
    handle, nonce = secrets.token_urlsafe(_SECRET_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    sealed = None if way == "eu_app" else _seal(ec.generate_private_key(ec.SECP256R1()))
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        ProofRequest.objects.filter(ends_at__lte=now).delete()
        if ProofRequest.objects.filter(visit=digest_of(visit)).count() >= OPEN_PER_VISIT_MAX:
            raise TooManyProofs
        if ProofRequest.objects.count() >= OPEN_MAX:
            raise TooManyProofs
        row = ProofRequest.objects.create(
            visit=digest_of(visit), handle=digest_of(handle), nonce=nonce, over=age, way=way,
            is_same_device=is_same_device, key=sealed, begun_at=now, ends_at=now + LIFE,
        )  # fmt: skip
    return Begun(row.id, _link(offer, way, handle=handle, nonce=nonce, age=age, now=now))


def request_object(*, handle: str, wallet_nonce: str | None, now: dt.datetime, offer: Offer | None = None) -> str:
    """Return the signed request that a wallet fetches. Raises :class:`ProofUnknown`, :class:`ProofOver`."""
    with entered(VAULT):
        row = _row(handle, now)
    if row.key is None:
        raise ProofUnknown
    offer = offer or present_offer()
    kinds = _kinds(offer, "wallet")
    return requests.signed_request(
        handle=handle, nonce=row.nonce, query=requests.dcql_query(offer, kinds, age=row.over),
        formats=_formats(offer, kinds), key=_open(row.key), now=now, ends_at=row.ends_at, wallet_nonce=wallet_nonce,
    )  # fmt: skip


def check_open(*, handle: str, now: dt.datetime) -> None:
    """Raise what keeps a request from being answered: nobody asked, it is over, or it was answered."""
    with entered(VAULT):
        _row(handle, now)


def receive(
    *, handle: str, form: Mapping[str, str], status: StatusQuestion, now: dt.datetime, offer: Offer | None = None
) -> str | None:
    """Take a wallet's response; return the address to which the wallet leads its owner, if it is on the same device.

    Raises the problem for which the response is refused. A presentation that was looked at uses the request up,
    whatever came of it; one that was not (unknown, too early, nobody free to look) leaves it as it was.
    """
    offer = offer or present_offer()
    with entered(VAULT), _slot():
        with transaction.atomic(using=VAULT.name):
            row = _row(handle, now, is_locked=True)
            row.answered_at = now
            row.save(update_fields=["answered_at"])
        # Outside a transaction: a status list may have to be fetched.
        refused: Problem | None = None
        try:
            row.method = _judge(row, handle=handle, form=form, status=status, now=now, offer=offer)
        except Problem as problem:
            row.refusal, refused = problem.name, problem
        code = secrets.token_urlsafe(_SECRET_BYTES) if row.is_same_device and refused is None else None
        row.code = None if code is None else digest_of(code)
        row.key, row.ends_at = None, now + LIFE
        row.save(update_fields=["method", "refusal", "code", "key", "ends_at"])
    if refused is not None:
        raise refused
    return None if code is None else requests.return_uri(row.id, code)


def look(*, identifier: uuid.UUID, visit: str, now: dt.datetime) -> Result:
    """Return how a request stands, for the browser that began it. Raises :class:`ProofUnknown`."""
    with entered(VAULT):
        return _result(_own(identifier, visit, now))


def take(*, identifier: uuid.UUID, visit: str, code: str | None, now: dt.datetime) -> Result:
    """Take the result of a request that was answered: afterwards nothing of it is left in the vault.

    With a wallet on the same device the browser has to bring the ``code`` that the wallet was given; without it the
    result stays where it is. Raises :class:`ProofUnknown`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        row = _own(identifier, visit, now, is_locked=True)
        result = _result(row)
        if result.method is None and result.refusal is None:
            return result
        if row.code is not None and (code is None or not secrets.compare_digest(bytes(row.code), digest_of(code))):
            return msgspec.structs.replace(result, method=None, needs_code=True)
        row.delete()
    return result


def drop(*, identifier: uuid.UUID, visit: str) -> None:
    """Forget a request; one that is not there is forgotten already."""
    with entered(VAULT):
        ProofRequest.objects.filter(id=identifier, visit=digest_of(visit)).delete()


# -- the wallet's response ----------------------------------------------------------------------------------------


def _judge(
    row: ProofRequest, *, handle: str, form: Mapping[str, str], status: StatusQuestion, now: dt.datetime, offer: Offer
) -> AttestedBy:
    """Return by which format a response proves what was asked, or raise the problem that names why it does not."""
    way: Way = "wallet" if row.way == "wallet" else "eu_app"
    key = None if row.key is None else _open(row.key)
    said = _said(form, key)
    if said.get("error") is not None:
        raise WalletDeclined
    if said.get("state") != handle:
        raise ResponseMalformed("The state is not the one of this request.", field="state")
    kinds = {f"proof_of_age_{number}": kind for number, kind in enumerate(_kinds(offer, way))}
    kind, presentation = _single(said.get("vp_token"), kinds)
    address = requests.response_uri(handle)
    asked = Asked(
        age=row.over,
        nonce=row.nonce,
        client_id=requests.client_id_for(way, response_uri=address, now=now),
        response_uri=address,
        thumbprint=None if key is None else requests.thumbprint(key),
    )
    offer.verifiers[kind.format].verify(
        presentation, kind=kind, asked=asked, issuers=offer.issuers_of(kind), status=status, now=now
    )
    return kind.format


def _said(form: Mapping[str, str], key: ec.EllipticCurvePrivateKey | None) -> Mapping[str, Any]:
    """Return the response's parameters: from the form, or decrypted from its one parameter."""
    if key is None:
        token: Any = form.get("vp_token")
        if token is not None:
            try:
                token = msgspec.json.decode(token)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise ResponseMalformed(field="vp_token") from None
        return {"vp_token": token, "state": form.get("state"), "error": form.get("error")}
    if form.get("error") is not None:
        raise WalletDeclined
    try:
        said = decrypt_response(form.get("response", ""), key)
    except JweError:
        raise ResponseMalformed(field="response") from None
    if not isinstance(said, dict):
        raise ResponseMalformed(field="response")
    return said


def _single(token: Any, kinds: Mapping[str, Kind]) -> tuple[Kind, str]:
    """Return the one presentation that answers one of the queries."""
    if not isinstance(token, dict) or len(token) != 1:
        raise ResponseMalformed("There is not exactly one presentation.", field="vp_token")
    ((name, value),) = token.items()
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if name not in kinds or not isinstance(value, str):
        raise PresentationMalformed(field="vp_token")
    return kinds[name], value


@contextlib.contextmanager
def _slot() -> Iterator[None]:
    """Be one of the two that verify while the block runs. Raises :class:`VerifierBusy`."""
    with connections[VAULT.name].cursor() as cursor:
        for slot in range(VERIFIED_AT_ONCE_MAX):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_SLOTS, slot])
            if cursor.fetchone() == (True,):
                break
        else:
            raise VerifierBusy
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_SLOTS, slot])


# -- rows ---------------------------------------------------------------------------------------------------------


def _row(handle: str, now: dt.datetime, *, is_locked: bool = False) -> ProofRequest:
    rows = ProofRequest.objects.select_for_update() if is_locked else ProofRequest.objects.all()
    row = rows.filter(handle=digest_of(handle)).first()
    if row is None:
        raise ProofUnknown
    if row.answered_at is not None:
        raise ProofAnswered
    if now >= row.ends_at:
        raise ProofOver
    return row


def _own(identifier: uuid.UUID, visit: str, now: dt.datetime, *, is_locked: bool = False) -> ProofRequest:
    rows = ProofRequest.objects.select_for_update() if is_locked else ProofRequest.objects.all()
    row = rows.filter(id=identifier, visit=digest_of(visit), ends_at__gt=now).first()
    if row is None:
        raise ProofUnknown
    return row


def _result(row: ProofRequest) -> Result:
    return msgspec.convert(
        {
            "age": row.over, "way": row.way, "is_same_device": row.is_same_device, "ends_at": row.ends_at,
            "method": row.method, "refusal": row.refusal,
        },
        Result,
    )  # fmt: skip


def _kinds(offer: Offer, way: Way) -> list[Kind]:
    return offer.kinds("mdoc") if way == "eu_app" else offer.kinds()


def _formats(offer: Offer, kinds: list[Kind]) -> dict[str, Any]:
    supported: dict[str, Any] = {}
    for name in dict.fromkeys(kind.format for kind in kinds):
        supported |= offer.verifiers[name].formats_supported()
    return supported


def _link(offer: Offer, way: Way, *, handle: str, nonce: str, age: int, now: dt.datetime) -> str:
    if way == "wallet":
        return requests.link_for_wallet(handle=handle, now=now)
    kinds = _kinds(offer, way)
    query = requests.dcql_query(offer, kinds, age=age)
    return requests.link_for_app(handle=handle, nonce=nonce, query=query, formats=_formats(offer, kinds))


def _seal(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Seal the key for a response: a copy of the table opens none."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(shop.secret("attestations")).encrypt(nonce, plain, _SEALED_AS)


def _open(sealed: bytes | memoryview) -> ec.EllipticCurvePrivateKey:
    content = bytes(sealed)
    plain = AESGCM(shop.secret("attestations")).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], _SEALED_AS)
    key = serialization.load_der_private_key(plain, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "only such keys are sealed"
    return key
