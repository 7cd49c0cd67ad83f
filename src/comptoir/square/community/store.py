"""The square's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psycopg

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import words
from comptoir.square.community.pictures import Developed
from comptoir.square.community.previews import first_link
from comptoir.square.community.rendering import render, without_links
from comptoir.square.community.rules import skeleton
from comptoir.square.community.writing import Post, Thread, state_after

if TYPE_CHECKING:
    from comptoir.square.community.effects import Fact

_SQL = load_statements(__package__)

# -- public names -------------------------------------------------------------------------------------------------


def find_reserved(connection: Connection, skeletons: Collection[str]) -> set[str]:
    """Return those of these looks that are reserved."""
    return {str(row[0]) for row in connection.execute(_SQL["find_reserved"], (text_array(list(skeletons)),))}


def insert_personas(connection: Connection, names: Mapping[Id, str]) -> None:
    """Add public names, by their ids."""
    ordered = sorted(names.items())  # by random ids: in no order that says anything
    connection.tell(
        _SQL["insert_personas"],
        value_array([persona for persona, _ in ordered]),
        text_array([name for _, name in ordered]),
        text_array([skeleton(name) for _, name in ordered]),
    )


def delete_personas(connection: Connection, personas: Collection[Id]) -> None:
    """Take public names away."""
    connection.tell(_SQL["delete_personas"], value_array(sorted(personas)))


def reserve_names(connection: psycopg.Connection, names: Collection[str]) -> None:
    """Reserve how these names look, as the vault; those that are reserved already stay so."""
    connection.execute(_SQL["reserve_names"], (text_array(sorted({skeleton(name) for name in names})),))


def find_personas(connection: Connection, personas: Collection[Id]) -> set[Id]:
    """Return those of these ids that are public names."""
    return {str(row[0]) for row in connection.execute(_SQL["find_personas"], (value_array(list(personas)),))}


def find_members(connection: Connection, members: Collection[Id]) -> set[Id]:
    """Return those of these ids that are people who wrote in another place."""
    return {str(row[0]) for row in connection.execute(_SQL["find_members"], (value_array(list(members)),))}


# -- what a decision needs ----------------------------------------------------------------------------------------


def find_threads_of(connection: Connection, posts: Collection[Id]) -> dict[Id, Id]:
    """Return in which thread each of these posts stands; of a post that is not there, nothing."""
    return dict(connection.execute(_SQL["find_threads_of"], (value_array(list(posts)),)))


def lock_threads(connection: Connection, threads: Collection[Id]) -> dict[Id, Thread]:
    """Lock threads in one order, and return those that there are."""
    rows = connection.execute(_SQL["lock_threads"], (value_array(sorted(threads)),))
    return {
        row[0]: Thread(row[0], row[1], None, row[2], row[3], accepted=row[4], status=row[5], is_locked=row[6])
        for row in rows
    }


def find_posts(connection: Connection, posts: Collection[Id]) -> dict[Id, Post]:
    """Return those of these posts that there are."""
    rows = connection.execute(_SQL["find_posts"], (value_array(list(posts)),))
    return {row[0]: Post(*row) for row in rows}


def find_votes(connection: Connection, posts: Collection[Id], personas: Collection[Id]) -> dict[tuple[Id, Id], int]:
    """Return what these names have voted on these posts."""
    rows = connection.execute(_SQL["find_votes"], (value_array(list(posts)), value_array(list(personas))))
    return {(post, persona): value for post, persona, value in rows}


def find_recent(connection: Connection, personas: Collection[Id], *, since: dt.datetime) -> dict[Id, list[dt.datetime]]:
    """Return when the shop has heard from each of these names since a moment."""
    found: dict[Id, list[dt.datetime]] = {}
    for author, at in connection.execute(_SQL["find_recent"], (value_array(list(personas)), since)):
        found.setdefault(author, []).append(at)
    return found


def find_topics(connection: Connection, slugs: Collection[str]) -> set[str]:
    """Return those of these topics that there are."""
    return {str(row[0]) for row in connection.execute(_SQL["find_topics"], (text_array(list(slugs)),))}


# -- pictures -----------------------------------------------------------------------------------------------------


def insert_picture(connection: psycopg.Connection, developed: Developed) -> None:
    """Keep a picture for a post that is about to show it, as the square; the same one twice is one."""
    connection.execute(
        _SQL["insert_picture"],
        (developed.digest, developed.width, developed.height, developed.large, developed.small),
    )


def hold_pictures(connection: Connection, digests: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the sizes of those of these pictures that are kept, and keep them until the end of the transaction."""
    rows = connection.execute(_SQL["hold_pictures"], (text_array(sorted(digests)),))
    return {digest: (width, height) for digest, width, height in rows}


