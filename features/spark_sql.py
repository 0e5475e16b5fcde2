"""Spark SQL of an Ibis expression, with corrections to what Ibis compiles."""

from __future__ import annotations

import re

import ibis
import ibis.expr.types as ir

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\b\d+\.\d+\b", re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_SPACES = {r"\v": "\v", r"\f": "\f"}


def spark_sql(expression: ir.Table) -> str:
    """Return Spark SQL that gives the same result as the expression on DuckDB."""
    if ibis.options.pyspark is None:
        # The compiler needs this option, which only Ibis' live backend sets, and it is not loaded.
        options = type("PySparkOptions", (ibis.config.Config,), {"treat_nan_as_null": False})
        ibis.options.pyspark = options()
    return _TOKEN.sub(_as_meant, str(ibis.to_sql(expression, dialect="pyspark")))


def _as_meant(token: re.Match[str]) -> str:
    text = token[0]
    if text[0].isdigit():
        # Without the D Spark reads a decimal, and rounds its quotients.
        return f"{text}D"
    if text[0] == "'":
        # Spark knows all escapes but these two; it would read them as the letters v and f.
        return _ESCAPE.sub(lambda escape: _SPACES.get(escape[0], escape[0]), text)
    return text
