"""What a proof can be refused for. A wallet is told only that it was refused; the person in front of the page, why."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ProofUnknown(Problem):
    """There is no request for a proof at this address."""

    name = "proof_unknown"
    status = 404


class ProofOver(Problem):
    """A request for a proof is open for five minutes, and they are over."""

    name = "proof_over"
    status = 410


class ProofAnswered(Problem):
    """This request for a proof was answered before: each takes one answer."""

    name = "proof_answered"
    status = 409


class TooManyProofs(Problem):
    """So many proofs cannot be begun at once: wait a few minutes."""

    name = "too_many_proofs"
    status = 429


class VerifierBusy(Problem):
    """Two proofs are being verified already: send it again shortly."""

    name = "verifier_busy"
    status = 503


class NobodyTrusted(Problem):
    """This shop trusts no issuer of such attestations, so a wallet can prove nothing here."""

    name = "nobody_trusted"
    status = 409


class TrustListInvalid(Problem):
    """A file that names a trusted issuer cannot be used."""

    name = "trust_list_invalid"


class ResponseTooLarge(Problem):
    """A wallet's response has at most one mebibyte."""

    name = "response_too_large"
    status = 413


class ResponseMalformed(Problem):
    """This is not a response to a request for a proof."""

    name = "response_malformed"
    status = 400


class WalletDeclined(Problem):
    """The wallet did not show anything: its owner declined, or it has no such attestation."""

    name = "wallet_declined"
    status = 400


class PresentationRefused(Problem):
    """A presentation that proves nothing; each subclass says why."""

    status = 400


class PresentationMalformed(PresentationRefused):
    """The presentation cannot be read."""

    name = "presentation_malformed"


class AttestationExpired(PresentationRefused):
    """The attestation has expired, or does not hold yet."""

    name = "attestation_expired"


class AttestationRevoked(PresentationRefused):
    """The attestation was revoked by its issuer."""

    name = "attestation_revoked"


class AttestationStatusUnknown(PresentationRefused):
    """It cannot be said whether the attestation was revoked."""

    name = "attestation_status_unknown"


class AttestationTypeWrong(PresentationRefused):
    """The attestation is of another type than was asked for."""

    name = "attestation_type_wrong"


class AttestationTampered(PresentationRefused):
    """The attestation is not as its issuer signed it."""

    name = "attestation_tampered"


class AlgorithmNotAccepted(PresentationRefused):
    """The attestation is signed in a way that is not accepted here, or not at all."""

    name = "algorithm_not_accepted"


class IssuerNotTrusted(PresentationRefused):
    """The attestation's issuer is not one whom this shop trusts."""

    name = "issuer_not_trusted"


class KeyBindingMissing(PresentationRefused):
    """Nothing shows that the attestation belongs to whoever presents it."""

    name = "key_binding_missing"


class KeyBindingWrong(PresentationRefused):
    """The attestation was presented with a key that is not its own."""

    name = "key_binding_wrong"


class KeyBindingStale(PresentationRefused):
    """The presentation was not made just now."""

    name = "key_binding_stale"


class PresentationReplayed(PresentationRefused):
    """The presentation was made for another request."""

    name = "presentation_replayed"


class PresentationRetargeted(PresentationRefused):
    """The presentation was made for somebody else, or for another request."""

    name = "presentation_retargeted"


class PredicateNotProven(PresentationRefused):
    """The attestation does not say yes."""

    name = "predicate_not_proven"


class DisclosesTooMuch(PresentationRefused):
    """The presentation shows more than was asked for; nothing of it was kept."""

    name = "discloses_too_much"


class BirthDateDisclosed(PresentationRefused):
    """The presentation shows when somebody was born, which was not asked for; nothing of it was kept."""

    name = "birth_date_disclosed"
