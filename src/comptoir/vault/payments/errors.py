"""The named problems of payments."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class PaymentsInvalid(Problem):
    """The settings for payments contradict themselves."""

    name = "payments_invalid"
    status = 500


class PaymentsNotOffered(Problem):
    """This shop takes no payments on a page."""

    name = "payments_not_offered"
    status = 409


class PaymentInvalid(Problem):
    """What was asked for cannot be paid."""

    name = "payment_invalid"


class PaymentDone(Problem):
    """This is paid already."""

    name = "payment_done"
    status = 409


class PaymentOver(Problem):
    """This can no longer be paid."""

    name = "payment_over"
    status = 409


class PaymentRefused(Problem):
    """The payment provider refuses."""

    name = "payment_refused"


class PaymentUnclear(Problem):
    """The payment provider does not answer, so nobody knows yet."""

    name = "payment_unclear"
    status = 503


class AttemptsEnough(Problem):
    """This was attempted too often."""

    name = "payment_attempts_enough"
    status = 429


class RefundTooLarge(Problem):
    """More would go back than was paid."""

    name = "refund_too_large"


class RefundAskedDifferently(Problem):
    """Under this number another amount was asked back."""

    name = "refund_asked_differently"
    status = 409


class ProviderNotHere(Problem):
    """The shop does not take payments with this provider."""

    name = "payment_provider_unknown"
    status = 404


class ReportForged(Problem):
    """A report of a payment is not signed by who it says."""

    name = "payment_report_forged"
    status = 400


class ReportStale(Problem):
    """A report of a payment was signed too long ago, or in the future."""

    name = "payment_report_stale"
    status = 400


class ReportUnreadable(Problem):
    """A report of a payment cannot be read."""

    name = "payment_report_unreadable"
    status = 400
