"""Which entries may be one person: Splink compares them in DuckDB, in the memory of this process, and says why.

Splink is an extra (``matching``). DuckDB is opened in memory, may use no file of any kind and no net, and is given a
bound for its memory, so that what is compared in clear is on no disk; a list that needs more is refused by name.
Not here: how details are spelled (``rules.py``), what becomes of a match (``commands.py``).
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import os
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from comptoir.vault.lists import rules
from comptoir.vault.lists.contracts import Compared, Match
from comptoir.vault.lists.errors import ListTooLarge

if TYPE_CHECKING:
    import duckdb

_MEMORY_MEGABYTES: Final = 1024
_FIELDS: Final = ("given", "family", "whole", "reading", "email", "phone", "postcode", "words", "numbers")
_KEYS: Final = ("email", "phone", "name", "reading", "name_there", "street")
_COUNTED_AS_AGREEING: Final = 0.0


def _close(given_l: str, given_r: str, family_l: str, family_r: str) -> str:
    """Return the condition that two names differ by a slip of the pen at most, each.

    One sign more, fewer, other or swapped. Names of three signs and fewer have no slips: 健 and 誠 are two people, and
    so are Jean and Jeanne, which a measure of likeness takes for one.
    """
    return (
        "("
        + " AND ".join(
            f"({one}_l = {other}_r OR (least(length({one}_l), length({other}_r)) >= 3"
            f" AND greatest(length({one}_l), length({other}_r)) >= 4 AND damerau_levenshtein({one}_l, {other}_r) <= 1))"
            for one, other in ((given_l, given_r), (family_l, family_r))
        )
        + ")"
    )


#: What each level of a comparison means in SQL; the levels stand in the order in which they are tried.
_CONDITIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "name": {
        "same": "given_l = given_r AND family_l = family_r",
        # Of two given names in characters, an equal reading says little: 浩 and 寛 are brothers, both ヒロシ.
        "reading": (
            "reading_l = reading_r AND (given_l = given_r OR given_l IS NULL OR given_r IS NULL"
            " OR regexp_full_match(given_l, '[ァ-ヺー]+') OR regexp_full_match(given_r, '[ァ-ヺー]+'))"
        ),
        "swapped": "whole_l = whole_r OR (given_l = family_r AND family_l = given_r)",
        "similar": _close("given", "given", "family", "family") + " OR " + _close("given", "family", "family", "given"),
        "initial": (
            "jaro_winkler_similarity(family_l, family_r) >= 0.92"
            " AND (given_l IS NULL OR given_r IS NULL OR (least(length(given_l), length(given_r)) = 1"
            " AND left(given_l, 1) = left(given_r, 1)))"
        ),
        "given_same": "given_l = given_r",
        "family_only": "family_l = family_r",
    },
    "email": {
        "same": "email_l = email_r",
        "similar": "damerau_levenshtein(email_l, email_r) <= 2",
    },
    "phone": {"same": "phone_l = phone_r"},
    "address": {
        "same": (
            "postcode_l = postcode_r AND numbers_l = numbers_r AND jaro_winkler_similarity(words_l, words_r) >= 0.88"
        ),
        "near": "numbers_l = numbers_r AND jaro_winkler_similarity(words_l, words_r) >= 0.92",
        "area": "postcode_l = postcode_r",
    },
}
#: When a comparison says nothing at all.
_SILENT: Final[Mapping[str, str]] = {
    "name": "(family_l IS NULL AND reading_l IS NULL) OR (family_r IS NULL AND reading_r IS NULL)",
    "email": "email_l IS NULL OR email_r IS NULL",
    "phone": "phone_l IS NULL OR phone_r IS NULL",
    "address": (
        "(postcode_l IS NULL OR postcode_r IS NULL)"
        " AND (words_l IS NULL OR words_r IS NULL OR numbers_l IS NULL OR numbers_r IS NULL)"
    ),
}


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The thresholds and weights, as ``matching.toml`` explains them."""

    threshold: float
    shared_by_max: int
    weights: dict[str, dict[str, float]]


