"""What the rights over one's data can refuse."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class HolderNotKnown(Problem):
    """There is no user with this id."""

    name = "holder_not_known"
    status = 404


class CopyTooOften(Problem):
    """So many copies of one person's data were made within a day."""

    name = "copy_too_often"
    status = 429


class CopyTooLarge(Problem):
    """This person's data is more than one copy may hold."""

    name = "copy_too_large"


class RetentionTooLong(Problem):
    """Contact data would be kept for longer than anybody may, or for no time at all."""

    name = "retention_too_long"


class NobodyToForget(Problem):
    """There is no customer of the vault with this id."""

    name = "nobody_to_forget"
    status = 404


class ForgettingUnderWay(Problem):
    """Not everything could be forgotten yet; the rest follows by itself."""

    name = "forgetting_under_way"
    status = 503


class OrdersOpen(ForgettingUnderWay):
    """Something of an order is still to reach this person; then it is done by itself, after 30 days in any case."""

    name = "orders_open"
    status = 409


class PieceNotForgotten(Problem):
    """The counter refused to forget this piece; nothing was changed."""

    name = "piece_not_forgotten"
    status = 409
    #: The name of the counter's refusal.
    reason = ""

    @classmethod
    def because(cls, reason: str, detail: str) -> PieceNotForgotten:
        """Return the refusal that a refusal of the counter leads to."""
        problem = cls(detail)
        problem.reason = reason
        return problem


class ReceiptNotGenuine(Problem):
    """This is not a receipt of this shop, or it was changed."""

    name = "receipt_not_genuine"
