"""Reads a file of results: CSV, one row a person, a header with the columns' names. Nothing in it is guessed.

What a cell does not say is refused with its line, or counted and reported, as the question wishes. Limits: 2 GB, five
million rows, twenty arms, fifty groups. Not here: what is made of it (``measuring.py``).
"""

from __future__ import annotations

import array
import csv
import io
import math
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from comptoir.office.experiments.assignment import ARMS_MAX
from comptoir.office.experiments.contracts import Question
from comptoir.office.experiments.errors import ArmsIncomplete, CellRefused, ColumnMissing, PersonRepeated
from comptoir.office.experiments.errors import ResultsUnreadable as Unreadable

BYTES_MAX: Final = 2_000_000_000
ROWS_MAX: Final = 5_000_000
GROUPS_MAX: Final = 50
_NAME_MAX: Final = 100
_COLUMNS_MAX: Final = 1_000
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
#: Larger numbers lose their digits, or end at infinity when they are squared.
_NUMBER_MAX: Final = 1e12
_WORDS: Final = {"true": 1.0, "false": 0.0}
_EMPTY: Final = {"", "na", "nan", "n/a", "null", "none"}


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What the file said, in the order of its rows; names by the number that stands in their place."""

    arm: npt.NDArray[np.int32]
    outcome: npt.NDArray[np.float64]
    covariate: npt.NDArray[np.float64] | None
    cluster: npt.NDArray[np.int32] | None
    group: npt.NDArray[np.int32] | None
    arms: list[str]
    groups: list[str]
    left_out_by_arm: list[int]
    as_zero: int
    #: How many contacts each arm cost, where that is known; else each person of it is one.
    contacts_by_arm: list[int] | None = None
    costs_by_arm: list[float] | None = None


def read(path: Path, question: Question) -> Results:
    """Read a file of results. Raises a named problem with the column and the line at fault."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("It is not an ordinary file.", field="FILE")
        if status.st_size > BYTES_MAX:
            raise Unreadable(f"It has {status.st_size:,} bytes; up to {BYTES_MAX:,} are read.", field="FILE")
        with path.open("r", encoding="utf-8-sig", newline="") as file:
            return _read(file, question)
    except UnicodeDecodeError:
        raise Unreadable(
            f"Line {_line_that_is_not_text(path)} is not UTF-8. Save the file as CSV in UTF-8.", field="FILE"
        ) from None
    except OSError as error:
        raise Unreadable(f"{error.strerror}.", field="FILE") from None


def _line_that_is_not_text(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


class _Names:
    """Numbers for names, in the order in which they are met."""

    def __init__(self, column: str, limit: int) -> None:
        self._column, self._limit = column, limit
        self.numbers: dict[str, int] = {}

    def number(self, cell: str, line: int) -> int:
        known = self.numbers.get(cell)
        if known is None:
            _judge_name(cell, self._column, line)
            if len(self.numbers) == self._limit:
                raise CellRefused(
                    f"Line {line}: with {cell!r} the column {self._column!r} says more than {self._limit:,}"
                    " different things.",
                    field=self._column, line=line,
                )  # fmt: skip
            known = self.numbers[cell] = len(self.numbers)
        return known


def _judge_name(cell: str, column: str, line: int) -> None:
    reason = None
    if not cell:
        reason = "is empty"
    elif len(cell) > _NAME_MAX:
        reason = f"has more than {_NAME_MAX} characters"
    elif cell.startswith("="):
        reason = f"holds a formula, {_shown(cell)}; write what it comes to"
    elif not cell.isprintable():
        reason = f"holds characters that cannot be shown, {_shown(cell)}"
    if reason:
        raise CellRefused(f"Line {line}: the column {column!r} {reason}.", field=column, line=line)


def _shown(cell: str) -> str:
    return ascii(cell if len(cell) <= 40 else cell[:40] + "...")


def _number(cell: str, column: str, line: int) -> float | None:
    """Return a cell's number, or ``None`` when it is empty."""
    if _NUMBER.fullmatch(cell):
        value = float(cell)
        if abs(value) <= _NUMBER_MAX and math.isfinite(value):
            return value
        raise CellRefused(
            f"Line {line}: the column {column!r} holds {_shown(cell)}; numbers go up to a million million.",
            field=column, line=line,
        )  # fmt: skip
    lowered = cell.lower()
    if lowered in _EMPTY:
        return None
    if lowered in _WORDS:
        return _WORDS[lowered]
    what = "a formula" if cell.startswith("=") else "no number"
    raise CellRefused(
        f"Line {line}: the column {column!r} holds {what}, {_shown(cell)}. A number is written like 1234.5.",
        field=column, line=line,
    )  # fmt: skip


def _rows(file: io.TextIOBase) -> Iterator[tuple[int, list[str]]]:
    """Return each row with its line; the first one is the header."""
    first = file.readline(1_000_000)
    delimiter = max(",;\t", key=first.count)
    file.seek(0)
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in rows:
            yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"Line {max(line, rows.line_num)} is not CSV: {error}.", field="FILE") from None


