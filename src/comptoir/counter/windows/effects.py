"""What accepted events leave in the tables: of each customer the last window, and the last answer to each guess."""

from __future__ import annotations

import datetime as dt
from typing import Any

from comptoir.counter.windows import store
from comptoir.counter.windows.contracts import ANSWERED, COMPOSED
from comptoir.counter.windows.store import Answered, Window
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class LastWords:
    """The last word of each customer, live of one batch, and from the log of all."""

    def __init__(self) -> None:
        """Start empty."""
        self._windows: dict[Id, Window] = {}
        self._answers: dict[tuple[Id, str], Answered] = {}

    def add(self, kind: str, data: Any, *, customer: Id, at: dt.datetime, position: Id) -> None:
        """Take a word, and keep it if it is the last one."""
        if kind == COMPOSED:
            window = self._windows.get(customer)
            if window is None or (at, position) > (window.at, window.position):
                self._windows[customer] = Window(customer, data.version, tuple(data.rules), at, position)
        elif kind == ANSWERED:
            answer = self._answers.get((customer, data.guess))
            if answer is None or (at, position) > (answer.at, answer.position):
                self._answers[customer, data.guess] = Answered(customer, data.guess, data.answer, at, position)

    def write(self, connection: Connection) -> None:
        """Write what is later than what the tables have."""
        store.write_windows(connection, list(self._windows.values()))
        store.write_answers(connection, list(self._answers.values()))
