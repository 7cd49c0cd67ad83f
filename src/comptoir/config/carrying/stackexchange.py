"""The public dump of a Stack Exchange site: a folder of XML tables, as the Internet Archive has them.

Questions and answers come with their votes in sums and with the answer that helped; comments as replies to what they
are about; the first tag of a question that says what it is about becomes its topic. Of the users, those are taken who
have written something, by their public name and the page that the licence (CC BY-SA) wants named. Left where they are:
everything else about people, badges, tags' descriptions, edits, and votes that say something else than up or down.
"""

from __future__ import annotations

import collections
import datetime as dt
import heapq
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from comptoir.config.carrying import tables
from comptoir.config.carrying.contracts import PLACE, CarryingError, Member, Post, Source
from comptoir.config.carrying.languages import language_of
from comptoir.config.carrying.markdown import NotReadable, from_html
from comptoir.config.replaying.recordings import Entry
from comptoir.foundation.kernel.numbers import whole

_QUESTION, _ANSWER = "1", "2"
_UP, _DOWN = "2", "3"
_TAG: Final = re.compile(r"[^<>|]+")
_HOST: Final = re.compile(r"\b(?:[a-z0-9-]+\.)*(?:stackexchange|stackoverflow|superuser|serverfault|askubuntu)\.com\b")
#: What the site published under which licence, where a table does not say so itself: by the day of the post.
_LICENSES: Final = (("2018-05-02", "4.0"), ("2011-04-08", "3.0"), ("", "2.5"))
_SOURCE_BYTES_MAX: Final = 4_096
_NUMBER_MAX: Final = 10**7 - 1


class _Known(NamedTuple):
    """What a first reading of the tables has to know for the second."""

    names: dict[str, str]
    threads: dict[str, str]
    accepted: set[str]
    up: collections.Counter[str]
    down: collections.Counter[str]
    unspecific: set[str]


def place_of(folder: Path) -> str | None:
    """Return which site a folder is of: by its own name, or by a note ``SOURCE.txt`` in it."""
    if PLACE.fullmatch(folder.name.casefold()):
        return folder.name.casefold()
    note = folder / "SOURCE.txt"
    if note.is_file():
        with note.open("rb") as file:
            text = file.read(_SOURCE_BYTES_MAX).decode("utf-8", "replace")
        found = _HOST.search(text)
        return found[0] if found else None
    return None


