"""Next survey scores: what customers answer within the horizon, if they answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.engine import Engine
from features.family import KEYS, left_join
from features.labels.window import (
    as_dates,
    frame_by_share,
    in_horizon,
    population,
    require,
)
from features.rollup import DAY, Rollups
from features.vectors import register_cutoffs
from features.vocabulary import Columns as C

SURVEYS = ("nps", "csat", "ces")


def next_survey_scores(
    engine: Engine,
    rollups: Rollups,
    cutoffs: Sequence[date],
    horizon_days: int,
    *,
    lookback_days: int,
) -> pd.DataFrame:
    """Return the first answer in the horizon to each survey.

    Most customers do not answer, and those who do differ from the others: what is learned from
    these labels holds for people who answer, and a missing score is not a low one.

    Returns
    -------
    Frame sorted by customer_id and as_of, one row for each of the population of
    :func:`features.labels.build_labels`. For each survey ``nps_next`` and ``nps_next_day`` (a
    date) and so on; both missing without an answer. Several answers on the first day, to
    questions about several aspects for instance, count as their mean.

    Raises
    ------
    TrainingError
        The shop has no surveys.
    """
    require(rollups, "customer_answers", "surveys", "what customers will answer")
    cutoff_table = register_cutoffs(engine, cutoffs)

    def compute(share: Rollups) -> ir.Table:
        answers = in_horizon(share["customer_answers"], cutoff_table, horizon_days)
        answered_on = [answers[name] for name in (*KEYS, C.SURVEY)]
        dated = answers.mutate(first_day=answers[DAY].min().over(group_by=answered_on))
        first = dated.filter(dated[DAY] == dated.first_day)
        measures: dict[str, ir.Value] = {}
        for survey in SURVEYS:
            asked = first[C.SURVEY] == survey
            measures[f"{survey}_next"] = ibis.ifelse(asked, first[C.SCORE], None).mean()
            measures[f"{survey}_next_day"] = ibis.ifelse(asked, first[DAY], None).min()
        scores = first.group_by(*KEYS).aggregate(**measures)
        return left_join(population(share, cutoff_table, lookback_days), scores, KEYS)

    frame = frame_by_share(engine, rollups, compute)
    for survey in SURVEYS:
        frame[f"{survey}_next"] = frame[f"{survey}_next"].astype("float64")
        frame[f"{survey}_next_day"] = as_dates(frame[f"{survey}_next_day"])
    return frame
