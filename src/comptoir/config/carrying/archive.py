"""The square's own archive: everything that everybody may read, in JSON Lines, one folder; written here, and read back.

``about.json`` says from which place and when; ``topics.jsonl``, ``members.jsonl``, ``posts.jsonl`` and ``steps.jsonl``
(the shop's word on ideas) have one thing a line, in an order in which each can be read by itself; ``threads.jsonl`` has
every conversation once more, as schema.org says it (JSON-LD), for whoever does not know Comptoir. Of people there is
the public name: a member's id in the archive is made of that name, so that nothing in it leads to a persona's own id,
and from there to a customer; times are told to the minute. What the shop knew of a review is signed with its key, and
only the shop itself reads it back. What was taken back, hidden or is held is not in the archive.
``pictures/`` has the pictures of posts, by their digests.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from comptoir.config.carrying.contracts import CarryingError, Member, Post, Source
from comptoir.config.replaying.recordings import Entry
from comptoir.foundation.kernel.clock import to_the_minute
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community import vouching
from comptoir.square.community.contracts import ALT_CHARACTERS_MAX, PICTURES_MAX
from comptoir.square.community.effects import CONFIRMED, REWARDED
from comptoir.square.community.pictures import BYTES_MAX as PICTURE_BYTES_MAX
from comptoir.square.community.pictures import Developed, develop
from comptoir.square.community.writing import without_unseen

VERSION: Final = 1
LINE_BYTES_MAX: Final = 1 << 20
_SQL: Final = load_statements(__package__, "archive.sql")
_AT_A_TIME: Final = 1_000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
#: What keeps a picture, for a post that is about to show it.
Keep = Callable[[Developed], None]
_DESCRIBED_POSTS: Final = 200
_T = TypeVar("_T", bound=msgspec.Struct)


class About(msgspec.Struct):
    """What an archive is of."""

    format: str
    version: int
    place: str
    at: dt.datetime


class TopicLine(msgspec.Struct, omit_defaults=True):
    """A topic."""

    topic: str
    kind: str
    en: str
    at: dt.datetime
    ja: str | None = None
    fr: str | None = None
    reference: str | None = None


class MemberLine(msgspec.Struct, omit_defaults=True):
    """Somebody who has written something, by their public name; ``is_staff`` for the shop's own people."""

    member: str
    name: str
    place: str | None = None
    url: str | None = None
    is_staff: bool = False


class PictureLine(msgspec.Struct):
    """A picture of a post: ``pictures/DIGEST.webp`` in the archive, what it shows in words, its size in pixels."""

    digest: str
    alt: str
    width: int
    height: int


class PostLine(msgspec.Struct, omit_defaults=True):
    """A post, with its votes in sums, and of a review whether it was bought here and whether points were promised."""

    post: str
    kind: str
    text: str
    language: str
    at: dt.datetime
    thread: str
    member: str | None = None
    parent: str | None = None
    topic: str | None = None
    title: str | None = None
    up: int = 0
    down: int = 0
    accepted: bool = False
    product: str | None = None
    rating: int | None = None
    elsewhere: str | None = None
    place: str | None = None
    url: str | None = None
    license: str | None = None
    pictures: list[PictureLine] | None = None
    is_confirmed: bool = False
    is_rewarded: bool = False
    signature: str | None = None


class StepLine(msgspec.Struct):
    """The shop's word on an idea."""

    idea: str
    status: str
    reason: str
    name: str
    at: dt.datetime


def member_id(place: str, name: str) -> str:
    """Return what stands for somebody in an archive: made of what everybody reads."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://{place}/members/{name}"))


# -- written ------------------------------------------------------------------------------------------------------


def write(
    connection: psycopg.Connection,
    folder: Path,
    *,
    place: str,
    at: dt.datetime,
    passed: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Write the archive, as the square's role, in one view of the tables; returns how many lines each file has."""
    if folder.exists() and any(folder.iterdir()):
        raise CarryingError(f"{folder} is not empty; an archive gets a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    done = 0
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        for file, line_of in _FILES:
            count = 0
            with _opened(folder / f"{file}.jsonl") as stream, connection.cursor(name=f"archive_{file}") as cursor:
                cursor.itersize = _AT_A_TIME
                cursor.execute(_SQL[file], {"place": place})
                names = [column.name for column in cursor.description or ()]
                for row in cursor:
                    line = line_of(dict(zip(names, row, strict=True)), place)
                    stream.write(msgspec.json.encode(line) + b"\n")
                    count += 1
                    done += 1
                    if done % _AT_A_TIME == 0:
                        passed(done)
            counts[file] = count
        counts["pictures"] = _write_pictures(connection, folder)
    about = About("comptoir-community", VERSION, place, to_the_minute(at))
    with _opened(folder / "about.json") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(about)) + b"\n")
    return counts


