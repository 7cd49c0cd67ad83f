"""What pairing a device can refuse. What a device itself is told has the names of RFC 6749 and RFC 8628."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class DeviceNameInvalid(Problem):
    """A device needs a name of at most 60 signs."""

    name = "device_name_invalid"


class DeviceStoreInvalid(Problem):
    """This is no source of a store: it begins with a slash and has no spaces."""

    name = "device_store_invalid"


class DeviceScopesInvalid(Problem):
    """A device reads something of customers, or of staff, and never anything else."""

    name = "device_scopes_invalid"


class NoSuchDevice(Problem):
    """No device of the shop has this number."""

    name = "no_such_device"
    status = 404


class DeviceCodeRefused(Problem):
    """No device of the shop waits for this code."""

    name = "device_code_refused"
    status = 403


class DeviceNotForYou(Problem):
    """This device reads nothing of people like you: one is for customers, another for staff."""

    name = "device_not_for_you"
    status = 403


class NoSuchPairing(Problem):
    """This device does not read anything of you any more."""

    name = "no_such_pairing"
    status = 404


class TokenRefused(Problem):
    """The token is not good for this: it is over, was revoked, or does not reach so far."""

    name = "token_refused"
    status = 401
