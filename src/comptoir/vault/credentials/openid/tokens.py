"""What is wrong with a token of an identity provider: ID tokens and logout tokens. Pure: keys and time come in.

The checks are those of OpenID Connect Core 1.0, section 3.1.3.7, and Back-Channel Logout 1.0, section 2.6; the
algorithms as RFC 8725 wants them: with two keys, named in advance, never what the token says of itself alone.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from comptoir.vault.credentials.openid.errors import (
    LogoutTokenWrong,
    OpenidAlgorithmRefused,
    OpenidAudienceWrong,
    OpenidExpired,
    OpenidIssuerWrong,
    OpenidNonceWrong,
    OpenidSignatureWrong,
    OpenidTokenWrong,
)

TOKEN_BYTES_MAX: Final = 16_384
KEYS_MAX: Final = 50
#: How far the clocks of two servers may differ.
_LEEWAY: Final = dt.timedelta(seconds=60)
#: A token is used at once; an older one was kept by somebody.
_AGE_MAX: Final = dt.timedelta(minutes=10)
_SUBJECT_LENGTH_MAX: Final = 255
_AUDIENCES_MAX: Final = 20
_RSA_BITS: Final = (2_048, 8_192)
_SIGNED_OUT: Final = "http://schemas.openid.net/event/backchannel-logout"

#: Which algorithms are taken, and the kind of key that each of them wants.
ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC",
}  # fmt: skip


class Said(msgspec.Struct, frozen=True):
    """What an ID token says, as far as it is looked at; nothing else of it goes on."""

    subject: str
    session: str = ""
    signed_in_at: dt.datetime | None = None
    acr: str = ""
    amr: tuple[str, ...] = ()


class SignedOut(msgspec.Struct, frozen=True):
    """What a logout token says: whom, or which session of theirs, and its number."""

    subject: str
    session: str
    number: str


def read_id_token(
    token: str, *, keys: Sequence[Mapping[str, Any]], issuer: str, client_id: str, nonce: str, now: dt.datetime
) -> Said:
    """Check an ID token. Raises a problem whose name begins with ``openid_``."""
    claims = _claims(token, keys=keys)
    _insist_on_source(claims, issuer=issuer, client_id=client_id)
    _insist_on_time(claims, now=now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
        raise OpenidNonceWrong
    signed_in_at = claims.get("auth_time")
    amr = claims.get("amr")
    acr = claims.get("acr")
    return Said(
        subject=_subject(claims.get("sub")),
        session=_text(claims.get("sid")),
        signed_in_at=None if signed_in_at is None else _moment(signed_in_at),
        acr=acr if isinstance(acr, str) else "",
        amr=tuple(each for each in amr if isinstance(each, str)) if isinstance(amr, list) else (),
    )


def read_logout_token(
    token: str, *, keys: Sequence[Mapping[str, Any]], issuer: str, client_id: str, now: dt.datetime
) -> SignedOut:
    """Check a logout token. Raises a problem whose name begins with ``openid_``, or :class:`LogoutTokenWrong`."""
    header = _header(token)
    if str(header.get("typ", "logout+jwt")).lower() not in {"logout+jwt", "application/logout+jwt", "jwt"}:
        raise LogoutTokenWrong
    claims = _claims(token, keys=keys)
    _insist_on_source(claims, issuer=issuer, client_id=client_id)
    _insist_on_time(claims, now=now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_SIGNED_OUT), dict) or "nonce" in claims:
        raise LogoutTokenWrong
    number, session = _text(claims.get("jti")), _text(claims.get("sid"))
    subject = "" if claims.get("sub") is None else _subject(claims["sub"])
    if not number or not (subject or session):
        raise LogoutTokenWrong
    return SignedOut(subject, session, number)


def _claims(token: str, *, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the claims of a token whose signature is good."""
    header = _header(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise OpenidAlgorithmRefused
    for key in _fitting(keys, algorithm=algorithm, number=header.get("kid")):
        try:
            content = jws.deserialize_compact(token, key, algorithms=[algorithm]).payload
            break
        except (JoseError, ValueError):
            continue
    else:
        raise OpenidSignatureWrong
    try:
        claims = json.loads(content)
    except (ValueError, RecursionError):
        raise OpenidTokenWrong from None
    if not isinstance(claims, dict):
        raise OpenidTokenWrong
    return claims


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > TOKEN_BYTES_MAX:
        raise OpenidTokenWrong
    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, RecursionError, AttributeError, TypeError):
        raise OpenidTokenWrong from None


def _fitting(keys: Sequence[Mapping[str, Any]], *, algorithm: str, number: object) -> Iterator[RSAKey | ECKey]:
    """Yield the keys that may have signed: of the algorithm's kind, for signing, and with the token's number."""
    for each in keys[:KEYS_MAX]:
        if each.get("kty") != ALGORITHMS[algorithm] or each.get("use", "sig") != "sig":
            continue
        if each.get("alg", algorithm) != algorithm or (number is not None and each.get("kid") != number):
            continue
        try:
            if each["kty"] == "EC":
                yield ECKey.import_key({name: each[name] for name in ("kty", "crv", "x", "y")})
                continue
            key = RSAKey.import_key({name: each[name] for name in ("kty", "n", "e")})
            public: RSAPublicKey = key.public_key
            if _RSA_BITS[0] <= public.key_size <= _RSA_BITS[1]:
                yield key
        except (JoseError, ValueError, KeyError, TypeError):
            continue


def _insist_on_source(claims: Mapping[str, Any], *, issuer: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise OpenidIssuerWrong
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if len(audiences) > _AUDIENCES_MAX or client_id not in audiences:
        raise OpenidAudienceWrong
    # For several audiences it has to say which of them asked; and if it says so, it has to be this shop.
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise OpenidAudienceWrong


def _insist_on_time(claims: Mapping[str, Any], *, now: dt.datetime) -> None:
    ends, made = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if ends + _LEEWAY <= now or made - _LEEWAY > now or made + _AGE_MAX < now:
        raise OpenidExpired
    if "nbf" in claims and _moment(claims["nbf"]) - _LEEWAY > now:
        raise OpenidExpired


def _moment(value: object) -> dt.datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OpenidTokenWrong
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise OpenidTokenWrong from None


def _subject(value: object) -> str:
    text = _text(value)
    if not text:
        raise OpenidTokenWrong
    return text


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _SUBJECT_LENGTH_MAX:
        raise OpenidTokenWrong
    return value
