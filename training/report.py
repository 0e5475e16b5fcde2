"""What a job gives back: facts, to be tracked, gated and published by others."""

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
        What happened, shape (n,).
    predicted
        What the challenger and each baseline said, shape (n,) each.
    rerun
        Makes an older saved model say its part on the same window, or None where it cannot.
    customer_ids
        Whose outcomes these are, in order.
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
        What the numbers mean: horizon, population, currency, cutoffs.
    scorecard
        One row per model (challenger first, then baselines), one column per metric.
    judged, model
        Fitted before the test cutoff, and on everything before ``as_of``.
    judgement
        What the scorecard page is made of, where there is one.
    breadth
        Of churn: what holding one more category or product goes with.
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
