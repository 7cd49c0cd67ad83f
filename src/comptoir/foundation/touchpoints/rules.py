"""What contradicts what in a map: pure functions from declarations to faults. Every refusal has a stable name.

``docs/touchpoints.md`` has a heading for each name. Not here: the form of the file (``reading.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from comptoir.foundation.touchpoints.classes import (
    CLASSES,
    ROOM_OF_EVENTS,
    class_by_name,
    is_allowed,
    parts_of_a_day,
    rooms_of,
)
from comptoir.foundation.touchpoints.contracts import (
    HOUSE_SOURCE,
    EventType,
    Fault,
    FieldDeclaration,
    Link,
    Need,
    Product,
    Send,
    Spending,
    Touchpoint,
)
from comptoir.foundation.touchpoints.declared import DeclaredField, FieldShape, shapes
from comptoir.foundation.touchpoints.positions import Path, Positions, describe

#: Every name that a fault may have, with what it means.
REFUSALS: Final = {
    "not_toml": "The file is not TOML, or not UTF-8.",
    "too_large": "The file is larger than a map may be.",
    "too_many": "There is more of something than a map may have.",
    "unknown_key": "A key that means nothing here.",
    "key_missing": "Something that has to be there is not.",
    "value_invalid": "A value of another form than the key asks for.",
    "name_invalid": "A name that cannot be one.",
    "duration_invalid": "A duration that is none, or too long.",
    "unknown_channel": "A channel that does not exist.",
    "unknown_room": "A room that the house does not have.",
    "unknown_type": "A type of event that is neither built in nor declared.",
    "unknown_class": "A class of data that does not exist, or none at all.",
    "unknown_data": "A need for something that nothing makes.",
    "unknown_timing": "A timing that does not exist.",
    "unknown_source": "A need names a source that does not feed it.",
    "timing_missing": "Something is sent or needed without a promise.",
    "purpose_missing": "A field is sent for no purpose.",
    "type_taken": "A type of the shop's own has the name of a built-in one.",
    "customer_missing": "An activity that is nobody's.",
    "room_differs": "A type of event that only touchpoints of another room may send.",
    "field_unknown": "A field that the type does not have.",
    "field_required": "A field that the type requires is not declared.",
    "class_differs": "A field is declared as another class of data than it is.",
    "class_not_allowed_in_room": "Data of this class may not be in this room.",
    "data_instead_of_answer": "A field asks for data where an answer would do.",
    "source_missing": "A touchpoint sends, and does not say for whom it speaks.",
    "source_invalid": "A source that is no URI reference.",
    "source_reserved": "A touchpoint would speak for the house itself.",
    "source_overlaps": "Two touchpoints speak for the same source.",
    "nobody_sends": "A touchpoint needs what nobody sends.",
    "faster_than_source": "A need is faster than what feeds it.",
    "duplicate_need": "The same need stands there twice.",
    "unknown_spending": "A way to spend that does not exist.",
    "spending_missing": "Points are spent, and nobody said with what.",
    "spending_unused": "It says with what is spent where nothing is.",
    "spending_not_in_store": "A till cannot have signed a customer in by itself.",
    "proof_undeclared": "Points are spent with a code, and no code is sent.",
    "offline_hides_timing": "An allowed outage lasts longer than the promise, and nobody said what is shown meanwhile.",
}


def contradictions(
    touchpoints: Sequence[Touchpoint],
    types: Mapping[str, EventType],
    products: Mapping[str, Product],
    positions: Positions,
) -> list[Fault]:
    """Return what contradicts what between the touchpoints of a map."""
    found: list[tuple[Path, str, str]] = list(_overlaps(touchpoints))
    for touchpoint in touchpoints:
        found += _judge_spending(touchpoint, ("touchpoint", touchpoint.name), types)
        found += _judge_sends(touchpoint, types)
        for need in touchpoint.needs:
            path: Path = ("touchpoint", touchpoint.name, "needs", need.number)
            found += _judge_need(touchpoint, need, path, touchpoints, types, products)
    return [Fault(positions.line(path), describe(path), name, message) for path, name, message in found]


def links(
    touchpoints: Sequence[Touchpoint], products: Mapping[str, Product], types: Mapping[str, EventType]
) -> tuple[Link, ...]:
    """Return every way from what is sent to what is needed, each with the promise of the need."""
    return tuple(
        Link(sender.name, send.type, touchpoint.name, need.data, need.timing_from(sender.name), need.meanwhile)
        for touchpoint in touchpoints
        for need in touchpoint.needs
        for sender, send in feeders(need.data, touchpoints, products, types)
    )


def feeders(
    data: str, touchpoints: Sequence[Touchpoint], products: Mapping[str, Product], types: Mapping[str, EventType]
) -> list[tuple[Touchpoint, Send]]:
    """Return who sends something that ``data`` (a product, or a type of event) is made from."""
    made_from = {data}
    if data in products:
        made_from = set(products[data].made_from)
        if products[data].from_activities:
            made_from |= {name for name, each in types.items() if each.activity}
    return [(each, send) for each in touchpoints for send in each.sends if send.type in made_from]


def field_faults(
    event_type: EventType, fields: Sequence[FieldDeclaration], path: Path, positions: Positions
) -> list[Fault]:
    """Return what is wrong with the fields that a touchpoint declares for a type."""
    known = {shape.path: shape for shape in _all_shapes(shapes(event_type))}
    found: list[tuple[Path, str, str]] = []
    for field in fields:
        here: Path = (*path, "fields", *field.path.split("."))
        shape = known.get(field.path)
        by_name = list(class_contradictions(field.path, field.data_class)) if field.data_class else []
        found += [(here, name, message) for name, message in by_name]
        if shape is None:
            if not by_name:
                names = ", ".join(sorted(known))
                found.append((here, "field_unknown", f"{event_type.name} has no such field; it has: {names}"))
        elif not field.data_class:
            continue
        elif shape.data_class is None:
            below = ", ".join(child.path for child in shape.children)
            found.append((here, "class_differs", f"the fields below it are of several classes; declare them: {below}"))
        elif shape.data_class != field.data_class:
            found.append((here, "class_differs", f"this field is of the class {shape.data_class}"))
    declared = {field.path for field in fields}
    found += [
        ((*path, "fields"), "field_required", f"{event_type.name} is not complete without {missing}")
        for missing in _missing(shapes(event_type), declared)
    ]
    return [Fault(positions.line(place), describe(place), name, message) for place, name, message in found]


def class_contradictions(field: str, data_class: str) -> Iterator[tuple[str, str]]:
    """Yield name and message where a field's class, or its mere name, shows that it must not be sent."""
    given_away = class_by_name(field)
    actual = given_away if given_away is not None else data_class
    if actual == "birth":
        yield "data_instead_of_answer", f"do not take a date of birth or an age; {CLASSES['birth'].instead}"
    elif not is_allowed(actual, ROOM_OF_EVENTS):
        said = "" if actual == data_class else f" (whatever class is written, {field} says so)"
        yield (
            "class_not_allowed_in_room",
            f"{actual} data stays in the vault and never enters the {ROOM_OF_EVENTS}{said}; {CLASSES[actual].instead}",
        )


