"""The names that rules may use: scores, vector columns, and the context of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from features.family import discover_families
from features.vocabulary import Columns as C
from models.bundle.schema import CUSTOMERS, TIERS
from models.bundle.schema import BundleColumns as B
from models.offers.checking import BUILT_IN_CONTEXT, Field, Schema
from models.offers.declarations import Policy
from models.segments import BANK_TIERS, RFM_SEGMENTS, STAGES

_NOT_FOR_RULES: Final = (C.CUSTOMER_ID, B.DRIVERS)
_AMONG: Final = {
    B.TIER: TIERS,
    B.BANK_TIER: BANK_TIERS,
    B.STAGE: STAGES,
    B.SEGMENT: RFM_SEGMENTS,
}


def rule_schema(policy: Policy) -> Schema:
    """Return every name that a rule may use, with its kind.

    Includes the vector columns of tables that a shop does not have: they are missing for all its
    customers.
    """
    vectors = {
        column.name: Field("number" if column.kind == "number" else "text")
        for family in discover_families()
        for column in family.columns
    }
    return {**vectors, **dict(_scores()), **_context(policy)}


def _scores() -> Iterator[tuple[str, Field]]:
    for column in CUSTOMERS:
        if column.name not in _NOT_FOR_RULES:
            yield column.name, _field(column)


def _field(column: Any) -> Field:
    if pa.types.is_boolean(column.type):
        return Field("boolean")
    if pa.types.is_large_string(column.type):
        return Field("text", _AMONG.get(column.name, ()))
    return Field("number")


def _context(policy: Policy) -> Schema:
    return {
        **BUILT_IN_CONTEXT,
        **{f"context.{name}": Field(kind) for name, kind in policy.context.items()},
    }
