"""How much may be sent to the pages at once: the real server refuses what is more, before any page has read it."""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from comptoir.foundation.rooms import bodies
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, ROOMS, SQUARE, VAULT, Room
from support import processes
from support.pages import words
from support.shop import Shop, environment

HOSTS = {SQUARE: "localhost", COUNTER: "my.localhost", VAULT: "safe.localhost", OFFICE: "office.localhost"}
_APPLICATION = "support.narrow_pages:application"


@contextlib.contextmanager
def pages(folder: Path, **more: str) -> Iterator[tuple[int, int]]:
    """Have the pages of every room; yields their port, and the id of their process."""
    port = processes.free_port()
    with (
        environment(COMPTOIR_PORT=str(port), PYTHONPATH=str(Path(__file__).parents[1]), **more),
        processes.serving(
            _APPLICATION, port=port, log=folder / "pages.log", answers=lambda: answers(port), interface="asginl"
        ) as process,
    ):
        yield port, process.pid


def answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": "localhost"}).is_success
    return False


def head(room: Room, *lines: str, accept: str = "*/*") -> bytes:
    told = (f"Host: {HOSTS[room]}", "Content-Type: application/x-www-form-urlencoded", f"Accept: {accept}", *lines)
    return "\r\n".join(("POST /language HTTP/1.1", *told, "", "")).encode()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def heard(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return an answer up to the end of the connection: its status, its headers and its body."""
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            text += part
    first, _, rest = text.partition(b"\r\n")
    lines, _, body = rest.partition(b"\r\n\r\n")
    headers = {
        name.lower(): value for name, _, value in (line.partition(": ") for line in lines.decode().split("\r\n"))
    }
    return int(first.split()[1]), headers, body


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def peak_bytes(process_id: int) -> int:
    """Return the most memory that a process and its children ever had."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    mine = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return mine + sum(peak_bytes(int(child)) for child in children)


def test_a_body_that_is_announced_as_too_large_is_refused_before_a_byte_of_it_is_sent(
    shop: Shop, tmp_path: Path
) -> None:
    with pages(tmp_path) as (port, _process):
        for room in ROOMS.values():
            limit = room.body_bytes_max
            for length in (limit + 1, 10**15):
                with connect(port) as connection:
                    connection.sendall(head(room, f"Content-Length: {length}"))
                    status, headers, body = heard(connection)
                assert (status, headers["content-type"]) == (413, "application/problem+json")
                assert json.loads(body) == {
                    "type": "urn:comptoir:problem:body_too_large", "title": "The body is too large.", "status": 413,
                    "detail": f"At most {limit} bytes.",
                }  # fmt: skip
                assert headers["content-security-policy"].startswith("default-src 'none'"), "the room's own headers"
                assert headers["x-content-type-options"] == "nosniff"
            # As much as the room takes is read: what it says then is the page's affair.
            form = b"language=fr&x=" + b"x" * (limit - 14)
            answer = httpx.post(
                f"http://127.0.0.1:{port}/language", content=form,
                headers={"Host": HOSTS[room], "Content-Type": "application/x-www-form-urlencoded"},
            )  # fmt: skip
            assert answer.status_code in {302, 403, 404}, (room.name, answer.status_code)


def test_a_browser_gets_a_page_in_its_language(shop: Shop, tmp_path: Path) -> None:
    titles = {"en": "This is too much at once", "fr": "C’est trop à la fois", "ja": "一度に送る量が多すぎます"}
    with pages(tmp_path) as (port, _process):
        for room, (language, title) in itertools.product((COUNTER, VAULT, OFFICE), titles.items()):
            with connect(port) as connection:
                asked = head(room, "Content-Length: 9999999", f"Accept-Language: {language}", accept="text/html,*/*")
                connection.sendall(asked)
                status, headers, body = heard(connection)
            assert (status, headers["content-type"]) == (413, "text/html; charset=utf-8")
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert f'<html lang="{language}">' in body.decode()
            assert title in words(body.decode())


def test_what_does_not_say_its_length_is_counted_and_no_more_is_kept(shop: Shop, tmp_path: Path) -> None:
    limit = SQUARE.body_bytes_max
    with pages(tmp_path) as (port, process):
        with connect(port) as connection:
            # Not a byte too many: it may go on. One more: it is refused, although the body has not ended.
            connection.sendall(head(SQUARE, "Transfer-Encoding: chunked") + chunk(b"x" * limit))
            connection.settimeout(0.5)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(30)
            connection.sendall(chunk(b"x"))
            status, _headers, body = heard(connection)
            assert (status, json.loads(body)["type"]) == (413, "urn:comptoir:problem:body_too_large")
        before = peak_bytes(process)
        sent = 0
        with connect(port) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(head(SQUARE, "Transfer-Encoding: chunked"))
            for _ in range(3_200):
                connection.sendall(chunk(b"x" * 65_536))
                sent += 65_536
        assert sent < 16 << 20, "the connection was closed long before two hundred megabytes had been taken"
        assert peak_bytes(process) - before < 8 << 20
        assert answers(port)


def test_a_body_that_does_not_come_is_given_up(shop: Shop, tmp_path: Path) -> None:
    with pages(tmp_path, TEST_SECONDS_MAX="0.6") as (port, _process):
        slow = [connect(port) for _ in range(50)]
        for connection in slow:
            connection.sendall(head(VAULT, "Content-Length: 1000") + b"language=fr")
        assert answers(port), "they hold up nobody"
        for connection in slow:
            status, headers, body = heard(connection)
            assert (status, headers["content-type"]) == (408, "application/problem+json")
            assert json.loads(body)["type"] == "urn:comptoir:problem:body_too_slow"
            connection.close()


def upload(length: int, *, path: str = "/en/write") -> bytes:
    """Return the head of a form with files, as a browser that shows a cookie sends it."""
    told = (
        f"Host: {HOSTS[SQUARE]}", "Content-Type: multipart/form-data; boundary=x", "Accept: */*",
        "Cookie: comptoir_square=nobody", f"Content-Length: {length}", "Connection: close",
    )  # fmt: skip
    return "\r\n".join((f"POST {path} HTTP/1.1", *told, "", "")).encode()


def test_only_so_many_forms_with_files_arrive_at_once(shop: Shop, tmp_path: Path) -> None:
    length = SQUARE.body_bytes_max + 1
    whole = b"--x--" + b" " * (length - 5)
    with pages(tmp_path) as (port, _process), contextlib.ExitStack() as stack:
        sent = [stack.enter_context(connect(port)) for _ in range(bodies.UPLOADS_AT_ONCE_MAX + 1)]
        for each in sent:
            each.sendall(upload(length) + b"--x")
        # Whichever came last is refused, before its body has come; the others may go on.
        answered, _, _ = select.select(sent, [], [], 30)
        assert len(answered) == 1
        status, headers, body = heard(answered[0])
        assert (status, headers["content-type"]) == (503, "application/problem+json")
        assert json.loads(body)["type"] == "urn:comptoir:problem:uploads_enough"
        waiting = [each for each in sent if each is not answered[0]]
        with connect(port) as another:
            another.sendall(upload(length))
            assert heard(another)[0] == 503
        # What has no files is read meanwhile, and so is a form without files of the same address.
        assert httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": "localhost"}).is_success
        with connect(port) as small:
            small.sendall(upload(5) + b"--x--")
            assert heard(small)[0] not in {413, 503}
        # One that goes away makes room, and one that ends is answered by the page.
        waiting.pop().close()
        deadline = time.monotonic() + 30
        status = 503
        while status == 503 and time.monotonic() < deadline:
            with connect(port) as another, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                another.sendall(upload(length) + whole)
                status = heard(another)[0]
        assert status not in {413, 503}
        waiting[0].sendall(whole[3:])
        assert heard(waiting[0])[0] not in {413, 503}


def test_a_shop_may_take_less_or_more(shop: Shop, tmp_path: Path) -> None:
    with pages(tmp_path, COMPTOIR_BODY_BYTES_MAX="office: 131072, vault: 4096") as (port, _process):
        for room, limit in ((OFFICE, 131_072), (VAULT, 4_096), (COUNTER, COUNTER.body_bytes_max)):
            with connect(port) as connection:
                connection.sendall(head(room, f"Content-Length: {limit + 1}"))
                assert json.loads(heard(connection)[2])["detail"] == f"At most {limit} bytes."


@pytest.mark.parametrize(
    "said",
    ["cellar: 65536", "vault", "vault: many", "vault: 4095", "vault: 2097153", "vault=65536", "vault: 65536 65536"],
)
def test_a_setting_that_cannot_be_is_named(said: str) -> None:
    with environment(COMPTOIR_BODY_BYTES_MAX=said), pytest.raises(ValueError, match="COMPTOIR_BODY_BYTES_MAX: "):
        bodies.limits()


def test_without_a_setting_the_declaration_holds() -> None:
    with environment(COMPTOIR_BODY_BYTES_MAX=None):
        assert bodies.limits() == {room.name: room.body_bytes_max for room in ROOMS.values()}
