"""Where an expression runs: PostgreSQL now, DuckDB and Spark over the lake. The last two are extras.

Not here: the expression (``compiling.py``), what lies in the lake (``lake.py``).
"""

from __future__ import annotations

import functools
from typing import Any, Final, Literal

import ibis.expr.types as ir
from ibis.backends.sql.compilers import DuckDBCompiler, PostgresCompiler, PySparkCompiler

from comptoir.office.segments import compiling
from comptoir.office.segments.compiling import Sources, Terms
from comptoir.office.segments.contracts import Tree

Engine = Literal["postgres", "duckdb", "spark"]
ENGINES: Final[tuple[Engine, ...]] = ("postgres", "duckdb", "spark")
_COMPILERS: Final[dict[Engine, Any]] = {
    "postgres": PostgresCompiler, "duckdb": DuckDBCompiler, "spark": PySparkCompiler,
}  # fmt: skip
#: What the tables are called in PostgreSQL, and in the views over the lake.
_TABLES: Final = {"figures": "audiences_figures", "lines": "audiences_line", "acts": "audiences_act"}
_VIEWS: Final = {"figures": "figures", "lines": "lines", "acts": "acts"}


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
    """Return the query for the members of a tree: one column, ``person``."""
    return sql_of(compiling.members(tree, sources_of(engine), terms), engine)