def answer_contradictions(field: DeclaredField) -> Iterator[tuple[str, str]]:
    """Yield name and message where a field is called an answer and would hold data: a date, a number, any text."""
    if field.data_class == "answer" and not (field.kind == "boolean" or field.one_of):
        yield (
            "data_instead_of_answer",
            f'an answer is a yes or no, or one of few words, and no {field.kind}: say is = "boolean", or one_of = […]',
        )


def date_contradictions(fields: Sequence[DeclaredField]) -> Iterator[tuple[str, str, str]]:
    """Yield field, name and message where fields of one type make up a date by its parts."""
    message = (
        'a year beside its month or day is a date in parts; a day of the shop\'s is one field with is = "date", and of '
        f"a person {CLASSES['birth'].instead}"
    )
    if (year := parts_of_a_day(field.name for field in fields)) is not None:
        yield year, "data_instead_of_answer", message


def overlaps(one: str, other: str) -> bool:
    """Tell whether some source matches both patterns (``*`` is one or more characters other than ``/``)."""
    ones, others = one.split("/"), other.split("/")
    return len(ones) == len(others) and all(_parts_overlap(a, b) for a, b in zip(ones, others, strict=True))


def is_reserved(pattern: str) -> bool:
    """Tell whether a pattern matches a source of the house itself."""
    depth = pattern.count("/") - HOUSE_SOURCE.count("/")
    return depth >= 0 and overlaps(pattern, HOUSE_SOURCE + "/".join("*" * (depth + 1)))


