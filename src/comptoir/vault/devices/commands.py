"""What is done with devices and pairings. Every command enters the vault itself. Not here: the protocol."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Collection
from typing import Final

from allauth.idp.oidc.models import Client, Token
from django.db import connections, transaction

from comptoir.foundation.events import audit
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.devices import rules
from comptoir.vault.devices.errors import (
    DeviceCodeRefused,
    DeviceNotForYou,
    NoSuchDevice,
    NoSuchPairing,
    TokenRefused,
)
from comptoir.vault.devices.models import Device, IssuedToken, Pairing, PairingRequest

_KEY_BYTES: Final = 32


def token_hash(token: str) -> str:
    """Return what is kept of a token, as the library keeps it."""
    return hashlib.sha256(token.encode()).hexdigest()


# -- devices


def register(*, name: str, store: str, scopes: Collection[str], is_shared: bool, now: dt.datetime) -> tuple[str, str]:
    """Register a device of the shop; returns its number and its key, which is told once.

    Raises :class:`DeviceNameInvalid`, :class:`DeviceStoreInvalid`, :class:`DeviceScopesInvalid`.
    """
    name, store, wanted = rules.checked_name(name), rules.checked_store(store), rules.checked_scopes(scopes)
    key = secrets.token_urlsafe(_KEY_BYTES)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        # Towards the library it is a public client: its key is asked for before the library sees anything.
        client = Client(name=name, type=Client.Type.PUBLIC)
        client.set_scopes(wanted)
        client.set_default_scopes(wanted)
        client.set_grant_types([Client.GrantType.DEVICE_CODE, Client.GrantType.REFRESH_TOKEN])
        client.set_response_types([])
        client.save()
        Device.objects.create(
            client=client, store=store, is_shared=is_shared, key_digest=digest_of(key), registered_at=now
        )
        _note("devices.registered", actor="operator", user=None, at=now, device=client.pk, scopes=" ".join(wanted))
    return client.pk, key


def remove(*, device: str, now: dt.datetime) -> int:
    """Remove a device: all its pairings end at once; returns how many there were. Raises :class:`NoSuchDevice`."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        found = Device.objects.select_for_update().filter(pk=device[:100]).first()
        if found is None:
            raise NoSuchDevice(field="device")
        open_ones = Pairing.objects.filter(device=found, ended_at=None, ends_at__gt=now)
        users = list(open_ones.values_list("user", flat=True))
        for user in users:
            _note("devices.ended", actor="operator", user=user, at=now, device=device, by="removed")
        _note("devices.removed", actor="operator", user=None, at=now, device=device)
        Client.objects.filter(pk=device).delete()
        return len(users)


# -- requests for a pairing


def ask(*, device: Device, scopes: Collection[str], device_code: str, user_code: str, now: dt.datetime) -> None:
    """Keep that a device waits for somebody to type its code."""
    with entered(VAULT):
        PairingRequest.objects.create(
            device_code=digest_of(device_code), user_code=digest_of(rules.plain_code(user_code)), device=device,
            scopes=" ".join(scopes), expires_at=now + rules.REQUEST_LIFE,
        )  # fmt: skip


def request_for(*, code: str, kind: str, now: dt.datetime) -> PairingRequest:
    """Return the request that waits for a code; ``kind`` is what kind of user typed it.

    Raises :class:`DeviceCodeRefused`, :class:`DeviceNotForYou`.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        waiting = PairingRequest.objects.select_related("device__client").select_for_update(of=("self",))
        found = waiting.filter(user_code=digest_of(rules.plain_code(code)), is_allowed=None, expires_at__gt=now).first()
        if found is None:
            raise DeviceCodeRefused(field="code")
        if rules.kind_for(found.scopes.split()) != kind:
            raise DeviceNotForYou(field="code")
        return found


def decide(*, user: uuid.UUID, kind: str, code: str, is_allowed: bool, now: dt.datetime) -> PairingRequest:
    """Let a device read what it asked for, or refuse it. Raises what :func:`request_for` does."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        found = request_for(code=code, kind=kind, now=now)
        found.user_id, found.is_allowed = user, is_allowed
        found.save(update_fields=["user", "is_allowed"])
        _note(
            "devices.allowed" if is_allowed else "devices.denied", actor=f"{kind}:{user}", user=user, at=now,
            device=found.device_id, scopes=found.scopes,
        )  # fmt: skip
        return found


# -- pairings and their tokens


def begin(*, request: PairingRequest, now: dt.datetime) -> Pairing:
    """Begin the pairing that somebody allowed; the device code is used up. In the caller's transaction."""
    assert request.user_id is not None, "somebody allowed it"
    assert request.is_allowed is True, "and it was not refused"
    request.delete()
    ends_at = rules.pairing_ends(is_shared=request.device.is_shared, now=now)
    return Pairing.objects.create(
        user_id=request.user_id, device=request.device, scopes=request.scopes, begun_at=now, ends_at=ends_at
    )


