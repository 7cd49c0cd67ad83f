"""An identity provider of the tests that can be made to lie: each attribute is one lie.

Speaks discovery, keys and the token endpoint over HTTP, with PKCE and a client secret checked; what a browser would
see is left out: :meth:`Hostile.consent` is somebody who signs in there. Not here: a well-kept provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT = "comptoir"
SECRET = "a secret: with % and spaces"  # noqa: S105 - of a provider that exists in tests alone
_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@cache
def key(number: str = "first") -> RSAKey:
    """Return a key, made once in a run."""
    return RSAKey.generate_key(2048, {"kid": number, "use": "sig"}, private=True)


class Hostile:
    """A provider on this machine; without any lie it is an honest one."""

    def __init__(self, port: int) -> None:
        """Be honest."""
        self.issuer = f"http://127.0.0.1:{port}"
        self.claims: dict[str, Any] = {}
        self.without: set[str] = set()
        self.algorithm = "RS256"
        self.signing = key()
        self.published: list[dict[str, Any]] = [key().as_dict(private=False)]
        self.discovery: dict[str, Any] = {}
        self.seconds = 0.0
        self.redirect = ""
        self.padding = 0
        self.asked: list[str] = []
        self._codes: dict[str, Mapping[str, str]] = {}

    def consent(self, where: str, *, sub: str = "camille", **more: str) -> str:
        """Sign in as somebody at the address to which a browser was led; returns where it is sent back to."""
        asked = dict(parse_qsl(urlsplit(where).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = {**asked, "sub": sub}
        back = {"code": code, "state": asked["state"], "iss": self.issuer, **more}
        return urlsplit(asked["redirect_uri"]).path + "?" + urlencode({k: v for k, v in back.items() if v})

    def logout_token(self, **claims: Any) -> str:
        """Return a logout token; a claim that is ``None`` is left out."""
        now = int(time.time())
        said = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_hex(8),
            "events": {_EVENT: {}}, **claims,
        }  # fmt: skip
        return self.signed({name: value for name, value in said.items() if value is not None}, typ="logout+jwt")

    def signed(self, claims: Mapping[str, Any], **header: str) -> str:
        """Return claims as a token, signed in the way that is set."""
        content = json.dumps(dict(claims)).encode()
        if self.algorithm == "none":
            parts = (json.dumps({"alg": "none"}).encode(), content, b"")
            return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts)
        if self.algorithm == "HS256":
            # The classic: the public key, which everybody has, as the secret of an algorithm with one key.
            head = json.dumps({"alg": "HS256", "typ": "JWT"}).encode()
            signed = ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (head, content))
            digest = hmac.digest(key().as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
        said = {"alg": self.algorithm, "kid": str(self.signing.kid), **header}
        return jws.serialize_compact(said, content, self.signing, algorithms=[self.algorithm])

    # -- what is asked over HTTP

    def answer(self, method: str, path: str, form: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        """Answer a request."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "authorization_response_iss_parameter_supported": True, "backchannel_logout_supported": True,
                "code_challenge_methods_supported": ["S256"], **self.discovery,
            }  # fmt: skip
        if path == "/keys":
            return 200, {"keys": self.published, "padding": "x" * self.padding}
        if (method, path) == ("POST", "/token"):
            return self._token(form, authorization)
        return 404, {}

    def _token(self, form: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        who = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote(each) for each in who] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": asked["sub"], "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": asked["nonce"], "email": "camille@shop.example", "name": "Camille M.", **self.claims,
        }  # fmt: skip
        token = self.signed({name: value for name, value in claims.items() if name not in self.without})
        return 200, {"id_token": token, "access_token": "not used", "token_type": "Bearer"}


@contextmanager
def hostile() -> Iterator[Hostile]:
    """Have a provider that listens while the block runs."""
    served: list[Hostile] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))

        def _answer(self, form: Mapping[str, str]) -> None:
            provider = served[0]
            time.sleep(provider.seconds)
            if provider.redirect:
                self.send_response(302)
                self.send_header("Location", provider.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            said = provider.answer(self.command, self.path, form, self.headers.get("Authorization", ""))
            content = json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.append(Hostile(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def declare(folder: Path, *, issuer: str, name: str = "shop", secret: str = SECRET, **more: Any) -> Path:
    """Write ``openid.toml`` with one provider, and its secret; returns the file's path."""
    kept = folder / f"{name}-secret"
    kept.touch(mode=0o600)
    kept.write_text(secret + "\n")
    values = {
        "title": "Shop login", "issuer": issuer, "client_id": CLIENT, "secret": kept.name,
        "networks": ["127.0.0.0/8"], **more,
    }  # fmt: skip
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
    where = folder / "openid.toml"
    before = where.read_text() if where.exists() else ""
    where.write_text(before + f"[provider.{name}]\n" + "\n".join(lines) + "\n")
    return where
