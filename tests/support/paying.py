"""Payments in tests: the provider simulator as a process, a listener that writes down what it is told, a purpose.

Not here: what a test wants of them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
from django.db import connections
from django.test import override_settings

from comptoir.foundation.events.webhooks import signature
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.outbound import trusted
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.payments import commands
from comptoir.vault.payments.contracts import Begun
from comptoir.vault.payments.pretend import key_for_calls, key_for_reports
from support.processes import free_port, serving
from support.shop import Shop, environment


def moment() -> dt.datetime:
    """Return what the machine's clock says, by which the simulator goes, in whole seconds."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


#: When the test that runs began: a test module sets it anew for each, since its sessions live for an hour.
NOW = moment()
_TOLD = """
create table told (
  number bigint generated always as identity, what text not null, purpose uuid not null, amount bigint, detail text
);
grant select, insert, update on told to comptoir_vault;
create table unwanted (purpose uuid primary key);
grant select on unwanted to comptoir_vault;
"""


class Told:
    """A listener that writes down what it hears, in the transaction in which it hears it."""

    def on_paid(self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime) -> bool:
        with connections[VAULT.name].cursor() as cursor:
            cursor.execute("select not exists (select from unwanted where purpose = %s)", [purpose])
            (is_wanted,) = cursor.fetchone()
        _write("paid" if is_wanted else "unwanted", purpose, amount, currency)
        return bool(is_wanted)

    def on_over(self, purpose: uuid.UUID, *, why: str, at: dt.datetime) -> None:
        _write("over", purpose, None, why)

    def on_refunded(self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime) -> None:
        _write("refunded", purpose, amount, key)

    def on_refund_refused(
        self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime, was_told: bool
    ) -> None:
        _write("unrefunded" if was_told else "refused", purpose, amount, key)

    def on_charged_back(
        self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime, is_returned: bool
    ) -> None:
        _write("returned" if is_returned else "charged_back", purpose, amount, currency)


def _write(what: str, purpose: uuid.UUID, amount: int | None, detail: str) -> None:
    with connections[VAULT.name].cursor() as cursor:
        cursor.execute(
            "insert into told (what, purpose, amount, detail) values (%s, %s, %s, %s)", [what, purpose, amount, detail]
        )


def told(shop: Shop, purpose: uuid.UUID) -> list[tuple[str, int | None]]:
    """Return what was told of a purpose, in its order."""
    rows = shop.rows("select what, amount from told where purpose = %s order by number", purpose)
    return [(row["what"], row["amount"]) for row in rows]


def kept_as_told(shop: Shop, purpose: uuid.UUID) -> int:
    """Return the money that the listener counts for a purpose."""
    signs = {"paid": 1, "refunded": -1, "unrefunded": 1, "charged_back": -1, "returned": 1}
    return sum(signs.get(what, 0) * (amount or 0) for what, amount in told(shop, purpose))


def unwanted(purpose: uuid.UUID) -> None:
    """Have the listener want no money for a purpose."""
    with database_of_administrator() as connection:
        connection.execute("insert into unwanted values (%s) on conflict do nothing", (purpose,))


@contextlib.contextmanager
def database_of_administrator() -> Iterator[Any]:
    import psycopg

    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        yield connection


