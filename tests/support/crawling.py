"""Going through all pages of the house with a real browser: which there are, what each may not do, and its forms.

A *reader* is a browser with somebody in front of it. A *place* is a room and an address as the house declares it,
without the language; whatever a crawl has seen of it is remembered. Not here: what was written into the pages before.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, Request, Response

ATTACKS: Final = Path(__file__).parents[1] / "data" / "attacks.toml"
HOSTS: Final = {
    "localhost": "square",
    "my.localhost": "counter",
    "safe.localhost": "vault",
    "office.localhost": "office",
}
_HOST_OF: Final = {room: host for host, room in HOSTS.items()}
_LANGUAGES: Final = ("en", "fr", "ja")
#: How often a reader opens the same place, unless the crawl says otherwise.
_OPENED_MAX: Final = 2
_PAGES_MAX: Final = 1_300
_SENDING_MILLISECONDS: Final = 20_000
#: A refusal is an answer; these are none.
_BROKEN: Final = range(500, 600)
_NOTHING_THERE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
#: What Chromium says of an answer that is a refusal.
_ORDINARY: Final = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")

#: What no page of the house has, whatever was written into it: each line of the answer is a finding.
_LOOK: Final = r"""() => {
  const found = [];
  const own = new Set(OWN);
  const says = (what, e) => found.push(what + ': ' + e.outerHTML.slice(0, 160));
  const leads = /^(?:href|src|action|formaction|xlink:href|data|srcset|poster|ping|background)$/i;
  const unknown = /^(?:iframe|frame|object|embed|applet|base|marquee|math|foreignobject|animate|set|video|audio)$/i;
  const runs = /^\s*(?:javascript|data|vbscript|blob|file|filesystem|view-source):/i;
  for (const e of document.querySelectorAll('*')) {
    for (const a of e.attributes) {
      if (/^on/i.test(a.name)) says('a handler', e);
      if (a.name === 'style') says('a style', e);
      if (leads.test(a.name)) {
        const plain = a.value.replace(/[\u0000-\u0020\u200b-\u200f\ufeff]/g, '');
        const isPicture = e.localName === 'img' && plain.startsWith('data:image/');
        if (runs.test(plain) && !isPicture) says('an address that runs', e);
        if (e.localName !== 'a' && /^(?:[a-z]+:)?[\\/]{2}/i.test(plain)) {
          if (!own.has(new URL(e[a.name] || a.value, location.href).hostname)) says('something from elsewhere', e);
        }
      }
    }
    const tag = e.localName;
    if (tag === 'script' && !e.src && !/^application\/(?:ld\+)?json$/.test(e.type)) says('a script in the page', e);
    // The camera that reads bars shows what it sees in one, which has no address.
    const isBare = !e.hasAttribute('src') && !e.childElementCount;
    const isCamera = tag === 'video' && isBare && /^\/(basket|till)(\/|$)/.test(location.pathname);
    if (unknown.test(tag) && !isCamera) says('an element that is nowhere used', e);
    if (tag === 'style') says('a style', e);
    if (tag === 'meta' && !e.closest('noscript') && e.httpEquiv) says('a meta that acts', e);
    if (tag === 'a' && e.host && !own.has(e.hostname) && !/nofollow|noopener|external|noreferrer/.test(e.rel)) {
      says('a way out that is not marked', e);
    }
    if (/^(?:implementation|cookie|body|forms|domain)$/.test(e.id)) says('a name of the document', e);
  }
  const text = document.documentElement.outerHTML;
  if (/62711447929111|79190008/.test(text)) found.push('a template was run');
  if (/root:x:0:0/.test(text)) found.push('a file of the machine');
  if (/Traceback \(most recent|OperationalError|ProgrammingError/.test(text)) found.push('an error of the program');
  if (getComputedStyle(document.body).display === 'none') found.push('nothing is to be seen');
  if (!document.title && document.querySelector('main')) found.push('no title');
  return found;
}""".replace("OWN", str(sorted(HOSTS)))

_FORMS: Final = r"""() => [...document.forms].map((form, number) => ({
  number, url: new URL(form.getAttribute('action') || location.href, location.href).href,
  fields: [...form.elements].map(e => ({name: e.name, type: e.type || e.localName})),
}))"""

_FILL: Final = r"""([number, line, text, withHidden]) => {
  const form = document.forms[number];
  form.noValidate = true;
  const seen = new Set();
  let button = null;
  for (const e of form.elements) {
    const type = e.type || e.localName;
    if (type === 'submit' || type === 'button' || e.localName === 'button') { button = button || e; continue; }
    if (e.name === 'csrfmiddlewaretoken') continue;
    if (type === 'hidden') { if (withHidden) e.value = line; continue; }
    if (type === 'checkbox') { e.checked = true; continue; }
    if (type === 'radio') { if (!seen.has(e.name)) { e.checked = true; seen.add(e.name); } continue; }
    if (e.localName === 'select') { e.selectedIndex = e.options.length - 1; continue; }
    if (type === 'file') continue;
    e.removeAttribute('maxlength');
    if (['date', 'number', 'month', 'time', 'datetime-local', 'email', 'tel', 'url'].includes(type)) e.type = 'text';
    e.value = e.localName === 'textarea' ? text : line;
  }
  const isItsOwn = button && button.form === form && button.type === 'submit';
  HTMLFormElement.prototype.requestSubmit.call(form, isItsOwn ? button : null);
}"""


@functools.cache
def attacks() -> Mapping[str, str]:
    """Return the known attack texts by their names."""
    said = tomllib.loads(ATTACKS.read_text(encoding="utf-8"))["attack"]
    return {each["name"]: each["text"] * each.get("times", 1) for each in said}


class Place(NamedTuple):
    """Where an address leads: a room, and the address as it is declared, without its language."""

    room: str
    route: str


def places() -> dict[Place, str]:
    """Return every place of the house, each with the name of its view's address."""
    from django.urls import URLPattern, get_resolver

    from comptoir.foundation.rooms.declaration import ROOMS

    def walk(resolver: Any, before: str) -> Iterator[tuple[str, str]]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLPattern):
                yield before + str(pattern.pattern), pattern.name or ""
            else:
                yield from walk(pattern, before + str(pattern.pattern))

    return {
        Place(room.name, _spoken(route)): name
        for room in ROOMS.values()
        for route, name in walk(get_resolver(room.urlconf), "")
    }


