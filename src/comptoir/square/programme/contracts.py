"""What staff do in the start-up programme, as events. None of them names a customer."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec

from comptoir.foundation.touchpoints.contracts import EventType

PROGRAMME_DONE: Final = "programme.done"
PROGRAMME_PHASE: Final = "programme.phase"
PROGRAMME_SWITCHED: Final = "programme.switched"
EXPERIMENT_REGISTERED: Final = "experiment.registered"
EXPERIMENT_STARTED: Final = "experiment.started"
EXPERIMENT_STOPPED: Final = "experiment.stopped"
#: What makes a step.
STEPS: Final = frozenset({PROGRAMME_DONE, PROGRAMME_PHASE, PROGRAMME_SWITCHED})
EXPERIMENTS: Final = frozenset({EXPERIMENT_REGISTERED, EXPERIMENT_STARTED, EXPERIMENT_STOPPED})
INVITATION_WRITTEN: Final = "invitation.written"
INVITATION_REMINDED: Final = "invitation.reminded"
INVITATION_COUNTED: Final = "invitation.counted"
INVITATIONS: Final = frozenset({INVITATION_WRITTEN, INVITATION_REMINDED, INVITATION_COUNTED})
PROGRAMME: Final = STEPS | EXPERIMENTS | INVITATIONS
#: The first fifty: one steward carries about so many relations.
INVITED_MAX: Final = 50

Staff = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
#: A task: a kind and a name of the plan, and for what comes again the day on which it was due.
Task = Annotated[str, msgspec.Meta(pattern=r"^(prompt|ritual|check|trial):[a-z][a-z0-9-]{0,39}(:\d{4}-\d\d-\d\d)?$")]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class ProgrammeDone(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``programme.done``: a task of the plan was done, or passed over; ``post`` is what was posted for it."""

    staff: Staff
    name: Name
    task: Task
    how: Literal["done", "passed_over"] = "done"
    post: Uuid | None = None


class ProgrammePhase(msgspec.Struct, forbid_unknown_fields=True):
    """``programme.phase``: a phase of the plan begins; the first one begins the programme."""

    staff: Staff
    name: Name
    phase: Word
    reason: Reason


class ProgrammeSwitched(msgspec.Struct, forbid_unknown_fields=True):
    """``programme.switched``: an element, one prompt or one ritual is turned off, or on again, with a reason."""

    staff: Staff
    name: Name
    element: Word
    is_on: bool
    reason: Reason


Seed = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16,64}$")]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=150, pattern=r"\S")]
#: A text of a variant; of a reminder it may be empty: then nothing is shown.
VariantText = Annotated[str, msgspec.Meta(max_length=4_000)]
Element = Literal["prompt", "reminder"]
ELEMENTS: Final[tuple[str, ...]] = get_args(Element)
Unit = Literal["thread", "week"]
UNITS: Final[tuple[str, ...]] = get_args(Unit)
Outcome = Literal["answers", "answered", "contributions"]
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)


class ExperimentRegistered(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``experiment.registered``: what will be compared, by what it will be judged, and when it ends; before it begins.

    Registered again before it begins, the latest word holds. ``kind`` and ``language`` are those of the conversations
    that it is about. ``cap`` is the most that one unit counts for, ``days`` how long an answer is waited for,
    ``smallest`` the smallest difference worth knowing, ``expected`` what A is expected to bring.
    """

    staff: Staff
    name: Name
    experiment: Word
    hypothesis: Annotated[str, msgspec.Meta(min_length=10, max_length=1_000, pattern=r"\S")]
    element: Element
    unit: Unit
    kind: Literal["question", "idea", "story", "review"]
    language: Literal["en", "ja", "fr"]
    text_a: VariantText
    text_b: VariantText
    seed: Seed
    outcome: Outcome
    cap: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    smallest: Annotated[float, msgspec.Meta(gt=0, le=1_000)]
    expected: Annotated[float, msgspec.Meta(ge=0, le=1_000)]
    weeks_max: Annotated[int, msgspec.Meta(ge=1, le=104)]
    days: Annotated[int, msgspec.Meta(ge=1, le=28)] = 7
    title_a: Title | None = None
    title_b: Title | None = None
    topic: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")] | None = None


class ExperimentStarted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``experiment.started``: it runs from now on and is frozen. ``units`` in each arm and ``weeks`` were planned."""

    staff: Staff
    name: Name
    experiment: Word
    units: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    weeks: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] | None = None


class ExperimentStopped(msgspec.Struct, forbid_unknown_fields=True):
    """``experiment.stopped``: it ends at once and for good, with a reason; a draft is given up."""

    staff: Staff
    name: Name
    experiment: Word
    reason: Reason


InvitationText = Annotated[str, msgspec.Meta(min_length=20, max_length=4_000, pattern=r"\S")]
Order = Literal["often", "lately"]
ORDERS: Final[tuple[str, ...]] = get_args(Order)
Many = Annotated[int, msgspec.Meta(ge=0, le=INVITED_MAX)]


class InvitationWritten(msgspec.Struct, forbid_unknown_fields=True):
    """``invitation.written``: at most so many customers who agreed to be written to are invited, by what they bought.

    ``order``: who bought most often in a year first, or who bought last. Who gets it is the vault's to find.
    """

    staff: Staff
    name: Name
    invitation: Word
    order: Order
    limit: Annotated[int, msgspec.Meta(ge=1, le=INVITED_MAX)]
    language: Literal["en", "ja", "fr"]
    subject: Title
    text: InvitationText


class InvitationReminded(msgspec.Struct, forbid_unknown_fields=True):
    """``invitation.reminded``: whoever has not come is written to once more, a week later or after that."""

    staff: Staff
    name: Name
    invitation: Word
    text: InvitationText


class InvitationCounted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``invitation.counted``: how many were invited and reminded; once a week, how many take part by now."""

    invitation: Word
    sent: Many
    reminded: Many
    joined: Many | None = None


_CLASSES: Final = {"staff": "pseudonym"}


def _type(name: str, title: str, data: type[msgspec.Struct], *, only_from: str = "office") -> EventType:
    classes = {field.name: _CLASSES.get(field.name, "public") for field in msgspec.structs.fields(data)}
    return EventType(name=name, title=title, data=data, classes=classes, only_from=only_from)


EVENT_TYPES: Final = (
    _type(PROGRAMME_DONE, "A task of the start-up programme is done", ProgrammeDone),
    _type(PROGRAMME_PHASE, "A phase of the start-up programme begins", ProgrammePhase),
    _type(PROGRAMME_SWITCHED, "An element of the start-up programme is turned on or off", ProgrammeSwitched),
    _type(EXPERIMENT_REGISTERED, "An experiment on the start-up programme is registered", ExperimentRegistered),
    _type(EXPERIMENT_STARTED, "An experiment begins and is frozen", ExperimentStarted),
    _type(EXPERIMENT_STOPPED, "An experiment is stopped", ExperimentStopped),
    _type(INVITATION_WRITTEN, "Staff invite customers to begin the square", InvitationWritten),
    _type(INVITATION_REMINDED, "Staff remind whoever was invited", InvitationReminded),
    _type(INVITATION_COUNTED, "Whoever was invited is counted", InvitationCounted, only_from="vault"),
)
