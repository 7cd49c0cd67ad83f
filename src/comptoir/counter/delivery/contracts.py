"""What an order says of its delivery."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

#: As for every amount of a sale.
_AMOUNT_MAX: Final = 10**12
_PositiveAmount = Annotated[int, msgspec.Meta(ge=0, le=_AMOUNT_MAX)]


class Delivery(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What delivery costs in minor units, 0 where it is free; ``tax`` inside of ``amount``, or beside it if ``on_top``.

    ``is_kept`` says that the shop keeps it even when everything comes back.
    """

    amount: _PositiveAmount
    tax: _PositiveAmount = 0
    on_top: bool = False
    is_kept: bool = False

    @property
    def paid(self) -> int:
        """Return what is paid for it, its tax included."""
        return self.amount + (self.tax if self.on_top else 0)
