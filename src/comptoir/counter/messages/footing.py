"""What stands below every message, whatever its template says: why it came, since when, and where to change that."""

from __future__ import annotations

import datetime as dt
import functools

from django.utils import formats, translation
from django.utils.html import escape
from django.utils.translation import gettext

from comptoir.counter.messages.contracts import LANGUAGES
from comptoir.counter.messages.rendering import Rendered


def reason(*, because: str, since: dt.date | None, language: str, message_class: str) -> str:
    """Return in one sentence why a message came."""
    with translation.override(language if language in LANGUAGES else "en"):
        if message_class == "service":
            because = because or gettext("it belongs to what you asked us for")
        because = because or gettext("you agreed to be told of offers")
        if since is None:
            return gettext("You get this because %(because)s.") % {"because": because}
        day = formats.date_format(since, "DATE_FORMAT")
        return gettext("You get this because %(because)s, on %(day)s.") % {"because": because, "day": day}


@functools.lru_cache(maxsize=4_096)
def _words(because: str, since: dt.date | None, language: str, message_class: str) -> tuple[str, str]:
    """Return the reason and what the link is for: the same for everybody who agreed on a day."""
    said = reason(because=because, since=since, language=language, message_class=message_class)
    with translation.override(language if language in LANGUAGES else "en"):
        if message_class == "service":
            return said, gettext("Why this came, and what else we may send you")
        return said, gettext("Get no more of this, or change what we may send you")


def with_footing(
    rendered: Rendered, *, because: str, since: dt.date | None, language: str, message_class: str, url: str
) -> Rendered:
    """Return a mail with its reason and its link below, as text and as HTML."""
    said, change = _words(because, since, language, message_class)
    text = f"{rendered.text.rstrip()}\n\n-- \n{said}\n{change}:\n{url}\n"
    if not rendered.html:
        return Rendered(text, rendered.subject, "")
    html = (
        f'{rendered.html}\n<hr><p><small>{escape(said)}<br><a href="{escape(url)}">{escape(change)}</a></small></p>\n'
    )
    return Rendered(text, rendered.subject, html)


def short(
    rendered: Rendered, *, because: str, since: dt.date | None, language: str, message_class: str, url: str
) -> str:
    """Return a text message: what it says, why it came, the link, and the word that ends it where it can be ended."""
    said, _ = _words(because, since, language, message_class)
    with translation.override(language if language in LANGUAGES else "en"):
        end = "" if message_class == "service" else " " + gettext("Answer STOP to end this.")
    return f"{rendered.text.strip()}\n{said} {url}{end}"