class StackExchange(Source):
    """A dump. ``language`` is what a post is in that does not say so itself."""

    def __init__(
        self, folder: Path, place: str, *, language: str = "en", passed: Callable[[int], None] = lambda _: None
    ) -> None:
        """Look at the folder; raises :class:`CarryingError` where a table is missing. ``passed`` hears of every row."""
        super().__init__(place)
        self._folder = folder
        self._language = language
        self._passed = passed
        self._read = 0
        for name in ("Posts", "Users"):
            if not self._path(name).is_file():
                raise CarryingError(f"{folder} has no {name}.xml; is it the folder of a dump?")

    def events(self) -> Iterator[Entry]:
        """Yield everything: raises :class:`CarryingError` where a table is not one."""
        try:
            known = self._known()
            yield from self._said_in_order(known)
        except tables.TableError as error:
            raise CarryingError(str(error)) from None

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.xml"

    def _rows(self, table: str) -> Iterator[dict[str, str]]:
        path = self._path(table)
        if path.is_file():
            for row in tables.rows(path):
                if "Id" not in row:
                    raise tables.TableError(f"{path.name} has a row without an Id")
                self._read += 1
                if self._read % 500 == 0:
                    self._passed(self._read)
                yield row

    # -- the first reading ----------------------------------------------------------------------------------------

    def _known(self) -> _Known:
        known = _Known({}, {}, set(), collections.Counter(), collections.Counter(), set())
        writers = self._know_posts(known)
        for row in self._rows("Users"):
            self.counts["rows_users"] += 1
            if row["Id"] in writers:
                known.names[row["Id"]] = row.get("DisplayName", "")
            else:
                self.left_out["users_who_wrote_nothing"] += 1
        for row in self._rows("Votes"):
            self.counts["rows_votes"] += 1
            self._know_vote(row, known)
        for row in self._rows("Tags"):
            self.counts["rows_tags"] += 1
            if "True" in {row.get("IsRequired"), row.get("IsModeratorOnly")}:
                known.unspecific.add(row.get("TagName", ""))
        for _ in self._rows("Badges"):
            self.counts["rows_badges"] += 1
            self.left_out["badges"] += 1
        return known

    def _know_posts(self, known: _Known) -> set[str]:
        """Learn which posts there are and in which threads; return who has written something."""
        writers: set[str] = set()
        for row in self._rows("Posts"):
            self.counts["rows_posts"] += 1
            if row.get("PostTypeId") in {_QUESTION, _ANSWER}:
                known.threads[row["Id"]] = row.get("ParentId") or row["Id"]
                writers.add(row.get("OwnerUserId", ""))
                if answer := row.get("AcceptedAnswerId"):
                    known.accepted.add(answer)
            else:
                self.left_out["posts_of_another_kind"] += 1
        for row in self._rows("Comments"):
            self.counts["rows_comments"] += 1
            writers.add(row.get("UserId", ""))
        return writers

    def _know_vote(self, row: dict[str, str], known: _Known) -> None:
        kind = row.get("VoteTypeId")
        if kind not in {_UP, _DOWN}:
            self.left_out["votes_of_another_kind"] += 1
        elif row.get("PostId") not in known.threads:
            self.left_out["votes_on_posts_that_are_not_there"] += 1
        else:
            (known.up if kind == _UP else known.down)[row["PostId"]] += 1

    # -- the second one -------------------------------------------------------------------------------------------

    def _said_in_order(self, known: _Known) -> Iterator[Entry]:
        """Yield posts and comments by their time; a comment never before what it is about."""
        comments: dict[str, list[dict[str, str]]] = {}
        waiting: list[tuple[str, int, dict[str, str]]] = []
        for number, row in enumerate(self._rows("Comments")):
            heapq.heappush(waiting, (row.get("CreationDate", ""), number, row))
        seen: set[str] = set()
        for row in self._rows("Posts"):
            if row.get("PostTypeId") not in {_QUESTION, _ANSWER}:
                continue
            while waiting and waiting[0][0] < row.get("CreationDate", ""):
                comment = heapq.heappop(waiting)[2]
                if comment.get("PostId") in seen:
                    yield from self._comment(comment, known)
                else:
                    comments.setdefault(comment.get("PostId", ""), []).append(comment)
            seen.add(row["Id"])
            yield from self._post(row, known)
            for comment in comments.pop(row["Id"], ()):
                yield from self._comment(comment, known)
        while waiting:
            yield from self._comment(heapq.heappop(waiting)[2], known)
        for left in comments.values():
            for comment in left:
                yield from self._comment(comment, known)

    def _post(self, row: dict[str, str], known: _Known) -> Iterator[Entry]:
        number = row["Id"]
        name = f"posts/{number}"
        is_question = row["PostTypeId"] == _QUESTION
        try:
            at = _moment(row.get("CreationDate", ""))
            text = from_html(row.get("Body", ""))
        except NotReadable as error:
            self.refuse(name, str(error))
            return
        author = self._author(row, "Owner", known)
        yield from self.post(
            Post(
                id=name,
                kind="question" if is_question else "answer",
                text=text,
                language=language_of(f"{row.get('Title', '')}\n{text}", default=self._language),
                at=at,
                author=author,
                thread=None if is_question else f"posts/{row.get('ParentId', '')}",
                topic=self._topic_of(row, known) if is_question else None,
                title=row.get("Title", "") if is_question else None,
                up=known.up[number],
                down=known.down[number],
                accepted=number in known.accepted and not is_question,
                url=f"https://{self.place}/{'questions' if is_question else 'a'}/{number}",
                license=_license(row),
            )
        )

    def _comment(self, row: dict[str, str], known: _Known) -> Iterator[Entry]:
        about = row.get("PostId", "")
        name = f"comments/{row['Id']}"
        try:
            at = _moment(row.get("CreationDate", ""))
        except NotReadable as error:
            self.refuse(name, str(error))
            return
        author = self._author(row, "User", known)
        text = row.get("Text", "")
        yield from self.post(
            Post(
                id=name,
                kind="reply",
                text=text,
                language=language_of(text, default=self._language),
                at=at,
                author=author,
                thread=f"posts/{known.threads.get(about, about)}",
                parent=f"posts/{about}",
                up=_number(row.get("Score", "")),
                url=f"https://{self.place}/posts/comments/{row['Id']}",
                license=_license(row),
            )
        )

    def _author(self, row: dict[str, str], prefix: str, known: _Known) -> Member | None:
        """Return who wrote a row; somebody whose account is gone is known by a name alone."""
        number = row.get("UserId" if prefix == "User" else "OwnerUserId", "")
        if number in known.names:
            return Member(f"users/{number}", known.names[number], f"https://{self.place}/users/{number}")
        shown = row.get(f"{prefix}DisplayName", "")
        return Member(f"names/{shown}", shown) if shown else None

    def _topic_of(self, row: dict[str, str], known: _Known) -> str | None:
        tags = _TAG.findall(row.get("Tags", ""))
        return next((tag for tag in tags if tag not in known.unspecific), tags[0] if tags else None)


def _moment(text: str) -> dt.datetime:
    """Return when something was said; the dump writes UTC without saying so."""
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    except ValueError:
        raise NotReadable("no_time") from None


def _number(text: str) -> int:
    return whole(text, _NUMBER_MAX) or 0


def _license(row: dict[str, str]) -> str:
    said = row.get("ContentLicense", "")
    day = row.get("CreationDate", "")
    return said or "CC BY-SA " + next(version for since, version in _LICENSES if day >= since)
