"""Status lists: what holds, what was revoked, and everything that leaves the question open."""

from __future__ import annotations

import datetime as dt
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from polaris_oid4vp.status import encode_status_list

from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.attestations.contracts import TrustedIssuer
from comptoir.vault.attestations.status import KEPT_SECONDS, StatusLists, fetch_list
from comptoir.vault.attestations.trust import read_issuer
from support.attesting import Authority, jwt, new_key

NOW = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)
LISTS = "https://issuer.example/status/"
HOLDS, REVOKED, SUSPENDED = 0, 1, 2


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


def issuer_of(authority: Authority) -> TrustedIssuer:
    text = authority.trusted_for("mdoc", status_lists=[LISTS])
    return read_issuer("nowhere", text.encode())


def published(authority: Authority, *, key: Any = None, header: Any = None, **changed: Any) -> bytes:
    """Return a list of four attestations: one holds, one is revoked, one is suspended, one holds."""
    seconds = int(NOW.timestamp())
    claims = {
        "sub": LISTS + "1", "iat": seconds, "exp": seconds + 86_400, "ttl": 43_200,
        "status_list": {"bits": 2, "lst": encode_status_list([HOLDS, REVOKED, SUSPENDED, HOLDS], 2)}, **changed,
    }  # fmt: skip
    said = {"typ": "statuslist+jwt", "alg": "ES256", "x5c": authority.x5c, **(header or {})}
    return jwt(key or authority.key, said, claims).encode()


def ask(
    authority: Authority, content: bytes | Exception, index: Any = 0, *, uri: Any = LISTS + "1", now: dt.datetime = NOW
) -> str:
    def fetch(_: str) -> bytes:
        if isinstance(content, Exception):
            raise content
        return content

    try:
        StatusLists(fetch)({"status_list": {"uri": uri, "idx": index}}, issuer=issuer_of(authority), now=now)
    except Problem as problem:
        return problem.name
    return "holds"


@pytest.mark.parametrize(
    ("index", "says"),
    [(0, "holds"), (1, "attestation_revoked"), (2, "attestation_revoked"), (3, "holds"),
     (4_000, "attestation_status_unknown")],
)  # fmt: skip
def test_a_list_says_which_attestations_hold(authority: Authority, index: int, says: str) -> None:
    assert ask(authority, published(authority), index) == says


def test_what_leaves_the_question_open(authority: Authority) -> None:
    mallory = Authority(NOW, "Mallory")
    yesterday = int((NOW - dt.timedelta(days=1)).timestamp())
    open_questions = {
        "signed by another key": ask(authority, published(authority, key=new_key())),
        "signed by somebody else": ask(authority, published(mallory)),
        "no certificate": ask(authority, published(authority, header={"x5c": []})),
        "rubbish for a certificate": ask(authority, published(authority, header={"x5c": ["AAAA"]})),
        "unsigned": ask(authority, published(authority, header={"alg": "none"})),
        "another type": ask(authority, published(authority, header={"typ": "JWT"})),
        "for another address": ask(authority, published(authority, sub=LISTS + "2")),
        "over": ask(authority, published(authority, exp=yesterday)),
        "stale": ask(authority, published(authority, iat=yesterday)),
        "no list": ask(authority, published(authority, status_list={})),
        "no token": ask(authority, b"<html>404</html>"),
        "out of reach": ask(authority, OSError("away")),
        "elsewhere": ask(authority, published(authority), uri="https://elsewhere.example/1"),
        "not an address": ask(authority, published(authority), uri=7),
        "not an index": ask(authority, published(authority), index=True),
    }
    assert set(open_questions.values()) == {"attestation_status_unknown"}, open_questions


@pytest.mark.parametrize("status", [{}, {"identifier_list": {"id": "1"}}, "valid", 0, [1]])
def test_a_status_of_another_form_leaves_it_open(authority: Authority, status: Any) -> None:
    with pytest.raises(Problem) as caught:
        StatusLists(lambda _: b"")(status, issuer=issuer_of(authority), now=NOW)
    assert caught.value.name == "attestation_status_unknown"


def test_a_list_is_read_once_an_hour(authority: Authority) -> None:
    read: list[str] = []

    def fetch(address: str) -> bytes:
        read.append(address)
        return published(authority)

    lists, status = StatusLists(fetch), {"status_list": {"uri": LISTS + "1", "idx": 0}}
    for seconds in (0, 1, KEPT_SECONDS - 1):
        lists(status, issuer=issuer_of(authority), now=NOW + dt.timedelta(seconds=seconds))
    assert read == [LISTS + "1"]
    lists(status, issuer=issuer_of(authority), now=NOW + dt.timedelta(seconds=KEPT_SECONDS))
    assert len(read) == 2


def test_an_attestation_without_a_status_asks_nobody(authority: Authority) -> None:
    def fetch(_: str) -> bytes:
        raise AssertionError("nobody was to be asked")

    StatusLists(fetch)(None, issuer=issuer_of(authority), now=NOW)


# -- over HTTP ----------------------------------------------------------------------------------------------------


class Publisher(http.server.BaseHTTPRequestHandler):
    """Publishes a list, redirects, or sends without end."""

    def do_GET(self) -> None:
        if self.path == "/list":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a.b.c")
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/list")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            for _ in range(6):
                self.wfile.write(b"x" * (1 << 20))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def publisher() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_list_is_fetched_from_where_it_is_and_no_further(publisher: str) -> None:
    assert fetch_list(publisher + "/list") == b"a.b.c"
    with pytest.raises(OSError, match="status 302"):
        fetch_list(publisher + "/elsewhere")
    with pytest.raises(OSError, match="too large"):
        fetch_list(publisher + "/endless")
