"""Somebody at the checkout who types a gift card's code, and pays with points. Not here: what has to come of it."""

from __future__ import annotations

import html
import re

from comptoir.foundation.rooms.declaration import VAULT
from support.buying import STORE, Buyer


class Payer(Buyer):
    """A buyer whose card's code and points, once they were typed, stay in the form."""

    def shows(self, code: str) -> str:
        """Type a code and have a look at what it pays; returns what the page says."""
        self.form["card"] = code
        self.form.pop("card_seen", None)
        assert self.place() != "placed"
        return self.said

    def place(self, *, store: str = STORE, **more: str) -> str:
        """Confirm; returns ``placed``, the name of a refusal, or ``shown``: the form comes again with something new."""
        filled = {"by": "pickup", "store": store, "name": "Alice Martin", "email": "alice@example.org"} | more
        kept = {"card": self.form.get("card", ""), "points": self.form.get("points", "")}
        answer = self._wire.post("/checkout/", {**self.form, **filled}, headers=self._from(VAULT))
        page = answer.content.decode()
        if answer.status_code == 302 or (answer.status_code == 200 and 'name="digest"' not in page):
            return "placed"
        self._read(answer)
        seen = re.search(r'name="card_seen" value="([^"]*)"', page)
        self.form |= kept | ({"card_seen": html.unescape(seen[1])} if seen else {})
        return next((name for text, name in _TOLD.items() if text in self.said), "shown")


_TOLD = {
    "This gift card cannot be used here and now.": "card_not_held",
    "The price has changed.": "price_changed",
    "Not all of it can be had there any more.": "not_held",
    "This order is over.": "checkout_over",
    "The points cannot be spent like this now.": "points_not_held",
}
