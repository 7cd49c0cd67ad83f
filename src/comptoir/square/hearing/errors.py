"""Refusals of what members want to hear of."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class FollowedUnknown(Problem):
    """There is nothing here to follow."""

    name = "followed_unknown"
    status = 404


class FollowOfOneself(Problem):
    """Nobody follows themselves."""

    name = "follow_of_oneself"


class FollowsTooMany(Problem):
    """That is more than can be followed or muted at a time."""

    name = "follows_too_many"


class MentionsEnough(Problem):
    """A post tells no more people that it names them."""

    name = "mentions_enough"


class MentionOfOneself(Problem):
    """A post tells its own author nothing."""

    name = "mention_of_oneself"
