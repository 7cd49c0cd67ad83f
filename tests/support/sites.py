"""A server elsewhere, which the house asks: it answers by path, and counts what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

HTML: Final = "text/html; charset=utf-8"
Answer = Callable[[socket.socket], None]


def head(status: str = "200 OK", *lines: str, kind: str = HTML) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *lines, "", "")).encode()


class Site:
    """A server elsewhere: answers by path, and counts what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}

    def url(self, path: str) -> str:
        """Return a whole address."""
        return f"http://127.0.0.1:{self.port}{path}"

    def says(self, path: str, body: bytes, **more: str) -> None:
        """Answer so from now on."""
        self.answers[path] = lambda connection: connection.sendall(head(**more) + body)


@contextmanager
def standing() -> Iterator[Site]:
    listener = socket.create_server(("127.0.0.1", 0))
    site = Site(listener.getsockname()[1])

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                path = connection.recv(65_536).split(b" ", 2)[1].decode()
                site.asked.append(path)
                answer = site.answers.get(path)
                if answer is None:
                    connection.sendall(head("404 Not Found"))
                else:
                    answer(connection)
            except (OSError, IndexError):
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)
