"""Named problems of attribution."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class PlanInvalid(Problem):
    """This is no posting plan."""

    name = "posting_plan_invalid"


class PlanRunning(Problem):
    """This username has a posting plan already."""

    name = "posting_plan_running"
    status = 409
