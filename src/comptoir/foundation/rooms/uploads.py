"""Files that a browser sends: each in a file without a name, gone when it is closed, and only so many bytes of it.

How much a request may have in all is bounded before (``bodies.py``). A file that is too large does not spoil the form
around it: what comes too much is dropped, and the file says so. Not here: what a file is.
"""

from __future__ import annotations

import tempfile
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

#: Bytes of one file, and how many files one form may bring.
FILE_BYTES_MAX: Final = 10_000_000
FILES_MAX: Final = 4


class SentFile(UploadedFile):  # type: ignore[type-arg]  # generic to the type checker only
    """A file as far as it was taken; ``is_too_large`` if there was more of it."""

    is_too_large = False


class NamelessUploadHandler(FileUploadHandler):
    """Takes the files of one request."""

    def __init__(self, request: Any = None) -> None:
        """Begin with none."""
        super().__init__(request)
        self._taken = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file; one too many is dropped."""
        super().new_file(*args, **kwargs)
        self._taken += 1
        if self._taken > FILES_MAX:
            raise SkipFile
        file = tempfile.TemporaryFile()  # noqa: SIM115 - Django closes it with the request
        self._file = SentFile(file, "sent", self.content_type, 0, self.charset)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take what comes, up to the limit."""
        if start + len(raw_data) > FILE_BYTES_MAX:
            self._file.is_too_large = True
        if not self._file.is_too_large:
            self._file.write(raw_data)

    def file_complete(self, file_size: int) -> SentFile:
        """Return the file."""
        self._file.seek(0)
        self._file.size = file_size
        return self._file
