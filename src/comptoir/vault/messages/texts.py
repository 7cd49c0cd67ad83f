"""Text messages: through any provider that takes JSON over HTTP, by SMPP (``smpp.py``), or into the shop's folder.

``COMPTOIR_TEXTS_URL`` says which. What a provider answers late, twice, never or not in JSON is one of few fates: what
it certainly did not take is tried again, what it may have taken is not. Answers of people come in at an address of
their own, with a secret. Not here: whether an answer ends the messages (``stopping.py``).
"""

from __future__ import annotations

import hmac
import logging
import os
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from comptoir.counter.customers.contracts import CONSENT_WITHDRAWN, CUSTOMER_KIND
from comptoir.counter.customers.queries import customer_of_user, permits
from comptoir.foundation.kernel import outbound, shop
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.announcements.commands import announce, send
from comptoir.vault.contacts import queries, stopped
from comptoir.vault.contacts.contracts import STOP_ENDS
from comptoir.vault.lists.queries import customers_of
from comptoir.vault.messages import reporting
from comptoir.vault.messages.contracts import Ready, Result
from comptoir.vault.messages.errors import ProviderUnknown, ReportRefused, TextsInvalid
from comptoir.vault.messages.ports import Port, PortAway, lacks
from comptoir.vault.messages.stopping import is_stop

SECONDS_MAX: Final = 10.0
_ANSWER_BYTES_MAX: Final = 64 << 10
_FOLDER: Final = "texts"
_log = logging.getLogger("comptoir.messages")


