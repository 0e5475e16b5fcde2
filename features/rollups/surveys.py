"""Surveys: what customers answered, and where each answer lies on its scale."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.rollup import DAY, KNOWN_FROM, Rollup, Tables, dated
from features.settings import ShopSettings
from features.vocabulary import Columns as C


def customer_answers(tables: Tables, shop: ShopSettings) -> ir.Table:
    """One row per answer.

    ``share_of_scale`` runs from 0, the worst answer, to 1, the best, whatever the survey;
    ``is_low`` is 1 for NPS 0-6, CSAT 1-2 and CES 1-3.
    """
    answers = dated(tables["surveys"])
    survey, score = answers[C.SURVEY], answers[C.SCORE]
    share = ibis.cases(
        (survey == "nps", score / 10.0),
        (survey == "csat", (score - 1.0) / 4.0),
        (survey == "ces", (score - 1.0) / 6.0),
    )
    highest_low = ibis.cases(
        (survey == "nps", 6.0), (survey == "csat", 2.0), (survey == "ces", 3.0)
    )
    return answers.select(
        C.CUSTOMER_ID,
        C.SURVEY,
        C.SCORE,
        DAY,
        KNOWN_FROM,
        aspect=answers[C.ASPECT].lower(),
        share_of_scale=share,
        is_low=(score <= highest_low).cast("int64"),
    )


ROLLUPS = (
    Rollup(
        "customer_answers",
        "answers of each customer to surveys",
        reads=("surveys",),
        build=customer_answers,
    ),
)
