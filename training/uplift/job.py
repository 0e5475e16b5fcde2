"""The uplift job: the effect of contacting customers, from campaigns with a held-out group.

The judged model is fitted on campaigns that were over when the latest ones began, and judged on
these; the served model is fitted on all campaigns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.engine import Engine
from features.prepare import Prepared
from features.rollup import to_epoch_day
from features.vocabulary import Columns as C
from models.tabular import Encoder
from models.uplift.evidence import Design
from models.uplift.learners import RESPONSE
from models.uplift.model import UpliftModel
from models.uplift.order_margin import OrderMargin
from models.uplift.overlap import bounded, check_overlap, estimate_propensity
from models.uplift.qini import qini_table
from models.uplift.response import ResponseModel
from models.uplift.traits import EffectColumns
from models.uplift.trial import Floats, Trial
from training.task import TrainingTask
from training.uplift.campaigns import Campaigns, load_campaigns, split_by_time

ORDERS_AND_MARGIN = ("orders_lifetime", "margin_per_order")
"""Columns of the vectors from which the margin of a customer's order is estimated."""


@dataclass(frozen=True, eq=False)
class UpliftReport:
    """What the job found.

    Attributes
    ----------
    scorecard
        Qini on the judged campaigns of ours (``uplift``), the response model and random, with
        95 % bootstrap bands; see :mod:`models.uplift.qini`.
    judged, model
        Fitted before the judged campaigns, and on everything.
    contact_cost
        What a contact made cost on average, money; None where no cost was recorded.
    order_margin
        What an order brings, as of the latest campaign.
    latest, trial, scores
        The judged campaigns, the same as a trial, and their scores by each ranking.
    """

    as_of: date
    judged_from: date
    definition: dict[str, str | int]
    scorecard: pd.DataFrame
    average_effect: float
    judged: UpliftModel
    model: UpliftModel
    vector_fingerprint: str
    contact_cost: float | None
    order_margin: OrderMargin
    latest: Campaigns
    trial: Trial
    scores: Mapping[str, Floats]


def train_uplift(task: TrainingTask, design: Design = "randomised") -> UpliftReport:
    """Run the uplift job.

    Parameters
    ----------
    design
        How the held-out were chosen, as the shop declares it; the model looks for itself.

    Raises
    ------
    TrainingError
        No campaign held customers out, or too few of them to learn from and judge by.
    """
    seed = task.settings.seed
    campaigns = load_campaigns(task)
    past, latest = split_by_time(campaigns)
    trial = _as_trial(latest, design, seed)
    trial.require_enough()
    tick = task.progress("Uplift, judged and served", 2 * UpliftModel(design).folds)
    judged, model = (
        UpliftModel(design, seed=seed).fit(
            part.rows,
            part.treated,
            part.ordered,
            part.columns,
            propensity=part.designed_propensity,
            columns_of_effects=EffectColumns.of_shop,
            on_fold=tick,
        )
        for part in (past, campaigns)
    )
    scores = _rankings(judged, past, latest, seed)
    return UpliftReport(
        as_of=task.as_of,
        judged_from=min(latest.rows[C.AS_OF]),
        definition=_definition(task, model),
        scorecard=qini_table(scores, trial, RESPONSE, seed=seed),
        average_effect=trial.average_effect,
        judged=judged,
        model=model,
        vector_fingerprint=campaigns.vector_fingerprint,
        contact_cost=mean_contact_cost(task.engine, task.prepared, task.as_of),
        order_margin=_order_margin(latest),
        latest=latest,
        trial=trial,
        scores=scores,
    )


def _rankings(
    judged: UpliftModel, past: Campaigns, latest: Campaigns, seed: int
) -> dict[str, Floats]:
    """Return the latest campaigns' scores by the uplift, by the response of those contacted, and 0.

    The response model learns from the same past as the judged one.
    """
    contacted = past.treated == 1
    response = ResponseModel(seed=seed).fit(
        past.rows[contacted], past.ordered[contacted], past.columns
    )
    return {
        "uplift": judged.effect(latest.rows),
        RESPONSE: response.predict_proba(latest.rows)[:, 1],
        "random": np.zeros(len(latest.rows)),
    }


def _definition(task: TrainingTask, model: UpliftModel) -> dict[str, str | int]:
    return {
        "treatment": "contacted in a campaign, against held out",
        "outcome": f"a net-positive order within {task.response_days} days of it",
        "response_days": task.response_days,
        "evidence": model.grade_.evidence,
        "because": model.grade_.because,
        "ranking": model.choice_.chosen,
    }


def mean_contact_cost(engine: Engine, prepared: Prepared, as_of: date) -> float | None:
    """Return what contacts made before a day cost on average, money; None where not recorded."""
    moves = prepared.rollups["contact_moves"]
    known = moves.filter(moves.sent_on < to_epoch_day(as_of))
    mean = engine.frame(known.aggregate(cost=known.cost.mean()))["cost"].iloc[0]
    return None if pd.isna(mean) else float(mean)


def _order_margin(latest: Campaigns) -> OrderMargin:
    """Learn what an order brings from the customers of the last campaign day."""
    rows = latest.rows[latest.rows[C.AS_OF] == max(latest.rows[C.AS_OF])]
    orders, own = (rows[name].to_numpy(dtype=np.float64) for name in ORDERS_AND_MARGIN)
    return OrderMargin.fit(orders, own)


def _as_trial(campaigns: Campaigns, design: Design, seed: int) -> Trial:
    """Return the judging trial: propensities as designed, or estimated where not randomised."""
    encoder = Encoder.fit(campaigns.rows, campaigns.columns)
    X, categorical = encoder.transform(campaigns.rows), encoder.categorical_positions
    treated, designed = campaigns.treated, campaigns.designed_propensity
    estimated = estimate_propensity(X, treated, categorical, seed=seed)
    randomised = design == "randomised" and check_overlap(treated, estimated, designed).looks_random
    propensity = designed if randomised else bounded(estimated)
    return Trial(X, treated, campaigns.ordered, propensity, categorical)
