"""Refusals of the door itself: requests that cannot be read, are too large, or come at a bad moment."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class MalformedJson(Problem):
    """The body is not JSON."""

    name = "malformed_json"
    status = 400


class EnvelopeInvalid(Problem):
    """This is not a CloudEvents 1.0 event."""

    name = "envelope_invalid"
    status = 400


class MediaTypeNotAccepted(Problem):
    """Events are sent as CloudEvents: structured, batched or binary."""

    name = "media_type_not_accepted"
    status = 415


class BatchTooLarge(Problem):
    """The batch holds too many events."""

    name = "batch_too_large"
    status = 413


class Busy(Problem):
    """The counter has more to do than it can: try again shortly."""

    name = "busy"
    status = 503


class TooManyAttempts(Problem):
    """This key has tried too many codes or identifiers that are nobody's: it has to wait."""

    name = "too_many_attempts"
    status = 429


class DatabaseAway(Problem):
    """The counter cannot reach its database: nothing was recorded, try again."""

    name = "database_away"
    status = 503


class NotFound(Problem):
    """There is nothing at this address."""

    name = "not_found"
    status = 404


class MethodNotAllowed(Problem):
    """This address does not answer to that method."""

    name = "method_not_allowed"
    status = 405


class QueryInvalid(Problem):
    """A part of the address says something that cannot be."""

    name = "query_invalid"
    status = 400


class Unexpected(Problem):
    """Something went wrong on our side; the event was not recorded."""

    name = "unexpected"
    status = 500
