"""Satisfaction: what customers answered in surveys, and how long ago.

Sources: Reichheld 2003 (NPS: 9-10 promote, 0-6 detract); Dixon, Freeman & Toman 2010 (CES, here
as ease: more is better). CSAT runs from 1 to 5. All three use answers about the shop or order as
a whole; answers about one aspect (perceived quality, price, service, image) are averaged over all
surveys, from 0, the worst answer, to 1, the best.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.family import (
    AGE_DAYS,
    KEYS,
    Column,
    Family,
    history,
    left_join,
    net_positive_orders,
    within,
)
from features.rollup import Rollups
from features.vocabulary import Columns as C

_SCALES = {"nps": "0 to 10", "csat": "1 to 5", "ces": "1 to 7"}
ASPECTS = ("quality", "price", "service", "image")
_SILENT = "never answered a survey"

COLUMNS = (
    *(column for survey, scale in _SCALES.items() for column in (
        Column(f"{survey}_last", f"{survey.upper()} of the last day with an answer", scale,
               f"never answered {survey.upper()} about the whole"),
        Column(f"{survey}_mean", f"mean {survey.upper()} so far", scale,
               f"never answered {survey.upper()} about the whole"),
        Column(f"{survey}_trend", f"last {survey.upper()} less the mean of those before",
               "points of the scale", f"fewer than two days with {survey.upper()}"),
    )),
    Column("nps_promoter_share", "share of 9 and 10 in the customer's NPS answers", "share",
           "never answered NPS about the whole"),
    Column("nps_detractor_share", "share of 0 to 6 in the customer's NPS answers", "share",
           "never answered NPS about the whole"),
    Column("low_scores_90d", "answers of the last 90 days, about anything, of NPS 0-6, CSAT 1-2 "
           "or CES 1-3", "answers", _SILENT),
    *(Column(f"{aspect}_satisfaction_mean", f"mean answer about {aspect} so far",
             "0 worst to 1 best", f"never asked about {aspect}, or never answered")
      for aspect in ASPECTS),
    Column("survey_answers", "answers so far", "answers", _SILENT),
    Column("survey_answers_365d", "answers in the last 365 days", "answers", _SILENT),
    Column("last_survey_answer_days", "days since the last answer", "days", _SILENT),
    Column("orders_since_survey_answer", "net-positive orders since the day of the last answer",
           "orders", _SILENT),
)  # fmt: skip


def compute(rollups: Rollups, cutoffs: ir.Table) -> ir.Table:
    """Average answers by survey and by aspect, and count orders since the last answer."""
    answers = rollups["customer_answers"]
    facts = _scores(history(answers, cutoffs))
    facts = facts.mutate(
        **{
            f"{survey}_trend": facts[f"{survey}_last"] - facts[f"{survey}_before"]
            for survey in _SCALES
        }
    )
    # Orders of customers who never answered are most of all orders, and not needed here.
    answering = rollups["order_states"].semi_join(answers, C.CUSTOMER_ID)
    orders = net_positive_orders(Rollups({"order_states": answering}), cutoffs)
    dated = facts.select(*KEYS, "last_survey_answer_days").join(
        orders.select(*KEYS, AGE_DAYS), list(KEYS)
    )
    later = (dated[AGE_DAYS] < dated.last_survey_answer_days).cast("int64")
    silence = dated.group_by(*KEYS).aggregate(orders_later=later.sum())
    joined = left_join(facts, silence)
    named = joined.mutate(orders_since_survey_answer=joined.orders_later.fill_null(0))
    return named.select(*KEYS, *(column.name for column in COLUMNS))


def _scores(seen: ir.Table) -> ir.Table:
    """Average all scores, those of the last day with an answer, and those before that day."""
    seen = seen.group_by(*KEYS, C.SURVEY, C.ASPECT).mutate(last_days=seen[AGE_DAYS].min())
    is_last = seen[AGE_DAYS] == seen.last_days
    score = seen[C.SCORE]

    def of(survey: str, value: ir.Value) -> ir.Value:
        about_the_whole = (seen[C.SURVEY] == survey) & seen[C.ASPECT].isnull()
        return ibis.ifelse(about_the_whole, value, None)

    by_survey = {
        name: value.mean()
        for survey in _SCALES
        for name, value in (
            (f"{survey}_last", of(survey, ibis.ifelse(is_last, score, None))),
            (f"{survey}_mean", of(survey, score)),
            (f"{survey}_before", of(survey, ibis.ifelse(is_last, None, score))),
        )
    }
    by_aspect = {
        f"{aspect}_satisfaction_mean": ibis.ifelse(
            seen[C.ASPECT] == aspect, seen.share_of_scale, None
        ).mean()
        for aspect in ASPECTS
    }
    return seen.group_by(*KEYS).aggregate(
        **by_survey,
        **by_aspect,
        nps_promoter_share=of("nps", (score >= 9).cast("float64")).mean(),
        nps_detractor_share=of("nps", (score <= 6).cast("float64")).mean(),
        low_scores_90d=(seen.is_low * within(seen, 90)).sum(),
        survey_answers=seen.count(),
        survey_answers_365d=within(seen, 365).sum(),
        last_survey_answer_days=seen[AGE_DAYS].min(),
    )


FAMILY = Family(
    name="satisfaction",
    meaning="how satisfied a customer is, by their own answers, and how long ago",
    reads=("customer_answers", "order_states"),
    columns=COLUMNS,
    compute=compute,
)