def issue(*, pairing: Pairing, access: str, refresh: str, now: dt.datetime) -> dt.datetime:
    """Keep that tokens belong to a pairing, and return until when the refresh token is good."""
    ends_at = rules.refresh_ends(is_shared=pairing.device.is_shared, now=now, ends_at=pairing.ends_at)
    for value, is_refresh in ((access, False), (refresh, True)):
        IssuedToken.objects.create(
            hash=token_hash(value), pairing=pairing, user_id=pairing.user_id, is_refresh=is_refresh, issued_at=now
        )
    Token.objects.filter(hash=token_hash(refresh), type=Token.Type.REFRESH_TOKEN).update(expires_at=ends_at)
    return ends_at


def spend_refresh(*, device: Device, token: str, now: dt.datetime) -> Pairing | None:
    """Use a refresh token up and return its pairing, or ``None`` if it is not good; in the caller's transaction.

    A second use says that two hold it, and one of them stole it: the whole family ends.
    """
    belongs = IssuedToken.objects.filter(hash=token_hash(token), is_refresh=True, pairing__device=device).first()
    if belongs is None:
        return None
    # One lock for each family: of two who come at the same moment, the second one finds the token spent.
    pairing = Pairing.objects.select_for_update(of=("self",)).select_related("device").get(pk=belongs.pairing_id)
    belongs.refresh_from_db()
    if pairing.ended_at is not None or pairing.ends_at <= now:
        return None
    if belongs.spent_at is not None:
        _end(pairing, by="reuse", actor=f"device:{device.pk}", now=now)
        return None
    belongs.spent_at = now
    belongs.save(update_fields=["spent_at"])
    return pairing


def use(*, token: str, scope: str, now: dt.datetime) -> Pairing:
    """Return the pairing for which an access token may read. Raises :class:`TokenRefused`."""
    with entered(VAULT):
        kept = Token.objects.filter(hash=token_hash(token), type=Token.Type.ACCESS_TOKEN, expires_at__gt=now).first()
        belongs = (
            IssuedToken.objects.select_related("pairing__user", "pairing__device__client")
            .filter(hash=token_hash(token), is_refresh=False)
            .first()
        )
        if kept is None or belongs is None or scope not in kept.get_scopes():
            raise TokenRefused(field="token")
        pairing = belongs.pairing
        if pairing.ended_at is not None or pairing.ends_at <= now or not pairing.user.is_active:
            raise TokenRefused(field="token")
        if pairing.read_on != now.date():
            Pairing.objects.filter(pk=pairing.pk).update(read_on=now.date())
        return pairing


def end(*, user: uuid.UUID, kind: str, pairing: uuid.UUID, now: dt.datetime) -> None:
    """End one of a person's pairings: nothing is read from the next request on. Raises :class:`NoSuchPairing`."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        found = Pairing.objects.select_for_update().filter(pk=pairing, user=user, ended_at=None, ends_at__gt=now)
        mine = found.first()
        if mine is None:
            raise NoSuchPairing(field="pairing")
        _end(mine, by="person", actor=f"{kind}:{user}", now=now)


def end_by_device(*, device: Device, token: str, now: dt.datetime) -> None:
    """End the pairing that one of a device's tokens belongs to (RFC 7009); of any other token nothing is said."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        belongs = IssuedToken.objects.filter(hash=token_hash(token), pairing__device=device).first()
        if belongs is None:
            return
        pairing = Pairing.objects.select_for_update().get(pk=belongs.pairing_id)
        if pairing.ended_at is None:
            _end(pairing, by="device", actor=f"device:{device.pk}", now=now)


def end_all(*, user: uuid.UUID, now: dt.datetime) -> int:
    """End all of a person's pairings, and what they allowed and no device has fetched; returns how many there were."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        PairingRequest.objects.filter(user=user).delete()
        mine = list(Pairing.objects.select_for_update().filter(user=user, ended_at=None, ends_at__gt=now))
        for pairing in mine:
            _end(pairing, by="signed_out", actor=f"user:{user}", now=now)
        return len(mine)


def _end(pairing: Pairing, *, by: str, actor: str, now: dt.datetime) -> None:
    pairing.ended_at, pairing.ended_by = now, by
    pairing.save(update_fields=["ended_at", "ended_by"])
    family = IssuedToken.objects.filter(pairing=pairing).values("hash")
    Token.objects.filter(hash__in=family).delete()
    _note("devices.ended", actor=actor, user=pairing.user_id, at=now, device=pairing.device_id, by=by)


def _note(action: str, *, actor: str, user: uuid.UUID | None, at: dt.datetime, **detail: str) -> None:
    audit.append(
        connections[VAULT.name], room=VAULT, actor=actor, action=action, subject=user, purpose="reading on a device",
        at=at, detail=detail,
    )  # fmt: skip
