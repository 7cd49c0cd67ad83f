"""Refusals that concern taxes."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class TaxesInvalid(Problem):
    """The shop's rates of tax cannot be used."""

    name = "taxes_invalid"
    status = 500
