"""How far a member is trusted: earned by reading and helping, told to them, and what it changes.

Four levels, each with what it asks for; nothing counts time spent. *Reading* shows in votes on what others have
written, in how many conversations; *helping* in answers to others that others found good. Levels are derived from what
stands in the tables whenever somebody asks, so that there is nothing to keep and nothing to get wrong. Pure; the
figures come from ``store.sql`` and ``queries.sql``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from typing import Final

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """What a name has done on the square, from which its level follows.

    ``read_in``: conversations of others in which it has voted. ``days``: different days on which it wrote.
    ``helped``: its posts in conversations of others. ``found_good``: votes of others for its posts. ``accepted``:
    answers that helped who asked. ``against``: decisions against its posts in the last ninety days that still stand.
    """

    read_in: int = 0
    days: int = 0
    written: int = 0
    helped: int = 0
    found_good: int = 0
    accepted: int = 0
    against: int = 0


class Level(msgspec.Struct, frozen=True):
    """What a level asks for, and what it allows: posts in an hour and a day, links and mentions in a post.

    More links or mentions are not refused: the post is held until a person has read it.
    """

    number: int
    read_in: int
    days: int
    helped: int
    found_good: int
    accepted: int
    against_max: int
    posts_per_hour: int
    posts_per_day: int
    links_max: int
    mentions_max: int

    @property
    def has_previews(self) -> bool:
        """Tell whether a card is made for what its posts link to."""
        return self.number > 0


#: From the lowest to the highest. Everything that a level asks for has to be there.
LEVELS: Final = (
    Level(0, 0, 0, 0, 0, 0, 1_000_000, 20, 80, 1, 3),
    Level(1, 3, 2, 1, 0, 0, 1, 30, 120, 5, 10),
    Level(2, 10, 5, 5, 5, 0, 0, 60, 240, 20, 20),
    Level(3, 30, 15, 30, 30, 5, 0, 90, 360, 50, 40),
)
_ASKED: Final = ("read_in", "days", "helped", "found_good", "accepted")
_LINK: Final = re.compile(r"(?:https?://|www\.)\S|\]\(\s*[^)\s]|<[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MENTION: Final = re.compile(r"(?<![\w@])@\w")
_PICTURE: Final = re.compile(r"!\[")


_HOST: Final = re.compile(r"(?:https?:)?//(?:[^/?#\s@]*@)?(\[[^\]\s]*\]|[^/?#:\s)>\]\"']+)", re.IGNORECASE)
#: Names that lead nowhere but to the machine, or into the house, of whoever follows them (RFC 6761, RFC 8375).
_INSIDE: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet")


def level_of(standing: Standing) -> Level:
    """Return the highest level of which everything is there."""
    reached = LEVELS[0]
    for level in LEVELS[1:]:
        if standing.against > level.against_max or missing(standing, level):
            break
        reached = level
    return reached


def missing(standing: Standing, level: Level) -> dict[str, int]:
    """Return how much of what a level asks for is still missing."""
    lacking = {name: getattr(level, name) - getattr(standing, name) for name in _ASKED}
    return {name: number for name, number in lacking.items() if number > 0}


def next_level(standing: Standing) -> Level | None:
    """Return the level above, or ``None`` at the top."""
    above = level_of(standing).number + 1
    return LEVELS[above] if above < len(LEVELS) else None


def reason_to_hold(text: str, level: Level, *, has_pictures: bool = False) -> str | None:
    """Return why a post by somebody of this level waits for a person.

    ``address``: a link leads into a private network, whoever wrote it. ``links``, ``mentions``, ``pictures``: more than
    the level allows.
    """
    if any(leads_inside(host) for host in _HOST.findall(text)):
        return "address"
    if level.number == 0 and (has_pictures or _PICTURE.search(text)):
        return "pictures"
    if len(_LINK.findall(text)) > level.links_max:
        return "links"
    return "mentions" if len(_MENTION.findall(text)) > level.mentions_max else None


def leads_inside(host: str) -> bool:
    """Tell whether a host of a link is a private address, in any way in which a browser reads one, or a name of such.

    >>> [leads_inside(each) for each in ("10.0.0.1", "0x7f000001", "127.1", "db.internal", "shop.example")]
    [True, True, True, True, False]
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(_INSIDE):
        return True
    with contextlib.suppress(ValueError, OSError):
        found = ipaddress.ip_address(name if ":" in name else socket.inet_aton(name))
        inner = getattr(found, "ipv4_mapped", None) or found
        return not inner.is_global
    return False