def written_pictures(pictures: Sequence[Any] | None) -> str | None:
    """Return the pictures that an event names as the table has them: JSON, empty for none; ``None`` if it is silent."""
    if pictures is None:
        return None
    kept = [{name: getattr(each, name) for name in _OF_PICTURES} for each in pictures if each.digest]
    return msgspec.json.encode(kept).decode() if kept else ""


_OF_PICTURES: Final = ("digest", "alt", "width", "height")


def find_shown(connection: Connection, posts: Collection[Id]) -> list[str]:
    """Return the digests of the pictures that these posts show."""
    if not posts:
        return []
    return [digest for (digest,) in connection.execute(_SQL["find_shown"], (value_array(sorted(posts)),))]


def drop_pictures(connection: Connection, digests: Collection[str]) -> None:
    """Drop those of these pictures that no post shows any more."""
    if digests:
        asked = text_array(sorted(set(digests)))
        connection.execute(_SQL["lock_pictures"], (asked,)).fetchall()
        connection.tell(_SQL["drop_pictures"], asked)


def find_links(connection: Connection, *, now: dt.datetime, since: dt.datetime, limit: int) -> dict[str, Link]:
    """Return what members and staff link to and what is not known, or not any more, with the names that do."""
    rows = connection.execute(_SQL["find_links"], {"now": now, "since": since, "limit": limit})
    return {url: Link(url, by_staff, tuple(authors or ()), failures) for url, by_staff, authors, failures in rows}


def write_preview(connection: Connection, previewed: Previewed) -> None:
    """Write what a page says of itself, or why nothing is known of it."""
    connection.execute(_SQL["write_preview"], msgspec.structs.astuple(previewed))


def drop_unlinked(connection: Connection) -> None:
    """Drop what is known of pages to which no post links any more."""
    connection.execute(_SQL["drop_unlinked"])


class Link(msgspec.Struct, frozen=True):
    """A page to which posts link: whether staff do, under which names members do, how often it was asked in vain."""

    url: str
    is_staffs: bool
    authors: tuple[Id, ...]
    failures: int


class Previewed(msgspec.Struct, frozen=True):
    """A row of what is known of pages."""

    url: str
    title: str
    description: str
    site: str
    why: str
    failures: int
    asked_at: dt.datetime
    until: dt.datetime


def drop_unused_pictures(connection: Connection, *, before: dt.datetime, limit: int) -> int:
    """Drop pictures that came before a moment and that no post shows; returns how many."""
    return len(connection.execute(_SQL["drop_unused_pictures"], (before, limit)).fetchall())


# -- what events do -----------------------------------------------------------------------------------------------


class NewPost(msgspec.Struct, frozen=True):
    """A row of the table of posts, and for what begins a thread its title and topic."""

    id: Id
    thread: Id
    number: int
    parent: Id | None
    kind: str
    author: Id | None
    name: str | None
    place: str | None
    title: str | None
    text: str
    language: str
    topic: str | None
    product: str | None
    rating: int | None
    elsewhere: str | None
    published_at: dt.datetime
    received_at: dt.datetime
    position: Id
    state: str
    held: str | None
    up: int
    down: int
    is_seeded: bool
    url: str | None = None
    license: str | None = None
    is_confirmed: bool = False
    is_rewarded: bool = False
    pictures: str | None = None

    @property
    def is_first(self) -> bool:
        """Tell whether it begins its thread."""
        return self.id == self.thread


def insert_topics(connection: Connection, facts: Sequence[Fact]) -> None:
    """Open topics; one that there is already stays as it is."""
    data = [fact.data for fact in facts]
    connection.tell(
        _SQL["insert_topics"], *(text_array([getattr(each, name) for each in data]) for name in
        ("topic", "kind", "en", "ja", "fr", "reference")), value_array([fact.position for fact in facts]),
    )  # fmt: skip


def insert_members(connection: Connection, facts: Sequence[Fact]) -> None:
    """Add people who wrote in another place."""
    connection.tell(
        _SQL["insert_members"],
        value_array([fact.data.persona for fact in facts]),
        text_array([fact.data.name for fact in facts]),
        text_array([fact.data.place for fact in facts]),
        text_array([fact.data.url for fact in facts]),
        value_array([fact.position for fact in facts]),
    )


