"""What the pages write to standard error when something goes wrong: where it happened, and no values.

Messages of errors quote what was wrong, which may be an address or somebody's name (PostgreSQL shows the whole key of a
row). So only the names of the errors are written, with the lines of code that led there. Not here: the gateway's log.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator


class WithoutValues(logging.Formatter):
    """Writes a record with its traceback, without the messages of errors and without addresses of pages."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Say which view it was instead of the path, since a path may hold the token of a card or of a link."""
        request = getattr(record, "request", None)
        if request is not None:
            match = getattr(request, "resolver_match", None)
            status = getattr(record, "status_code", "")
            record.message = f"{status} {request.method} {match.view_name or match.route if match else 'no view'}"
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Write the lines of code and the names of the errors, the first cause first."""
        error = ei[1] if isinstance(ei, tuple) else None
        return "\n".join(reversed([_told(each) for each in _chain(error)]))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__)) + f"{type(error).__module__}.{type(error).__qualname__}"
