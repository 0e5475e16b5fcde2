"""Contributions by family: columns that say nearly the same share one effect between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import discover_families

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FamilyEffects:
    """Effects summed over the columns of each family.

    Attributes
    ----------
    names
        The families, in the order of their first columns.
    effects
        (n, families) sums on the churn logit.
    leading
        (n, families) positions of the columns that pull most in the direction of the sum.
    """

    names: tuple[str, ...]
    effects: Floats
    leading: NDArray[np.int64]


# Of the date, and the same for all customers of a cutoff: no habit of theirs.
_SEASON = {"season_sine": "season", "season_cosine": "season"}


@cache
def known_families() -> Mapping[str, str]:
    """Return the family of every feature column by its name; the time of year is one of its own."""
    named = {
        column.name: family.name for family in discover_families() for column in family.columns
    }
    return {**named, **_SEASON}


def families_of(names: Sequence[str]) -> list[str]:
    """Return each column's family; one of a given table that no family computes is its own."""
    known = known_families()
    return [known.get(name, name) for name in names]


def family_effects(contributions: pd.DataFrame) -> FamilyEffects:
    """Sum contributions over the columns of each family.

    Shapley values add up: the sum is what the family as a whole moved the score by (Lundberg &
    Lee 2017), and unlike its single columns it does not depend on how trees share it among
    columns that say the same.
    """
    names = list(contributions.columns)
    of_column = families_of(names)
    families = tuple(dict.fromkeys(of_column))
    values = contributions.to_numpy(dtype=np.float64)
    effects = np.zeros((len(values), len(families)))
    leading = np.zeros((len(values), len(families)), dtype=np.int64)
    for place, family in enumerate(families):
        columns = np.flatnonzero(np.array(of_column) == family)
        part = values[:, columns]
        effects[:, place] = part.sum(axis=1)
        signed = np.where(effects[:, [place]] < 0, -part, part)
        leading[:, place] = columns[signed.argmax(axis=1)]
    return FamilyEffects(families, effects, leading)


def family_importance(contributions: pd.DataFrame) -> pd.DataFrame:
    """Return how much each family moves scores over all customers, most first.

    Returns
    -------
    ``family``; ``mean_effect`` (mean absolute effect on the logit); ``share`` of all families'
    (they add up to 1); ``leading_column`` (largest mean absolute effect within) and
    ``raises_share`` (of the customers, those whose churn it raises).
    """
    grouped = family_effects(contributions)
    size = np.abs(grouped.effects).mean(axis=0) if len(contributions) else np.zeros(0)
    if not len(size):
        size = np.zeros(len(grouped.names))
    of_column = np.array(families_of(list(contributions.columns)))
    by_column = contributions.abs().mean().fillna(0.0)
    leading = [str(by_column[of_column == family].idxmax()) for family in grouped.names]
    raises = (grouped.effects > 0).mean(axis=0) if len(contributions) else np.zeros(len(size))
    frame = pd.DataFrame(
        {
            "family": list(grouped.names),
            "mean_effect": size,
            "share": size / max(size.sum(), 1e-12),
            "leading_column": leading,
            "raises_share": raises,
        }
    )
    order = ["mean_effect", "family"]
    return frame.sort_values(order, ascending=[False, True], ignore_index=True)
