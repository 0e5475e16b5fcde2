"""The effect of one treatment per customer: chosen, calibrated, graded, saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from features.errors import TrainingError
from features.family import Column
from models.boosting import BoostingParameters
from models.state import load_state, save_state
from models.tabular import Encoder
from models.uplift.chooser import NONE, Choice, choose
from models.uplift.evidence import Design, Grade, grade_evidence
from models.uplift.learners import UPLIFT_BOOSTING, EffectModel, fit_learners
from models.uplift.overlap import Overlap, bounded, check_overlap, estimate_propensity
from models.uplift.traits import EffectColumns
from models.uplift.trial import Floats, Trial

_TWO_SIDED_95 = 1.96


class UpliftModel:
    """Effect of a treatment on P(outcome), from vectors of treated and held-out customers.

    Parameters
    ----------
    design
        How treatment was assigned: ``randomised``, else ``observational``.
    folds
        In how many parts candidates are cross-fitted.

    Attributes
    ----------
    choice_
        The ranking chosen, why, and every candidate's area.
    overlap_, grade_
        Whether the groups can be compared, and how far effects may be believed.
    """

    def __init__(
        self,
        design: Design,
        *,
        boosting: BoostingParameters = UPLIFT_BOOSTING,
        folds: int = 3,
        seed: int = 0,
    ) -> None:
        self.design = design
        self.boosting = boosting
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        customers: pd.DataFrame,
        treated: Floats,
        outcome: Floats,
        known: Sequence[Column],
        *,
        propensity: Floats | None = None,
        columns_of_effects: Callable[[Encoder], EffectColumns] | None = None,
        on_fold: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn from what was known of customers before they were treated or held out.

        Parameters
        ----------
        known
            The columns of ``customers`` to read.
        propensity
            P(treated) of each customer as designed; by default the same for all. Where treatment
            was not random, or does not look so, it is estimated from the columns.
        columns_of_effects
            Names the columns on which effects may depend, where a learner takes only a few (see
            :mod:`models.uplift.traits`); by default all.
        on_fold
            Called ``folds`` times.

        Raises
        ------
        TrainingError
            An arm has too few customers with, or without, the outcome.
        """
        if not 0 < treated.sum() < len(treated):
            raise TrainingError(
                "all customers were treated, or none: there is nobody to compare with",
                "hold out some customers of the next campaign, drawn at random",
            )
        self.encoder_ = Encoder.fit(customers, known)
        X, categorical = self.encoder_.transform(customers), self.encoder_.categorical_positions
        estimated = estimate_propensity(X, treated, categorical, seed=self.seed)
        designed = np.full(len(treated), treated.mean()) if propensity is None else propensity
        self.overlap_: Overlap = check_overlap(treated, estimated, designed)
        self.grade_: Grade = grade_evidence(self.design, self.overlap_)
        randomised = self.grade_.evidence == "randomised"
        used = designed if randomised else bounded(estimated)
        few = None if columns_of_effects is None else columns_of_effects(self.encoder_)
        trial = Trial(X, treated, outcome, used, categorical, few)
        trial.require_enough()
        parameters = replace(self.boosting, seed=self.seed)
        self.choice_: Choice = choose(
            trial, parameters, folds=self.folds, seed=self.seed, on_fold=on_fold
        )
        self.ranking_: EffectModel | None = None
        if (chosen := self.choice_.chosen) != NONE:
            self.ranking_ = fit_learners(trial, parameters, [chosen])[chosen]
            self._centre_on(X)
        return self

    def effect(self, customers: pd.DataFrame) -> Floats:
        """Return the change of P(outcome) by the treatment, shape (n,), inside [-1, 1]."""
        return np.clip(self.choice_.line.effect(self._score(customers)), -1.0, 1.0)

    def effect_interval(self, customers: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the 95 % interval of the effect among customers of the same score."""
        scores = self._score(customers)
        middle, width = self.choice_.line.effect(scores), self.choice_.line.error(scores)
        low, high = middle - _TWO_SIDED_95 * width, middle + _TWO_SIDED_95 * width
        return np.clip(low, -1.0, 1.0), np.clip(high, -1.0, 1.0)

    def save(self, folder: Path) -> None:
        """Write JSON and LightGBM text."""
        save_state(
            folder,
            {
                "design": self.design,
                "boosting": asdict(self.boosting),
                "folds": self.folds,
                "seed": self.seed,
                "encoder": self.encoder_.to_json(),
                "choice": self.choice_.to_json(),
                "overlap": asdict(self.overlap_),
                "grade": asdict(self.grade_),
            },
        )
        if self.ranking_ is not None:
            self.ranking_.save(folder / "ranking")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        model = cls(
            stored["design"],
            boosting=BoostingParameters(**stored["boosting"]),
            folds=stored["folds"],
            seed=stored["seed"],
        )
        model.encoder_ = Encoder.from_json(stored["encoder"])
        model.choice_ = Choice.from_json(stored["choice"])
        model.overlap_ = Overlap(**stored["overlap"])
        model.grade_ = Grade(**stored["grade"])
        chosen = model.choice_.chosen != NONE
        model.ranking_ = EffectModel.load(folder / "ranking") if chosen else None
        return model

    def _score(self, customers: pd.DataFrame) -> Floats:
        if self.ranking_ is None:
            return np.zeros(len(customers))
        return self.ranking_.score(self.encoder_.transform(customers))

    def _centre_on(self, X: Floats) -> None:
        """Centre the line on the mean score of the ranking that is served."""
        if self.ranking_ is not None:
            centre = float(self.ranking_.score(X).mean())
            self.choice_ = replace(self.choice_, line=replace(self.choice_.line, centre=centre))
