"""Refusals that concern a sale or a return."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ReceiptTaken(Problem):
    """This receipt number is booked already, under another event: a suspected duplicate."""

    name = "receipt_taken"
    status = 409


class SaleForgotten(Problem):
    """This purchase was forgotten."""

    name = "sale_forgotten"
    status = 410


class SaleStillReturnable(Problem):
    """Goods of this purchase can still come back, and its points would have to go with them."""

    name = "sale_still_returnable"
    status = 409


class TotalMismatch(Problem):
    """The total is not the sum of the lines."""

    name = "total_mismatch"


class CurrencyNotAccepted(Problem):
    """This shop does not sell in that currency."""

    name = "currency_not_accepted"


class ReturnExceedsSale(Problem):
    """More would come back than was sold and kept."""

    name = "return_exceeds_sale"


class LineUnknown(Problem):
    """The sale has no such line."""

    name = "line_unknown"


class SaleUnknown(Problem):
    """No such sale is booked."""

    name = "sale_unknown"
    status = 404


class RefundMismatch(Problem):
    """These goods give back another amount."""

    name = "refund_mismatch"
    status = 409
