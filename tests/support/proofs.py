"""A browser in the vault that proves an age, and the way by which a wallet reaches the shop in the same process.

Not here: what a page should say, the wallet itself (``wallet.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.test import Client

from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT, Assurance
from support.attesting import Authority
from support.wallet import Wallet

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
from comptoir.foundation.rooms.visits import Visit

HOST = f"{host_of(VAULT)}:8000"


class Browser:
    """A browser in the vault."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers={"host": HOST})

    def send(self, path: str, form: Mapping[str, str], *, page: str = "/prove/") -> Any:
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(page).content.decode())[0]
        headers = {"host": HOST, "origin": origin_of(VAULT)}
        return self.client.post(path, {**form, "csrfmiddlewaretoken": token}, headers=headers)

    def begin(self, way: str = "eu_app", device: str = "other") -> str:
        """Begin a proof; returns the path of its page."""
        answer = self.send("/prove/begin/", {"way": way, "device": device})
        assert answer.status_code == 302, answer.content.decode()
        return str(answer.headers["Location"])

    def link(self, page: str) -> str:
        """Return the link that opens the wallet, as the visit keeps it."""
        identifier = page.split("/")[2]
        return str(self.session()["proving"]["links"][identifier])

    def sign_in(self, user: Any) -> None:
        """Be signed in as somebody, as if they had shown a passkey."""
        visit = Visit(str(user.pk), Assurance.CONFIRMED, ("passkey",), dt.datetime.now(dt.UTC))
        with entered(VAULT):
            session = RoomSession(room=VAULT)
            session["_auth_user_id"] = str(user.pk)
            session["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
            session["_auth_user_hash"] = user.get_session_auth_hash()
            session["visit"] = msgspec.to_builtins(visit)
            session.save()
        assert session.session_key is not None
        self.client.cookies[cookie_name(VAULT)] = session.session_key

    def session(self) -> RoomSession:
        """Return what the vault knows of this browser."""
        with entered(VAULT):
            session = RoomSession(self.client.cookies[cookie_name(VAULT)].value, room=VAULT)
            assert session["proving"]
        return session


def call(method: str, address: str, form: Mapping[str, str] | None) -> tuple[int, str, bytes]:
    """Reach the shop as a wallet does: no cookie, no page."""
    assert address.startswith(origin_of(VAULT))
    path = address.removeprefix(origin_of(VAULT))
    if method == "GET":
        answer = Client().get(path, headers={"host": HOST})
    else:
        answer = Client().post(
            path, urlencode(form or {}), content_type="application/x-www-form-urlencoded", headers={"host": HOST}
        )
    return answer.status_code, answer.headers["content-type"], answer.content


@contextlib.contextmanager
def trusted_by_the_shop(authority: Authority) -> Iterator[None]:
    """Let the shop trust an issuer for both formats while the block runs."""
    folder = shop_folder.folder() / "trust"
    folder.mkdir(exist_ok=True)
    for kind in ("mdoc", "sd_jwt_vc"):
        (folder / f"{kind}.toml").write_text(authority.trusted_for(kind))
    try:
        yield
    finally:
        for path in folder.glob("*.toml"):
            path.unlink()


def words(answer: Any) -> str:
    return html.unescape(re.sub(r"<[^>]+>|\s+", " ", answer.content.decode()))


def prove(browser: Browser, wallet: Wallet, **changed: Any) -> dict[str, Any]:
    page = browser.begin()
    asked = wallet.read(browser.link(page))
    wallet.send(asked, wallet.answer(asked, wallet.shown(asked, **changed)))
    browser.get(page)
    return asked