def _columns(header: Sequence[str], question: Question) -> dict[str, int]:
    """Return where each column that is asked for stands, by what it is for."""
    names = [each.strip() for each in header]
    if not any(names):
        raise Unreadable("It is empty: there is no line with the columns' names.", field="FILE")
    if len(names) > _COLUMNS_MAX:
        raise Unreadable(f"It has more than {_COLUMNS_MAX:,} columns.", field="FILE")
    found = {}
    for purpose in ("arm", "outcome", "covariate", "cluster", "by", "person"):
        name = getattr(question, purpose)
        if name is None:
            continue
        if names.count(name) != 1:
            there = ", ".join(_shown(each)[1:-1] for each in names[:20]) + (", ..." if len(names) > 20 else "")
            wrong = "stands in the header twice" if name in names else "is not in the header"
            raise ColumnMissing(f"The column {_shown(name)} {wrong}. There are: {there}.", field=name)
        found[purpose] = names.index(name)
    return found


def _read(file: io.TextIOBase, question: Question) -> Results:
    rows = _rows(file)
    _, header = next(rows, (1, []))
    reading = _Reading(question, _columns(header, question))
    count = 0
    for line, row in rows:
        if not row:
            continue
        count += 1
        if count > ROWS_MAX:
            raise Unreadable(f"It has more than {ROWS_MAX:,} rows.", field="FILE")
        if len(row) != len(header):
            raise Unreadable(f"Line {line} has {len(row)} cells, the header {len(header)}.", field="FILE")
        reading.take(row, line)
    if not count:
        raise ArmsIncomplete("There is no row below the header.", field=question.arm)
    return reading.results()


class _Reading:
    """What was read so far."""

    def __init__(self, question: Question, at: dict[str, int]) -> None:
        self._question, self._at = question, at
        self._arms = _Names(question.arm, ARMS_MAX)
        self._clusters = _Names(question.cluster or "", ROWS_MAX)
        self._groups = _Names(question.by or "", GROUPS_MAX)
        self._people: set[str] = set()
        self._arm, self._cluster, self._group = array.array("i"), array.array("i"), array.array("i")
        self._outcome, self._covariate = array.array("d"), array.array("d")
        self._left_out: dict[int, int] = {}
        self._as_zero = 0

    def take(self, row: Sequence[str], line: int) -> None:
        cells = {purpose: row[place].strip() for purpose, place in self._at.items()}
        arm = self._arms.number(cells["arm"], line)
        if "person" in cells:
            self._meet(cells["person"], line)
        numbers = [self._number(cells, purpose, line) for purpose in ("outcome", "covariate") if purpose in cells]
        if None in numbers:
            if self._question.empty == "leave_out":
                self._left_out[arm] = self._left_out.get(arm, 0) + 1
                return
            self._as_zero += 1
        self._arm.append(arm)
        self._outcome.append(numbers[0] or 0.0)
        if len(numbers) > 1:
            self._covariate.append(numbers[1] or 0.0)
        if "cluster" in cells:
            self._cluster.append(self._clusters.number(cells["cluster"], line))
        if "by" in cells:
            self._group.append(self._groups.number(cells["by"], line))

    def _meet(self, person: str, line: int) -> None:
        column = self._question.person or ""
        _judge_name(person, column, line)
        if person in self._people:
            raise PersonRepeated(
                f"Line {line}: {_shown(person)} stands in the column {column!r} a second time. Add up what belongs to"
                " one person first.",
                field=column, line=line,
            )  # fmt: skip
        self._people.add(person)

    def _number(self, cells: dict[str, str], purpose: str, line: int) -> float | None:
        column = getattr(self._question, purpose)
        number = _number(cells[purpose], column, line)
        if number is None and self._question.empty == "refuse":
            raise CellRefused(
                f"Line {line}: the column {column!r} is empty. Somebody of whom nothing is known is not somebody who"
                " bought nothing: say --empty zero or --empty leave_out.",
                field=column, line=line,
            )  # fmt: skip
        return number

    def results(self) -> Results:
        return Results(
            arm=np.array(self._arm, dtype=np.int32),
            outcome=np.array(self._outcome, dtype=np.float64),
            covariate=np.array(self._covariate, dtype=np.float64) if "covariate" in self._at else None,
            cluster=np.array(self._cluster, dtype=np.int32) if "cluster" in self._at else None,
            group=np.array(self._group, dtype=np.int32) if "by" in self._at else None,
            arms=list(self._arms.numbers),
            groups=list(self._groups.numbers),
            left_out_by_arm=[self._left_out.get(number, 0) for number in self._arms.numbers.values()],
            as_zero=self._as_zero,
        )
