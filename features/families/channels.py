"""Channels: through which channels a customer orders, as shares of bought lines.

Source: customers of several channels buy more, Neslin et al. 2006.
"""

from __future__ import annotations

import functools
import operator

import ibis.expr.types as ir

from features.family import KEYS, Column, Family, history, within
from features.rollup import Rollups
from features.rollups.orders import BY_CHANNEL, CHANNELS

_UNKNOWN = "bought nothing in 365 days whose channel is known"

COLUMNS = (
    *(Column(f"{channel}_line_share_365d", f"share of the lines bought in the last 365 days that "
             f"were ordered by {channel}", "share", _UNKNOWN) for channel in CHANNELS),
    Column("channels_used_365d", f"how many of {', '.join(CHANNELS)} and other were ordered "
           "through in the last 365 days", "channels", _UNKNOWN),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Count lines by channel over the last 365 days."""
    moved = rollups["customer_day"]
    with_channel = functools.reduce(operator.add, (moved[name] for name in BY_CHANNEL))
    seen = history(moved.filter(with_channel > 0), cutoffs)
    counts = seen.group_by(*KEYS).aggregate(
        **{name: (seen[name] * within(seen, 365)).sum().cast("float64") for name in BY_CHANNEL}
    )
    lines = functools.reduce(operator.add, (counts[name] for name in BY_CHANNEL)).nullif(0)
    used = functools.reduce(operator.add, ((counts[name] > 0).cast("int64") for name in BY_CHANNEL))
    return counts.select(
        *KEYS,
        **{
            f"{channel}_line_share_365d": counts[f"{channel}_lines"] / lines for channel in CHANNELS
        },
        channels_used_365d=used.nullif(0),
    )


FAMILY = Family(
    name="channels",
    meaning="through which channels a customer orders",
    reads=("customer_day",),
    columns=COLUMNS,
    compute=compute,
)
