"""Mail without a mail server: into the shop's folder, where whoever runs the shop can read it."""

from __future__ import annotations

from typing import Any

from django.core.mail.backends.filebased import EmailBackend

from comptoir.foundation.kernel import shop


class FolderBackend(EmailBackend):
    """Writes each batch of messages to a file below ``mail/`` in the shop's folder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the folder, readable by its owner only: the messages hold sign-in codes."""
        folder = shop.folder() / "mail"
        folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(*args, **{**kwargs, "file_path": str(folder)})
