"""Asking a server outside whose address somebody else had a say in: it leads nowhere inside, and cannot hold us up.

A name is resolved once, every address behind it is judged, and the connection goes to the address that was judged: a
name that answers differently the second time wins nothing. Only addresses of the open internet are asked, and those of
networks that the shop named. No redirect is followed but those that the caller allows, each judged like the first
address; no proxy of the environment is used, nothing is unpacked; the whole exchange has one deadline and one limit of
bytes. A server that the shop itself chose is asked over a :class:`Line`. Not here: what is asked, and what an answer
means.
"""

from __future__ import annotations

import concurrent.futures
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx
import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Why = Literal["address", "away", "slow", "large", "redirect", "packed"]

_ADDRESSES_MAX: Final = 16
_REDIRECTS: Final = range(300, 400)
#: Addresses behind a translator (NAT64, RFC 6052).
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
_EVERYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
#: What the library raises where there is no answer.
_NO_ANSWER: Final = (
    httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError,
)  # fmt: skip
#: Looking a name up cannot be broken off; whoever waits for it can.
_LOOKING_UP: Final = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="look-up")


class NotFetched(Exception):  # noqa: N818 - it is a state of the other side, or of its address
    """There is no answer. ``why`` says it in a word, the text in a sentence without anything that was sent.

    ``is_asked``: something of what was asked left for the server; if not, it has certainly taken nothing.
    """

    def __init__(self, why: Why, sentence: str, *, is_asked: bool = False) -> None:
        """Say why."""
        super().__init__(sentence)
        self.why = why
        self.is_asked = is_asked


class Fetched(msgspec.Struct, frozen=True):
    """What a server answered: a status that is no redirect, and the body: all of it, or its beginning if it was cut."""

    status: int
    body: bytes
    content_type: str = ""


def fetch(
    url: str,
    *,
    method: Literal["GET", "POST"] = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    networks: Sequence[Network] = (),
    bytes_max: int,
    seconds_max: float,
    redirects_max: int = 0,
    ports: Collection[int] = (),
    is_cut: bool = False,
) -> Fetched:
    """Ask a server, and return its answer. ``networks`` are those inside which the shop allows.

    ``url`` is taken as it is: which schemes are good is for the caller to say; a redirect leads to ``http`` and
    ``https`` only. ``ports``, if any are named, are the only ones that are asked. ``is_cut``: of a body that is too
    large the beginning is enough. Raises :class:`NotFetched`.
    """
    deadline = time.monotonic() + seconds_max
    for _ in range(redirects_max + 1):
        _check_port(url, ports)
        answer = _exchange(
            url, method=method, headers=headers, content=content, networks=networks, bytes_max=bytes_max,
            seconds_max=seconds_max, deadline=deadline, is_cut=is_cut, is_led=redirects_max > 0,
        )  # fmt: skip
        if isinstance(answer, Fetched):
            return answer
        url = answer
    raise NotFetched("redirect", "It leads on and on.")


def _check_port(url: str, ports: Collection[int]) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise NotFetched("address", "This is no address.") from None
    if ports and port not in ports:
        raise NotFetched("address", "It is not at a port where pages are.")


def _led_to(url: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return where a redirect leads."""
    where = next((value for name, value in headers if name.lower() == b"location"), b"").decode("latin-1")
    try:
        led = urljoin(url, where)
        scheme = urlsplit(led).scheme
    except ValueError:
        led = scheme = ""
    if not where or scheme not in {"http", "https"}:
        raise NotFetched("redirect", "It leads nowhere.")
    return led


def _exchange(
    url: str,
    *,
    method: str,
    headers: Mapping[str, str] | None,
    content: bytes | None,
    networks: Sequence[Network],
    bytes_max: int,
    seconds_max: float,
    deadline: float,
    is_cut: bool,
    is_led: bool,
) -> Fetched | str:
    """Ask once; return the answer, or the address to which it leads."""
    exchange = _Exchange(deadline)
    backend = _Judging(networks, exchange)
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=_tls(), max_connections=1, max_keepalive_connections=0, network_backend=backend
            ) as pool,
            pool.stream(method, url, content=content, **_asking(url, headers or {}, seconds_max=seconds_max)) as answer,
        ):
            if answer.status in _REDIRECTS:
                if is_led:
                    return _led_to(url, answer.headers)
                said_so = f"It answered with a redirect ({answer.status}), which is not followed."
                raise NotFetched("redirect", said_so, is_asked=True)
            if any(name.lower() == b"content-encoding" for name, _value in answer.headers):
                raise NotFetched("packed", "It answered with a packed body, which was not asked for.", is_asked=True)
            kind = next((value for name, value in answer.headers if name.lower() == b"content-type"), b"")
            body = _body(answer.iter_stream(), bytes_max=bytes_max, deadline=deadline, is_cut=is_cut)
            return Fetched(answer.status, body, kind.decode("latin-1"))
    except _NO_ANSWER as error:
        raise _not_fetched(error, exchange, seconds_max=seconds_max) from None


def _asking(url: str, headers: Mapping[str, str], *, seconds_max: float) -> dict[str, Any]:
    """Return how the library is asked: what every request says of itself, and how long it waits for each step."""
    said = [("Host", _host_of(url)), ("User-Agent", "comptoir"), ("Accept-Encoding", "identity")]
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds_max)
    return {"headers": [*said, *headers.items()], "extensions": {"timeout": timeouts}}


def _not_fetched(error: Exception, exchange: _Exchange, *, seconds_max: float) -> NotFetched:
    if isinstance(error, httpcore.TimeoutException):
        return NotFetched("slow", f"It did not answer within {seconds_max:g} seconds.", is_asked=exchange.is_asked)
    return NotFetched("away", f"It cannot be reached ({type(error).__name__}).", is_asked=exchange.is_asked)


class Line:
    """A connection to a server that the shop itself chose, kept open from one exchange to the next.

    Its address is not judged, it may be inside; each exchange has a deadline and a limit of bytes, and no redirect is
    followed. Used by one thread at a time.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._backend = _Judging(_EVERYWHERE, _Exchange(0.0))
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted(), max_connections=1, max_keepalive_connections=1, keepalive_expiry=5.0,
            network_backend=self._backend,
        )  # fmt: skip

    def post(
        self, url: str, *, content: bytes, headers: Mapping[str, str], bytes_max: int, seconds_max: float
    ) -> Fetched:
        """Ask once; return the answer with any status, and of its body the beginning. Raises :class:`NotFetched`."""
        exchange = self._backend.exchange = _Exchange(time.monotonic() + seconds_max)
        try:
            with self._pool.stream(
                "POST", url, content=content, **_asking(url, headers, seconds_max=seconds_max)
            ) as answer:
                body = _body(answer.iter_stream(), bytes_max=bytes_max, deadline=exchange.deadline, is_cut=True)
                return Fetched(answer.status, body)
        except _NO_ANSWER as error:
            raise _not_fetched(error, exchange, seconds_max=seconds_max) from None

    def close(self) -> None:
        """End the connection."""
        self._pool.close()


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as ``10.0.0.0/8``. Raises :class:`ValueError`."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Tell whether an address is one of the open internet, or in a network that the shop named."""
    judged = _inside_of(address) or address
    if any(judged.version == network.version and judged in network for network in networks):
        return True
    return judged.is_global and not judged.is_multicast and not judged.is_reserved


