"""The client for addresses that others had a say in: it reaches nothing inside, and nobody holds it up."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.kernel.outbound import Fetched, NotFetched, fetch, is_allowed, networks_of

HERE = networks_of(["127.0.0.0/8"])
Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Have a server of this machine that answers each connection in its own way."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def says(text: str) -> Answer:
    return lambda connection: connection.sendall(text.encode())


def ask(port: int, **more: Any) -> Fetched:
    values = {"networks": HERE, "bytes_max": 1_000, "seconds_max": 1.0, **more}
    return fetch(f"http://127.0.0.1:{port}/", **values)


def refused(port: int, **more: Any) -> str:
    with pytest.raises(NotFetched) as failed:
        ask(port, **more)
    return failed.value.why


def test_an_answer_is_taken_as_a_whole() -> None:
    with server(says("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")) as port:
        assert ask(port) == Fetched(404, b"no")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "redirect"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + "x" * 1001, "large"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + "x" * 1001 + "\r\n0\r\n\r\n", "large"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "packed"),
        ("nonsense\r\n\r\n", "away"),
        ("", "away"),
    ],
)
def test_what_is_not_taken(answer: str, why: str) -> None:
    with server(says(answer)) as port:
        assert refused(port) == why


@pytest.mark.parametrize("part", ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"])
def test_a_server_that_trickles_waits_for_itself(part: str) -> None:
    pause = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(part.encode())
        for _ in range(100):
            connection.sendall(b"x")
            pause.wait(0.05)

    with server(trickle) as port:
        began = time.monotonic()
        assert refused(port, seconds_max=0.4) == "slow"
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a:x/", "http://" + "ü" * 300, "gopher://127.0.0.1/"])
def test_what_is_no_address_is_asked_nothing(url: str) -> None:
    with pytest.raises(NotFetched):
        fetch(url, networks=HERE, bytes_max=1, seconds_max=1)


def test_a_name_that_leads_inside_is_asked_nothing() -> None:
    asked: list[Any] = []
    with server(asked.append) as port:
        assert refused(port, networks=()) == "address"
        with pytest.raises(NotFetched, match="not allowed"):
            fetch(f"http://localhost:{port}/", bytes_max=1, seconds_max=1)
    assert asked == []


def test_a_name_is_looked_up_once_and_one_bad_address_spoils_it() -> None:
    def found(*addresses: str) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]

    with mock.patch("socket.getaddrinfo", return_value=found("93.184.215.14", "10.0.0.1")) as looked_up:
        with pytest.raises(NotFetched, match="not allowed"):
            fetch("http://rebinding.example/", bytes_max=1, seconds_max=1)
        assert looked_up.call_count == 1


def test_a_name_server_that_says_nothing_holds_nobody_up() -> None:
    blocked = threading.Event()
    with mock.patch("socket.getaddrinfo", side_effect=lambda *_a, **_k: blocked.wait(5)):
        began = time.monotonic()
        with pytest.raises(NotFetched) as failed:
            fetch("http://slow.example/", bytes_max=1, seconds_max=0.2)
        assert failed.value.why == "slow"
        assert time.monotonic() - began < 2
        blocked.set()


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_inside_is_allowed_unless_its_network_is_named(inside: str) -> None:
    assert not is_allowed(ipaddress.ip_address(inside), ())
    assert is_allowed(ipaddress.ip_address(inside), networks_of(["0.0.0.0/0", "::/0"]))


@given(st.ip_addresses(v=4))
def test_an_older_address_in_a_newer_one_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    plain = is_allowed(address, ())
    for written in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_allowed(ipaddress.ip_address(written), ()) == plain