def _write_pictures(connection: psycopg.Connection, folder: Path) -> int:
    count = 0
    with connection.cursor(name="archive_pictures") as cursor:
        cursor.itersize = 20
        for digest, large in cursor.execute(_SQL["pictures"]):
            (folder / "pictures").mkdir(exist_ok=True)
            with _opened(folder / "pictures" / f"{digest}.webp") as stream:
                stream.write(large)
            count += 1
    return count


def write_described(folder: Path) -> int:
    """Write every conversation as JSON-LD, with up to its first two hundred posts. Django has to be set up."""
    from comptoir.foundation.rooms import addresses  # noqa: PLC0415 - the pages' own reads need loaded models
    from comptoir.foundation.rooms.current import entered  # noqa: PLC0415
    from comptoir.foundation.rooms.declaration import SQUARE  # noqa: PLC0415
    from comptoir.square.community import queries  # noqa: PLC0415
    from comptoir.square.community.describing import describe  # noqa: PLC0415

    count = 0
    with _opened(folder / "threads.jsonl") as stream, (folder / "posts.jsonl").open("rb") as posts, entered(SQUARE):
        for raw in posts:
            line = msgspec.json.decode(raw, type=PostLine)
            first = line.thread == line.post
            shown = queries.thread(uuid.UUID(line.post), size=_DESCRIBED_POSTS) if first else None
            if shown is not None:
                url = addresses.url_of(SQUARE, f"/threads/{shown.id}")
                described = describe(shown, url=url, characters=LINE_BYTES_MAX, posts=_DESCRIBED_POSTS)
                stream.write(msgspec.json.encode(described) + b"\n")
                count += 1
    return count