def _inside_of(address: Address) -> ipaddress.IPv4Address | None:
    """Return the address of the older kind to which one of the newer kind leads."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        written = host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError):
        raise NotFetched("address", "This is no address.") from None
    if not written:
        raise NotFetched("address", "This is no address.")
    bracketed = f"[{written}]" if ":" in written else written
    return f"{bracketed}:{port}" if port else bracketed


def _tls() -> ssl.SSLContext:
    # The authorities that httpx trusts, or those of SSL_CERT_FILE.
    return httpx.create_ssl_context()


@functools.cache
def trusted() -> ssl.SSLContext:
    """Return the authorities that are trusted, read once: reading them takes longer than a call within the house."""
    return httpx.create_ssl_context(trust_env=False)


def _body(chunks: Iterable[bytes], *, bytes_max: int, deadline: float, is_cut: bool) -> bytes:
    taken = bytearray()
    for chunk in chunks:
        taken += chunk
        if len(taken) > bytes_max:
            if is_cut:
                return bytes(taken[:bytes_max])
            raise NotFetched("large", f"Its answer has more than {bytes_max:,} bytes.", is_asked=True)
        if time.monotonic() > deadline:
            raise httpcore.ReadTimeout
    return bytes(taken)


class _Exchange:
    """Until when an exchange may last, and whether anything was asked in it."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.is_asked = False

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _Judging(httpcore.NetworkBackend):
    """Connects to addresses that were judged, before the deadline of the exchange that is under way."""

    def __init__(self, networks: Sequence[Network], exchange: _Exchange) -> None:
        self._networks = networks
        self.exchange = exchange
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - there is one deadline for all
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _look_up(host, port, seconds=self.exchange.left())
        if not addresses or not all(is_allowed(each, self._networks) for each in addresses):
            raise NotFetched("address", "Its name leads to an address inside a network that is not allowed.")
        failed: Exception | None = None
        for address in addresses:
            try:
                stream = self._inner.connect_tcp(
                    str(address), port, self.exchange.left(), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            return _Hurried(stream, self)
        assert failed is not None, "there was an address"
        raise failed

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:  # noqa: ARG002
        raise NotFetched("address", "A socket of this machine is no server outside.")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self.exchange.left()))


class _Hurried(httpcore.NetworkStream):
    """A connection on which nothing waits beyond the deadline, however slowly it trickles."""

    def __init__(self, inner: httpcore.NetworkStream, backend: _Judging) -> None:
        self._inner = inner
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._inner.read(max_bytes, self._backend.exchange.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        exchange = self._backend.exchange
        left = exchange.left()
        exchange.is_asked = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._backend.exchange.left())
        return _Hurried(inner, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _look_up(host: str, port: int, *, seconds: float) -> list[Address]:
    looking = _LOOKING_UP.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = looking.result(timeout=seconds)
    except concurrent.futures.TimeoutError:
        raise httpcore.ConnectTimeout from None
    except (OSError, UnicodeError):
        raise NotFetched("away", "Its name is not known.") from None
    # A scope behind an address (fe80::1%eth0) names an interface of this machine.
    texts = dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)
    return [ipaddress.ip_address(text) for text in texts][:_ADDRESSES_MAX]
