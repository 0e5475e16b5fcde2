"""What the uplift job found, as the registry and the gate take it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from features.vocabulary import Columns as C
from models.uplift.model import UpliftModel
from models.uplift.trial import Floats, Trial
from training.plots import bar_plot
from training.report import Contest, JobReport
from training.uplift.job import UpliftReport

NAME = "uplift"
_RIVAL = "random"


def uplift_report(found: UpliftReport) -> JobReport:
    """Return the report of a finished uplift job.

    The contest is against random alone: whether a plain response model ranks better is
    settled within the model, which then ranks by response.
    """
    latest, because = found.latest.rows, found.definition["because"]
    averages = {
        "contacted": float(found.trial.outcome[found.trial.treated == 1].mean()),
        "held out": float(found.trial.outcome[found.trial.treated == 0].mean()),
    }
    return JobReport(
        name=NAME,
        as_of=found.as_of,
        test=found.judged_from,
        definition={
            **found.definition,
            "label": found.definition["outcome"],
            "horizon_days": found.definition["response_days"],
            "contact_cost": found.contact_cost,
            "order_margin": asdict(found.order_margin),
        },
        parameters={
            **asdict(found.model.boosting),
            "folds": found.model.folds,
            "judged_contacts": len(latest),
            "average_effect": found.average_effect,
        },
        scorecard=found.scorecard,
        contest=Contest(
            "area over random",
            area_over_random,
            transformed_outcome(found.trial),
            {name: found.scores[name] for name in (NAME, _RIVAL)},
            lambda folder: _rerun(folder, latest),
            latest[C.CUSTOMER_ID].tolist(),
        ),
        judged=found.judged,
        model=found.model,
        vector_fingerprint=found.vector_fingerprint,
        figures={
            "outcome_by_arm": bar_plot(averages, "Ordered in the response days", "share"),
        },
        notes=(
            f"A contact changes P(order) by {found.average_effect:+.4f} on average.",
            f"Evidence: {found.definition['evidence']}; {because}.",
            f"Ranked by: {found.definition['ranking']}.",
        ),
    )


def transformed_outcome(trial: Trial) -> Floats:
    """Return a score of each customer whose mean is the effect, among any customers alike.

    Inverse propensity weighting of outcomes, less their mean to steady it (Jaskowski &
    Jaroszewicz 2012, "Uplift modeling for clinical trial data").
    """
    sign = 2 * trial.treated - 1
    return np.asarray(sign * trial.weight * (trial.outcome - trial.outcome.mean()))


def area_over_random(score: Floats, ranking: Floats) -> float:
    """Return the area between a ranking's Qini curve and random, in outcomes per customer.

    The mean of ``score_i (u_i - 1/2)`` with ``u_i`` the place of ``i``, 0 last and 1 first;
    equal places share their mean, so that no ranking at all has no area.
    """
    place = (rankdata(ranking) - 0.5) / len(ranking)
    return float(np.mean(score * (place - 0.5)))


def _rerun(folder: Path, latest: pd.DataFrame) -> Floats | None:
    """Let a saved model rank today's judged campaigns, unless it reads features that are gone."""
    champion = UpliftModel.load(folder)
    if not set(champion.encoder_.columns) <= set(latest.columns):
        return None
    return champion.effect(latest)