def weights() -> Weights:
    """Read ``matching.toml``."""
    text = importlib.resources.files(__package__ or "").joinpath("matching.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Weights)


def is_available() -> bool:
    """Tell whether Splink and DuckDB are installed (``pip install comptoir[matching]``)."""
    return all(importlib.util.find_spec(name) is not None for name in ("splink", "duckdb"))


def find(entries: Mapping[uuid.UUID, Compared], *, fresh: frozenset[uuid.UUID], threshold: float) -> list[Match]:
    """Return the pairs that reach the threshold and have a fresh entry in them, the heaviest first.

    Raises :class:`ListTooLarge` where the memory that this may use is not enough.
    """
    if len(entries) < 2 or not fresh:
        return []
    import duckdb  # noqa: PLC0415 - an extra

    used = weights()
    database = duckdb.connect(":memory:")
    try:
        for setting in (
            f"SET memory_limit = '{_MEMORY_MEGABYTES}MB'",
            "SET temp_directory = ''",
            f"SET threads = {min(4, os.cpu_count() or 1)}",
            "SET enable_progress_bar = false",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            database.execute(setting)
        return _found(database, entries, fresh, used, threshold)
    except duckdb.OutOfMemoryException:
        raise ListTooLarge(f"{len(entries)} entries") from None
    finally:
        database.close()


def _found(
    database: duckdb.DuckDBPyConnection,
    entries: Mapping[uuid.UUID, Compared],
    fresh: frozenset[uuid.UUID],
    used: Weights,
    threshold: float,
) -> list[Match]:
    import pyarrow as pa  # noqa: PLC0415 - comes with the extra
    from splink import DuckDBAPI, Linker  # noqa: PLC0415 - an extra

    ids = sorted(entries)
    table = pa.table(_columns([entries[each] for each in ids], [each in fresh for each in ids], used))
    interface = DuckDBAPI(connection=database)
    linker = Linker(interface.register(table), _settings(used), log_level=None)
    found = linker.inference.predict(threshold_match_weight=threshold)
    names = list(_CONDITIONS)
    gammas = ", ".join(f"gamma_{name}" for name in names)
    query = (
        f"SELECT number_l, number_r, match_weight, {gammas} FROM {found.physical_name}"  # noqa: S608 - names of this module
        " WHERE fresh_l OR fresh_r ORDER BY match_weight DESC, number_l, number_r"
    )
    levels = {name: list(used.weights[name]) for name in names}
    matches = []
    for one, other, weight, *reached in database.sql(query).fetchall():
        agreements: list[str] = []
        differences: list[str] = []
        for name, gamma in zip(names, reached, strict=True):
            if gamma < 0:
                continue  # one of the two says nothing
            # Splink counts from the weakest level, which is 0.
            level = levels[name][len(levels[name]) - 1 - gamma]
            told = agreements if used.weights[name][level] > _COUNTED_AS_AGREEING else differences
            told.append(f"{name}_{level}")
        matches.append(Match(ids[one], ids[other], round(weight, 1), tuple(agreements), tuple(differences)))
    return matches


def _columns(entries: Sequence[Compared], fresh: Sequence[bool], used: Weights) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"number": list(range(len(entries))), "fresh": list(fresh)}
    for field in _FIELDS:
        columns[field] = [getattr(entry, field) or None for entry in entries]
    keyed = [rules.keys(entry) for entry in entries]
    for name in _KEYS:
        values = [each.get(name) for each in keyed]
        common = rules.too_common((value for value in values if value), rows_max=used.shared_by_max)
        columns[f"key_{name}"] = [None if value in common else value for value in values]
    return columns


def _settings(used: Weights) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "number",
        # Even odds before anything is known: then the weight of a pair is the sum of the weights in the data.
        "probability_two_random_records_match": 0.5,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"l.key_{name} = r.key_{name}", "sql_dialect": "duckdb"} for name in _KEYS
        ],
        "comparisons": [_comparison(name, used.weights[name]) for name in _CONDITIONS],
        "additional_columns_to_retain": ["fresh"],
        "retain_matching_columns": True,  # with them come the levels that were reached
        "retain_intermediate_calculation_columns": False,
        "sql_dialect": "duckdb",
    }


def _comparison(name: str, levels: Mapping[str, float]) -> dict[str, Any]:
    assert [*_CONDITIONS[name], "different"] == list(levels), f"matching.toml and the code differ in {name}"
    described: list[dict[str, Any]] = [
        {"sql_condition": _SILENT[name], "label_for_charts": "silent", "is_null_level": True}
    ]
    for level, weight in levels.items():
        for_one, for_two = rules.probabilities(weight)
        described.append(
            {
                "sql_condition": _CONDITIONS[name].get(level, "ELSE"),
                "label_for_charts": level,
                "m_probability": for_one,
                "u_probability": for_two,
            }
        )
    return {"output_column_name": name, "comparison_levels": described}
