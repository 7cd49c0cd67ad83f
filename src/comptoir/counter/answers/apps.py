"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class AnswersConfig(AppConfig):
    """Answers."""

    name = "comptoir.counter.answers"
    label = "answers"
    verbose_name = "Answers"
