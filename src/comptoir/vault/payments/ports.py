"""What a payment provider has to be able to do, and which one the shop has. The core knows no provider.

Every call has an end in time and an idempotency key, and an answer for "nobody knows": what was sent and not answered
may have been done. A port raises nothing but what :meth:`Port.report` says. Not here: what follows from an answer.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments.contracts import Asked, Opened, RefundState, Report, State
from comptoir.vault.payments.errors import PaymentsInvalid, PaymentsNotOffered, ProviderNotHere

#: How long one call may take, the connection included.
SECONDS_MAX: Final = 10.0
CONNECT_SECONDS_MAX: Final = 3.0


class Port(Protocol):
    """A payment provider with a page of its own."""

    name: str
    #: Whether real money moves.
    is_live: bool

    def open(self, asked: Asked) -> Opened:
        """Open a session under its key; the same key again finds the same session."""
        ...

    def look(self, reference: str) -> State:
        """Say how a session stands."""
        ...

    def close(self, reference: str) -> State:
        """End a session, so that it cannot be paid any more; if it was paid meanwhile, say so."""
        ...

    def refund(
        self, *, key: uuid.UUID, payment: str, amount: int, currency: str, reference: str, is_repeated: bool
    ) -> RefundState:
        """Give money back once for each key, however long ago it was asked first; say how it stands.

        ``reference`` is the provider's number of it, where it is known. ``is_repeated``: it may have been asked before.
        """
        ...

    def report(self, headers: Mapping[str, str], body: bytes, *, now: dt.datetime) -> Report:
        """Read a report whose signature holds over the raw body; ``headers`` have small letters.

        Raises :class:`ReportForged`, :class:`ReportStale`, :class:`ReportUnreadable`.
        """
        ...

    def origins(self) -> tuple[str, ...]:
        """Return the origins of its pages: a form that sends a payer there has to be allowed to."""
        ...


def provider() -> str:
    """Return the name of the shop's provider, or nothing. Raises :class:`PaymentsInvalid`."""
    name = os.environ.get("COMPTOIR_PAYMENTS", "") or "none"
    if name == "none":
        return ""
    if name not in _PORTS:
        raise PaymentsInvalid(f"COMPTOIR_PAYMENTS is none, {' or '.join(sorted(_PORTS))}.")
    if name == "pretend" and addresses.is_production():
        raise PaymentsInvalid("A shop with a domain cannot pretend: goods would go out for no money.")
    return name


def port() -> Port:
    """Return the shop's provider, for new sessions. Raises :class:`PaymentsNotOffered`, :class:`PaymentsInvalid`.

    Real money wants the vault in a process of its own, so that no foreign page shares its memory.
    """
    name = provider()
    if not name:
        raise PaymentsNotOffered
    found = port_of(name)
    if found.is_live and not is_vault_alone():
        raise PaymentsInvalid("A live key wants the vault in a process of its own: comptoir serve --room vault.")
    return found


def port_of(name: str) -> Port:
    """Return a provider by its name: also one with which the shop has opened sessions before.

    Raises :class:`ProviderNotHere`, :class:`PaymentsInvalid`.
    """
    if name not in _PORTS:
        raise ProviderNotHere
    if name == "pretend" and addresses.is_production():
        raise ProviderNotHere
    return _PORTS[name]()


def is_vault_alone() -> bool:
    """Tell whether this process answers for the vault and for no other room."""
    return addresses.rooms_here() == (VAULT,)


def _pretend() -> Port:
    from comptoir.vault.payments.pretend import Pretend  # noqa: PLC0415 - a provider is loaded where it is used

    return Pretend()


def _stripe() -> Port:
    from comptoir.vault.payments.stripe_checkout import StripeCheckout, load_keys  # noqa: PLC0415

    return StripeCheckout(load_keys())


_PORTS: Final[Mapping[str, Callable[[], Port]]] = {"pretend": _pretend, "stripe": _stripe}
