"""What a page says of itself, for the card below a post that links to it: title, description, name of the site.

Pure: from what a server answered to words. A page's own words count: Open Graph (https://ogp.me), or else its title and
description. Nothing else of it is taken, and no picture. Not here: which pages are asked, and when (``jobs.py``).
"""

from __future__ import annotations

import codecs
import re
from typing import Final
from urllib.parse import urlsplit

import msgspec
from bs4 import BeautifulSoup, Tag
from bs4.filter import SoupStrainer

from comptoir.square.community.writing import without_unseen

TITLE_CHARACTERS_MAX: Final = 150
DESCRIPTION_CHARACTERS_MAX: Final = 300
SITE_CHARACTERS_MAX: Final = 80
#: What is read of a page: its head stands at its beginning.
_CHARACTERS_MAX: Final = 200_000
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_DECLARED_WITHIN: Final = 4_096
#: What is tried when neither server nor page are right, in this order.
_GUESSED: Final = ("shift_jis", "euc_jp", "cp1252")
#: Names that mean another thing to browsers than to Python (https://encoding.spec.whatwg.org/#names-and-labels).
_MEANT: Final = {"iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932"}
_BODY: Final = re.compile(r"<body[\s>]", re.IGNORECASE)


class Preview(msgspec.Struct, frozen=True):
    """What stands on a card. Without a title there is no card."""

    title: str
    description: str = ""
    site: str = ""


def preview_of(body: bytes, *, content_type: str) -> Preview | None:
    """Return what a page says of itself; ``None`` for what is no page, or has no title."""
    if content_type.partition(";")[0].strip().lower() not in {"text/html", "application/xhtml+xml"}:
        return None
    text = decoded(body, content_type=content_type)[:_CHARACTERS_MAX]
    if found := _BODY.search(text):
        text = text[: found.start()]
    soup = BeautifulSoup(text, "html.parser", parse_only=SoupStrainer(["title", "meta"]))
    said: dict[str, str] = {}
    for meta in soup.find_all("meta", limit=200):
        name = str(meta.get("property") or meta.get("name") or "").strip().lower()
        content = meta.get("content")
        if name in _NAMES and isinstance(content, str):
            said.setdefault(name, content)
    own = soup.find("title")
    title = said.get("og:title") or (own.get_text() if isinstance(own, Tag) else "")
    title = _line(title, TITLE_CHARACTERS_MAX)
    if not title:
        return None
    description = said.get("og:description") or said.get("description") or ""
    return Preview(
        title,
        _line(description, DESCRIPTION_CHARACTERS_MAX),
        _line(said.get("og:site_name", ""), SITE_CHARACTERS_MAX),
    )


_NAMES: Final = frozenset({"og:title", "og:description", "og:site_name", "description"})


def decoded(body: bytes, *, content_type: str = "") -> str:
    """Return a page as text, in the first encoding in which all of it can be read.

    What is UTF-8 is UTF-8, whatever is said of it; then the server's word counts, then the page's, then what pages in
    the house's languages are mostly written in. The body may be cut off in the middle of a character.
    """
    named = _CHARSET.search(content_type)
    declared = _DECLARED.search(body[:_DECLARED_WITHIN])
    for name in ("utf-8-sig", named and named[1], declared and declared[1].decode("ascii"), *_GUESSED):
        if not name:
            continue
        try:
            codec = codecs.lookup(name)
            codec = codecs.lookup(_MEANT.get(codec.name, codec.name))
            if not getattr(codec, "_is_text_encoding", True):
                continue
            return str(codec.incrementaldecoder("strict").decode(body))
        except (LookupError, UnicodeError, AttributeError, TypeError):
            continue
    return body.decode("latin-1")


def _line(text: str, characters: int) -> str:
    line = " ".join(without_unseen(text, is_line=True).split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


# -- links --------------------------------------------------------------------------------------------------------

_LINK: Final = re.compile(r"(?<![A-Za-z0-9])https?://[^\s<>\"'`\\)\]]{1,480}", re.IGNORECASE)
_BEHIND: Final = ".,;:!?*_~、。，．！？」』）"


def first_link(text: str) -> str | None:
    """Return the first address in a text, or ``None``: one that leads to a named server, and says nobody's password.

    >>> first_link("See [the mill](https://mill.example/rye?a=1), or http://other.example.")
    'https://mill.example/rye?a=1'
    """
    found = _LINK.search(text)
    if found is None:
        return None
    url = found[0].rstrip(_BEHIND)
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return None
    return url if "@" not in parts.netloc and "." in host.strip(".") else None


def host_of(url: str) -> str:
    """Return the name under which a page stands, as a reader should see it."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
