"""Where an expression runs: PostgreSQL now, DuckDB and Spark over the lake. The last two are extras.

Not here: the expression (``compiling.py``), what lies in the lake (``lake.py``).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import ibis.expr.types as ir
from ibis.backends.sql.compilers import DuckDBCompiler, PostgresCompiler, PySparkCompiler

from comptoir.counter.audiences.lake import Lake
from comptoir.office.segments import compiling
from comptoir.office.segments.compiling import Sources, Terms
from comptoir.office.segments.contracts import Tree
from comptoir.office.segments.lake import duckdb_over, spark_over

Engine = Literal["postgres", "duckdb", "spark"]
ENGINES: Final[tuple[Engine, ...]] = ("postgres", "duckdb", "spark")
_COMPILERS: Final[dict[Engine, Any]] = {
    "postgres": PostgresCompiler, "duckdb": DuckDBCompiler, "spark": PySparkCompiler,
}  # fmt: skip
#: What the tables are called in PostgreSQL, and in the views over the lake.
_TABLES: Final = {
    "figures": "audiences_figures", "lines": "audiences_line", "acts": "audiences_act", "coupons": "all_coupons",
    "redemptions": "all_redemptions",
}  # fmt: skip
_VIEWS: Final = {each: each for each in _TABLES}


@functools.cache
def sources_of(engine: Engine) -> Sources:
    """Return the tables of an engine."""
    if engine == "postgres":
        return compiling.sources(_TABLES, ids="uuid")
    return compiling.sources(_VIEWS, ids="string")


def sql_of(expression: ir.Table, engine: Engine) -> str:
    """Return an expression in the language of an engine."""
    compiler = _COMPILERS[engine]()
    return str(compiler.to_sqlglot(expression).sql(dialect=compiler.dialect))


def sql_of_tree(tree: Tree, engine: Engine, terms: Terms) -> str:
    """Return the query for the members of a tree: one column, ``person``.

    In PostgreSQL ``all_coupons`` and ``all_redemptions`` are the caller's to name (``store.py``).
    """
    return sql_of(compiling.members(tree, sources_of(engine), terms), engine)


@contextlib.contextmanager
def over_lake(lake: Lake, engine: Engine) -> Iterator[Callable[[Tree, Terms], set[str]]]:
    """Have an engine over the lake: a function from a tree to its members, as texts."""
    if engine == "duckdb":
        with duckdb_over(lake) as connection:
            yield lambda tree, terms: {
                row[0] for row in connection.execute(sql_of_tree(tree, engine, terms)).fetchall()
            }
    else:
        with spark_over(lake) as session:
            yield lambda tree, terms: {row[0] for row in session.sql(sql_of_tree(tree, engine, terms)).collect()}


def count_in_lake(lake: Lake, engine: Engine, tree: Tree, terms: Terms) -> int:
    """Return how many persons a tree names, by what lies in the lake."""
    counting = f"select count(*) from ({sql_of_tree(tree, engine, terms)}) found"  # noqa: S608 - compiled from a tree
    if engine == "duckdb":
        with duckdb_over(lake) as connection:
            return int(connection.execute(counting).fetchone()[0])
    with spark_over(lake) as session:
        return int(session.sql(counting).collect()[0][0])
