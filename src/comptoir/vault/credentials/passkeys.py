"""Passkeys (WebAuthn Level 3): asking for a new one, asking for one that exists, and what is wrong with an answer.

A question is kept in the session, is good for minutes and for one answer, whatever that answer is. Every refusal has a
name of its own. Whose signature it is and over what is checked by ``fido2``; what is kept of a passkey lies with
django-allauth, so that its pages for staff know the same ones. Not here: what follows from an answer.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from allauth.account.utils import url_str_to_user_pk, user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from comptoir.counter.customers.signatures import CustomerSignature
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.credentials.errors import (
    PasskeyCopied,
    PasskeyExpired,
    PasskeyOriginWrong,
    PasskeyReplayed,
    PasskeyTampered,
    PasskeyUnknown,
    PasskeyUnreadable,
)
from comptoir.vault.credentials.models import User

#: How long a question waits for its answer.
ASKED_FOR: Final = dt.timedelta(minutes=5)
#: A passkey's answer has some hundred bytes, with an attestation some thousand.
BYTES_MAX: Final = 32_768
#: As many passkeys one user can have.
PASSKEYS_MAX: Final = 20
_ASKED: Final = "passkey-asked"
#: Kinds of keys, curves and one algorithm, by their numbers in COSE.
_COSE_OKP, _COSE_EC, _COSE_RSA = 1, 2, 3
_COSE_CURVES: Final = {1: "P-256", 2: "P-384", 3: "P-521"}
_COSE_ED25519: Final = 6
_COSE_RS256: Final = -257
#: What reading an answer raises that is none: parts that are missing, of another type, cut, or nested without end.
_UNREADABLE: Final = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    RecursionError,
    struct.error,
)


def ask_for_new(
    request: HttpRequest, *, user: uuid.UUID, shown_as: str, known: Iterable[Authenticator] = ()
) -> Mapping[str, Any]:
    """Return what the browser needs to make a passkey for a user, and remember that it was asked.

    The passkey stays on the device and is found without a name (a resident key), and the device makes sure of who
    holds it. ``shown_as`` is what the device lists it under. A device that has one of the ``known`` makes no other.
    """
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(name=shown_as, id=_handle(user), display_name=shown_as),
        credentials=[_credential_of(each) for each in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        extensions={"credProps": True},
    )
    _remember(request, "new", state, user=str(user))
    return {"creation_options": dict(options)}


def take_new(request: HttpRequest, text: str) -> tuple[uuid.UUID, Mapping[str, Any]]:
    """Check the answer to :func:`ask_for_new`; returns for whom it was asked, and what :func:`keep` wants.

    Raises a problem whose name begins with ``passkey_``. The question is used up.
    """
    asked = _answered(request, "new", life=ASKED_FOR)
    credential = _read(text)
    try:
        answer = RegistrationResponse.from_dict(credential)
    except _UNREADABLE as error:
        raise PasskeyUnreadable(field="credential") from error
    _insist(answer.response.client_data, asked["state"])
    try:
        _server().register_complete(asked["state"], answer)
    except ValueError as error:
        raise PasskeyTampered(field="credential") from error
    return uuid.UUID(asked["user"]), credential


def keep(user: User, *, name: str, credential: Mapping[str, Any]) -> Authenticator:
    """Keep a passkey that was just made. Runs in the caller's transaction."""
    authenticator: Authenticator = WebAuthn.add(user, name, dict(credential)).instance
    return authenticator


