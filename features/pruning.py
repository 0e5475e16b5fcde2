"""Which columns an expression depends on, read off the expression itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.common.graph import Graph, Node

# Arguments of a relation that define columns by name; all others decide on its rows.
_DEFINE_COLUMNS = ("values", "metrics")


def columns_read(table: ir.Table) -> dict[str, set[str]]:
    """Return, for each table that an expression reads, the columns that its result depends on.

    From the result down, each relation asks the relations below it for the columns from which its
    own requested columns are computed, and for those that decide on its rows.
    """
    root = table.op()
    asked: dict[Node, set[str]] = defaultdict(set)
    asked[root] = set(root.schema.names)
    ordered, _ = Graph.from_bfs(root).toposort()
    relations = list(filter(_is_relation, ordered))
    for relation in reversed(relations):
        for below, names in _asks(relation, asked[relation]):
            asked[below] |= names
    tables = [relation for relation in relations if isinstance(relation, ops.UnboundTable)]
    return {relation.name: asked[relation] for relation in tables}


def narrow(table: ir.Table, columns: Collection[str]) -> ir.Table:
    """Replace all but some columns by missing values: the schema stays, and nothing is read."""
    return table.select(
        **{
            name: table[name] if name in columns else ibis.null().cast(kind)
            for name, kind in table.schema().items()
        }
    )


def _asks(relation: Node, names: set[str]) -> Iterator[tuple[Node, set[str]]]:
    """Yield the relations below, each with columns that the named columns depend on."""
    if isinstance(relation, ops.Set | ops.Distinct):
        adds_rows = isinstance(relation, ops.Union) and not relation.distinct
        for below in relation.__children__:
            yield below, names if adds_rows else set(below.schema.names)
        return
    shapes = [
        part
        for name, part in zip(relation.argnames, relation.args, strict=True)
        if name not in _DEFINE_COLUMNS
    ]
    made = [relation.values[name] for name in names & relation.values.keys()]
    for part in Graph.from_bfs((shapes, made), filter=lambda node: not _is_relation(node)):
        for below in filter(_is_relation, part.__children__):
            if isinstance(part, ops.Field):
                yield below, {part.name}
            elif not isinstance(part, ops.CountStar | ops.JoinLink):
                yield below, set(below.schema.names)


def _is_relation(node: object) -> bool:
    return isinstance(node, ops.Relation)