def _spoken(route: str) -> str:
    """Return a declared address without its language: the pages of each language are the same."""
    for language in _LANGUAGES:
        if route.startswith(f"{language}/"):
            return route[len(language) + 1 :]
    return route


def place_of(url: str) -> Place | None:
    """Return where an address leads; ``None`` for what is none of the house's pages."""
    from django.urls import Resolver404, get_resolver

    from comptoir.foundation.rooms.declaration import ROOMS

    parts = urlsplit(url)
    room = HOSTS.get(parts.hostname or "")
    if room is None:
        return None
    try:
        found = get_resolver(ROOMS[room].urlconf).resolve(parts.path)
    except Resolver404:
        return None
    return Place(room, _spoken(found.route))


@dataclass
class Seen:
    """What crawls have seen of the house, together: places that answered, and what was wrong."""

    opened: set[Place] = field(default_factory=set)
    sent: set[Place] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    pages: int = 0


#: What is done on a page besides looking at it; whatever it returns is a finding.
Check = Callable[[Page, str], Sequence[str]]


@dataclass
class Reader:
    """Somebody in front of a browser."""

    name: str
    port: int
    context: BrowserContext
    seen: Seen
    checks: tuple[Check, ...] = ()
    opened: Counter[tuple[Place, str]] = field(default_factory=Counter)
    _status: int = 0

    def __post_init__(self) -> None:
        """Open a page and hear everything that happens on it."""
        self.page = self.context.new_page()
        self._hear(self.page)
        self.context.on("page", self._met)
        self._queue: deque[str] = deque()
        self._asked: set[str] = set()
        self._texts = itertools.cycle(attacks().values())
        self._sent: set[tuple[Place | None, tuple[str, ...], bool]] = set()

    def _begin_again(self) -> None:
        self.page.close()
        self.page = self.context.new_page()
        self._hear(self.page)

    def _hear(self, page: Page) -> None:
        page.on("dialog", self._asked_by_dialog)
        page.on("pageerror", lambda error: self._find(f"an error of a script: {error}"))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("response", self._answered)
        page.on("request", self._asks)
        page.on("download", lambda download: download.cancel())

    def _find(self, what: str) -> None:
        self.seen.findings.append(f"{self.name} at {self.page.url}: {what}")

    def _met(self, page: Page) -> None:
        if page.opener() is not None:
            self._find(f"a new window: {page.url}")

    def _asked_by_dialog(self, dialog: Dialog) -> None:
        self._find(f"a dialog: {dialog.message!r}")
        dialog.dismiss()

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and not _ORDINARY.search(text):
            self._find(f"Chromium complains: {text[:300]}")

    def _asks(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in HOSTS and request.url.partition(":")[0] not in {"data", "about", "chrome-error"}:
            self._find(f"asks {request.url[:120]}")

    def _answered(self, response: Response) -> None:
        place = place_of(response.url)
        if place is not None and response.status not in {*_BROKEN, *_NOTHING_THERE}:
            (self.seen.sent if response.request.method == "POST" else self.seen.opened).add(place)
        if response.status in _BROKEN:
            self._find(f"{response.status} of {response.request.method} {response.url}")

    def url(self, room: str, path: str = "/") -> str:
        """Return the address of a path in a room."""
        return f"http://{_HOST_OF[room]}:{self.port}{path}"

    # -- going

    def go(self, url: str) -> int:
        """Open an address and look at the page; returns the status."""
        status = self._open(url)
        if status:
            self._look()
        return status

    def _open(self, url: str) -> int:
        try:
            response = self.page.goto(url, wait_until="load")
        except Error as error:
            if not re.search(r"Download is starting|ERR_ABORTED|ERR_HTTP_RESPONSE_CODE_FAILURE", error.message):
                raise
            self._begin_again()
            return 0  # a download, or a refusal without a word; who answered was heard
        return response.status if response else 0

    def _look(self) -> None:
        self.seen.pages += 1
        assert self.seen.pages < _PAGES_MAX, "the crawl does not end"
        kind = self.page.evaluate("document.contentType")
        if kind != "text/html":
            return
        for what in self.page.evaluate(_LOOK):
            self._find(what)
        for check in self.checks:
            for what in check(self.page, self.name):
                self._find(what)

    def crawl(self, starts: Sequence[str], *, most: Mapping[str, int] | None = None, fills: bool = False) -> None:
        """Follow every link from these addresses; with ``fills`` send every form of the pages as well.

        ``most`` says by a place's name how many of its pages are opened.
        """
        names = places()
        self._add(starts)
        while self._queue:
            url = self._queue.popleft()
            place = place_of(url)
            if place is None:
                continue
            spoken = next((code for code in _LANGUAGES[1:] if urlsplit(url).path.startswith(f"/{code}/")), "")
            limit = 1 if spoken else (most or {}).get(names[place], _OPENED_MAX)
            if self.opened[place, spoken] >= limit:
                continue
            self.opened[place, spoken] += 1
            if not self.go(url):
                continue
            self._add(self.page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)"))
            if fills and not spoken:
                self.fill(url)

    def _add(self, urls: Sequence[str]) -> None:
        for url in urls:
            plain = url.partition("#")[0]
            if plain not in self._asked and urlsplit(plain).hostname in HOSTS:
                self._asked.add(plain)
                self._queue.append(plain)

    # -- writing

    def fill(self, url: str, *, skipping: Mapping[str, str] | None = None) -> None:
        """Send every form of the page once with attack texts in what people fill in, and once with them in the rest."""
        skipped = SKIPPED if skipping is None else skipping
        names = places()
        for form in self.page.evaluate(_FORMS):
            place = place_of(form["url"])
            fields = tuple(sorted(each["name"] for each in form["fields"] if each["name"]))
            if place is None or names[place] in skipped:
                continue
            for with_hidden in (False, True):
                hidden = {each["name"] for each in form["fields"] if each["type"] == "hidden"} - {"csrfmiddlewaretoken"}
                if (place, fields, with_hidden) in self._sent or (with_hidden and not hidden):
                    continue
                self._sent.add((place, fields, with_hidden))
                if self.page.url.partition("#")[0] != url or self.page.evaluate("document.forms.length") == 0:
                    self._open(url)
                there = [each["number"] for each in self.page.evaluate(_FORMS) if _are_alike(each, form)]
                if not there:
                    continue  # an earlier form has made it go away
                line = next(self._texts)
                text = f"{line[:2000]}\n{next(self._texts)[:500]}"
                try:
                    with self.page.expect_navigation(wait_until="load", timeout=_SENDING_MILLISECONDS):
                        self.page.evaluate(_FILL, [there[0], line, text, with_hidden])
                except Error:
                    # What came is a download, or a script of the page sends its form in another way.
                    self._begin_again()
                    continue
                self._look()
                self._add([self.page.url])

    def ask(self, url: str, names: Sequence[str], text: str) -> None:
        """Open an address with this text in every question that any page takes in its address."""
        from urllib.parse import urlencode

        self.go(f"{url.partition('?')[0]}?{urlencode(dict.fromkeys(names, text))}")


def _are_alike(one: Any, other: Any) -> bool:
    """Tell whether two forms are sent to one address with the same fields."""
    return bool(one["url"] == other["url"] and one["fields"] == other["fields"])


#: Forms that a crawl does not send, by the name of their address, and why.
SKIPPED: Final[Mapping[str, str]] = {
    "leave": "ends the visit that the crawl needs",
    "account_logout": "ends the visit that the crawl needs",
    "end_sign_in": "ends the visit that the crawl needs",
    "end_sign_ins": "ends the visit that the crawl needs",
    "revoke": "takes the key away by which the pages speak to the counter",
    "issue": "takes the key away by which the pages speak to the counter",
    "forget_me": "forgets who crawls; tests/test_forgetting.py does it",
    "step_back": "forgets who crawls; tests/test_forgetting.py does it",
    "contacts_step_back": "forgets who crawls; tests/test_forgetting.py does it",
    "forget_card": "forgets who crawls; tests/test_forgetting.py does it",
}


def reader(
    name: str, browser: Browser, port: int, seen: Seen, *, checks: Sequence[Check] = (), **options: Any
) -> Reader:
    """Return somebody with a fresh browser."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en", **options})
    context.set_default_timeout(30_000)
    return Reader(name, port, context, seen, tuple(checks))
