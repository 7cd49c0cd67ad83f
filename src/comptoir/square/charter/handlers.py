"""What the charter does when a batch arrives: judge what is written, proposed, voted, refused and settled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from comptoir.foundation.events.contracts import Accepted, Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.charter import rules, store
from comptoir.square.charter.contracts import (
    CHARTER,
    CHARTER_ADOPTED,
    CHARTER_PROPOSED,
    CHARTER_PUBLISHED,
    CHARTER_REJECTED,
    CHARTER_VETOED,
    CHARTER_VOTED,
    wording_of,
)
from comptoir.square.charter.errors import AmendmentNotDue
from comptoir.square.charter.rules import Wordings
from comptoir.square.charter.store import Kept
from comptoir.square.community import writing
from comptoir.square.community.errors import PersonaNotThere
from comptoir.square.community.handlers import Mates
from comptoir.square.community.store import find_personas
from comptoir.square.stewardship.store import find_levels

_UNDER_A_NAME: Final = frozenset({CHARTER_PROPOSED, CHARTER_VOTED})


class CharterHandler:
    """One batch's charter."""

    def __init__(self, mates: Mates) -> None:
        """Start empty; ``mates`` says which names are one person's."""
        self._mates_of = mates
        self._is_needed = False
        self._sections: dict[str, tuple[int, Wordings]] = {}
        self._proposals: dict[Id, Kept] = {}
        self._ballots: dict[Id, dict[Id, int]] = {}
        self._open: set[Id] = set()
        self._personas: set[Id] = set()
        self._mates: dict[Id, set[Id]] = {}
        self._levels: Mapping[Id, int] = {}
        self._is_begun = False
        self._said: list[Arrival] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Wait for other batches."""
        self._is_needed = any(arrival.type in CHARTER for arrival in batch.arrivals)
        if self._is_needed:
            batch.saw(store.lock_charter(connection))

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what is spoken of, and who speaks."""
        if not self._is_needed:
            return
        said = [arrival for arrival in batch.fresh if arrival.type in CHARTER]
        named = {proposal for each in said if (proposal := getattr(each.data, "proposal", None)) is not None}
        self._proposals = store.find_proposals(connection, named) if named else {}
        self._ballots = store.find_ballots(connection, named) if named else {}
        sections = {section for each in said if (section := getattr(each.data, "section", None)) is not None}
        sections |= {each.proposal.section for each in self._proposals.values()}
        self._sections = store.find_sections(connection, sections) if sections else {}
        self._is_begun = store.has_begun(connection)
        acting = {arrival.data.persona for arrival in said if arrival.type in _UNDER_A_NAME}
        if acting:
            self._personas = find_personas(connection, acting)
            mates = self._mates_of(connection, acting)
            self._mates = {persona: {persona, *mates.get(persona, ())} for persona in acting}
            everybody: Collection[Id] = {mate for each in self._mates.values() for mate in each}
            self._open = store.find_open(connection, everybody)
            now = max(arrival.received_at for arrival in said)
            self._levels = {persona: level.number for persona, level in find_levels(connection, acting, now).items()}

    def decide(self, batch: Batch) -> None:
        """Judge each in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in CHARTER:
                arrival.refusal = self._judge_words(arrival) or _JUDGES[arrival.type](self, arrival)
                if arrival.refusal is None:
                    self._said.append(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what nobody has refused."""
        said = [
            Accepted(each.position, each.occurred_at, each.type, each.data)
            for each in self._said
            if each.refusal is None and each.position is not None
        ]
        if said:
            store.write(connection, said)

    # -- decisions ------------------------------------------------------------------------------------------------

    def _judge_words(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        if arrival.type in _UNDER_A_NAME and data.persona not in self._personas:
            return PersonaNotThere(field="data.persona")
        texts = {f"data.{language}.{part}": text for language, each in wording_of(data).items()
                 for part, text in each.items()}  # fmt: skip
        if (reason := getattr(data, "reason", None)) is not None:
            texts["data.reason"] = reason
        for field, text in texts.items():
            if (problem := writing.judge_text(text, field=field)) is not None:
                return problem
        return None

    def _version(self, section: str) -> tuple[int, Wordings]:
        return self._sections.get(section, (0, {}))

    def _votes(self, proposal: Id) -> tuple[int, int]:
        values = list(self._ballots.get(proposal, {}).values())
        return values.count(1), values.count(-1)

    def _judge_publishing(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        problem = rules.judge_publishing(version=self._version(data.section)[0], is_begun=self._is_begun)
        if problem is None:
            self._sections[data.section] = (1, wording_of(data))
        return problem

    def _judge_proposing(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        version, current = self._version(data.section)
        problem = rules.judge_proposing(
            data,
            is_taken=data.proposal in self._proposals,
            level=self._levels.get(data.persona, 0),
            version=version,
            current=current,
            proposed=wording_of(data),
            has_open=not self._open.isdisjoint(self._mates[data.persona]),
        )
        if problem is None:
            proposal = rules.Proposal(
                data.proposal, data.section, data.base, data.persona, "open", arrival.occurred_at, data.days,
                data.veto_days, data.quorum,
            )  # fmt: skip
            self._proposals[data.proposal] = Kept(proposal, wording_of(data))
            self._ballots.setdefault(data.proposal, {})
            self._open.add(data.persona)
            self._is_begun = True
        return problem

    def _judge_vote(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        kept = self._proposals.get(data.proposal)
        ballots = self._ballots.setdefault(data.proposal, {})
        problem = rules.judge_vote(
            None if kept is None else kept.proposal,
            level=self._levels.get(data.persona, 0),
            voted=[mate for mate in self._mates[data.persona] if ballots.get(mate)],
            persona=data.persona,
            at=arrival.occurred_at,
        )
        if problem is None:
            ballots[data.persona] = data.value
        return problem

    def _judge_veto(self, arrival: Arrival) -> Problem | None:
        kept = self._proposals.get(arrival.data.proposal)
        problem = rules.judge_veto(None if kept is None else kept.proposal, at=arrival.occurred_at)
        if problem is None and kept is not None:
            self._settle(kept, "vetoed")
        return problem

    def _judge_settling(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        kept = self._proposals.get(data.proposal)
        if kept is None:
            return AmendmentNotDue(field="data.proposal")
        up, down = self._votes(data.proposal)
        version, _ = self._version(kept.proposal.section)
        said = "adopted" if arrival.type == CHARTER_ADOPTED else data.why
        is_so = rules.judge_settling(kept.proposal, said, up=up, down=down, version=version, at=arrival.occurred_at)
        if not is_so or (data.up, data.down) != (up, down):
            return AmendmentNotDue(field="data.proposal")
        if arrival.type == CHARTER_ADOPTED:
            if wording_of(data) != kept.wording or data.version != version + 1:
                return AmendmentNotDue(field="data.version")
            self._sections[kept.proposal.section] = (data.version, kept.wording)
        self._settle(kept, "adopted" if arrival.type == CHARTER_ADOPTED else "rejected")
        return None

    def _settle(self, kept: Kept, state: str) -> None:
        proposal = kept.proposal
        ended = rules.Proposal(
            proposal.id, proposal.section, proposal.base, proposal.persona, state, proposal.proposed_at, proposal.days,
            proposal.veto_days, proposal.quorum,
        )  # fmt: skip
        self._proposals[proposal.id] = Kept(ended, kept.wording)


_JUDGES: Final[Mapping[str, Callable[[CharterHandler, Arrival], Problem | None]]] = {
    CHARTER_PUBLISHED: CharterHandler._judge_publishing,  # noqa: SLF001 - the class's own
    CHARTER_PROPOSED: CharterHandler._judge_proposing,  # noqa: SLF001
    CHARTER_VOTED: CharterHandler._judge_vote,  # noqa: SLF001
    CHARTER_VETOED: CharterHandler._judge_veto,  # noqa: SLF001
    CHARTER_ADOPTED: CharterHandler._judge_settling,  # noqa: SLF001
    CHARTER_REJECTED: CharterHandler._judge_settling,  # noqa: SLF001
}
