"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class LettersConfig(AppConfig):
    """Letters of what is new."""

    name = "comptoir.counter.letters"
    label = "letters"
    verbose_name = "Letters of what is new"