def insert_posts(connection: Connection, posts: Sequence[NewPost]) -> None:
    """Add posts, and the threads that some of them begin."""
    first = [post for post in posts if post.is_first]
    indexed = [words.index(f"{post.title or ''}\n{post.text}", language=post.language) for post in posts]
    connection.tell(
        _SQL["insert_posts"],
        value_array([post.id for post in posts]),
        value_array([post.thread for post in posts]),
        _numbers(post.number for post in posts),
        value_array([post.parent for post in posts]),
        text_array([post.kind for post in posts]),
        value_array([post.author for post in posts]),
        text_array([post.name for post in posts]),
        text_array([post.place for post in posts]),
        text_array([post.text for post in posts]),
        text_array([render(post.text) for post in posts]),
        text_array([post.language for post in posts]),
        text_array([each.configuration for each in indexed]),
        text_array([each.rest for each in indexed]),
        text_array([each.pairs for each in indexed]),
        text_array([post.published_at.isoformat() for post in posts]),
        text_array([post.received_at.isoformat() for post in posts]),
        value_array([post.position for post in posts]),
        text_array([post.state for post in posts]),
        text_array([post.held for post in posts]),
        text_array([post.product for post in posts]),
        _numbers(post.rating for post in posts),
        text_array([post.elsewhere for post in posts]),
        _numbers(post.up for post in posts),
        _numbers(post.down for post in posts),
        _numbers(int(post.is_seeded) for post in posts),
        text_array([post.url for post in posts]),
        text_array([post.license for post in posts]),
        _numbers(int(post.is_confirmed) for post in posts),
        _numbers(int(post.is_rewarded) for post in posts),
        text_array([post.pictures for post in posts]),
        text_array([None if post.place is not None else first_link(post.text) for post in posts]),
    )
    if first:
        connection.tell(
            _SQL["insert_threads"],
            value_array([post.id for post in first]),
            text_array([post.kind for post in first]),
            text_array([post.topic for post in first]),
            text_array([post.product for post in first]),
            text_array([post.title or "" for post in first]),
            text_array([post.language for post in first]),
            text_array([post.published_at.isoformat() for post in first]),
            value_array([post.position for post in first]),
        )


def edit_posts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Put new words in the place of old ones."""
    rows = connection.execute(_SQL["find_manners"], (value_array([fact.data.post for fact in facts]),))
    manners = {post: (language, is_unlinked) for post, language, is_unlinked in rows}
    written = [(fact.data, *manners.get(fact.data.post, ("en", False))) for fact in facts]
    indexed = [words.index(f"{data.title or ''}\n{data.text}", language=language) for data, language, _ in written]
    # Of what somebody wrote who was forgotten, the log has no word and no picture.
    shown = [written_pictures(fact.data.pictures) if fact.data.text else "" for fact in facts]
    unshown = find_shown(
        connection, [fact.data.post for fact, now in zip(facts, shown, strict=True) if now is not None]
    )
    connection.tell(
        _SQL["edit_posts"],
        value_array([fact.data.post for fact in facts]),
        text_array([fact.data.text for fact in facts]),
        text_array(
            [without_links(data.text) if is_unlinked else render(data.text) for data, _, is_unlinked in written]
        ),
        text_array([each.configuration for each in indexed]),
        text_array([each.rest for each in indexed]),
        text_array([each.pairs for each in indexed]),
        text_array([fact.at.isoformat() for fact in facts]),
        value_array([fact.position for fact in facts]),
        text_array([fact.data.held for fact in facts]),
        text_array(shown),
        text_array([first_link(fact.data.text) for fact in facts]),
    )
    drop_pictures(connection, unshown)
    entitled = [fact.data for fact in facts if fact.data.title is not None]
    if entitled:
        connection.tell(
            _SQL["entitle_threads"],
            value_array([each.post for each in entitled]),
            text_array([each.title for each in entitled]),
        )


def decide_posts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Do what somebody has decided: show, hide, show without links."""
    rows = connection.execute(_SQL["find_texts"], (value_array([fact.data.post for fact in facts]),)).fetchall()
    found = {post: (text, html, state) for post, text, html, state in rows}
    decided = [(fact, *found[fact.data.post]) for fact in facts if fact.data.post in found]
    connection.tell(
        _SQL["decide_posts"],
        value_array([fact.data.post for fact, *_ in decided]),
        text_array([state_after(fact.data.action, state) for fact, _, _, state in decided]),
        text_array([_shown(fact.data.action, text, html) for fact, text, html, _ in decided]),
        value_array([fact.position for fact, *_ in decided]),
        text_array([_LINKS.get(fact.data.action) for fact, *_ in decided]),
    )


def close_threads(connection: Connection, facts: Sequence[Fact]) -> None:
    """Close the threads of these posts, or open them again."""
    connection.tell(
        _SQL["close_threads"],
        value_array([fact.data.post for fact in facts]),
        _numbers(int(fact.data.action == "lock") for fact in facts),
        value_array([fact.position for fact in facts]),
    )


#: Whether a decision takes the links of a post away, for what is written anew as well; others leave them as they are.
_LINKS: Mapping[str, str] = {"unlink": "true", "publish": "false"}


def _shown(action: str, text: str, html: str) -> str:
    if action == "unlink":
        return without_links(text)
    return render(text) if action == "publish" else html


