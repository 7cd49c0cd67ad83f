"""What the start-up programme does when a batch arrives: a task is done once, what runs is frozen."""

from __future__ import annotations

from comptoir.foundation.events.contracts import Accepted, Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.programme import experiments, store
from comptoir.square.programme.contracts import (
    EXPERIMENT_REGISTERED,
    EXPERIMENT_STARTED,
    EXPERIMENTS,
    INVITATION_REMINDED,
    INVITATION_WRITTEN,
    INVITATIONS,
    PROGRAMME,
    PROGRAMME_DONE,
    STEPS,
)
from comptoir.square.programme.errors import (
    ExperimentFrozen,
    ExperimentOver,
    ExperimentUnknown,
    InvitationRemindedAlready,
    InvitationTaken,
    InvitationUnknown,
    TaskDoneAlready,
)


class ProgrammeHandler:
    """One batch's steps and experiments."""

    def __init__(self) -> None:
        """Start empty."""
        self._is_needed = False
        self._done: set[str] = set()
        self._experiments: dict[str, tuple[bool, bool]] = {}
        self._invitations: dict[str, bool] = {}

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Wait for other batches' steps."""
        self._is_needed = any(arrival.type in PROGRAMME for arrival in batch.arrivals)
        if self._is_needed:
            batch.saw(store.lock_steps(connection))

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read which tasks are done, and how far experiments have come."""
        if self._is_needed:
            tasks = {arrival.data.task for arrival in batch.fresh if arrival.type == PROGRAMME_DONE}
            self._done = store.find_done(connection, tasks) if tasks else set()
            names = {arrival.data.experiment for arrival in batch.fresh if arrival.type in EXPERIMENTS}
            self._experiments = store.find_experiments(connection, names) if names else {}
            invitations = {arrival.data.invitation for arrival in batch.fresh if arrival.type in INVITATIONS}
            self._invitations = store.find_invitations(connection, invitations) if invitations else {}

    def decide(self, batch: Batch) -> None:
        """Refuse to do a task twice, and to change what runs."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type == PROGRAMME_DONE:
                if arrival.data.task in self._done:
                    arrival.refusal = TaskDoneAlready(field="data.task")
                else:
                    self._done.add(arrival.data.task)
            elif arrival.type in EXPERIMENTS:
                arrival.refusal = self._judge(arrival)
            elif arrival.type in INVITATIONS:
                arrival.refusal = self._judge_invitation(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:
        """Write the steps, and what was said of experiments."""
        if not self._is_needed:
            return
        steps, said, invitations = [], [], []
        for each in batch.accepted():
            assert each.position is not None
            if each.type in STEPS:
                steps.append(store.step_of(each.position, each.occurred_at, each.type, each.data))
            elif each.type in EXPERIMENTS:
                said.append(Accepted(each.position, each.occurred_at, each.type, each.data))
            elif each.type in INVITATIONS:
                invitations.append(Accepted(each.position, each.occurred_at, each.type, each.data))
        if steps:
            store.insert_steps(connection, steps)
        if said:
            store.write_experiments(connection, said)
        if invitations:
            store.write_invitations(connection, invitations)

    def _judge_invitation(self, arrival: Arrival) -> Problem | None:
        name: str = arrival.data.invitation
        if arrival.type == INVITATION_WRITTEN:
            if name in self._invitations:
                return InvitationTaken(field="data.invitation")
            self._invitations[name] = False
        elif name not in self._invitations:
            return InvitationUnknown(field="data.invitation")
        elif arrival.type == INVITATION_REMINDED:
            if self._invitations[name]:
                return InvitationRemindedAlready(field="data.invitation")
            self._invitations[name] = True
        return None

    def _judge(self, arrival: Arrival) -> Problem | None:
        name: str = arrival.data.experiment
        has_begun, is_stopped = self._experiments.get(name, (False, False))
        if is_stopped:
            return ExperimentOver("Register another one under a new name.", field="data.experiment")
        if arrival.type == EXPERIMENT_REGISTERED:
            if has_begun:
                return ExperimentFrozen("Stop it, and register another one.", field="data.experiment")
            problem = experiments.judge(arrival.data)
            if problem is None:
                self._experiments[name] = (False, False)
            return problem
        if name not in self._experiments:
            return ExperimentUnknown(field="data.experiment")
        if arrival.type == EXPERIMENT_STARTED:
            if has_begun:
                return ExperimentFrozen(field="data.experiment")
            self._experiments[name] = (True, False)
        else:
            self._experiments[name] = (has_begun, True)
        return None
