"""What customers declared, worked out by hand.

Ann, Bob and Cid ordered once each; Dot signed up and never came.
"""

from __future__ import annotations

from datetime import date
from math import nan
from typing import Any

import pandas as pd
import pytest

from features.families.profile import FAMILY

AS_OF = date(2025, 7, 1)
NEW_YEARS = [date(year, 1, 1) for year in range(2026, 2036)]
NEW_YEARS_EVES = [date(year, 12, 31) for year in range(2026, 2036)]


@pytest.fixture(scope="module")
def vectors(open_lasting_shop: Any, lines: Any) -> pd.DataFrame:
    """By customer and day."""
    orders = lines(*((name, name, "tea", "2024-05-01", 1, 10) for name in ("ann", "bob", "cid")))
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "bob", "cid", "dot"],
            "signed_up_at": pd.to_datetime(["2025-01-01", "2025-04-01", None, "2025-02-01"]),
            "birth_year": pd.array([1990, None, 1950, 1980], dtype="Int64"),
            "gender": ["female", None, "male", "female"],
            "country": ["Germany", "Kenya", "Kenya", "Kenya"],
            "region": [None] * 4,
            "acquisition_channel": ["search", None, None, "fair"],
            "acquisition_cost": [7.5, nan, 3.0, 1.0],
            "email_consent": pd.array([True, False, None, True], dtype="boolean"),
            "household_size": pd.array([4, None, 1, 2], dtype="Int64"),
            "income": [52_000.0, nan, 0.0, 1.0],
            "lifestyle": ["outdoor", None, None, "home"],
        }
    )
    shop = open_lasting_shop({"orders": orders, "customers": customers})
    days = [AS_OF, date(2025, 4, 1), date(2025, 4, 2), *NEW_YEARS, *NEW_YEARS_EVES]
    frame = shop.vectors(*days, families=[FAMILY]).frame
    return frame.set_index(["customer_id", "as_of"])


def test_a_profile_is_what_was_declared(vectors: pd.DataFrame) -> None:
    assert vectors.loc["ann", AS_OF].to_dict() == pytest.approx(
        {
            "relationship_days": 181,
            "age_years": 35,
            "acquisition_cost": 7.5,
            "gender": "female",
            "country": "Germany",
            "region": nan,
            "acquisition_channel": "search",
            "household_size": 4,
            "income": 52_000,
            "lifestyle": "outdoor",
        },
        nan_ok=True,
    )


def test_what_was_not_declared_is_missing(vectors: pd.DataFrame) -> None:
    bob, cid = vectors.loc["bob", AS_OF], vectors.loc["cid", AS_OF]
    assert set(bob.index[bob.notna()]) == {"relationship_days", "country"}
    assert bob["relationship_days"] == 91
    assert pd.isna(cid[["relationship_days", "region", "acquisition_channel", "lifestyle"]]).all()
    assert cid[["age_years", "household_size", "income"]].tolist() == [75, 1, 0]


def test_a_profile_is_known_from_the_day_after_signing_up(vectors: pd.DataFrame) -> None:
    assert vectors.loc["bob", date(2025, 4, 1)].isna().all()
    assert vectors.loc["bob", date(2025, 4, 2)]["relationship_days"] == 1


def test_age_counts_calendar_years(vectors: pd.DataFrame) -> None:
    ages = vectors.loc["ann", "age_years"]
    assert ages[NEW_YEARS].tolist() == list(range(36, 46))
    assert ages[NEW_YEARS_EVES].tolist() == list(range(36, 46))


def test_who_never_ordered_has_no_vector(vectors: pd.DataFrame) -> None:
    assert set(vectors.index.get_level_values("customer_id")) == {"ann", "bob", "cid"}
