"""What stands out among the features, and figures as people write them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from regulars.reports.feature_findings import (
    barely_covered,
    figure_with_unit,
    most_important,
    most_shifted,
    number,
    percent,
    spread,
    stability,
    uniform,
)


def test_what_stands_out_is_ranked_and_ties_go_by_name() -> None:
    frame = pd.DataFrame(
        {
            "column": ["d", "c", "b", "a"],
            "importance_churn": [0.2, 0.4, 0.4, np.nan],
            "drift": ["shifted", "stable", "moved", "uniform"],
            "psi": [0.3, 0.09, 0.2, 9.0],
            "coverage_now": [0.5, 0.2, 0.2, 0.1],
        }
    )
    assert most_important(frame, "churn", 2)["column"].tolist() == ["b", "c"]
    assert most_shifted(frame, 9)["column"].tolist() == ["d", "b"]
    assert barely_covered(frame, 2)["column"].tolist() == ["a", "b"]
    assert uniform(frame) == ["a"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1234.0, "1,234"), (12.345, "12.3"), (12.0, "12"), (0.012345, "0.0123"), (0.0, "0"),
        (-0.5, "-0.5"), (-1234567.8, "-1,234,568"), (99.96, "100"), (9.996, "10"),
        (12_345_678.0, "12.35 M"), (1e-9, "0"), (-1e-9, "0"), (math.nan, "-"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float, written: str) -> None:
    assert number(value) == written


def test_shares_and_ranges_are_written_for_people() -> None:
    assert [percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == [
        "0 %", "<1 %", "50 %", ">99 %", "100 %",
    ]  # fmt: skip
    assert percent(math.nan) == "-"
    assert spread(0.026, 0.5, "share") == "2.6 to 50 %"
    assert spread(3, 240, "days") == "3 to 240"
    assert spread(3, 3, "days") == "3"
    assert spread(math.nan, math.nan, "share") == "-"


def test_units_are_named_where_they_are_units() -> None:
    assert figure_with_unit(1234, "money", "EUR") == "1,234 EUR"
    assert figure_with_unit(12, "money per unit", "EUR") == "12 EUR per unit"
    assert figure_with_unit(0.316, "share", "EUR") == "31.6 %"
    assert figure_with_unit(74, "days", "EUR") == "74 days"
    assert figure_with_unit(0.3, "-1 to 1", "EUR") == "0.3"
    assert figure_with_unit(1.3, "ratio", "EUR") == "1.3"
    assert figure_with_unit(math.nan, "days", "EUR") == "-"


def test_a_stability_index_has_the_decimals_it_is_read_by() -> None:
    assert [stability(psi) for psi in (0.0, 0.104, 9.876, 15.3)] == ["0.00", "0.10", "9.88", "15"]
