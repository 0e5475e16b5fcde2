"""Fitted survival curves, shared by the jobs that need the same one.

Churn and value read the same curve at different horizons. If they learn from the same rows and
outcomes, as their served models do, the second job reuses the curve that the first one fitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from features.family import Column
from features.vocabulary import Columns as C
from models.churn_value.horizons import Outcomes
from models.churn_value.survival import SurvivalModel


class CurveCache:
    """Fitted curves, by what they were fitted on."""

    def __init__(self) -> None:
        self._fitted: dict[str, SurvivalModel] = {}

    def fit(
        self,
        curve: SurvivalModel,
        outcomes: Outcomes,
        columns: Sequence[Column],
        on_round: Callable[[], None],
    ) -> SurvivalModel:
        """Return the curve fitted on these outcomes: an earlier one if there is one, else this.

        ``on_round`` is called for every round either way. All outcomes must come from one table of
        vectors: of the vectors only the keys are compared.
        """
        key = _fingerprint(curve, outcomes)
        if key not in self._fitted:
            self._fitted[key] = curve.fit(outcomes, columns, on_round)
            return self._fitted[key]
        for _ in range(curve.fit_rounds(outcomes)):
            on_round()
        return self._fitted[key]


def _fingerprint(curve: SurvivalModel, outcomes: Outcomes) -> str:
    parameters = (curve.boosting, curve.half_life_days, curve.horizons_days)
    digest = hashlib.sha256(repr(parameters).encode())
    digest.update(outcomes.days.tobytes())
    digest.update(np.ascontiguousarray(outcomes.silent).tobytes())
    digest.update("\n".join(outcomes.vectors[C.CUSTOMER_ID]).encode())
    return digest.hexdigest()
