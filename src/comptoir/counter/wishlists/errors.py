"""Refusals that concern wish lists. None of them tells an owner whether anything is claimed."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class WishListUnknown(Problem):
    """There is no such wish list, or its link opens it no more."""

    name = "wish_list_unknown"
    status = 404


class WishListUnchanged(Problem):
    """This says nothing about the wish list."""

    name = "wish_list_unchanged"


class WishListFull(Problem):
    """There is no room for any more."""

    name = "wish_list_full"


class WishListOver(Problem):
    """The wish list was ended."""

    name = "wish_list_over"
    status = 409


class WishListDate(Problem):
    """A wish list's date lies ahead, by three years at most."""

    name = "wish_list_date"


class WishUnknown(Problem):
    """This is not on the wish list any more."""

    name = "wish_unknown"
    status = 404


class WishTaken(Problem):
    """Somebody else gives this already."""

    name = "wish_taken"
    status = 409


class WishOwn(Problem):
    """Nobody claims a wish of their own."""

    name = "wish_own"
    status = 409


class ClaimUnknown(Problem):
    """There is no such claim of yours."""

    name = "claim_unknown"
    status = 404


class ClaimOrdered(Problem):
    """What was claimed is ordered already."""

    name = "claim_ordered"
    status = 409
