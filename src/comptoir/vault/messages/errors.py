"""The named problems of messages to people."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ProviderUnknown(Problem):
    """There is no such provider, or the shop does not use it."""

    name = "provider_unknown"
    status = 404


class ReportRefused(Problem):
    """A report of a provider is not what it should be, or comes from somebody else."""

    name = "report_refused"
    status = 400


class TextsInvalid(Problem):
    """The settings for text messages contradict themselves."""

    name = "texts_invalid"
    status = 500


class BouncesInvalid(Problem):
    """The address to which mails come back is none, or too long."""

    name = "bounces_invalid"
    status = 500
