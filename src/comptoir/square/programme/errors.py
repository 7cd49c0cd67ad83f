"""Refusals of the start-up programme, by name."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class TaskDoneAlready(Problem):
    """The task is done already, or was passed over."""

    name = "task_done_already"
    status = 409


class PlanInvalid(Problem):
    """The plan of the start-up programme contradicts itself."""

    name = "plan_invalid"


class ExperimentUnknown(Problem):
    """Nobody has registered an experiment of this name."""

    name = "experiment_unknown"
    status = 404


class ExperimentInvalid(Problem):
    """An experiment contradicts itself."""

    name = "experiment_invalid"


class ExperimentFrozen(Problem):
    """The experiment has begun, and what was registered stands."""

    name = "experiment_frozen"
    status = 409


class ExperimentOver(Problem):
    """The experiment was stopped, and does not begin again."""

    name = "experiment_over"
    status = 409


class SquareClosed(Problem):
    """The square is an archive: it can be read, and nothing more is said in it."""

    name = "square_closed"
    status = 409


class InvitationTaken(Problem):
    """There is an invitation of this name already."""

    name = "invitation_taken"
    status = 409


class InvitationUnknown(Problem):
    """No invitation has this name."""

    name = "invitation_unknown"
    status = 404


class InvitationRemindedAlready(Problem):
    """Whoever was invited by this one was reminded already."""

    name = "invitation_reminded_already"
    status = 409
