"""Refusals that concern who a customer is."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class CustomerUnknown(Problem):
    """No customer has this id."""

    name = "customer_unknown"
    status = 404


class LinkToItself(Problem):
    """An identifier cannot be linked to itself."""

    name = "link_to_itself"


class PersonTooLarge(Problem):
    """So many identifiers cannot belong to one person."""

    name = "person_too_large"
