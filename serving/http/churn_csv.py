"""The churn list as CSV, written block by block."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import Any, Final

from serving.customers.answers import AtRisk
from serving.customers.churn_list import ChurnQuery
from serving.customers.ordered_since import new_orders
from serving.products.shoppers import date_of
from serving.view import View

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def churn_csv(view: View, query: ChurnQuery) -> Iterator[str]:
    """Yield the list as CSV; each row also says what its scores mean."""
    manifest = view.catalogue.manifest
    meaning: dict[str, Any] = {
        "as_of": manifest.as_of.isoformat(),
        "model_version": manifest.version,
        "churn_horizon_days": manifest.horizon_days,
        "value_horizon_days": manifest.value_horizon_days,
        "value_basis": manifest.value_basis,
        "currency": manifest.currency,
    }
    text = io.StringIO()
    writer = csv.DictWriter(text, [*(field.name for field in fields(AtRisk)), *meaning])
    writer.writeheader()
    for block in view.churn.blocks(query):
        rows = (asdict(with_new_order(view, row)) for row in block)
        writer.writerows({k: _escaped(cell) for k, cell in row.items()} | meaning for row in rows)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def with_new_order(view: View, row: AtRisk) -> AtRisk:
    """Add the date of the last order that the scores do not count, where there is one."""
    orders, last_day = new_orders(view.shoppers.find(row.customer_id))
    return replace(row, ordered_since_on=date_of(last_day)) if orders else row


def _escaped(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
