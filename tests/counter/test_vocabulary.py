"""The words of records are those of the Data Privacy Vocabulary: each is held against its published list."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from comptoir.counter.customers import purposes

PUBLISHED = Path(__file__).parents[1] / "data" / "dpv" / "2.2.csv"
ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("src/comptoir/**/*.py"), *ROOT.glob("docs/**/*.md")]


def terms(*modules: str) -> set[str]:
    """Return the terms of these modules of the published list, or of all."""
    with PUBLISHED.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if not modules or row["module"] in modules]
    assert all(row["iri"] == purposes.DPV + row["term"] for row in rows), "the prefix stands for what the list says"
    return {f"dpv:{row['term']}" for row in rows}


def test_every_term_that_is_used_exists() -> None:
    known = terms()
    for path in SOURCES:
        unknown = set(re.findall(r"\bdpv:[A-Za-z]+", path.read_text())) - known
        assert unknown == set(), path.relative_to(ROOT)


@pytest.mark.parametrize("purpose", purposes.PURPOSES.values(), ids=lambda purpose: purpose.name)
def test_a_purpose_is_a_purpose_of_the_vocabulary(purpose: purposes.Purpose) -> None:
    assert purpose.dpv in terms("purposes")


def test_no_two_purposes_are_called_the_same() -> None:
    assert len({purpose.dpv for purpose in purposes.PURPOSES.values()}) == len(purposes.PURPOSES)


def test_what_else_a_record_says_is_of_the_right_kind() -> None:
    assert set(purposes.LEGAL_BASES.values()) <= terms("legal_basis")
    assert set(purposes.PROCESSING) <= terms("processing")
    assert purposes.CONSENT_GIVEN in terms("consent_status")
    assert purposes.CONSENT_EXPRESSED in terms("consent_types")
