"""Mail without a mail server: into the shop's folder, where whoever runs the shop can read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.mail.backends.filebased import EmailBackend

from comptoir.foundation.kernel import shop


def drop_letters() -> int:
    """Delete the letters that lie in the folder; returns how many. They name people, and nobody waits for them long."""
    letters = list(_folder().glob("*.log"))
    for letter in letters:
        letter.unlink(missing_ok=True)
    return len(letters)


def _folder() -> Path:
    return shop.folder() / "mail"


class FolderBackend(EmailBackend):
    """Writes each batch of messages to a file below ``mail/`` in the shop's folder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the folder, readable by its owner only: the messages hold sign-in codes."""
        folder = _folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(*args, **{**kwargs, "file_path": str(folder)})
