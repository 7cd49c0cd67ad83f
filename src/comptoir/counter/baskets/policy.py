"""How long a basket is kept, and when one counts as left. Days are counted from the last change."""

from __future__ import annotations

from typing import Final

#: A basket that belongs to nobody.
STRANGERS_DAYS: Final = 30
#: A basket that a customer has claimed.
CUSTOMERS_DAYS: Final = 90
#: After so many hours without a change, a customer's basket with something in it was left.
LEFT_HOURS: Final = 24
