"""Writes beside sending: whoever is forgotten leaves no trace of where they were reached."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.lists.queries import entries_of
from comptoir.vault.messages.models import Block, Reached


def forget(customers: Collection[uuid.UUID]) -> None:
    """Forget where persons pending were reached who are only known from a list; users' rows go with their user."""
    with entered(VAULT):
        entries = [entry for entry, _ in entries_of(customers)]
        Reached.objects.filter(person__in=entries).delete()
        Block.objects.filter(person__in=entries).delete()
