"""The phone: what plays the customers of a recording, who show a code when they spend.

A recording holds requests and no code: a code is good for a minute, and nobody keeps one. Where the customer showed
one, the request says ``"proof": {"kind": "code"}``; whoever sends it fills in a code that was made just now, with the
key in the shop's folder, as the customer's own page would. Sent again, the same request carries another code, and is
the same request all the same. Not here: what a code is (``counter/loyalty/codes.py``).
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.codes import Code, Codes
from comptoir.foundation.kernel import shop

#: What a recorded request says where a code was shown.
SHOWN: Final[Mapping[str, str]] = {"kind": "code"}
_PLACEHOLDER: Final = b'"proof":{"kind":"code"}'
_SALT_BYTES: Final = 4


class Phone:
    """Makes codes for whoever a request is about."""

    def __init__(self, codes: Codes, *, identifier_key: bytes) -> None:
        """Make codes with the shop's keys."""
        self._codes = codes
        self._identifier_key = identifier_key

    @classmethod
    def of_shop(cls) -> Phone:
        """Return the phone of the shop whose folder the environment names."""
        return cls(Codes.of_shop(), identifier_key=shop.secret("identifiers"))

    @classmethod
    def at_hand(cls) -> Phone | None:
        """Return the shop's phone if its keys lie in the shop's folder; elsewhere nobody can show a code."""
        folder = shop.folder() / "keys"
        is_here = all((folder / f"{name}.key").exists() for name in ("codes", "identifiers"))
        return cls.of_shop() if is_here else None

    def filled(self, raw: bytes, *, at: dt.datetime) -> bytes:
        """Return an event as it is sent at ``at``: with a fresh code, if its customer showed one."""
        if _PLACEHOLDER not in raw:
            return raw
        event = msgspec.json.decode(raw)
        proof = self.proof_of(event["data"]["customer"], at=at)
        return raw.replace(_PLACEHOLDER, b'"proof":' + msgspec.json.encode(proof), 1)

    def proof_of(self, customer: Mapping[str, str], *, at: dt.datetime) -> dict[str, Any]:
        """Return what a customer shows at ``at``: a code that no other one of the same second equals."""
        if customer["kind"] == CUSTOMER_KIND:
            whose = str(uuid.UUID(customer["value"]))
        else:
            whose = customer_id(self._identifier_key, customer["kind"], customer["value"])
        salt = int.from_bytes(secrets.token_bytes(_SALT_BYTES)) or 1
        return {**SHOWN, "value": self._codes.seal(Code(whose, int(at.timestamp()), salt=salt))}
