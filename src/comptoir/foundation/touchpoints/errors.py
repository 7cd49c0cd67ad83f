"""Named problems: what the door refuses because the map does not declare it, and a map that contradicts itself.

Not here: the refusals within a map (their names stand in ``rules.py``, their words in ``docs/touchpoints.md``).
"""

from __future__ import annotations

from collections.abc import Sequence

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import Fault


class MapContradictsItself(ValueError):  # noqa: N818 - it says what happened
    """The touchpoint map cannot be used. ``faults`` are all that were found, in the order of their lines."""

    def __init__(self, faults: Sequence[Fault], path: str = "touchpoints.toml") -> None:
        """Keep the faults, sorted, and where the map was read from."""
        self.faults = tuple(sorted(faults))
        self.path = path
        lines = (f"{path}:{each.line}: {each.field or 'the map'}: {each.message} [{each.name}]" for each in self.faults)
        super().__init__("\n".join(lines))


class KeyNotKnown(Problem):
    """This key is not known, or was revoked."""

    name = "key_not_known"
    status = 401


class UnknownType(Problem):
    """No touchpoint of this shop sends events of this type."""

    name = "unknown_type"


class TypeNotDeclared(Problem):
    """This touchpoint does not send events of this type."""

    name = "type_not_declared"
    status = 403


class SourceNotDeclared(Problem):
    """This touchpoint does not speak for this source."""

    name = "source_not_declared"
    status = 403


class NeedNotDeclared(Problem):
    """This touchpoint did not declare that it needs this."""

    name = "need_not_declared"
    status = 403


class UndeclaredField(Problem):
    """The touchpoint map does not declare this field."""

    name = "undeclared_field"


class FieldMissing(Problem):
    """A required field is missing."""

    name = "field_missing"


class FieldInvalid(Problem):
    """A field does not have the declared form."""

    name = "field_invalid"


class OccurredInFuture(Problem):
    """The event says that it happens later than now."""

    name = "occurred_in_future"


class OccurredTooEarly(Problem):
    """The event is older than this touchpoint may deliver."""

    name = "occurred_too_early"


class TouchpointNotInMap(Problem):
    """The touchpoint map has no touchpoint of this name."""

    name = "touchpoint_not_in_map"


class GatewayAway(Problem):
    """The gateway does not answer."""

    name = "gateway_away"
    status = 503


class HouseNotInMap(Problem):
    """The map does not let these pages send what they have to."""

    name = "house_not_in_map"
    status = 409


class HouseWithoutKey(Problem):
    """These pages have no key for the gateway."""

    name = "house_without_key"
    status = 409