def _parts_overlap(one: str, other: str) -> bool:
    """Walk both patterns at once; the states are pairs of positions, with the star spelled out as ``?`` and ``*``."""
    first, second = _spell_out(one), _spell_out(other)
    seen: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        state = waiting.pop()
        if state in seen:
            continue
        seen.add(state)
        at, to = state
        if at == len(first) and to == len(second):
            return True
        a = first[at] if at < len(first) else None
        b = second[to] if to < len(second) else None
        if a == ("many", ""):
            waiting.append((at + 1, to))
        if b == ("many", ""):
            waiting.append((at, to + 1))
        if a is None or b is None:
            continue
        if a[0] == "this" and b[0] == "this" and a[1] != b[1]:
            continue
        # Both patterns consume one character; a "many" may stay where it is.
        for next_at in {at + 1, at} if a[0] == "many" else {at + 1}:
            waiting.extend((next_at, next_to) for next_to in ({to + 1, to} if b[0] == "many" else {to + 1}))
    return False


def _spell_out(pattern: str) -> list[tuple[str, str]]:
    spelled: list[tuple[str, str]] = []
    for character in pattern:
        spelled += [("any", ""), ("many", "")] if character == "*" else [("this", character)]
    return spelled


def _judge_sends(touchpoint: Touchpoint, types: Mapping[str, EventType]) -> Iterator[tuple[Path, str, str]]:
    """Yield what a touchpoint would say that only another room can know."""
    for send in touchpoint.sends:
        room = types[send.type].only_from if send.type in types else ""
        if room and touchpoint.room != room:
            message = f'only what is checked in the {room} is known there: a touchpoint with room = "{room}" says this'
            yield ("touchpoint", touchpoint.name, "sends", send.type), "room_differs", message


def _overlaps(touchpoints: Sequence[Touchpoint]) -> Iterator[tuple[Path, str, str]]:
    """Yield the sources that two touchpoints claim, or one touchpoint twice."""
    before: list[tuple[str, str]] = []
    for touchpoint in touchpoints:
        for source in touchpoint.sources:
            if is_reserved(source):
                message = f"{source} matches sources below {HOUSE_SOURCE}, for which only the house itself speaks"
                yield ("touchpoint", touchpoint.name, "source"), "source_reserved", message
            for name, other in before:
                if overlaps(source, other):
                    message = f"{source} and {other} ({name}) match the same source; only one may speak for it"
                    yield ("touchpoint", touchpoint.name, "source"), "source_overlaps", message
                    break
            before.append((touchpoint.name, source))


def _judge_spending(
    touchpoint: Touchpoint, path: Path, types: Mapping[str, EventType]
) -> Iterator[tuple[Path, str, str]]:
    """Yield what is wrong with the way in which customers spend here."""
    spending = [send for send in touchpoint.sends if send.type in types and types[send.type].spends]
    names = ", ".join(send.type for send in spending)
    if touchpoint.spending is None:
        if spending:
            message = (
                f'say with what customers spend here ({names}): spending = "code" if they show one, or "own_sign_in" '
                "if this system has signed them in itself"
            )
            yield path, "spending_missing", message
        return
    here: Path = (*path, "spending")
    if not spending:
        yield here, "spending_unused", "nothing that this touchpoint sends spends anything"
    elif touchpoint.spending == Spending.OWN_SIGN_IN and touchpoint.channel == "store":
        message = "in a store nobody is signed in by a card's number; let the customer show a code"
        yield here, "spending_not_in_store", message
    elif touchpoint.spending == Spending.CODE:
        for send in spending:
            if all(field.path.split(".")[0] != "proof" for field in send.fields):
                message = 'the code is sent as proof; declare it: fields.proof = "pseudonym"'
                yield (*path, "sends", send.type, "fields"), "proof_undeclared", message


