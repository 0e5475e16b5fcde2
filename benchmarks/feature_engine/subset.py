"""The stated subset of columns that every contender computes, and at which cutoffs.

Rivals may lean on what holds for these shops: nothing arrives late, so a cutoff knows exactly
the lines of earlier days; and a family's own words say what each column means.
"""

from __future__ import annotations

from datetime import date

from features.family import Family, discover_families, narrowed

WINDOWS_DAYS = (30, 90, 180, 365)

SUBSET: dict[str, tuple[str, ...]] = {
    "recency_frequency_monetary": (
        "recency_days", "first_order_days", "orders_lifetime", "order_value_mean",
        "order_value_max", "revenue_lifetime", "margin_lifetime",
        *(f"{what}_{days}d" for what in ("orders", "revenue", "margin") for days in WINDOWS_DAYS),
    ),
    "rhythm": (
        "order_days", "gap_mean_days", "gap_median_days", "gap_max_days", "gap_variation",
        "overdue_ratio", "orders_trend", "weekend_share",
    ),
    "returns": ("return_lines", "return_line_rate", "refunds_lifetime", "last_return_days"),
    "basket": (
        "lines_per_order", "units_per_order", "products_bought", "categories_bought",
        "top_category_share",
    ),
}  # fmt: skip

COLUMNS = tuple(name for names in SUBSET.values() for name in names)


def subset_families() -> tuple[Family, ...]:
    """Return our families narrowed to the subset, so that nothing else is computed."""
    return tuple(
        part
        for family in discover_families()
        if family.name in SUBSET
        for part in narrowed(family, SUBSET[family.name])
    )


def monthly_cutoffs(number: int) -> tuple[date, ...]:
    """Return the first days of the ``number`` latest months: the last is the shops' today."""
    months = [2026 * 12 + 6 - back for back in range(number)]
    return tuple(date(month // 12, month % 12 + 1, 1) for month in reversed(months))
