"""The strongest drivers of a customer's churn score, in words with the customer's own figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from features.family import Column
from models.drivers.families import family_effects
from models.drivers.sentences import Figures, sentence

_CONSEQUENCE = {"raises": "raises churn", "lowers": "lowers churn", "none": "changes nothing"}


def churn_drivers(
    contributions: pd.DataFrame,
    vectors: pd.DataFrame,
    columns: Sequence[Column],
    most: int = 5,
    *,
    currency: str = "",
) -> list[str]:
    """Return each customer's strongest drivers as JSON, one of each family at most.

    Parameters
    ----------
    contributions
        Effects on the churn logit, one row per customer; positive raises churn.
    vectors
        The same customers' features.
    currency
        Named beside money.

    Returns
    -------
    JSON lists, strongest first. Each driver has ``feature``, ``meaning`` and ``value`` of its
    leading column; ``effect``, of the whole ``family``; ``feature_effect``, of that column
    alone; ``direction`` ("raises", "lowers" or "none") and ``text``: "has not ordered for 74
    days, median gap 21 (raises churn)".
    """
    by_name = {column.name: column for column in columns}
    read = [by_name[name] for name in contributions.columns]
    grouped = family_effects(contributions)
    strongest = np.argsort(-np.abs(grouped.effects), axis=1, kind="stable")[:, :most]
    leading = np.take_along_axis(grouped.leading, strongest, axis=1)
    effects = np.take_along_axis(grouped.effects, strongest, axis=1).round(4)
    own = np.take_along_axis(contributions.to_numpy(dtype=np.float64), leading, axis=1).round(4)
    arrays = {name: vectors[name].to_numpy() for name in vectors.columns}
    stories = []
    # Lists by row: reading an array cell by cell is much slower.
    for row, (families, places, sums, parts) in enumerate(
        zip(strongest.tolist(), leading.tolist(), effects.tolist(), own.tolist(), strict=True)
    ):
        figures = _figures_of(arrays, row)
        story = [
            _driver(read[place], grouped.names[family], total, part, figures, currency)
            for family, place, total, part in zip(families, places, sums, parts, strict=True)
        ]
        stories.append(orjson.dumps(story).decode())
    return stories


def _driver(
    column: Column,
    family: str,
    effect: float,
    feature_effect: float,
    figures: Figures,
    currency: str,
) -> dict[str, Any]:
    direction = "raises" if effect > 0 else "lowers" if effect < 0 else "none"
    value = figures(column.name)
    return {
        "feature": column.name,
        "meaning": column.meaning,
        "value": round(value, 4) if isinstance(value, float) else value,
        "effect": effect,
        "feature_effect": feature_effect,
        "family": family,
        "direction": direction,
        "text": f"{sentence(column, figures, currency)} ({_CONSEQUENCE[direction]})",
    }


def _figures_of(arrays: Mapping[str, NDArray[Any]], row: int) -> Figures:
    """Return a function from a column's name to one customer's value; None if missing."""

    def read(name: str) -> float | str | None:
        if name not in arrays:
            return None
        value = arrays[name][row]
        if isinstance(value, str):
            return value
        figure = float(value) if isinstance(value, (int, float, np.number)) else math.nan
        return None if math.isnan(figure) else figure

    return read
