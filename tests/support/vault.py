"""A browser in the vault without a browser: keeps cookies, sends forms with their token and origin, holds passkeys.

Not here: what a page should say.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.test import Client

from comptoir.foundation.rooms.addresses import host_of, origin_of, public_port
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Room
from comptoir.foundation.touchpoints.errors import GatewayAway
from comptoir.foundation.touchpoints.house import Answer
from support.passkeys import Device

TELEPHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"


class Visitor:
    """Somebody with a browser, and with a telephone that keeps passkeys."""

    def __init__(
        self, *, device: Device | None = None, browser: str = TELEPHONE, address: str = "127.0.0.1", client: Any = None
    ) -> None:
        """Arrive; a ``device`` may be one that was here before, in another browser.

        ``client`` reaches the pages in another way than in this process (:mod:`support.wire`).
        """
        self.client = client or Client(enforce_csrf_checks=True, REMOTE_ADDR=address)
        self.device = device or Device(origin_of(VAULT))
        self._browser = browser

    def get(self, path: str, *, room: Room = VAULT, **more: str) -> Any:
        """Open an address of a room."""
        return self.client.get(path, headers=self._headers(room, **more))

    def send(
        self, page: str, form: dict[str, Any], *, to: str | None = None, answer: Any = None, room: Room = VAULT
    ) -> Any:
        """Send a form of a page of a room."""
        answer = answer or self.get(page, room=room)
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.content.decode())[0]
        return self.post(to or page, {**form, "csrfmiddlewaretoken": token}, room=room, origin=room)

    def post(self, path: str, form: dict[str, Any], *, room: Room = VAULT, origin: Room = VAULT) -> Any:
        """Send a form to a room, from a page of another one or the same."""
        return self.client.post(path, form, headers=self._headers(room, origin=origin_of(origin)))

    def _headers(self, room: Room, **more: str) -> dict[str, str]:
        return {"host": f"{host_of(room)}:{public_port()}", "user-agent": self._browser, **more}

    # -- passkeys

    def make_passkey(self, page: str = "/passkey/make/", **form: str) -> Any:
        """Make a passkey on a page that asks for a new one."""
        answer = self.get(page)
        made = self.device.make(asked_in(answer)["creation_options"])
        path = page.partition("?")[0]
        return self.send(page, {"credential": json.dumps(made), **form}, to=path, answer=answer)

    def show_passkey(self, **form: str) -> Any:
        """Sign in with a passkey."""
        asked = self.get("/sign-in/passkey/", accept="application/json").json()["request_options"]
        return self.send(
            "/sign-in/", {"credential": json.dumps(self.device.show(asked)), **form}, to="/sign-in/passkey/"
        )

    def confirm(self, path: str = "/") -> Any:
        """Show the passkey again before something that matters."""
        answer = self.get(f"/confirm/?next={path}")
        shown = self.device.show(asked_in(answer)["request_options"])
        return self.send("/confirm/", {"credential": json.dumps(shown), "next": path}, answer=answer)

    # -- from room to room

    def ticket(self, page: str) -> str | None:
        """Return the ticket that a page carries."""
        return ticket_in(self.get(page))

    def go_to_counter(self) -> Any:
        """Carry a ticket from the vault to the counter."""
        ticket = self.ticket("/continue/counter/?next=/card")
        assert ticket is not None
        return self.post("/arrive/", {"ticket": ticket}, room=COUNTER)


def asked_in(answer: Any) -> dict[str, Any]:
    """Return what a page asks a passkey for."""
    found = re.search(r'<script id="passkey_data" type="application/json">(.*?)</script>', answer.content.decode())
    assert found is not None, answer.content.decode()
    asked: dict[str, Any] = json.loads(found[1])
    return asked


def ticket_in(answer: Any) -> str | None:
    """Return the ticket in a page."""
    found = re.findall(r'name="ticket" value="([^"]+)"', answer.content.decode())
    return found[0] if found else None


class Counter:
    """A counter that hears what the vault says and answers as the gateway would; ``is_away`` makes it silent."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.is_away = False

    def send(self, event_type: str, data: dict[str, Any], **_more: Any) -> Answer:
        """Take an event, in place of the house's client."""
        if self.is_away:
            raise GatewayAway
        self.heard.append((event_type, data))
        return Answer(event="1")

    def kinds(self) -> list[str]:
        """Return the types of what was heard."""
        return [kind for kind, _data in self.heard]


def problem_of(answer: Any) -> tuple[int, str | None]:
    """Return what was refused: the status, and the problem's name."""
    return answer.status_code, answer.headers.get("X-Comptoir-Problem")
