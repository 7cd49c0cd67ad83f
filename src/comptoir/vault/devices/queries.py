"""What is asked about devices: the list of the shop's, and a person's pairings. Runs in the vault."""

from __future__ import annotations

import datetime as dt
import uuid

from comptoir.vault.devices.models import Device, Pairing


def devices() -> list[Device]:
    """Return the shop's devices, by the store and the name."""
    return list(Device.objects.select_related("client").order_by("store", "client__name", "client_id"))


def pairings_of(user: uuid.UUID, *, now: dt.datetime) -> list[Pairing]:
    """Return a person's pairings that hold, the latest first."""
    holding = Pairing.objects.filter(user=user, ended_at=None, ends_at__gt=now)
    return list(holding.select_related("device__client").order_by("-begun_at"))
