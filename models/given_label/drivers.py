"""The strongest drivers of a row's score, in words with the row's own values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd


def row_drivers(contributions: pd.DataFrame, typed: pd.DataFrame, most: int = 5) -> list[str]:
    """Return each row's strongest columns as JSON lists, strongest first.

    Parameters
    ----------
    contributions
        Effects on the logit, one row per customer; positive raises the probability.
    typed
        The same rows' values.

    Returns
    -------
    Each driver has ``feature``, ``value`` (null where nothing was written), ``effect``,
    ``direction`` ("raises", "lowers" or "none") and ``text``: "Contract is Two year (lowers)".
    """
    effects, names = contributions.to_numpy(), list(contributions.columns)
    strongest = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :most]
    values = typed[names].astype("object").to_numpy()
    return [
        json.dumps(
            [_driver(names[p], values[row, p], effects[row, p]) for p in places], ensure_ascii=False
        )
        for row, places in enumerate(strongest)
    ]


def _driver(name: str, value: object, effect: float) -> dict[str, object]:
    plain = _plain(value)
    effect = round(float(effect), 4)
    direction = "none" if effect == 0 else "raises" if effect > 0 else "lowers"
    shown = "missing" if plain is None else f"{plain:,g}" if isinstance(plain, float) else plain
    return {
        "feature": name,
        "value": plain,
        "effect": effect,
        "direction": direction,
        "text": f"{name} is {shown} ({direction})",
    }


def _plain(value: object) -> float | str | None:
    """Return a JSON value; missing is null."""
    if isinstance(value, str):
        return value
    number = float(value) if isinstance(value, (int, float, np.number)) else float("nan")
    return None if np.isnan(number) else round(number, 4)
