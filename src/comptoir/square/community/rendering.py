"""From what somebody typed to what a page shows: Markdown, of which nothing can run.

CommonMark by ``markdown-it-py`` without raw HTML and without pictures from elsewhere; then ``nh3`` lets a short list of
elements through and nothing else. Texts without any mark of Markdown, which are most, take a
shorter way to the same result.
Not here: what may be written (``writing.py``).
"""

from __future__ import annotations

import html
import re
from typing import Final

import nh3
from markdown_it import MarkdownIt

_TAGS: Final = {
    "a", "blockquote", "br", "code", "em", "h3", "h4", "hr", "li", "ol", "p", "pre", "s", "strong", "table", "tbody",
    "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href"}, "ol": {"start"}}
#: Anything that could mean something in Markdown, or be the beginning of an address.
_MARKED: Final = re.compile(r"[\\`*_\[\]<>#&~|]|://|www\.|^\s*(?:[-+=]|\d+[.)])|^(?: {4}|\t)|  $|\S@\S", re.MULTILINE)
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n\s*")
_NESTING_MAX: Final = 12

_markdown: Final = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _NESTING_MAX})
    .enable(["strikethrough", "table"])
    .disable(["image", "html_block", "html_inline"])
)
#: Headings of a post stand below those of the page.
_HEADINGS: Final = {"h1": "h3", "h2": "h3", "h3": "h3", "h4": "h4", "h5": "h4", "h6": "h4"}
_HEADING: Final = re.compile(r"<(/?)(h[1-6])>")


def render(text: str) -> str:
    """Return a text as HTML that is safe to stand in a page."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not _MARKED.search(text):
        paragraphs = _PARAGRAPHS.split(html.escape(text, quote=False))
        return "\n".join(
            f"<p>{each.strip().replace(chr(10), '<br>' + chr(10))}</p>" for each in paragraphs if each.strip()
        )
    made = _HEADING.sub(lambda found: f"<{found[1]}{_HEADINGS[found[2]]}>", _markdown.render(text))
    return nh3.clean(
        made, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"},
        link_rel="nofollow ugc noopener", strip_comments=True,
    ).strip()  # fmt: skip


def without_links(text: str) -> str:
    """Return a text as HTML in which no address leads anywhere: the words of its links stay, the addresses go."""
    return _ADDRESS.sub("…", nh3.clean(render(text), tags=_TAGS - {"a"}, attributes={"ol": {"start"}}).strip())


def plain(text: str, *, characters: int) -> str:
    """Return the beginning of a text without its marks, for a list: at most so many characters, cut between words."""
    words = " ".join(_PLAIN.sub(_without_mark, text).split())
    if len(words) <= characters:
        return words
    cut = words[:characters]
    return (cut.rsplit(" ", 1)[0] if " " in cut[characters // 2 :] else cut).rstrip(" ,.;:、。") + "…"


def _without_mark(found: re.Match[str]) -> str:
    # What makes words bold or struck out stands beside them without a space.
    return found[1] if found[1] is not None else "" if found[0].strip("*`~") == "" else " "


_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<]+", re.IGNORECASE)
_PLAIN: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[`*~]+|[_#>|\\]+")
