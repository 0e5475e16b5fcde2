"""From outcomes and predictions to a scorecard: figures, intervals, and who is ahead."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from models.metrics.catalogue import METRICS, say
from models.metrics.classification import churn_scorecard
from models.metrics.profit import Campaign
from models.metrics.value import value_scorecard
from training.scorecard import Intervals, Judgement, Quantiles, judge_model

N = 1_500
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0.0, 1.5, N)
CHURNED = (RANDOM.random(N) < expit(LOGITS)).astype(np.float64)
TRUE = expit(LOGITS)
WORTH = np.exp(RANDOM.normal(3.0, 0.8, N))
SPENT = np.where(RANDOM.random(N) < 0.6, WORTH * np.exp(RANDOM.normal(0, 0.5, N)), 0.0)
EXPECTED = 0.6 * WORTH * np.exp(0.125)


@pytest.fixture
def churn() -> Judgement:
    blurred = expit(LOGITS + RANDOM.normal(0, 1.5, N))
    return Judgement(
        "churn", "churn", CHURNED,
        {"churn": TRUE, "logistic_regression": blurred, "base_rate": np.full(N, CHURNED.mean())},
    )  # fmt: skip


@pytest.fixture
def value() -> Judgement:
    return Judgement(
        "value",
        "value",
        SPENT,
        {"value": EXPECTED, "mean": np.full(N, SPENT.mean())},
        currency="GBP",
        intervals={"value": Intervals(np.zeros(N), 3 * WORTH, 0.9)},
    )


def test_figures_are_those_of_the_metrics(churn: Judgement, value: Judgement) -> None:
    for judgement, card in ((churn, churn_scorecard), (value, value_scorecard)):
        judged = judge_model(judgement, resamples=20)
        for model, prediction in judgement.predicted.items():
            for name, wanted in card(judgement.actual, prediction).items():
                found = judged.row(name).estimates[model]
                assert found.value == pytest.approx(wanted, nan_ok=True), name
                if not math.isnan(wanted):
                    assert found.low <= found.value + 1e-9, name
                    assert found.high >= found.value - 1e-9, name


def test_the_frame_has_a_row_a_model_and_a_column_a_metric(value: Judgement) -> None:
    card = judge_model(value, resamples=5)
    frame = card.frame()
    assert list(frame.index) == ["value", "mean"]
    assert list(frame.columns) == [row.metric.name for row in card.rows]
    assert frame.loc["value", "spearman"] == card.row("spearman").estimates["value"].value
    assert math.isnan(frame.loc["mean", "interval_width"])  # it gave no intervals


def test_every_metric_is_in_the_catalogue(churn: Judgement, value: Judgement) -> None:
    full = replace(value, quantiles={"value": Quantiles(EXPECTED[:, None], np.array([0.5]))})
    named = {
        row.metric.name
        for judgement in (churn, full)
        for row in judge_model(judgement, resamples=5).rows
    }
    assert named == {*METRICS, "interval_coverage"}


def test_a_clearly_better_model_is_called_better(churn: Judgement) -> None:
    row = judge_model(churn, resamples=200).row("roc_auc")
    assert row.verdict == "Better than logistic regression and base rate"
    against = {comparison.baseline: comparison for comparison in row.comparisons}
    assert against["base_rate"].difference.value == pytest.approx(
        row.estimates["churn"].value - 0.5
    )


def test_a_copy_is_no_different(churn: Judgement) -> None:
    twin = replace(churn, predicted={"churn": TRUE, "twin": TRUE.copy()})
    for row in judge_model(twin, resamples=50).rows:
        assert row.verdict == "No clear difference from twin", row.metric.name


def test_a_clearly_worse_model_is_called_worse(churn: Judgement) -> None:
    swapped = replace(churn, model="base_rate")
    card = judge_model(swapped, resamples=100)
    assert card.row("log_loss").verdict.startswith("Worse than churn")
    warning = next(f for f in card.findings if "ROC AUC" in f.text)
    assert warning.tone == "warning"


def test_nearer_to_what_is_right_is_better_from_either_side() -> None:
    """Overstated by 10 % against understated by 40 %: the signs differ, the distances count."""
    judgement = Judgement("value", "value", SPENT, {"value": 1.1 * EXPECTED, "low": 0.6 * EXPECTED})
    row = judge_model(judgement, resamples=200).row("total_bias")
    assert row.comparisons[0].difference.value > 0
    assert row.verdict == "Better than low"


def test_a_constant_has_no_rank_correlation_to_compare(value: Judgement) -> None:
    row = judge_model(value, resamples=20).row("spearman")
    assert math.isnan(row.estimates["mean"].value)
    assert row.comparisons[0].result == "undefined"
    assert row.verdict == "Nothing to compare with"


def test_coverage_is_compared_with_the_nominal_level(value: Judgement) -> None:
    card = judge_model(value, resamples=50)
    row = card.row("interval_coverage")
    assert row.metric.goal == 0.9
    assert row.estimates["value"].value == pytest.approx((SPENT <= 3 * WORTH).mean())
    assert "mean" not in row.estimates


def test_crps_of_a_point_prediction_is_its_absolute_error(value: Judgement) -> None:
    levels = np.array([0.25, 0.5, 0.75])
    spread = EXPECTED[:, None] * np.exp(0.5 * norm.ppf(levels))
    full = replace(value, quantiles={"value": Quantiles(spread, levels)})
    card = judge_model(full, resamples=20)
    crps, mae = card.row("crps"), card.row("mae")
    assert crps.estimates["mean"] == mae.estimates["mean"]
    assert crps.estimates["value"].value < mae.estimates["value"].value


def test_money_of_the_campaign_is_the_shop_s_own(churn: Judgement) -> None:
    doubled = replace(churn, campaign=Campaign(400.0, 20.0, 2.0))
    one, two = (
        judge_model(each, resamples=5).row("expected_maximum_profit").estimates["churn"].value
        for each in (churn, doubled)
    )
    assert two == pytest.approx(2 * one)


def test_the_same_judgement_gives_the_same_card(churn: Judgement) -> None:
    first, second = (judge_model(churn, resamples=30) for _ in range(2))
    assert repr(first.rows) == repr(second.rows)  # NaN is not itself
    assert first.findings == second.findings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "nobody"}, "nobody has no predictions"),
        ({"actual": CHURNED + 0.5}, "has churned, 1, or not, 0"),
        ({"predicted": {"churn": TRUE[:-1]}}, "one finite number for each"),
        ({"predicted": {"churn": np.full(N, np.nan)}}, "one finite number for each"),
    ],
)
def test_inconsistent_input_is_refused(
    churn: Judgement, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(churn, **change)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_any_churn_window_can_be_judged(rows: list[tuple[float, float]]) -> None:
    outcomes, predictions = np.array(rows).T
    predicted = {"churn": predictions, "base_rate": np.full(len(predictions), 0.5)}
    card = judge_model(Judgement("churn", "churn", outcomes, predicted), resamples=5)
    assert len(card.rows) == 10
    assert card.findings


@given(
    st.lists(
        st.tuples(st.integers(-50, 500).map(float), st.integers(0, 300).map(float)),
        min_size=1,
        max_size=30,
    )
)
@settings(deadline=None, max_examples=60)
def test_any_value_window_can_be_judged(rows: list[tuple[float, float]]) -> None:
    actual, predictions = np.array(rows).T
    predicted = {"value": predictions, "mean": np.full(len(predictions), 10.0)}
    assert judge_model(Judgement("value", "value", actual, predicted), resamples=5).findings


def test_figures_are_written_as_people_do() -> None:
    assert say(METRICS["total_bias"], -0.068, "GBP", signed=True) == "-6.8 %"
    assert say(METRICS["rmse"], 1234.5, "GBP") == "1,234 GBP"
    assert say(METRICS["expected_maximum_profit"], 24.121, "") == "24.12"
    assert say(METRICS["spearman"], float("nan"), "") == "-"
