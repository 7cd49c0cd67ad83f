"""What the contacts can refuse. Their details name fields and never show values."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class VaultClosed(Problem):
    """The vault is closed: its key is not at hand."""

    name = "vault_closed"
    status = 503


class SealBroken(Problem):
    """This value does not open: it was changed, or it comes from another place."""

    name = "seal_broken"
    status = 500


class ContactInvalid(Problem):
    """This is not a piece of contact data."""

    name = "contact_invalid"


class ContactInUse(Problem):
    """Somebody else has shown that this is theirs."""

    name = "contact_in_use"
    status = 409


class NotReachable(Problem):
    """There is no address that a message could be sent to."""

    name = "not_reachable"
    status = 409


class NotDelivered(Problem):
    """The message could not be handed to the mail server."""

    name = "not_delivered"
    status = 502


class BirthdayNotAgreed(Problem):
    """A birthday is kept only for who agrees to it."""

    name = "birthday_not_agreed"


class SubscriptionInvalid(Problem):
    """This does not say where a device is reached."""

    name = "subscription_invalid"


class PushServiceUnknown(Problem):
    """This browser is reached through a service that the shop does not know."""

    name = "push_service_unknown"


class TooManyDevices(Problem):
    """There are as many devices as there can be."""

    name = "too_many_devices"
    status = 409


class PushServicesInvalid(ValueError):  # noqa: N818 - said of the setting
    """``COMPTOIR_PUSH_SERVICES`` names something that is no host."""
