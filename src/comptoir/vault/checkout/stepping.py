"""When the passkey is asked for once more: for a large amount, or where goods go somewhere else than they ever did.

Whoever is signed in has shown it when they came. A browser that was left open is not enough to order dear things in
somebody's name, or to send them to another address. Points have a rule of their own (``views.py``); a guest has no
passkey, and pays beforehand.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from typing import Final

from comptoir.foundation.kernel.numbers import whole
from comptoir.vault.checkout import rules
from comptoir.vault.checkout.contracts import Wish
from comptoir.vault.checkout.errors import ConfirmationNeeded
from comptoir.vault.contacts import queries
from comptoir.vault.contacts.views import fields_of
from comptoir.vault.credentials.passkeys import passkeys_of

_AMOUNT: Final = 50_000


def amount() -> int:
    """Return from which sum on (minor units of the shop's currency) the passkey is asked for; 0: for no sum."""
    number = whole(os.environ.get("COMPTOIR_CONFIRM_FROM", ""), 10**9 - 1)
    return _AMOUNT if number is None else number


def asks(user: uuid.UUID | None, total: int) -> bool:
    """Tell whether a sum asks for the passkey, of somebody who has one."""
    return user is not None and _is_large(total) and bool(passkeys_of(user))


def _is_large(total: int) -> bool:
    return 0 < amount() <= total


def check(wish: Wish, total: int, *, now: dt.datetime) -> None:
    """Refuse an order before which the passkey has to be shown. Raises :class:`ConfirmationNeeded`."""
    if wish.user is None or not passkeys_of(wish.user):
        return
    if _is_large(total):
        raise ConfirmationNeeded(field="total")
    address = wish.recipient.address if rules.needs_address(wish.by) and not wish.is_gift else None
    if address is None or not queries.is_known(wish.user):
        return
    known = queries.read(
        wish.user, fields=["addresses"], purpose="where an order goes is compared", actor=f"customer:{wish.user}",
        at=now,
    ).addresses  # fmt: skip
    # Whoever has kept no address yet has none that this one could differ from.
    if known is not None and fields_of(address.reveal()) not in [fields_of(each) for each in known.reveal()]:
        raise ConfirmationNeeded(field="address")
