"""Where a customer orders, worked out by hand."""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pytest

AS_OF = date(2025, 7, 1)
ROWS = (
    ("1", "ann", "tea", "2025-06-01", 1, 10, "web"),
    ("1", "ann", "mug", "2025-06-01", 1, 10, "web"),
    ("2", "ann", "tea", "2025-05-01", 1, 10, "store"),
    ("3", "ann", "tea", "2024-07-01", 1, 10, "marketplace"),  # 365 days before
    ("4", "ann", "tea", "2024-06-30", 1, 10, "app"),  # 366
    ("5", "ann", "tea", "2025-05-02", 1, 10, None),
    ("2", "ann", "tea", "2025-05-09", -1, 10, "phone"),
    ("6", "bob", "tea", "2025-05-02", 1, 10, None),
    ("7", "cid", "tea", "2024-05-02", 1, 10, "phone"),
)


@pytest.fixture(scope="module")
def shop(open_lasting_shop: Any, lines: Any) -> Any:
    channels = [row[-1] for row in ROWS]
    return open_lasting_shop({"orders": lines(*(row[:-1] for row in ROWS), channel=channels)})


def channels(shop: Any, customer: str) -> list[float]:
    """Shares by web, app, store and phone, and how many channels were used."""
    vector = shop.vector(customer, AS_OF)
    shares = [vector[f"{name}_line_share_365d"] for name in ("web", "app", "store", "phone")]
    return [*shares, vector["channels_used_365d"]]


def test_lines_bought_within_a_year_are_shared_out_over_channels(shop: Any) -> None:
    assert channels(shop, "ann") == [2 / 4, 0, 1 / 4, 0, 3]


@pytest.mark.parametrize("customer", ["bob", "cid"])
def test_without_a_known_channel_within_a_year_there_is_none(shop: Any, customer: str) -> None:
    assert channels(shop, customer) == pytest.approx([nan] * 5, nan_ok=True)
