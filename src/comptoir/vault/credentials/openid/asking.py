"""One question to an identity provider, and its answer: both belong to one session, and the question is used up.

Not here: whose the answer is at the shop, and what follows (``commands.py``, ``views/openid.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest
from django.utils import timezone

from comptoir.vault.credentials.openid import talking, tokens
from comptoir.vault.credentials.openid.declared import Provider
from comptoir.vault.credentials.openid.errors import (
    OpenidDenied,
    OpenidFactorMissing,
    OpenidIssuerMixed,
    OpenidLate,
    OpenidSignInOld,
    OpenidStateUnknown,
)
from comptoir.vault.credentials.openid.tokens import Said

#: How long somebody may take at their provider: a forgotten telephone has to be fetched.
ASKED_FOR: Final = dt.timedelta(minutes=10)
_ASKED: Final = "openid-asked"
_CODE_LENGTH_MAX: Final = 4_096
_LEEWAY: Final = dt.timedelta(seconds=60)

WhatFor = Literal["sign-in", "link", "confirm"]


class Asked(msgspec.Struct, frozen=True):
    """A question that waits for its answer: to whom, what for, and the three secrets that bind the answer to it."""

    provider: str
    issuer: str
    what_for: WhatFor
    state: str
    nonce: str
    verifier: str
    next: str
    at: dt.datetime


def ask(request: HttpRequest, provider: Provider, *, what_for: WhatFor, path: str = "") -> str:
    """Remember a question in this session, and return where to send the browser. A former question is void.

    Raises what ``talking.discover`` does.
    """
    said = talking.discover(provider)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _each in range(3))
    asked = Asked(provider.name, provider.issuer, what_for, state, nonce, verifier, path, timezone.now())
    request.session[_ASKED] = msgspec.to_builtins(asked)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code", "scope": "openid", "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri, "state": asked.state, "nonce": asked.nonce,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    if provider.acr:
        query["acr_values"] = " ".join(provider.acr)
    if what_for == "confirm":
        query |= {"prompt": "login", "max_age": "0"}
    joint = "&" if "?" in said.authorization_endpoint else "?"
    return said.authorization_endpoint + joint + urlencode(query)


def is_waiting(request: HttpRequest) -> bool:
    """Tell whether a question waits in this session."""
    return _ASKED in request.session


def answered(request: HttpRequest, provider: Provider, answer: Mapping[str, str]) -> tuple[Asked, Said]:
    """Take a provider's answer: the question, which is used up, and what the checked ID token says.

    Raises a problem whose name begins with ``openid_``.
    """
    kept = request.session.pop(_ASKED, None)
    if kept is None:
        raise OpenidStateUnknown(field="state")
    # At once: an answer of 500 and more would leave the session as it was.
    request.session.save()
    asked = msgspec.convert(kept, Asked)
    if not hmac.compare_digest(answer.get("state", "").encode(), asked.state.encode()):
        raise OpenidStateUnknown(field="state")
    if asked.provider != provider.name or asked.issuer != provider.issuer:
        raise OpenidIssuerMixed
    now = timezone.now()
    if not dt.timedelta(0) <= now - asked.at < ASKED_FOR:
        raise OpenidLate
    said = talking.discover(provider)
    issuer = answer.get("iss")
    if issuer != provider.issuer and (issuer is not None or said.authorization_response_iss_parameter_supported):
        raise OpenidIssuerMixed(field="iss")
    code = answer.get("code", "")
    if "error" in answer or not 0 < len(code) <= _CODE_LENGTH_MAX:
        raise OpenidDenied
    token = talking.id_token_for(provider, said, code=code, verifier=asked.verifier)
    read = tokens.read_id_token(
        token, keys=talking.keys_of(provider, said), issuer=provider.issuer, client_id=provider.client_id,
        nonce=asked.nonce, now=now,
    )  # fmt: skip
    return asked, read


def has_factor(provider: Provider, said: Said) -> bool:
    """Tell whether a provider says that a second factor was shown, in words that the operator has listed."""
    return said.acr in provider.acr or any(each in provider.amr for each in said.amr)


def insist_on_fresh(provider: Provider, asked: Asked, said: Said) -> None:
    """Raise unless a provider says that it has asked for sign-in and factor since it was asked to."""
    if said.signed_in_at is None or said.signed_in_at < asked.at - _LEEWAY:
        raise OpenidSignInOld
    if not has_factor(provider, said):
        raise OpenidFactorMissing
