"""What is asked of an identity provider over the net: what it says of itself, its keys, and a token for a code.

Nothing of it is kept: staff sign in a few times a day, and a key that the provider took back counts no more from that
moment on. Not here: whether what comes back is good (``tokens.py``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from comptoir.foundation.kernel import outbound
from comptoir.vault.credentials.openid.declared import Provider
from comptoir.vault.credentials.openid.errors import (
    OpenidAddressRefused,
    OpenidAway,
    OpenidClientRefused,
    OpenidCodeRefused,
    OpenidDiscoveryWrong,
    OpenidTokenWrong,
    OpenidTooLarge,
)
from comptoir.vault.credentials.openid.tokens import ALGORITHMS, KEYS_MAX

SECONDS_MAX: Final = 8.0
_BYTES_MAX: Final = 262_144
_WELL_KNOWN: Final = "/.well-known/openid-configuration"


class Discovery(msgspec.Struct, frozen=True):
    """What a provider says of itself, as far as it is used (OpenID Connect Discovery 1.0, RFC 8414, RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False
    backchannel_logout_supported: bool = False


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


class _Token(msgspec.Struct):
    id_token: str


class _Refusal(msgspec.Struct):
    error: str = ""


def discover(provider: Provider) -> Discovery:
    """Ask a provider what it says of itself.

    Raises :class:`OpenidDiscoveryWrong` naming the field, and what :func:`_fetch` does.
    """
    answer = _fetch(provider, provider.issuer.rstrip("/") + _WELL_KNOWN)
    if answer.status != HTTPStatus.OK:
        raise OpenidAway(f"Its discovery answered with {answer.status}.")
    try:
        said = msgspec.json.decode(answer.body, type=Discovery)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise OpenidDiscoveryWrong("What it says of itself cannot be read.") from None
    if said.issuer != provider.issuer:
        raise OpenidDiscoveryWrong("It calls itself by another issuer than the one declared.", field="issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _insist_on_address(provider, getattr(said, name), field=name)
    if not set(said.id_token_signing_alg_values_supported) & set(ALGORITHMS):
        field = "id_token_signing_alg_values_supported"
        raise OpenidDiscoveryWrong(f"It signs with none of {', '.join(ALGORITHMS)}.", field=field)
    if said.code_challenge_methods_supported is not None and "S256" not in said.code_challenge_methods_supported:
        raise OpenidDiscoveryWrong("It does not take PKCE with S256.", field="code_challenge_methods_supported")
    return said


def keys_of(provider: Provider, said: Discovery) -> Sequence[Mapping[str, Any]]:
    """Return the keys with which a provider signs at this moment."""
    answer = _fetch(provider, said.jwks_uri)
    if answer.status != HTTPStatus.OK:
        raise OpenidAway(f"Its keys answered with {answer.status}.")
    try:
        keys = msgspec.json.decode(answer.body, type=_Keys).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise OpenidDiscoveryWrong("Its keys cannot be read.", field="jwks_uri") from None
    if len(keys) > KEYS_MAX:
        raise OpenidTooLarge(f"It has more than {KEYS_MAX} keys.")
    return keys


def id_token_for(provider: Provider, said: Discovery, *, code: str, verifier: str) -> str:
    """Return the ID token that a provider gives for a code.

    Raises :class:`OpenidCodeRefused`, :class:`OpenidClientRefused`, :class:`OpenidTokenWrong`, and what
    :func:`_fetch` does.
    """
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": provider.redirect_uri,
        "code_verifier": verifier,
    }  # fmt: skip
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    methods = said.token_endpoint_auth_methods_supported
    if provider.secret is None:
        form["client_id"] = provider.client_id
    elif "client_secret_basic" in methods or "client_secret_post" not in methods:
        # Each half is written as in a form before they are joined (RFC 6749, section 2.3.1).
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form |= {"client_id": provider.client_id, "client_secret": provider.secret}
    answer = _fetch(provider, said.token_endpoint, method="POST", headers=headers, content=urlencode(form).encode())
    if answer.status == HTTPStatus.OK:
        try:
            return msgspec.json.decode(answer.body, type=_Token).id_token
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise OpenidTokenWrong from None
    try:
        error = msgspec.json.decode(answer.body, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = ""
    if error == "invalid_grant":
        raise OpenidCodeRefused
    if answer.status == HTTPStatus.UNAUTHORIZED or error in {"invalid_client", "unauthorized_client"}:
        raise OpenidClientRefused
    raise OpenidAway(f"Its token endpoint answered with {answer.status}.")


def _fetch(provider: Provider, url: str, **more: Any) -> outbound.Fetched:
    """Ask over the guarded client.

    Raises :class:`OpenidAddressRefused` for an address inside, or a redirect, :class:`OpenidTooLarge`, and
    :class:`OpenidAway` for everything that passes.
    """
    try:
        return outbound.fetch(url, networks=provider.networks, bytes_max=_BYTES_MAX, seconds_max=SECONDS_MAX, **more)
    except outbound.NotFetched as error:
        kinds = {"address": OpenidAddressRefused, "redirect": OpenidAddressRefused, "large": OpenidTooLarge}
        raise kinds.get(error.why, OpenidAway)(str(error)) from None


def _insist_on_address(provider: Provider, url: str, *, field: str) -> None:
    """Refuse an address that is less guarded than the issuer's own."""
    schemes = {"https"} if provider.issuer.startswith("https:") else {"https", "http"}
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        is_good = False
    if not is_good or not url.isascii() or not url.isprintable() or " " in url:
        raise OpenidDiscoveryWrong("This is no address that is taken.", field=field)
