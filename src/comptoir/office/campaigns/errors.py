"""Refusals of campaigns, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class CampaignInvalid(Problem):
    """This is no campaign that could be sent."""

    name = "campaign_invalid"


class CampaignUnknown(Problem):
    """No campaign has this id."""

    name = "campaign_unknown"
    status = 404


class CampaignChanged(Problem):
    """Somebody else has changed this campaign meanwhile."""

    name = "campaign_changed"
    status = 409


class CampaignStopped(Problem):
    """This campaign was stopped."""

    name = "campaign_stopped"
    status = 409


class ListFrozen(Problem):
    """The target list of this version is frozen; what changes is a new version."""

    name = "list_frozen"
    status = 409