class Simulator:
    """The provider simulator of a test, told by its control interface what to do."""

    def __init__(self, port: int, client: httpx.Client) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._client = client

    def call(self, method: str, path: str, said: Mapping[str, Any] | None = None, *, status: int = 200) -> Any:
        headers = {"authorization": f"Bearer {key_for_calls()}"}
        answer = self._client.request(method, self.url + path, json=said, headers=headers)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    def moods(self, **moods: Any) -> None:
        self.call("PUT", "/control/moods", moods)

    def pay(self, reference: str, *, is_part: bool = False) -> Any:
        return self.call("POST", f"/control/sessions/{reference}/{'partly' if is_part else 'pay'}")

    def end(self, reference: str, state: str = "expired") -> Any:
        return self.call("POST", f"/control/sessions/{reference}/{state}")

    def state(self, purpose: uuid.UUID | None = None) -> Any:
        return self.call("GET", f"/control/state{f'?purpose={purpose}' if purpose else ''}")

    def calls(self, what: str) -> int:
        return sum(call["what"] == what for call in self.state(uuid.UUID(int=0))["calls"])

    def has_called(self, what: str, shop: Shop, purpose: uuid.UUID) -> bool:
        """Tell whether the shop has asked for a session of a purpose."""
        rows = shop.rows("select id::text as id from payments_session where purpose_id = %s", purpose)
        keys = {call["key"] for call in self.state(purpose)["calls"] if call["what"] == what}
        return bool({row["id"] for row in rows} & keys)

    def sessions(self, purpose: uuid.UUID) -> list[dict[str, Any]]:
        return list(self.state(purpose)["sessions"])

    def reports(self, reference: str, *kinds: str) -> list[dict[str, Any]]:
        found = [one for one in self.state()["reports"] if one["session"] == reference]
        return [one for one in found if not kinds or one["body"]["kind"] in kinds]

    def money(self, purpose: uuid.UUID) -> int:
        """Return what the provider has of a purpose: captured less what went back."""
        known = self.state(purpose)
        back = sum(one["amount"] for one in known["refunds"] if one["state"] == "done")
        return int(sum(one["captured"] for one in known["sessions"]) - back)


@contextlib.contextmanager
def simulator(folder: Path) -> Iterator[Simulator]:
    """Have the simulator as a process, and a shop that takes payments with it; it knows other tests' sessions too."""
    port = free_port()
    with (
        environment(COMPTOIR_PAYMENTS="pretend", COMPTOIR_PRETEND_PORT=str(port)),
        serving("comptoir.config.pretending.application:application", port=port, log=folder / "pretend.log"),
        httpx.Client(timeout=30, trust_env=False, verify=trusted()) as client,
    ):
        yield Simulator(port, client)


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Have a listener that writes down what it is told, in the shop's database."""
    with database_of_administrator() as connection:
        connection.execute(_TOLD)
    with override_settings(PAYMENTS_LISTENER="support.paying.Told"):
        yield


def begin(purpose: uuid.UUID, *, amount: int = 1_250, now: dt.datetime | None = None, **others: Any) -> Begun:
    """Begin a session of a purpose."""
    now = now or NOW
    given: dict[str, Any] = {
        "amount": amount, "currency": "EUR", "title": "Order 4711", "return_url": "http://safe.localhost:8000/back",
        "cancel_url": "http://safe.localhost:8000/cancelled", "expires_at": now + dt.timedelta(hours=1),
        "language": "en",
    }  # fmt: skip
    return commands.begin(purpose, **(given | others), now=now)


def reference_of(shop: Shop, purpose: uuid.UUID) -> str:
    """Return the provider's number of the latest session of a purpose."""
    return str(
        shop.value(
            "select reference from payments_session where purpose_id = %s order by attempt desc limit 1", purpose
        )
    )


def let_pay(shop: Shop, provider: Simulator, purpose: uuid.UUID, *, now: dt.datetime | None = None) -> None:
    """Let somebody pay at the provider, and its report be heard; it is wanted."""
    reference = reference_of(shop, purpose)
    provider.pay(reference)
    (report,) = provider.reports(reference, "paid")
    assert hear(report, now=now)


def signed(body: bytes, number: str, *, at: dt.datetime | None = None, key: bytes | None = None) -> dict[str, str]:
    """Return the headers of a report that the simulator signed at a moment."""
    stamp = int((at or NOW).timestamp())
    made = signature([key or key_for_reports()], message_id=number, timestamp=stamp, body=body)
    return {"webhook-id": number, "webhook-timestamp": str(stamp), "webhook-signature": made}


def hear(report: Mapping[str, Any], *, now: dt.datetime | None = None) -> bool:
    """Hear a report of the simulator, as it would send it now."""
    now = now or NOW
    body = msgspec.json.encode(report["body"])
    return commands.hear("pretend", headers=signed(body, report["id"], at=now), body=body, now=now)
