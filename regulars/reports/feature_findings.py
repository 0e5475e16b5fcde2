"""The contents of the feature report, before they are rendered on a page or in a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd

from features.family import Family
from features.report import Histogram
from models.drivers import wording

JOBS = ("churn", "value")
BARELY_COVERED = 0.5
_NO_SUFFIX = {"name", "ratio", "index"}


@dataclass(frozen=True)
class FeatureFindings:
    """A finished feature report.

    Attributes
    ----------
    then, now
        The two cutoffs; ``customers_then`` and ``customers_now`` are those of ``population``.
    frame
        :func:`features.report.measure_features`, and for each of ``JOBS`` an
        ``importance_<job>``, missing where its champion does not read the column.
    histograms
        By column.
    champions
        The trained jobs, each with its champion in words.
    notes
        Caveats about the figures.
    """

    shop: str
    currency: str
    population: str
    then: date
    now: date
    customers_then: int
    customers_now: int
    families: tuple[Family, ...]
    frame: pd.DataFrame
    histograms: Mapping[str, Histogram]
    made_at: datetime
    champions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of_family(self, family: Family) -> pd.DataFrame:
        """Return the rows of one family."""
        return self.frame[self.frame["family"] == family.name]


def most_important(frame: pd.DataFrame, job: str, most: int) -> pd.DataFrame:
    """Return the columns that a champion gains most from, best first."""
    read = frame[frame[f"importance_{job}"] > 0]
    return read.sort_values([f"importance_{job}", "column"], ascending=[False, True]).head(most)


def most_shifted(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the columns that moved more than chance explains, farthest first."""
    moved = frame[frame["drift"].isin(["moved", "shifted"])]
    return moved.sort_values(["psi", "column"], ascending=[False, True]).head(most)


def barely_covered(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the columns that most customers lack, emptiest first."""
    bare = frame[frame["coverage_now"] < BARELY_COVERED]
    return bare.sort_values(["coverage_now", "column"]).head(most)


def uniform(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns that have the same value for every customer."""
    return frame.loc[frame["drift"] == "uniform", "column"].tolist()


def number(value: float) -> str:
    """Write a number for people, a dash where it is missing; see :func:`wording.number`."""
    if math.isnan(value):
        return "-"
    return wording.number(value)


def percent(share: float) -> str:
    """Write a share as a percentage; tiny shares are not shown as 0, nor nearly all as 100."""
    if math.isnan(share):
        return "-"
    if 0 < share < 0.005:
        return "<1 %"
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")


def stability(psi: float) -> str:
    """Write a population stability index, with the two decimals that its thresholds have."""
    return f"{psi:.2f}" if psi < 10 else f"{psi:.0f}"


def unit_name(unit: str, currency: str) -> str:
    """Name the currency where a unit says money."""
    return " ".join(currency if word == "money" else word for word in unit.split(" "))


def figure(value: float, unit: str) -> str:
    """Write a number in the form of its unit: shares in percent."""
    if unit != "share" or math.isnan(value):
        return number(value)
    return f"{number(100 * value)} %"


def spread(low: float, high: float, unit: str) -> str:
    """Write a range of numbers, its percent sign once."""
    if math.isnan(low) or low == high:
        return figure(low, unit)
    first = 100 * low if unit == "share" else low
    return f"{number(first)} to {figure(high, unit)}"


def figure_with_unit(value: float, unit: str, currency: str) -> str:
    """Write a number with its unit; a scale such as "-1 to 1" is left out."""
    plain = figure(value, unit)
    scale = unit in _NO_SUFFIX or any(letter.isdigit() for letter in unit)
    if unit == "share" or scale or math.isnan(value):
        return plain
    return f"{plain} {unit_name(unit, currency)}"
