"""Adjustments: order lines that are no goods, such as postage, fees, credits and corrections.

Their money counts in revenue, refunds and margin on its day. They are no purchase: they have no
product and no units, and make no order of their own.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.settings import CheckSettings
from features.vocabulary import Columns as C


def is_product(lines: ir.Table, checks: CheckSettings) -> ir.BooleanValue:
    """Return whether order lines are goods, as the shop's product codes say."""
    if checks.product_id_pattern is None:
        return ibis.literal(value=True)
    return lines[C.PRODUCT_ID].re_search(checks.product_id_pattern)


def without_adjustment_codes(lines: ir.Table, checks: CheckSettings) -> ir.Table:
    """Mark adjustments by a missing ``product_id``, in place of their code."""
    if checks.product_id_pattern is None:
        return lines
    nothing = ibis.null().cast("string")
    code = ibis.ifelse(is_product(lines, checks), lines[C.PRODUCT_ID], nothing)
    return lines.mutate(code.name(C.PRODUCT_ID))
