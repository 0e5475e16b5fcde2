"""Why a score is what it is: LightGBM's own contributions, in words with the customer's figures."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.family import Column


def churn_drivers(
    contributions: pd.DataFrame, vectors: pd.DataFrame, columns: Sequence[Column], most: int = 5
) -> list[str]:
    """Return each customer's strongest drivers as JSON: feature, meaning, value, effect.

    Parameters
    ----------
    contributions
        Effects on the churn logit, one row per customer; positive raises churn.
    vectors
        The same customers' features.

    Returns
    -------
    JSON lists, strongest first: what a person shows as "days since the last order: 74".
    """
    meaning = {column.name: column.meaning for column in columns}
    effects = contributions.to_numpy()
    names = list(contributions.columns)
    strongest = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
    values = vectors[names]
    told = []
    for row, places in enumerate(strongest):
        told.append(
            json.dumps(
                [
                    {
                        "feature": names[place],
                        "meaning": meaning[names[place]],
                        "value": _plain(values.iloc[row, place]),
                        "effect": round(float(effects[row, place]), 4),
                    }
                    for place in places
                ]
            )
        )
    return told


def _plain(value: object) -> float | str | None:
    """Return a JSON value; missing is null."""
    if isinstance(value, str):
        return value
    number = float(value) if isinstance(value, (int, float, np.number)) else float("nan")
    return None if np.isnan(number) else round(number, 4)
