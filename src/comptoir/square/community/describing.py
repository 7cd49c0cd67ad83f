"""A conversation as schema.org says it, for search engines, feeds' readers and exports (https://schema.org).

A question is a ``QAPage``, a review a ``Review``, everything else a ``DiscussionForumPosting``
(https://developers.google.com/search/docs/appearance/structured-data/qapage). Only what everybody may read, and of its
authors their public names; no time finer than a minute. Pure.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.clock import to_the_minute
from comptoir.square.community.queries import Author, PictureShown, PostShown, ThreadShown

#: How much of a post stands in a page's head, and of how many posts: the page itself has all of it.
TEXT_CHARACTERS: Final = 500
POSTS: Final = 10
#: What the shop knows of a review, in words that need no translation.
CONFIRMED: Final = "Bought here: the shop has seen that the author had bought the product."
REWARDED: Final = "Rewarded: the shop gives loyalty points for reviews, whatever they say."
_TAG: Final = re.compile(r"<[^>]+>")
_BLOCK: Final = re.compile(r"</(?:p|li|pre|blockquote|h3|h4|tr)>|<br>")


def describe(
    thread: ThreadShown,
    *,
    url: str,
    about: str = "",
    about_marks: str = "",
    characters: int = TEXT_CHARACTERS,
    posts: int = POSTS,
) -> dict[str, Any]:
    """Return a thread as JSON-LD, from its first page; ``about`` is the title of its topic, ``url`` where it stands.

    Of a later page, and of a thread whose beginning is gone, nothing. ``about_marks`` is where it is said what the
    marks of reviews rest on.
    """
    first = thread.first
    if first.state != "public" or first.number != 1:
        return {}
    said = [post for post in (*thread.posts[1:], *filter(None, [thread.helped])) if post.state == "public"]
    # What helped is never left out.
    said = sorted(said, key=lambda post: (post.id != thread.accepted, post.number))[:posts]
    begun = _posted(first, url=url, characters=characters)
    if thread.kind == "question":
        answers = [_answer(post, url=url, characters=characters) for post in said if post.kind == "answer"]
        helped = [each for each in answers if each["url"].endswith(str(thread.accepted))]
        question = {
            "@type": "Question",
            "name": thread.title,
            **begun,
            "answerCount": len(answers),
            "upvoteCount": first.up,
            "suggestedAnswer": [each for each in answers if each not in helped],
        }
        if helped:
            question["acceptedAnswer"] = helped[0]
        return {"@context": _CONTEXT, "@type": "QAPage", "mainEntity": question}
    if thread.kind == "review" and first.rating is not None:
        item = {"@type": "Product", "name": about or thread.product or thread.title}
        if thread.product:
            item["sku"] = thread.product
        rating = {"@type": "Rating", "ratingValue": first.rating, "bestRating": 5, "worstRating": 1}
        begun["reviewBody"] = begun.pop("text")
        # schema.org has no words of its own for either.
        marks = [word for word, holds in ((CONFIRMED, first.is_confirmed), (REWARDED, first.is_rewarded)) if holds]
        if marks:
            begun["disambiguatingDescription"] = "; ".join(marks)
        if marks and about_marks:
            begun["publishingPrinciples"] = about_marks
        described = {"name": thread.title, **begun, "itemReviewed": item, "reviewRating": rating}
        return {"@context": _CONTEXT, "@type": "Review", **described}
    replies = [{"@type": "Comment", **_posted(post, url=url, characters=characters)} for post in said]
    interaction = {"@type": "InteractionCounter", "interactionType": f"{_CONTEXT}/LikeAction",
                   "userInteractionCount": first.up}  # fmt: skip
    return {
        "@context": _CONTEXT,
        "@type": "DiscussionForumPosting",
        "headline": thread.title,
        **begun,
        "commentCount": thread.replies,
        "interactionStatistic": interaction,
        "comment": replies,
    }


def in_page(described: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """Return JSON-LD as it may stand in a page, of one thing or of several; nothing in it ends the element."""
    text = msgspec.json.encode(described).decode()
    return text.translate(_ESCAPED)


def plain_of(shown: str) -> str:
    """Return the words of a post's HTML.

    >>> plain_of("<p>a &lt; <em>b</em></p><p>c</p>")
    'a < b c'
    """
    return " ".join(html.unescape(_TAG.sub("", _BLOCK.sub(" ", shown))).split())


_CONTEXT: Final = "https://schema.org"
_ESCAPED: Final = str.maketrans({
    "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029",
})  # fmt: skip


def _posted(post: PostShown, *, url: str, characters: int) -> dict[str, Any]:
    text = plain_of(post.html)
    posted: dict[str, Any] = {
        "text": text if len(text) <= characters else text[: characters - 1].rstrip() + "…",
        "inLanguage": post.language,
        "datePublished": to_the_minute(post.published_at).isoformat(),
        "url": url if post.number == 1 else f"{url.rpartition('/threads/')[0]}/posts/{post.id}",
        "author": _author(post.author),
    }
    if post.edited_at is not None:
        posted["dateModified"] = to_the_minute(post.edited_at).isoformat()
    if post.pictures:
        # Beside the page, on the same origin.
        posted["image"] = [_image(each, base=url.partition("/threads/")[0]) for each in post.pictures]
    if post.license_url:
        posted["license"] = post.license_url
    if post.url:
        posted["isBasedOn"] = post.url
    return posted


def _image(picture: PictureShown, *, base: str) -> dict[str, Any]:
    return {
        "@type": "ImageObject", "contentUrl": f"{base}/pictures/{picture.digest}.webp", "caption": picture.alt,
        "width": picture.width, "height": picture.height, "encodingFormat": "image/webp",
    }  # fmt: skip


def _answer(post: PostShown, *, url: str, characters: int) -> dict[str, Any]:
    return {"@type": "Answer", **_posted(post, url=url, characters=characters), "upvoteCount": post.up}


def _author(author: Author) -> dict[str, str]:
    if author.kind == "staff":
        return {"@type": "Person", "name": author.name, "jobTitle": "staff"}
    described = {"@type": "Person", "name": author.name or "—"}
    if author.url:
        described["url"] = author.url
    return described
