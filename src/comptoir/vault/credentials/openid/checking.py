"""What the operator is told of an identity provider's configuration, a line for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.credentials.openid import talking
from comptoir.vault.credentials.openid.declared import Provider
from comptoir.vault.credentials.openid.tokens import ALGORITHMS


class Finding(msgspec.Struct, frozen=True):
    """One sentence, and whether it is as it should be."""

    sentence: str
    is_good: bool = True


def check(provider: Provider) -> Iterator[Finding]:
    """Ask a provider, and yield what was found; nothing more once it cannot be gone on."""
    yield Finding(f"Register this redirect address there, exactly: {provider.redirect_uri}")
    yield Finding(f"And this one for back-channel logout, with a session (sid): {provider.logout_uri}")
    try:
        said = talking.discover(provider)
    except Problem as problem:
        yield Finding(_sentence(problem), is_good=False)
        return
    yield Finding(f"Discovery answers, and the issuer is equal: {said.issuer}")
    taken = [each for each in said.id_token_signing_alg_values_supported if each in ALGORITHMS]
    yield Finding(f"It signs with {', '.join(taken)}, which are taken.")
    if said.code_challenge_methods_supported is None:
        yield Finding("It does not say whether it takes PKCE; it is sent one all the same.")
    else:
        yield Finding("It takes PKCE with S256.")
    words = "says who it is in every answer (RFC 9207)" if said.authorization_response_iss_parameter_supported else (
        "does not say who it is in its answers; each provider has a redirect address of its own instead"
    )  # fmt: skip
    yield Finding(f"It {words}.")
    try:
        keys = talking.keys_of(provider, said)
    except Problem as problem:
        yield Finding(_sentence(problem), is_good=False)
        return
    kinds = {ALGORITHMS[each] for each in taken}
    fitting = [each for each in keys if each.get("kty") in kinds and each.get("use", "sig") == "sig"]
    yield Finding(f"It has {len(fitting)} keys that fit.", is_good=bool(fitting))
    if not said.backchannel_logout_supported:
        sentence = (
            "It does not say that it tells anybody of signing out (back-channel logout): whoever is dismissed there"
            " stays signed in here until their session ends. Let them go here as well: comptoir staff remove."
        )
        yield Finding(sentence)
    if not provider.gives_factor:
        yield Finding("No acr and no amr is listed: the house asks for its own second factor afterwards.")


def _sentence(problem: Problem) -> str:
    return " ".join(part for part in (problem.title(), problem.detail) if part)
