"""What a short link may be, and where it leads. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from comptoir.foundation.kernel.problem import Problem
from comptoir.square.shortlinks.errors import ShortLinkInvalid

#: Without letters that look like another one: a code is read aloud and typed.
CODE_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
CODE_CHARACTERS: Final = 8
NETWORKS: Final = (
    "instagram", "facebook", "tiktok", "youtube", "pinterest", "x", "bluesky", "mastodon", "threads", "line",
    "linkedin", "other",
)  # fmt: skip
USERNAME_CHARACTERS_MAX: Final = 60
POST_CHARACTERS_MAX: Final = 120
TARGET_CHARACTERS_MAX: Final = 1_000
#: What the page that a short link leads to is told, so that a sale can name it.
PARAMETER: Final = "short_link"
_USERNAME: Final = re.compile(r"^@?[\w.\-@]+$")
_OF_MACHINES: Final = re.compile(
    r"bot\b|bot/|crawl|spider|preview|facebookexternalhit|slurp|curl|wget|python-", re.IGNORECASE
)


class ShortLink(msgspec.Struct, frozen=True):
    """A short link: on which network, under which username, in which post, and to where (an address or a path)."""

    network: str
    username: str
    post: str
    target: str


def judge(link: ShortLink) -> Problem | None:
    """Return why this cannot be a short link, or nothing."""
    if link.network not in NETWORKS:
        return ShortLinkInvalid(f"A network is one of {', '.join(NETWORKS)}.", field="network")
    if not (0 < len(link.username) <= USERNAME_CHARACTERS_MAX and _USERNAME.match(link.username)):
        return ShortLinkInvalid("A username is one word, such as @oakstreet.bakery.", field="username")
    if not 0 < len(link.post) <= POST_CHARACTERS_MAX or not link.post.isprintable():
        return ShortLinkInvalid(f"Say in a line which post it is: 1 to {POST_CHARACTERS_MAX} characters.", field="post")
    if len(link.target) > TARGET_CHARACTERS_MAX or not _leads_somewhere(link.target):
        return ShortLinkInvalid("It leads to https://…, or to a path of the square that begins with /.", field="target")
    return None


def _leads_somewhere(target: str) -> bool:
    if not target.isascii() or not target.isprintable() or any(each in target for each in ' \\"<>^`{|}'):
        return False
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return False
    if target.startswith("/"):
        return not target.startswith("//")
    return parts.scheme == "https" and "." in (parts.hostname or "") and parts.username is None


def address(target: str, code: str) -> str:
    """Return where whoever follows a short link goes: its target, which is told the code.

    >>> address("https://shop.example/tea?colour=green#top", "k7qm3xfa")
    'https://shop.example/tea?colour=green&short_link=k7qm3xfa#top'
    """
    parts = urlsplit(target)
    asked = [*parse_qsl(parts.query, keep_blank_values=True), (PARAMETER, code)]
    return urlunsplit(parts._replace(query=urlencode(asked)))


def is_a_machine(agent: str) -> bool:
    """Tell whether a browser says of itself that it is none: networks look at each link before anybody does."""
    return not agent or _OF_MACHINES.search(agent) is not None
