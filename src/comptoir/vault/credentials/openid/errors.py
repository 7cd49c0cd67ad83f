"""What signing in with an identity provider can refuse."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class OpenidInvalid(Problem):
    """openid.toml is not as it should be."""

    name = "openid_invalid"


class OpenidAway(Problem):
    """The identity provider does not answer."""

    name = "openid_away"
    status = 503


class OpenidAddressRefused(Problem):
    """The identity provider leads to an address that is not allowed."""

    name = "openid_address_refused"
    status = 502


class OpenidTooLarge(Problem):
    """The identity provider's answer is too large."""

    name = "openid_too_large"
    status = 502


class OpenidDiscoveryWrong(Problem):
    """What the identity provider says of itself is not what it should be."""

    name = "openid_discovery_wrong"
    status = 502


class OpenidStateUnknown(Problem):
    """This answer of the identity provider belongs to no question that is open here."""

    name = "openid_state_unknown"
    status = 403


class OpenidLate(Problem):
    """The identity provider was asked too long ago."""

    name = "openid_late"
    status = 403


class OpenidIssuerMixed(Problem):
    """The answer comes from another identity provider than the one that was asked."""

    name = "openid_issuer_mixed"
    status = 403


class OpenidDenied(Problem):
    """The identity provider did not sign anybody in."""

    name = "openid_denied"
    status = 403


class OpenidCodeRefused(Problem):
    """The identity provider does not take the code that came back: it was used, or is not for this shop."""

    name = "openid_code_refused"
    status = 403


class OpenidClientRefused(Problem):
    """The identity provider does not know this shop, or not with this secret."""

    name = "openid_client_refused"
    status = 502


class OpenidTokenWrong(Problem):
    """What the identity provider sent is no token."""

    name = "openid_token_wrong"
    status = 403


class OpenidAlgorithmRefused(Problem):
    """The token is signed by an algorithm that is not taken, or by none."""

    name = "openid_algorithm_refused"
    status = 403


class OpenidSignatureWrong(Problem):
    """The token is not signed with a key of the identity provider."""

    name = "openid_signature_wrong"
    status = 403


class OpenidIssuerWrong(Problem):
    """The token is from another issuer."""

    name = "openid_issuer_wrong"
    status = 403


class OpenidAudienceWrong(Problem):
    """The token is meant for somebody else than this shop."""

    name = "openid_audience_wrong"
    status = 403


class OpenidExpired(Problem):
    """The token is over, or not yet good."""

    name = "openid_expired"
    status = 403


class OpenidNonceWrong(Problem):
    """The token answers another question."""

    name = "openid_nonce_wrong"
    status = 403


class OpenidSignInOld(Problem):
    """The identity provider did not ask anew who it is."""

    name = "openid_sign_in_old"
    status = 403


class OpenidFactorMissing(Problem):
    """The identity provider does not say that a second factor was shown."""

    name = "openid_factor_missing"
    status = 403


class OpenidNotLinked(Problem):
    """Nobody who works here is linked with this account of the identity provider."""

    name = "openid_not_linked"
    status = 403


class OpenidLinkedAlready(Problem):
    """This account of the identity provider, or this staff member, has a link already."""

    name = "openid_linked_already"
    status = 409


class OpenidSomebodyElse(Problem):
    """The identity provider answered for somebody else."""

    name = "openid_somebody_else"
    status = 403


class OpenidOnly(Problem):
    """This staff member signs in with the identity provider, and with nothing else."""

    name = "openid_only"
    status = 403


class OpenidUnknown(Problem):
    """There is no identity provider of this name."""

    name = "openid_unknown"
    status = 404


class LogoutTokenWrong(Problem):
    """This is no logout token."""

    name = "logout_token_wrong"
    status = 400


class LogoutTokenReplayed(Problem):
    """This logout token was taken already."""

    name = "logout_token_replayed"
    status = 400