class HttpPort:
    """A provider that takes a POST of JSON: ``to``, ``from``, ``text``, and ``id``, which is the same at every try."""

    def __init__(self, url: str) -> None:
        """Take the address; its user part is the key, its fragment the sender's name."""
        parts = urlsplit(url)
        # As it is asked: a name of another script in its own letters, and a path without blanks.
        self._url = str(httpx.URL(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()))
        self._sender = unquote(parts.fragment)
        self._key = unquote(parts.username or "")
        self._line: outbound.Line | None = None

    def open(self) -> None:
        """Have a connection; the provider is asked with the first message."""
        if self._line is None:
            self._line = outbound.Line()

    def send(self, message: Ready) -> Result:
        """Hand one message over, once, in ten seconds at most, however slowly the answer trickles."""
        assert self._line is not None
        assert message.to is not None
        said = {"to": message.to.reveal(), "from": self._sender, "text": message.text, "id": str(message.key)}
        headers = {"Content-Type": "application/json", "Accept": "*/*"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            answer = self._line.post(
                self._url, content=msgspec.json.encode(said), headers=headers, bytes_max=_ANSWER_BYTES_MAX,
                seconds_max=SECONDS_MAX,
            )  # fmt: skip
        except outbound.NotFetched as refused:
            return Result("unknown", refused.why) if refused.is_asked else Result("again", "not_connected")
        return _fate(answer)

    def close(self) -> None:
        """End the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None


def _fate(answer: outbound.Fetched) -> Result:
    """Return what an answer means; where it has a body, it has to be JSON that does not say that it failed."""
    status = answer.status
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return Result("again", f"http_{status}")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Result("refused", f"http_{status}")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Result("unknown", f"http_{status}")
    if not answer.body:
        return Result("accepted")
    try:
        said = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeError):
        return Result("unknown", "nonsense")
    if isinstance(said, dict) and (said.get("error") or said.get("status") in {"error", "failed", "rejected"}):
        return Result("refused", "provider")
    return Result("accepted")


class FolderPort:
    """No provider: each message becomes a file in the shop's folder, where whoever runs the shop can read it."""

    def open(self) -> None:
        """Have the folder, readable by its owner only. Raises :class:`PortAway` in a shop with a domain.

        There a file would count as a message that somebody got, with their number in it.
        """
        if lack := lacks("message"):
            raise PortAway(lack)
        (shop.folder() / _FOLDER).mkdir(mode=0o700, exist_ok=True)

    def send(self, message: Ready) -> Result:
        """Write one message."""
        assert message.to is not None
        path = shop.folder() / _FOLDER / f"{message.key}.json"
        path.write_bytes(msgspec.json.encode({"to": message.to.reveal(), "text": message.text}))
        return Result("accepted")

    def close(self) -> None:
        """Nothing was opened."""


def port() -> Port:
    """Make a port as the shop's settings say. Raises :class:`TextsInvalid`."""
    url = os.environ.get("COMPTOIR_TEXTS_URL", "")
    if not url:
        return FolderPort()
    scheme = urlsplit(url).scheme
    if scheme in {"http", "https"}:
        return HttpPort(url)
    if scheme in {"smpp", "smpps"}:
        from comptoir.vault.messages.smpp import SmppPort  # noqa: PLC0415 - needs the extra `sms`

        return SmppPort(url)
    raise TextsInvalid("COMPTOIR_TEXTS_URL begins with https, http, smpp or smpps.")


def drop_texts() -> int:
    """Delete the messages that lie in the folder; returns how many. They name people."""
    files = list((shop.folder() / _FOLDER).glob("*.json"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


# -- what people answer -----------------------------------------------------------------------------------------------


@csrf_exempt
@in_room(VAULT, is_open=True)
@require_POST
def answered(request: HttpRequest) -> HttpResponse:
    """Take an answer to a text message from the provider: JSON or a form, with ``from`` and ``text``."""
    try:
        _insist(request)
        said = _said(request)
        is_ended = take_answer(str(said.get("from", "")), str(said.get("text", "")))
    except Problem as problem:
        return JsonResponse(problem.as_members(), status=problem.status, content_type="application/problem+json")
    return JsonResponse({"ended": is_ended})


def take_answer(number: str, text: str) -> bool:
    """End text messages to a number if its holder answers STOP; returns whether they did and somebody was found.

    They end for whoever was sent an offer lately and for everybody else with that number: whoever answers holds the
    telephone, whoever's it was said to be. For whoever turns out later to have that number they end as well. A number
    is international, with its plus or, as many providers write it, without. Raises :class:`VaultClosed`.
    """
    if not is_stop(text):
        return False
    number, at = "+" + number.strip().removeprefix("+"), timezone.now()
    stopped.remember(number, at=at)
    is_ended = reporting.report_of("unsubscribed", number, field="phone", at=at)
    persons = list(dict.fromkeys((*queries.all_with_phone(number), *reporting.written_to(number))))
    entries, told = customers_of(persons), []
    for person in persons:
        customer = entries.get(person) or customer_of_user(person)
        said: dict[str, Any] = dict(STOP_ENDS)
        with entered(VAULT):
            if not permits(customer, **said):
                continue
            if person in entries:
                # Somebody who is known from a list only has no sign-in by whose number the counter would know them.
                said["customer"] = {"kind": CUSTOMER_KIND, "value": str(customer)}
            told.append(announce(person, CONSENT_WITHDRAWN, at=at, said=said))
    for each in told:
        try:
            send(each)
        except Problem as problem:
            # What cannot be told now waits, and is told by the clock.
            _log.warning("the counter was not told of somebody who wants no more (%s)", problem.name)
            break
    return is_ended or bool(told)


def answer_secret() -> str:
    """Return the secret that the provider puts into the address to which it brings answers."""
    return shop.secret("texts").hex()[:40]


def _insist(request: HttpRequest) -> None:
    if not os.environ.get("COMPTOIR_TEXTS_URL"):
        raise ProviderUnknown
    given = request.GET.get("secret") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), answer_secret().encode()):
        raise ReportRefused("The secret is missing or another one.")


def _said(request: HttpRequest) -> dict[str, Any]:
    body = request.body
    if request.content_type == "application/json":
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError):
            found = None
        if not isinstance(found, dict):
            raise ReportRefused("It is no object of JSON.")
        return found
    fields = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=50)
    return {name: values[0] for name, values in fields.items()}
