"""Spark's SQL of an Ibis expression: what Ibis compiles, with what it gets wrong put right."""

from __future__ import annotations

import re

import ibis
import ibis.expr.types as ir

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\b\d+\.\d+\b", re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_SPACES = {r"\v": "\v", r"\f": "\f"}


def spark_sql(expression: ir.Table) -> str:
    """Return the SQL that says on Spark what the expression says on DuckDB."""
    if ibis.options.pyspark is None:
        # The compiler asks for this, and only the live backend, which is not loaded, sets it.
        options = type("PySparkOptions", (ibis.config.Config,), {"treat_nan_as_null": False})
        ibis.options.pyspark = options()
    return _TOKEN.sub(_as_meant, str(ibis.to_sql(expression, dialect="pyspark")))


def _as_meant(token: re.Match[str]) -> str:
    text = token[0]
    if text[0].isdigit():
        # Else a decimal, whose quotients are rounded.
        return f"{text}D"
    if text[0] == "'":
        # Spark knows all escapes but these two: a strip would take the v off a view.
        return _ESCAPE.sub(lambda escape: _SPACES.get(escape[0], escape[0]), text)
    return text