def _opened(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb")


def _topic_line(row: dict[str, Any], place: str) -> TopicLine:  # noqa: ARG001 - the lines' shape
    # The place in the log says when it came (RFC 9562, version 7: milliseconds in the first 48 bits).
    spoken_of = row.pop("spoken_of")
    opened = dt.datetime.fromtimestamp((row.pop("position").int >> 80) / 1000, tz=dt.UTC)
    return TopicLine(**row, at=to_the_minute(min(filter(None, (opened, spoken_of)))))


def _member_line(row: dict[str, Any], place: str) -> MemberLine:
    name = row["name"]
    return MemberLine(
        member_id(row["place"] or place, f"staff/{name}" if row["is_staff"] else name), name, row["place"], row["url"],
        row["is_staff"],
    )  # fmt: skip


def _post_line(row: dict[str, Any], place: str) -> PostLine:
    staff, name = row.pop("staff"), row.pop("name")
    shown = f"staff/{staff}" if staff else name
    member = member_id(row["place"] or place, shown) if shown else None
    line = PostLine(at=to_the_minute(row.pop("at")), member=member, **row)
    marks = _marks_of(line)
    if not marks:
        return line
    return msgspec.structs.replace(line, signature=vouching.sign(_signed_of(line, place, member), marks))


def _marks_of(line: PostLine) -> list[str]:
    return [mark for mark, holds in ((CONFIRMED, line.is_confirmed), (REWARDED, line.is_rewarded)) if holds]


class _Signed(msgspec.Struct, frozen=True):
    """A post with the names of the event that carries it, as the shop's key signs it."""

    post: str
    kind: str
    language: str
    persona: str | None
    topic: str | None
    product: str | None
    rating: int | None
    place: str
    title: str | None
    text: str


def _signed_of(line: PostLine, place: str, member: str | None) -> _Signed:
    return _Signed(
        line.post, line.kind, line.language, member, line.topic, line.product, line.rating, line.place or place,
        line.title, line.text,
    )  # fmt: skip


def _step_line(row: dict[str, Any], place: str) -> StepLine:  # noqa: ARG001
    return StepLine(at=to_the_minute(row.pop("at")), **row)


_FILES: Final[tuple[tuple[str, Callable[[dict[str, Any], str], msgspec.Struct]], ...]] = (
    ("topics", _topic_line),
    ("members", _member_line),
    ("posts", _post_line),
    ("steps", _step_line),
)


# -- read ---------------------------------------------------------------------------------------------------------


class Archive(Source):
    """An archive of a square. Posts keep their ids, so that links to them still lead somewhere."""

    def __init__(
        self, folder: Path, *, passed: Callable[[int], None] = lambda _: None, keep: Keep | None = None
    ) -> None:
        """Read what it is of; raises :class:`CarryingError` where it is no archive.

        ``keep`` keeps a picture of a post here; without, pictures stay where they are.
        """
        self._folder = folder
        self._keep = keep
        self._passed = passed
        try:
            with (folder / "about.json").open("rb") as file:
                about = msgspec.json.decode(file.read(LINE_BYTES_MAX), type=About)
        except (OSError, msgspec.DecodeError) as error:
            raise CarryingError(f"{folder} is no archive of a square: {error}") from None
        if (about.format, about.version) != ("comptoir-community", VERSION):
            raise CarryingError(f"{folder} is of another format: {about.format[:60]} {about.version}")
        super().__init__(about.place)

    def id_of(self, what: str) -> str:
        """Return an id as the archive has it."""
        return what

    def events(self) -> Iterator[Entry]:
        """Yield topics, then posts with who wrote them, then the shop's words on ideas."""
        members = {line.member: line for line in self._lines("members", MemberLine)}
        for topic in self._lines("topics", TopicLine):
            data = msgspec.to_builtins(topic)
            yield from self.once("topic.opened", f"topic-{topic.topic}", _without(data, "at"), at=topic.at)
        for number, line in enumerate(self._lines("posts", PostLine)):
            yield from self._post(line, members.get(line.member or ""))
            if number % _AT_A_TIME == 0:
                self._passed(number)
        for number, step in enumerate(self._lines("steps", StepLine)):
            yield from self.step(
                step.idea, number=number, status=step.status, reason=step.reason, name=step.name, at=step.at
            )

    def _post(self, line: PostLine, member: MemberLine | None) -> Iterator[Entry]:
        is_first = line.thread == line.post
        said = {name: getattr(line, name) for name in _AS_IT_IS}
        author = None if member is None else Member(member.member, member.name, member.url, member.place)
        marks = _marks_of(line) if line.kind == "review" else []
        signed = _signed_of(line, self.place, None if author is None else author.id)
        if marks and not vouching.is_ours(signed, marks, line.signature or ""):
            # Another shop's archive, or one that was changed: what it says of purchases is not ours to repeat.
            self.left_out["marks"] += 1
            marks = []
        self.counts["marks"] += len(marks)
        yield from self.post(
            Post(
                id=line.post,
                author=author,
                thread=None if is_first else line.thread,
                # A reply to what is not there any more answers the conversation.
                parent=line.parent if line.parent in self._carried else None,
                topic_slug=line.topic if is_first else None,
                pictures=self._pictures(line.pictures or []),
                marks=marks or None,
                signature=line.signature if marks else None,
                **said,
            )
        )

    def _pictures(self, lines: list[PictureLine]) -> list[dict[str, Any]] | None:
        """Return pictures as they are kept here: drawn anew, as if a stranger had sent them."""
        carried = []
        for line in lines[:PICTURES_MAX]:
            alt = without_unseen(line.alt, is_line=True).strip()[:ALT_CHARACTERS_MAX]
            try:
                if self._keep is None or not alt or not _DIGEST.fullmatch(line.digest):
                    raise OSError  # noqa: TRY301 - as if it were not there
                with (self._folder / "pictures" / f"{line.digest}.webp").open("rb") as file:
                    made = develop(file.read(PICTURE_BYTES_MAX + 1), field="pictures")
                self._keep(made)
            except (OSError, Problem):
                self.left_out["pictures"] += 1
                continue
            self.counts["pictures"] += 1
            carried.append({"digest": made.digest, "alt": alt, "width": made.width, "height": made.height})
        return carried or None

    def _lines(self, name: str, as_type: type[_T]) -> Iterator[_T]:
        decoder = msgspec.json.Decoder(as_type)
        path = self._folder / f"{name}.jsonl"
        if not path.is_file():
            raise CarryingError(f"{self._folder} has no {name}.jsonl")
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(raw) > LINE_BYTES_MAX:
                    raise CarryingError(f"{path.name}, line {number}: longer than 1 MiB")
                try:
                    yield decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise CarryingError(f"{path.name}, line {number}: {error}") from None


_AS_IT_IS: Final = (
    "kind", "text", "language", "at", "title", "up", "down", "accepted", "product", "rating", "elsewhere", "place",
    "url", "license",
)  # fmt: skip


def _without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in data.items() if field != name}
