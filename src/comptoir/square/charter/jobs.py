"""What the charter does by the clock: when the votes and the time for a veto are over, it says what became of them."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Final

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import count_fresh, said_by_clock
from comptoir.square.charter import rules, store
from comptoir.square.charter.contracts import (
    CHARTER_ADOPTED,
    CHARTER_REJECTED,
    CharterAdopted,
    CharterRejected,
    Wording,
)
from comptoir.square.charter.store import Kept

_log: Final = logging.getLogger(__name__)


def settle(connection: Connection, *, now: dt.datetime, handlers: HandlerMaker) -> int:
    """Adopt and reject what is due; returns how many. Each by itself: what is adopted changes what others rest on."""
    settled = 0
    for proposal in list(store.find_waiting(connection, now)):
        kept = store.find_proposals(connection, [proposal]).get(proposal)
        if kept is None:
            continue
        values = list(store.find_ballots(connection, [proposal])[proposal].values())
        up, down = values.count(1), values.count(-1)
        version = store.find_sections(connection, [kept.proposal.section]).get(kept.proposal.section, (0, {}))[0]
        said = rules.outcome(kept.proposal, up=up, down=down, version=version, now=now)
        if said is None:
            continue
        arrival = _arrival(kept, said, up=up, down=down, version=version, now=now)
        record(connection, [arrival], handlers=handlers)
        settled += count_fresh([arrival])
    if settled:
        _log.info("%d amendments of the charter were settled", settled)
    return settled


def _arrival(kept: Kept, said: str, *, up: int, down: int, version: int, now: dt.datetime) -> Arrival:
    proposal = kept.proposal
    data: CharterAdopted | CharterRejected
    if said == "adopted":
        kind = CHARTER_ADOPTED
        wording = {language: Wording(**each) for language, each in kept.wording.items()}
        data = CharterAdopted(proposal.id, proposal.section, version + 1, up, down, **wording)
    else:
        kind = CHARTER_REJECTED
        data = CharterRejected(proposal.id, said, up, down)  # type: ignore[arg-type]  # one of the three words
    return said_by_clock(kind, f"{kind}/{proposal.id}", data, at=now, now=now)
