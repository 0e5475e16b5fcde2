"""What the effect of a contact may depend on, and the form in which such dependences add up.

Records hold a hundred times less evidence of effects than of outcomes: among hundreds of columns
some always seem to matter by chance. So a shop's effects may depend on a few traits alone, those
that are known to move the response to direct marketing: how often and how lately a customer orders,
what is spent, whether at a discount, attention to e-mails, the way to the shop, the profile, and
tastes.

Numbers enter by normal scores (van der Waerden 1952), so that no extreme customer decides, names
by one indicator each, and tastes by the share of each leading category. A missing value adds
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from models.tabular import Encoder

Floats = NDArray[np.float64]

SHOP_TRAITS: Final = (
    "acquisition_channel",
    "region",
    "gender",
    "age_years",
    "order_rate_year",
    "recency_days",
    "order_value_mean",
    "discount_share",
    "contact_open_rate_365d",
    "last_event_days",
)
"""Columns of a shop's vectors; chosen on simulated shops of other seeds than any reported."""

SHOP_TASTE: Final = tuple(
    (f"{rank}_category", f"{rank}_category_share") for rank in ("favourite", "second", "third")
)
"""Columns with a customer's leading categories, and with the share of each."""

_KNOTS = 41
_FEWEST_OF_A_NAME = 200


@dataclass(frozen=True)
class Trait:
    """One column as terms of a sum.

    Attributes
    ----------
    position
        Of the column in the matrix.
    points
        Of a number: values at which its normal score is known, ascending, straight lines between
        them; of a category: the codes of its common names.
    scores
        Of a number: the normal score at each point; of a category: the share of each name among
        the known values.
    """

    position: int
    kind: Literal["number", "category"]
    points: tuple[float, ...]
    scores: tuple[float, ...]

    @classmethod
    def of_number(cls, position: int, values: Floats) -> Trait:
        """Place knots at quantiles of the known values."""
        known = np.sort(values[np.isfinite(values)])
        knots = np.unique(np.quantile(known, np.linspace(0, 1, _KNOTS))) if len(known) else known
        below, up_to = (np.searchsorted(known, knots, side) for side in ("left", "right"))
        middle = (below + up_to + 1) / 2 / (len(known) + 1)
        scores = norm.ppf(middle)
        return cls(position, "number", tuple(knots.tolist()), tuple(scores.tolist()))

    @classmethod
    def of_category(cls, position: int, codes: Floats) -> Trait:
        """Keep the names that enough customers have for an effect to show."""
        known = codes[np.isfinite(codes)]
        names, counts = np.unique(known, return_counts=True)
        common = counts >= min(_FEWEST_OF_A_NAME, len(codes) / 20)
        shares = counts[common] / len(known)
        return cls(position, "category", tuple(names[common].tolist()), tuple(shares.tolist()))

    def terms(self, X: Floats) -> Floats:
        """Return (n, terms), of mean about 0 and 0 where the value is missing."""
        values = X[:, self.position]
        known = np.isfinite(values)[:, None]
        if self.kind == "category":
            found = (values[:, None] == np.array(self.points)) - np.array(self.scores)
            return np.where(known, found, 0.0)
        if not self.points:
            return np.zeros((len(X), 0))
        score = np.interp(values, self.points, self.scores)[:, None]
        return np.where(known, score, 0.0)

    @property
    def size(self) -> int:
        """Number of terms."""
        return len(self.points) if self.kind == "category" else min(1, len(self.points))


@dataclass(frozen=True)
class Taste:
    """Several columns of leading categories as terms of one sum: the share of each category.

    Attributes
    ----------
    columns
        Positions of a category column, and of its share.
    codes
        Of each of these columns: the code of each category; -1, no code, where it has none.
    means
        Mean share of each category among customers with any.
    """

    columns: tuple[tuple[int, int], ...]
    codes: tuple[tuple[int, ...], ...]
    means: tuple[float, ...] = ()

    @classmethod
    def of_columns(cls, encoder: Encoder, pairs: Sequence[tuple[str, str]]) -> Taste:
        """Name the categories of all columns; the means are fitted later."""
        found = [pair for pair in pairs if set(pair) <= set(encoder.columns)]
        names = sorted({name for category, _ in found for name in encoder.categories[category]})
        codes = tuple(
            tuple(pd.Index(encoder.categories[category]).get_indexer(pd.Index(names)).tolist())
            for category, _ in found
        )
        columns = [(encoder.columns.index(one), encoder.columns.index(two)) for one, two in found]
        return cls(tuple(columns), codes)

    def fit(self, X: Floats) -> Taste:
        """Return the taste with the mean shares of these customers."""
        shares = self._shares(X)
        known = (shares > 0).any(axis=1)
        return replace(self, means=tuple((shares.sum(axis=0) / max(known.sum(), 1)).tolist()))

    def terms(self, X: Floats) -> Floats:
        """Return (n, categories), of mean about 0 and 0 where nothing is known."""
        shares = self._shares(X)
        known = (shares > 0).any(axis=1, keepdims=True)
        return np.where(known, shares - np.array(self.means), 0.0)

    @property
    def size(self) -> int:
        """Number of terms."""
        return len(self.codes[0]) if self.codes else 0

    def _shares(self, X: Floats) -> Floats:
        shares = np.zeros((len(X), self.size))
        for (category, share), codes in zip(self.columns, self.codes, strict=True):
            is_this = X[:, category][:, None] == np.array(codes)
            shares += is_this * np.nan_to_num(X[:, share])[:, None]
        return shares


@dataclass(frozen=True)
class EffectColumns:
    """The columns of a matrix on which effects may depend: one by one, and as a taste."""

    positions: tuple[int, ...]
    taste: Taste | None = None

    @classmethod
    def of_shop(cls, encoder: Encoder) -> EffectColumns:
        """Return those of a shop's vectors; a shop without a table does without its columns."""
        # Where everyone has the same share at a rank, or the same category, only the other is kept.
        known = set(encoder.columns)
        alone = {name for pair in SHOP_TASTE if not set(pair) <= known for name in pair}
        wanted = alone.union(SHOP_TRAITS)
        positions = [at for at, name in enumerate(encoder.columns) if name in wanted]
        taste = Taste.of_columns(encoder, SHOP_TASTE)
        return cls(tuple(positions), taste if taste.size else None)

    def fit(self, X: Floats, categorical: Sequence[int]) -> tuple[Trait | Taste, ...]:
        """Return the fitted traits of these columns, without those that have no terms."""
        traits: list[Trait | Taste] = [
            Trait.of_category(at, X[:, at]) if at in categorical else Trait.of_number(at, X[:, at])
            for at in self.positions
        ]
        if self.taste is not None:
            traits.append(self.taste.fit(X))
        return tuple(trait for trait in traits if trait.size)


def all_terms(traits: Sequence[Trait | Taste], X: Floats) -> Floats:
    """Return the terms of all traits side by side, (n, terms)."""
    return np.hstack([np.zeros((len(X), 0)), *(trait.terms(X) for trait in traits)])


def traits_from_json(stored: list[dict[str, Any]]) -> tuple[Trait | Taste, ...]:
    """Rebuild from the traits' fields."""
    return tuple(_from_json(each) for each in stored)


def _from_json(stored: dict[str, Any]) -> Trait | Taste:
    if "position" in stored:
        points, scores = tuple(stored["points"]), tuple(stored["scores"])
        return Trait(stored["position"], stored["kind"], points, scores)
    columns = tuple((category, share) for category, share in stored["columns"])
    return Taste(columns, tuple(map(tuple, stored["codes"])), tuple(stored["means"]))