def confirm_posts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Note of reviews that whoever wrote them had bought the product here."""
    connection.tell(
        _SQL["confirm_posts"],
        value_array([fact.data.post for fact in facts]),
        value_array([fact.position for fact in facts]),
    )


def withdraw_posts(connection: Connection, facts: Sequence[Fact]) -> None:
    """Take posts back."""
    posts = value_array([fact.data.post for fact in facts])
    unshown = find_shown(connection, [fact.data.post for fact in facts])
    connection.tell(_SQL["withdraw_posts"], posts, value_array([fact.position for fact in facts]))
    connection.tell(_SQL["blank_threads"], posts)
    drop_pictures(connection, unshown)
    connection.tell(_SQL["drop_unlinked"])


def write_votes(connection: Connection, facts: Sequence[Fact]) -> None:
    """Write votes, the last of each name on each post; 0 takes it back."""
    connection.tell(
        _SQL["upsert_votes"],
        value_array([fact.data.post for fact in facts]),
        value_array([fact.data.persona for fact in facts]),
        _numbers(fact.data.value for fact in facts),
        value_array([fact.position for fact in facts]),
    )


def accept_answers(connection: Connection, answers: Mapping[Id, tuple[Id | None, Id]]) -> None:
    """Note which answer helped in each thread, and the event that says so."""
    connection.tell(
        _SQL["accept_answers"],
        value_array(list(answers)),
        value_array([answer for answer, _ in answers.values()]),
        value_array([position for _, position in answers.values()]),
    )


def insert_steps(connection: Connection, facts: Sequence[Fact]) -> None:
    """Add the shop's words on ideas, and let each idea say the last one."""
    connection.tell(
        _SQL["insert_steps"],
        value_array([fact.position for fact in facts]),
        value_array([fact.data.idea for fact in facts]),
        text_array([fact.data.status for fact in facts]),
        text_array([fact.data.reason for fact in facts]),
        text_array([fact.data.name for fact in facts]),
        text_array([fact.at.isoformat() for fact in facts]),
    )
    connection.tell(_SQL["restate_ideas"], value_array(sorted({fact.data.idea for fact in facts})))


def recount(connection: Connection, *, threads: Collection[Id], posts: Collection[Id]) -> None:
    """Make the counts of these posts and threads anew, from their rows."""
    if posts:
        connection.tell(_SQL["recount_votes"], value_array(sorted(posts)))
    if threads:
        connection.tell(_SQL["recount_threads"], value_array(sorted(threads)))


def recount_all(connection: Connection) -> None:
    """Make the counts of every post and thread anew."""
    connection.tell(_SQL["recount_all_votes"])
    connection.tell(_SQL["recount_all_threads"])


# -- what the counter looks at -----------------------------------------------------------------------------------


def find_reviews(
    connection: Connection, *, since: dt.datetime, until: dt.datetime, limit: int
) -> list[tuple[Id, Id, str, dt.datetime]]:
    """Return members' reviews of products that are not confirmed, published in a span: post, name, product, when."""
    asked = {"since": since, "until": until, "limit": limit}
    return connection.execute(_SQL["find_reviews"], asked).fetchall()


def find_confirmed(connection: Connection, personas: Collection[Id]) -> list[tuple[Id, Id, str, dt.datetime]]:
    """Return the confirmed reviews of these names: post, name, product, when."""
    return connection.execute(_SQL["find_confirmed"], (value_array(sorted(personas)),)).fetchall()


def find_rewarded(connection: Connection, *, until: dt.datetime, limit: int) -> list[tuple[Id, dt.datetime]]:
    """Return the names and times of reviews for which points were promised, published before a moment."""
    return connection.execute(_SQL["find_rewarded"], {"until": until, "limit": limit}).fetchall()


def find_fulfilled(connection: Connection, *, until: dt.datetime, limit: int) -> list[tuple[Id, dt.datetime]]:
    """Return the names that had voted for ideas that were done before a moment, and when each was done."""
    return connection.execute(_SQL["find_fulfilled"], {"until": until, "limit": limit}).fetchall()


# -- somebody is forgotten ----------------------------------------------------------------------------------------


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put fresh ids in the place of these names, and take away what they wrote; what others answered stays."""
    pairs = value_array(list(fresh)), value_array(list(fresh.values()))
    unshown = [digest for (digest,) in connection.execute(_SQL["find_shown_by"], (value_array(list(fresh)),))]
    rows = connection.execute(_SQL["sever_posts"], pairs).fetchall()
    connection.tell(_SQL["drop_unlinked"])
    drop_pictures(connection, unshown)
    connection.tell(_SQL["sever_votes"], *pairs)
    if rows:
        threads = {thread for thread, _ in rows}
        connection.tell(_SQL["blank_threads"], value_array(sorted(threads)))
        recount(connection, threads=threads, posts=())


def _numbers(values: Iterable[int | None]) -> str:
    return value_array([None if each is None else str(each) for each in values])
