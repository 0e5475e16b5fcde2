"""A spline logistic regression: the additive, smooth part of the blend.

Each number becomes piecewise linear with knots at its quantiles, each category one column per
name, each missing value a column of its own; a ridge keeps it steady. The form is that of a
generalised additive model (Hastie & Tibshirani 1990), so a customer's logit is a sum of terms,
one per column of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.state import load_state, save_state

Floats = NDArray[np.float64]

_KNOTS = 7


@dataclass(frozen=True)
class SplineDesign:
    """How the encoded columns become the terms of the regression.

    Attributes
    ----------
    knots
        Of each column: ascending quantiles of a number; none of a category.
    names
        How many category names each column has; 0 for a number.
    mean, scale
        Of each column of the design: numbers' terms are standardised, the others centred.
    """

    knots: tuple[tuple[float, ...], ...]
    names: tuple[int, ...]
    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, X: Floats, names: tuple[int, ...]) -> SplineDesign:
        """Place the knots on an encoded (n, columns) matrix; missing values are NaN."""
        knots = tuple(
            () if names[place] else _quantiles(X[:, place]) for place in range(X.shape[1])
        )
        raw = cls(knots, names, np.zeros(1), np.ones(1))
        spread, is_number = raw._spread(X), raw._is_number()
        scale = np.where(is_number, spread.std(axis=0), 1.0)
        return cls(knots, names, spread.mean(axis=0), np.where(scale > 1e-9, scale, 1.0))

    def transform(self, X: Floats) -> Floats:
        """Return the (n, terms) design."""
        return np.asarray((self._spread(X) - self.mean) / self.scale, dtype=np.float64)

    @property
    def owner(self) -> NDArray[np.int64]:
        """Which column of the table each term belongs to."""
        return np.repeat(
            np.arange(len(self.names)), [self._terms(p) for p in range(len(self.names))]
        )

    def _terms(self, place: int) -> int:
        return 1 + (self.names[place] or max(len(self.knots[place]) - 1, 0))

    def _is_number(self) -> NDArray[np.bool_]:
        flags: list[bool] = []
        for place in range(len(self.names)):
            is_number = self.names[place] == 0
            flags += [*[is_number] * (self._terms(place) - 1), False]
        return np.array(flags)

    def _spread(self, X: Floats) -> Floats:
        blocks: list[Floats] = []
        for place, (knots, names) in enumerate(zip(self.knots, self.names, strict=True)):
            values = X[:, place]
            missing = np.isnan(values)
            if names:
                blocks.append((values[:, None] == np.arange(names)).astype(np.float64))
            elif len(knots) > 1:
                # Constant outside the observed range: a typing error has little effect.
                held = np.clip(np.where(missing, knots[0], values), knots[0], knots[-1])
                hinges = np.maximum(held[:, None] - np.array(knots[:-1]), 0.0)
                blocks.append(np.where(missing[:, None], 0.0, hinges))
            blocks.append(missing[:, None].astype(np.float64))
        return np.hstack(blocks) if blocks else np.zeros((len(X), 0))


@dataclass(frozen=True)
class SplineLogistic:
    """A fitted logistic regression on a :class:`SplineDesign`."""

    design: SplineDesign
    intercept: float
    weights: Floats

    @classmethod
    def fit(cls, X: Floats, y: Floats, names: tuple[int, ...], looseness: float) -> SplineLogistic:
        """Fit by maximum likelihood with a ridge of ``1 / looseness``."""
        design = SplineDesign.fit(X, names)
        terms = design.transform(X)
        if terms.shape[1] == 0:
            rate = float(np.clip(y.mean(), 1e-6, 1 - 1e-6))
            return cls(design, float(np.log(rate / (1 - rate))), np.zeros(0))
        fitted = LogisticRegression(C=looseness, max_iter=2_000, tol=1e-3).fit(terms, y)
        return cls(design, float(fitted.intercept_[0]), fitted.coef_[0].astype(np.float64))

    def raw_score(self, X: Floats) -> Floats:
        """Return logits, shape (n,)."""
        return np.asarray(self.intercept + self.design.transform(X) @ self.weights)

    def contributions(self, X: Floats) -> Floats:
        """Return each column's part of the logit, (n, columns), against the average customer."""
        parts = np.zeros(X.shape)
        effects = self.design.transform(X) * self.weights
        np.add.at(parts.T, self.design.owner, effects.T)
        return parts

    def save(self, folder: Path) -> None:
        """Write arrays and JSON."""
        save_state(
            folder,
            {
                "knots": [list(knots) for knots in self.design.knots],
                "names": list(self.design.names),
                "intercept": self.intercept,
            },
            {"mean": self.design.mean, "scale": self.design.scale, "weights": self.weights},
        )

    @classmethod
    def load(cls, folder: Path) -> SplineLogistic:
        """Read back what :meth:`save` wrote."""
        stored, arrays = load_state(folder)
        design = SplineDesign(
            tuple(tuple(knots) for knots in stored["knots"]),
            tuple(stored["names"]),
            arrays["mean"],
            arrays["scale"],
        )
        return cls(design, stored["intercept"], arrays["weights"])


def _quantiles(values: Floats) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return ()
    return tuple(np.unique(np.quantile(known, np.linspace(0, 1, _KNOTS))).tolist())
