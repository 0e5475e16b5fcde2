"""The feature report's figures: known vectors in, known figures out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.family import Column, Family
from features.report import (
    REPORT_COLUMNS,
    at_cutoff,
    feature_histograms,
    measure_features,
)
from features.vectors import Vectors

THEN, NOW = date(2026, 1, 1), date(2026, 4, 1)
RECENCY = Column("recency_days", "days since the last order", "days", "no order")
SCORE = Column("score", "the last answer", "points", "never answered")
COUNTRY = Column("country", "where", "name", "unknown", kind="category")


def family(name: str, *columns: Column) -> Family:
    def no_compute(*_: Any) -> Any:
        raise AssertionError("a report only reads what was computed")

    return Family(name, f"about {name}", (), columns, no_compute)


FAMILIES = (family("habits", RECENCY, SCORE), family("profile", COUNTRY))


def vectors(as_of: date, recency: Any, score: Any, country: Any) -> Vectors:
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{number:03d}" for number in range(len(recency))],
            "as_of": as_of,
            "recency_days": np.asarray(recency, dtype=np.float64),
            "score": np.asarray(score, dtype=np.float64),
            "country": pd.Series(country, dtype="str"),
        }
    )
    return Vectors(frame, (RECENCY, SCORE, COUNTRY), "same")


@pytest.fixture
def then() -> Vectors:
    return vectors(THEN, range(1, 101), [3.0] * 20 + [np.nan] * 80, ["SE"] * 60 + ["NO"] * 40)


@pytest.fixture
def now() -> Vectors:
    everyone = ["SE"] * 30 + ["NO"] * 10 + ["DK"] * 8 + [None] * 2
    return vectors(NOW, range(101, 151), [1.0, 2.0] * 5 + [np.nan] * 40, everyone)


@pytest.fixture
def report(then: Vectors, now: Vectors) -> pd.DataFrame:
    return measure_features(then, now, FAMILIES).set_index("column")


def test_one_row_a_column_in_the_order_of_the_vectors(then: Vectors, now: Vectors) -> None:
    frame = measure_features(then, now, FAMILIES)
    assert frame.columns.tolist() == list(REPORT_COLUMNS)
    assert frame["column"].tolist() == ["recency_days", "score", "country"]
    assert frame["family"].tolist() == ["habits", "habits", "profile"]


def test_each_row_says_what_its_column_means(report: pd.DataFrame) -> None:
    for column in (RECENCY, SCORE, COUNTRY):
        told = report.loc[column.name, ["meaning", "unit", "missing", "kind"]].tolist()
        assert told == [column.meaning, column.unit, column.missing, column.kind]


def test_numbers_are_described_then_and_now(report: pd.DataFrame) -> None:
    row = report.loc["recency_days"]
    assert (row["mean_then"], row["mean_now"]) == (50.5, 125.5)
    assert (row["median_then"], row["median_now"]) == (50.5, 125.5)
    assert row["p5_now"] == pytest.approx(103.45)  # 101 + 0.05 * 49
    assert row["p95_now"] == pytest.approx(147.55)
    assert (row["distinct_then"], row["distinct_now"]) == (100, 50)
    assert row["drift"] == "shifted"


def test_measures_are_of_those_who_have_a_value(report: pd.DataFrame) -> None:
    row = report.loc["score"]
    assert (row["coverage_then"], row["coverage_now"]) == (0.2, 0.2)
    assert (row["mean_then"], row["mean_now"]) == (3.0, 1.5)
    assert row["distinct_now"] == 2


def test_categories_are_listed_by_their_names(report: pd.DataFrame) -> None:
    row = report.loc["country"]
    assert row["top_values_then"] == "SE 60 %, NO 40 %"
    assert row["top_values_now"] == "SE 62 %, NO 21 %, DK 17 %"  # of the 48 who have one
    assert row["coverage_now"] == pytest.approx(0.96)
    assert row["distinct_now"] == 3
    assert row.filter(like="mean_").isna().all()
    assert pd.isna(report.loc["recency_days", "top_values_now"])


def test_nothing_moves_between_a_cutoff_and_itself(then: Vectors) -> None:
    frame = measure_features(then, then, FAMILIES)
    assert (frame["psi"] == 0).all()
    for name in ("coverage", "mean", "median", "p5", "p95", "distinct"):
        pd.testing.assert_series_equal(
            frame[f"{name}_then"], frame[f"{name}_now"], check_names=False
        )


def test_a_column_without_any_value_is_described_all_the_same(now: Vectors) -> None:
    empty = now.frame.assign(score=np.nan, country=pd.Series([None] * 50, dtype="str"))
    none = replace(now, frame=empty)
    frame = measure_features(none, none, FAMILIES).set_index("column")
    assert frame.loc[["score", "country"], "coverage_now"].tolist() == [0, 0]
    assert frame.loc[["score", "country"], "distinct_now"].tolist() == [0, 0]
    assert np.isnan(frame.loc["score", "median_now"])
    assert frame.loc["country", "top_values_now"] == ""
    assert not feature_histograms(none, none)["score"].now.any()
    assert feature_histograms(none, none)["country"].names == ()


def test_cutoffs_of_one_pass_are_taken_apart(then: Vectors, now: Vectors) -> None:
    both = replace(now, frame=pd.concat([now.frame, then.frame], ignore_index=True))
    pd.testing.assert_frame_equal(at_cutoff(both, THEN).frame, then.frame)
    pd.testing.assert_frame_equal(at_cutoff(both, NOW).frame, now.frame)
    assert at_cutoff(both, date(2025, 1, 1)).frame.empty


def test_different_definitions_are_not_compared(then: Vectors, now: Vectors) -> None:
    with pytest.raises(ValueError, match="different definitions"):
        measure_features(replace(then, fingerprint="other"), now, FAMILIES)
    with pytest.raises(ValueError, match="no customers"):
        measure_features(at_cutoff(then, NOW), now, FAMILIES)


def test_histograms_hold_everybody_with_a_value(then: Vectors, now: Vectors) -> None:
    for histogram in feature_histograms(then, now).values():
        assert histogram.then.shape == histogram.now.shape
        assert histogram.then.sum() == pytest.approx(1)
        assert histogram.now.sum() == pytest.approx(1)


def test_few_whole_numbers_have_a_bin_each(then: Vectors, now: Vectors) -> None:
    histogram = feature_histograms(then, now)["score"]
    assert (histogram.low, histogram.high) == (1, 3)
    assert histogram.then.tolist() == [0, 0, 1]
    assert histogram.now.tolist() == [0.5, 0.5, 0]


def test_many_numbers_are_cut_in_equal_steps_and_the_tails_kept(
    then: Vectors, now: Vectors
) -> None:
    far = now.frame.assign(recency_days=[*range(101, 150), 1e9])
    histogram = feature_histograms(then, replace(now, frame=far))["recency_days"]
    assert (histogram.low, histogram.high) == (2, 149)
    assert len(histogram.now) == 24
    assert histogram.now[-1] == pytest.approx(8 / 50)  # 143 to 149, and the one far beyond
    assert histogram.now[:16].sum() == 0


def test_common_names_have_a_bar_each_and_the_rest_one(then: Vectors, now: Vectors) -> None:
    countries = ["SE"] * 20 + list("abcdefghijklmnopqrstuvwxyzåäöé")
    histogram = feature_histograms(
        then, replace(now, frame=now.frame.assign(country=pd.Series(countries, dtype="str")))
    )["country"]
    assert histogram.names == ("SE", "NO", "a", "b", "c", "d", "e", "f", "24 others")
    assert histogram.then.tolist() == [0.6, 0.4, 0, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(histogram.now, [0.4, 0, *[0.02] * 6, 24 * 0.02])
