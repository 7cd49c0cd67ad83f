"""From the HTML of another place to Markdown, by ``markdownify``; nothing of it is run or fetched.

A picture becomes a link to it: the square shows no picture from elsewhere.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

import bs4
from markdownify import ASTERISK, ATX, MarkdownConverter

#: More HTML than this is not read as one post.
HTML_CHARACTERS_MAX: Final = 200_000
_DEPTH_MAX: Final = 100
_LINES: Final = re.compile(r"\n{3,}")
_OPENING: Final = re.compile(r"<(?!/|!|br\b|hr\b|img\b)[a-zA-Z][^>]*>")
_CLOSING: Final = re.compile(r"</[a-zA-Z]")


class NotReadable(ValueError):  # noqa: N818 - said of the text
    """HTML that is too long or too deep for a post."""


class _Converter(MarkdownConverter):
    def convert_img(self, el: Any, text: str, parent_tags: Any) -> str:  # noqa: ARG002 - the library's signature
        """Return a link to the picture, with what it shows as its words."""
        address = str(el.attrs.get("src") or "")
        shown = " ".join(str(el.attrs.get("alt") or "").split()).strip("[]") or "image"
        return f"[{shown}]({address})" if address.startswith(("https://", "http://")) else shown


_converter: Final = _Converter(
    heading_style=ATX, bullets="-", strong_em_symbol=ASTERISK, escape_misc=False, strip=["script", "style"]
)


def from_html(html: str) -> str:
    r"""Return HTML as Markdown; raises :class:`NotReadable`.

    >>> from_html("<p>Is <em>this</em> it?</p><blockquote><p>Yes</p></blockquote>")
    'Is *this* it?\n\n> Yes'
    """
    if len(html) > HTML_CHARACTERS_MAX:
        raise NotReadable("too_long")
    if _depth_may_exceed(html):
        raise NotReadable("too_deep")
    with warnings.catch_warnings():
        # A text that looks like an address or a file's name is a text.
        warnings.simplefilter("ignore", bs4.MarkupResemblesLocatorWarning)
        soup = bs4.BeautifulSoup(html, "html.parser")
    for element in soup(["script", "style", "template"]):
        element.decompose()
    text = str(_converter.convert_soup(soup))
    lines = [line if line.endswith("  ") and line.strip() else line.rstrip() for line in text.split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


def _depth_may_exceed(html: str) -> bool:
    """Tell whether elements stand too deep in each other, before a parser follows them down."""
    depth = deepest = 0
    marks = sorted(
        [(m.start(), 1) for m in _OPENING.finditer(html)] + [(m.start(), -1) for m in _CLOSING.finditer(html)]
    )
    for _, step in marks:
        depth = max(0, depth + step)
        deepest = max(deepest, depth)
    return deepest > _DEPTH_MAX