def ask(
    request: HttpRequest, *, what_for: str, user: User | None = None, challenge: bytes | None = None
) -> Mapping[str, Any]:
    """Return what the browser needs to show a passkey, and remember that it was asked, and what for.

    Without a ``user`` any passkey of this shop will do: it says itself whose it is. A ``challenge`` of one's own says
    what is confirmed by the answer; otherwise it is drawn.
    """
    options, state = _server().authenticate_begin(
        credentials=[_credential_of(each) for each in passkeys_of(user)] if user else [],
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    _remember(request, what_for, state, user=str(user.pk) if user else "")
    return {"request_options": dict(options)}


def take(request: HttpRequest, text: str, *, what_for: str, life: dt.timedelta = ASKED_FOR) -> Authenticator:
    """Check the answer to :func:`ask` and return which passkey was shown. The question is used up, whatever comes.

    Raises a problem whose name begins with ``passkey_``.
    """
    asked = _answered(request, what_for, life=life)
    credential = _read(text)
    try:
        answer = AuthenticationResponse.from_dict(credential)
    except _UNREADABLE as error:
        raise PasskeyUnreadable(field="credential") from error
    _insist(answer.response.client_data, asked["state"])
    user = asked["user"] or _user_of(answer)
    found = {_credential_of(each).credential_id: each for each in passkeys_of(user)}
    authenticator = found.get(answer.raw_id)
    if authenticator is None:
        raise PasskeyUnknown(field="credential")
    try:
        _server().authenticate_complete(asked["state"], [_credential_of(authenticator)], answer)
    except ValueError as error:
        raise PasskeyTampered(field="credential") from error
    _count(authenticator, answer.response.authenticator_data.counter)
    return authenticator


def passkeys_of(user: User | uuid.UUID | str) -> list[Authenticator]:
    """Return a user's passkeys, the oldest first."""
    pk = user.pk if isinstance(user, User) else user
    found = Authenticator.objects.filter(user_id=pk, type=Authenticator.Type.WEBAUTHN).order_by("created_at", "pk")
    return list(found[:PASSKEYS_MAX])


def signature_in(text: str, shown: Authenticator) -> CustomerSignature:
    """Return what a passkey that was taken has said, with the public key by which anybody can check it, and no more.

    Raises :class:`PasskeyUnreadable` for a kind of key that no record can name.
    """
    answer = AuthenticationResponse.from_dict(_read(text)).response
    return CustomerSignature(
        public_key=_jwk(_credential_of(shown).public_key),
        site=addresses.host_of(VAULT),
        authenticator_data=websafe_encode(bytes(answer.authenticator_data)),
        client_data=websafe_encode(bytes(answer.client_data)),
        signature=websafe_encode(answer.signature),
    )


def _jwk(key: Mapping[int, Any]) -> dict[str, str]:
    """Return a passkey's public key (COSE, RFC 9053) as a JWK (RFC 7517)."""
    kind, curve = key.get(1), key.get(-1)
    if kind == _COSE_EC and curve in _COSE_CURVES:
        return {"kty": "EC", "crv": _COSE_CURVES[curve], "x": websafe_encode(key[-2]), "y": websafe_encode(key[-3])}
    if kind == _COSE_OKP and curve == _COSE_ED25519:
        return {"kty": "OKP", "crv": "Ed25519", "x": websafe_encode(key[-2])}
    if kind == _COSE_RSA and key.get(3) == _COSE_RS256:
        return {"kty": "RSA", "n": websafe_encode(key[-1]), "e": websafe_encode(key[-2])}
    raise PasskeyUnreadable(field="credential")


def challenge_in(text: str) -> bytes:
    """Return the challenge that an answer is an answer to. Raises :class:`PasskeyUnreadable`."""
    try:
        return bytes(AuthenticationResponse.from_dict(_read(text)).response.client_data.challenge)
    except _UNREADABLE as error:
        raise PasskeyUnreadable(field="credential") from error


def _server() -> Fido2Server:
    own = PublicKeyCredentialRpEntity(id=addresses.host_of(VAULT), name="Comptoir")
    # The vault's own origin, and nothing that merely ends like it.
    return Fido2Server(own, verify_origin=lambda origin: origin == addresses.origin_of(VAULT))


def _handle(user: uuid.UUID) -> bytes:
    handle: str = user_pk_to_url_str(User(pk=user))
    return handle.encode()


def _user_of(answer: AuthenticationResponse) -> uuid.UUID:
    try:
        handle = (answer.response.user_handle or b"").decode()
        found: uuid.UUID = url_str_to_user_pk(handle)
    except (ValueError, ValidationError) as error:
        raise PasskeyUnknown(field="credential") from error
    return found


def _credential_of(authenticator: Authenticator) -> AttestedCredentialData:
    data: AttestedCredentialData = authenticator.wrap().authenticator_data.credential_data
    return data


def _remember(request: HttpRequest, what_for: str, state: Any, *, user: str) -> None:
    kept = {name: value for name, value in state.items() if value is not None}
    asked = request.session.get(_ASKED, {})
    at = timezone.now().isoformat()
    request.session[_ASKED] = {**asked, what_for: {"state": kept, "at": at, "user": user}}


def _answered(request: HttpRequest, what_for: str, *, life: dt.timedelta) -> Mapping[str, Any]:
    waiting = dict(request.session.get(_ASKED, {}))
    asked: Mapping[str, Any] | None = waiting.pop(what_for, None)
    if asked is None:
        raise PasskeyReplayed(field="credential")
    request.session[_ASKED] = waiting
    if not dt.timedelta(0) <= timezone.now() - dt.datetime.fromisoformat(asked["at"]) < life:
        raise PasskeyExpired(field="credential")
    return {**asked, "state": {"user_verification": None, **asked["state"]}}


def _read(text: str) -> Mapping[str, Any]:
    if len(text) > BYTES_MAX:
        raise PasskeyUnreadable(field="credential")
    try:
        content = json.loads(text)
    except _UNREADABLE as error:
        raise PasskeyUnreadable(field="credential") from error
    if not isinstance(content, dict):
        raise PasskeyUnreadable(field="credential")
    return content


def _insist(said: CollectedClientData, state: Mapping[str, Any]) -> None:
    """Refuse by name what is no answer to this question, before its signature is looked at."""
    if said.origin != addresses.origin_of(VAULT) or said.cross_origin:
        raise PasskeyOriginWrong(field="credential")
    if bytes(said.challenge) != websafe_decode(state["challenge"]):
        raise PasskeyReplayed(field="credential")


def _count(authenticator: Authenticator, counter: int) -> None:
    """Note how often a passkey says that it was used. One that counts, and counts back, exists twice."""
    former = authenticator.data.get("counter", 0)
    if counter and counter <= former:
        raise PasskeyCopied(field="credential")
    if counter > former:
        authenticator.data["counter"] = counter
        authenticator.save(update_fields=["data"])


def encoded(content: bytes) -> str:
    """Write bytes as WebAuthn's JSON does (base64url without padding)."""
    return websafe_encode(content)
