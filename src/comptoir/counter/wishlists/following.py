"""Claims while events pass by: made, let go, and bought by orders; the same live and from the log. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from comptoir.counter.orders.contracts import CANCEL, PAID, PLACED
from comptoir.counter.wishlists.rules import Claim
from comptoir.foundation.kernel.ids import Id

#: What orders say that claims hear: the basket of an order that is placed is a claim's.
ORDERS: Final = frozenset({PLACED, PAID, CANCEL})


class Claims:
    """Some claims, and what became of them."""

    def __init__(self, claims: Iterable[Claim] = ()) -> None:
        """Begin with these."""
        self._claims = {each.id: each for each in claims}
        self._by_order = {each.order: each.id for each in self._claims.values() if each.order is not None}
        self._changed: set[Id] = set()
        #: Which were let go.
        self.gone: set[Id] = set()

    def all(self) -> Iterable[Claim]:
        """Return all of them."""
        return self._claims.values()

    def positions(self) -> Iterable[Id]:
        """Return the places of their last events in the log."""
        return [each.position for each in self._claims.values()]

    def of(self, wish_list: Id) -> list[Claim]:
        """Return what is claimed on a list."""
        return [each for each in self._claims.values() if each.wish_list == wish_list]

    def get(self, claim: Id) -> Claim | None:
        """Return one of them."""
        return self._claims.get(claim)

    def changed(self) -> list[Claim]:
        """Return those that are to be written, by id."""
        return [self._claims[each] for each in sorted(self._changed)]

    def put(self, claim: Claim) -> None:
        """Take one up as it stands from now on."""
        self._claims[claim.id] = claim
        if claim.order is not None:
            self._by_order[claim.order] = claim.id
        self._changed.add(claim.id)
        self.gone.discard(claim.id)

    def drop(self, claim: Id) -> None:
        """Let one go."""
        found = self._claims.pop(claim)
        if found.order is not None:
            self._by_order.pop(found.order, None)
        self._changed.discard(claim)
        self.gone.add(claim)

    def follow(self, kind: str, data: Any, *, position: Id) -> None:
        """Hear what an order says: placed for a claim, paid, or come to nothing, which lets it go."""
        if kind == PLACED:
            claim = self._claims.get(data.basket) if data.basket is not None else None
            if claim is not None and claim.state == "claimed":
                self.put(msgspec.structs.replace(claim, state="ordered", order=data.order, position=position))
            return
        number = self._by_order.get(data.order)
        if number is None:
            return
        if kind == CANCEL:
            self.drop(number)
        else:
            self.put(msgspec.structs.replace(self._claims[number], state="bought", position=position))