def _judge_need(
    touchpoint: Touchpoint,
    need: Need,
    path: Path,
    touchpoints: Sequence[Touchpoint],
    types: Mapping[str, EventType],
    products: Mapping[str, Product],
) -> Iterator[tuple[Path, str, str]]:
    yield from _judge_room(touchpoint, need, path, types, products)
    feeding = feeders(need.data, touchpoints, products, types)
    if not feeding:
        made_from = ", ".join(sorted(products[need.data].made_from)) if need.data in products else need.data
        yield path, "nobody_sends", f"no touchpoint sends anything that {need.data} is made from: {made_from}"
        return
    names = {sender.name for sender, _ in feeding}
    for source, timing in need.slower.items():
        if source not in names:
            message = f"{source} is no touchpoint that feeds {need.data}; these do: {', '.join(sorted(names))}"
            yield (*path, "slower", source), "unknown_source", message
        elif timing.seconds_max <= need.timing.seconds_max:
            yield (*path, "slower", source), "value_invalid", f"{timing} is not slower than {need.timing}"
    if any(other.data == need.data and other.number < need.number for other in touchpoint.needs):
        yield path, "duplicate_need", f"{need.data} is already needed above"
        return
    for sender, send in feeding:
        promised = need.timing_from(sender.name)
        if send.timing.seconds_max > promised.seconds_max:
            message = (
                f"{need.data} cannot be {promised} while {sender.name} sends {send.type} only {send.timing}; make the "
                f'source faster, or let it be slower: slower = {{ {sender.name} = "{send.timing}" }}'
            )
            yield (*path, "timing"), "faster_than_source", message
    yield from _judge_outages(touchpoint, need, path, [sender for sender, _ in feeding])


def _judge_outages(
    touchpoint: Touchpoint, need: Need, path: Path, senders: Sequence[Touchpoint]
) -> Iterator[tuple[Path, str, str]]:
    """Yield the fault of a need that an allowed outage makes untrue, without a word about what is shown then."""
    if need.meanwhile:
        return
    shortest = min(sender.offline_seconds_max for sender in senders)
    example = 'meanwhile = "the last known balance, with its time"'
    if shortest > need.timing.seconds_max:
        names = ", ".join(sorted({sender.name for sender in senders}))
        message = (
            f"all that feeds {need.data} ({names}) may be cut off for {_long(shortest)}; say what is shown: {example}"
        )
        yield path, "offline_hides_timing", message
    elif touchpoint.offline_seconds_max > need.timing.seconds_max:
        message = (
            f"{touchpoint.name} itself may be cut off for {_long(touchpoint.offline_seconds_max)}; say what it shows "
            f"meanwhile: {example}"
        )
        yield path, "offline_hides_timing", message


def _judge_room(
    touchpoint: Touchpoint, need: Need, path: Path, types: Mapping[str, EventType], products: Mapping[str, Product]
) -> Iterator[tuple[Path, str, str]]:
    if need.data in products:
        classes = {products[need.data].data_class}
    else:
        classes = {shape.data_class for shape in _all_shapes(shapes(types[need.data])) if shape.data_class is not None}
    for data_class in sorted(classes):
        if not is_allowed(data_class, touchpoint.room):
            rooms = ", ".join(rooms_of(data_class))
            message = f"{need.data} holds {data_class} data, which may be in: {rooms}; not in the {touchpoint.room}"
            yield (*path, "data"), "class_not_allowed_in_room", message


def _missing(found: Sequence[FieldShape], declared: set[str]) -> Iterator[str]:
    for shape in found:
        is_inside = any(path.startswith(shape.path + ".") for path in declared)
        if shape.path in declared:
            continue
        if is_inside:
            yield from _missing(shape.children, declared)
        elif shape.is_required:
            yield shape.path


def _all_shapes(found: Sequence[FieldShape]) -> Iterator[FieldShape]:
    for shape in found:
        yield shape
        yield from _all_shapes(shape.children)


def _long(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds} seconds"
