"""Why something did not work, in the words that people read on the page. Not here: the problems themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

_MADE_EARLIER: Final = _("The document was shown for another request, or too long ago. Please begin again.")
_NOT_BELIEVED: Final = _("The document could not be read, or is not as its issuer made it.")
_NOT_YOURS: Final = _("Nothing shows that the document belongs to the device that showed it.")
_OVER: Final = _("This request is over, or it belongs to another browser. Please begin again.")
_SHOP_NOT_READY: Final = _("The shop cannot take this at present. Please show at the counter that you are old enough.")

_REASONS: Final[Mapping[str, Any]] = {
    "attestation_expired": _("The document has expired. Its issuer gives you a new one."),
    "attestation_revoked": _("The document was revoked by its issuer."),
    "attestation_status_unknown": _("It cannot be said at present whether the document still holds."),
    "attestation_type_wrong": _("This is another document than was asked for."),
    "issuer_not_trusted": _("The shop does not know the issuer of this document."),
    "predicate_not_proven": _("The document does not say that you are old enough."),
    "discloses_too_much": _("The wallet showed more than was asked for. Nothing of it was kept."),
    "birth_date_disclosed": _(
        "The wallet showed when you were born. That was not asked for, and nothing of it was kept. "
        "Please choose a document that says no more than your answer."
    ),
    "wallet_declined": _("Nothing was shown."),
    "too_many_proofs": _("There are too many open requests. Please wait a few minutes."),
    "key_binding_missing": _NOT_YOURS,
    "key_binding_wrong": _NOT_YOURS,
    "key_binding_stale": _MADE_EARLIER,
    "presentation_replayed": _MADE_EARLIER,
    "presentation_retargeted": _MADE_EARLIER,
    "attestation_tampered": _NOT_BELIEVED,
    "algorithm_not_accepted": _NOT_BELIEVED,
    "presentation_malformed": _NOT_BELIEVED,
    "response_malformed": _NOT_BELIEVED,
    "proof_unknown": _OVER,
    "proof_over": _OVER,
    "proof_answered": _OVER,
}


def reason_of(name: str) -> Any:
    """Return the sentence for a problem's name; one that is the shop's own affair has one sentence for all."""
    return _REASONS.get(name, _SHOP_NOT_READY)
