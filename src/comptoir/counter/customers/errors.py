"""Refusals that concern who a customer is."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class CustomerUnknown(Problem):
    """No customer has this id."""

    name = "customer_unknown"
    status = 404


class IsForgotten(Problem):
    """This customer was forgotten."""

    name = "customer_forgotten"
    status = 410


class PieceUnknown(Problem):
    """This person has no such identifier or purchase, or not any more."""

    name = "piece_unknown"
    status = 404


class PieceInUse(Problem):
    """Something is still open that rests on what would be forgotten."""

    name = "piece_in_use"
    status = 409


class LinkToItself(Problem):
    """An identifier cannot be linked to itself."""

    name = "link_to_itself"


class PersonTooLarge(Problem):
    """So many identifiers cannot belong to one person."""

    name = "person_too_large"


class LinkUnknown(Problem):
    """These two are not linked, so there is nothing to undo."""

    name = "link_unknown"
    status = 404


class LinkTooOld(Problem):
    """This link was made too long ago to be undone as a mistake."""

    name = "link_too_old"
    status = 409


class LinkInUse(Problem):
    """Points are held for a purchase across this link."""

    name = "link_in_use"
    status = 409


class LinkWithoutProof(Problem):
    """A link from the customers' own pages needs proof of holding and a fresh confirmation."""

    name = "link_without_proof"


class RecordChanged(Problem):
    """This record is not what was signed."""

    name = "record_changed"


class SignatureWrong(Problem):
    """The customer's signature does not belong to this record."""

    name = "signature_wrong"


class TermsPolicyInvalid(Problem):
    """The shop's policy on terms cannot be used."""

    name = "terms_policy_invalid"


class PersonasTooMany(Problem):
    """So many public names cannot belong to one person."""

    name = "personas_too_many"


class PersonaUnknown(Problem):
    """This person has no such public name."""

    name = "persona_unknown"
    status = 404
