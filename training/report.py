"""The result of a training job: the input of tracking and of the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.uplift.breadth import BreadthEffect
from training.scorecard.judgement import Judgement

Floats = NDArray[np.float64]


class Saveable(Protocol):
    """A fitted model that can write itself into a folder."""

    def save(self, folder: Path) -> None:
        """Write parameters and state."""
        ...


@dataclass(frozen=True)
class Contest:
    """The held-out window on which models are compared, customer by customer.

    Attributes
    ----------
    headline
        Name of the metric that decides.
    metric
        ``(actual, predicted) -> float``; larger is better.
    actual
        Outcomes, shape (n,).
    predicted
        Predictions of the challenger and of each baseline by name, shape (n,) each.
    rerun
        From the folder of an older saved model to its predictions of the same window, or None if it
        cannot make them.
    customer_ids
        Customers of the outcomes, in order.
    """

    headline: str
    metric: Callable[[Floats, Floats], float]
    actual: Floats
    predicted: Mapping[str, Floats]
    rerun: Callable[[Path], Floats | None]
    customer_ids: Sequence[str] = ()


@dataclass(frozen=True)
class JobReport:
    """The outcome of one training job.

    Attributes
    ----------
    name
        ``churn``, ``value``, ``recommend`` or ``uplift``; the challenger has this name in the
        scorecard.
    definition
        Meaning of the numbers: horizon, population, currency, and so on.
    scorecard
        One row per model (challenger first, then baselines), one column per metric.
    judged, model
        Fitted on what was known at the test cutoff, and on everything before ``as_of``.
    judgement
        Data of the scorecard page, if the job has one.
    breadth
        Of churn: the effect of holding one more category or product.
    """

    name: str
    as_of: date
    test: date
    definition: Mapping[str, Any]
    parameters: Mapping[str, Any]
    scorecard: pd.DataFrame
    contest: Contest
    judged: Saveable
    model: Saveable
    vector_fingerprint: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    judgement: Judgement | None = None
    breadth: tuple[BreadthEffect, ...] = ()
