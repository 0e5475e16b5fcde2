"""Findings in words: shifted periods, wrong intervals, failures hidden in a segment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from training.scorecard import Intervals, Judgement, Scorecard, judge_model
from training.scorecard.segments import divide

N = 4_000
RANDOM = np.random.default_rng(1)
LOGITS = RANDOM.normal(-0.4, 1.3, N)
DRAW = RANDOM.random(N)
CHANCES = expit(LOGITS)


def judged(
    outcomes: np.ndarray,
    chances: np.ndarray = CHANCES,
    groups: pd.DataFrame | None = None,
) -> Scorecard:
    return judge_model(
        Judgement(
            "churn", "churn", outcomes, {"churn": chances, "base_rate": np.full(N, chances.mean())},
            groups=pd.DataFrame() if groups is None else groups,
        ),
        resamples=100,
    )  # fmt: skip


def happened(chances: np.ndarray) -> np.ndarray:
    return (chances > DRAW).astype(np.float64)


def warnings(card: Scorecard) -> str:
    return "\n".join(finding.text for finding in card.findings if finding.tone == "warning")


def test_calibrated_scores_raise_no_warning() -> None:
    card = judged(happened(CHANCES))
    assert warnings(card) == ""
    assert "the level of churn is right" in card.findings[0].text


def test_a_shifted_period_is_reported() -> None:
    """The same scores in a period in which more leave."""
    outcomes = happened(expit(LOGITS + 0.8))
    text = warnings(judged(outcomes))
    assert f"Predicted {100 * CHANCES.mean():.0f} %, observed {100 * outcomes.mean():.0f} %" in text
    assert "churn is understated by" in text
    assert "do not read these scores as probabilities until they are recalibrated" in text
    assert "the worst is group" in text


def test_a_gap_that_chance_explains_is_no_shift() -> None:
    """33 of 60 left where one half was predicted."""
    outcomes = np.repeat([1.0, 0.0], [33, 27])
    card = judge_model(Judgement("churn", "churn", outcomes, {"churn": np.full(60, 0.5)}))
    level = next(f for f in card.findings if f.text.startswith("Predicted 50 %, observed 55 %"))
    assert level.tone == "good"


def test_a_period_in_which_fewer_leave_is_overstated() -> None:
    assert "churn is overstated by" in warnings(judged(happened(expit(LOGITS - 0.8))))


@pytest.mark.parametrize(("stretch", "kind"), [(1.8, "too extreme"), (0.5, "too cautious")])
def test_scores_of_the_wrong_spread_are_reported(stretch: float, kind: str) -> None:
    text = warnings(judged(happened(CHANCES), expit(stretch * LOGITS)))
    assert f"Scores are {kind}" in text


def test_a_failure_hidden_in_one_segment_shows() -> None:
    """One tenth of the customers leaves far more often, the others a little less."""
    new = np.arange(N) % 10 == 0
    outcomes = happened(np.where(new, expit(LOGITS + 1.5), expit(LOGITS - 0.15)))
    groups = pd.DataFrame({"stage": np.where(new, "new", "known")})
    card = judged(outcomes, groups=groups)
    assert "the level of churn is right" in " ".join(finding.text for finding in card.findings)
    text = warnings(card)
    observed = 100 * outcomes[new].mean()
    assert f"stage: new (400 customers): predicted {100 * CHANCES[new].mean():.0f} %" in text
    assert f"observed {observed:.0f} %: churn is understated" in text
    assert "stage: known" not in text


def test_a_segment_ranked_at_random_is_named() -> None:
    blind = np.arange(N) % 4 == 0
    chances = np.where(blind, expit(RANDOM.permutation(LOGITS)), CHANCES)
    card = judged(
        happened(CHANCES),
        chances,
        pd.DataFrame({"channel": np.where(blind, "shop", "web")}),
    )
    notes = [finding.text for finding in card.findings if finding.tone == "note"]
    assert any("Ranked clearly less well" in note and "channel: shop" in note for note in notes)
    assert not any("channel: web" in note for note in notes)


def test_the_worst_ranked_segments_are_named_and_the_others_counted() -> None:
    blind = np.arange(N) % 2 == 0
    chances = np.where(blind, expit(RANDOM.permutation(LOGITS)), CHANCES)
    where = np.where(blind, (np.arange(N) % 10).astype(str), "web")
    card = judged(happened(CHANCES), chances, pd.DataFrame({"channel": where}))
    (note,) = [f.text for f in card.findings if "Ranked clearly less well" in f.text]
    assert (note.count("channel: "), "and 2 others." in note) == (3, True)


def test_a_campaign_by_the_textbook_is_not_taken_for_the_shops_own() -> None:
    card = judged(happened(CHANCES))
    (note,) = [f.text for f in card.findings if "retention campaign" in f.text]
    assert "textbook figures, not the shop's own" in note


def test_segments_drawn_at_random_raise_no_alarm() -> None:
    """Twenty ways to divide calibrated scores into six."""
    groups = pd.DataFrame({f"way_{k}": RANDOM.integers(0, 6, N).astype(str) for k in range(20)})
    card = judged(happened(CHANCES), groups=groups)
    assert [s for table in card.segments for s in table.segments if s.faults] == []


def test_segments_too_small_to_judge_are_shown_without_a_verdict() -> None:
    few = pd.Series(["many"] * (N - 20) + ["few"] * 20)
    outcomes = happened(CHANCES)
    outcomes[-20:] = 1.0 - (CHANCES[-20:] > 0.5)  # wrong, but they are twenty
    card = judged(outcomes, groups=pd.DataFrame({"size": few}))
    small = next(s for s in card.segments[0].segments if s.name == "few")
    assert (small.n, small.metrics, small.faults) == (20, {}, ())


def test_rare_names_are_grouped_and_none_is_lost() -> None:
    names = pd.Series(["a"] * 100 + ["b"] * 60 + ["c"] * 20 + ["d"] * 5 + [None] * 15)
    rows = divide(names)
    assert {name: len(rows[name]) for name in rows} == {"a": 100, "b": 60, "3 others": 40}
    assert sorted(np.concatenate(list(rows.values()))) == list(range(200))


def test_ordered_categories_keep_their_order() -> None:
    tiers = pd.Categorical(["low", "top", "low", "middle"], ["top", "middle", "low"], ordered=True)
    assert list(divide(pd.Series(tiers))) == ["top", "middle", "low"]


@pytest.fixture
def value() -> Judgement:
    rng = np.random.default_rng(2)
    worth = np.exp(rng.normal(3, 0.7, N))
    spent = np.where(DRAW < 0.5, worth * np.exp(rng.normal(0, 0.4, N)), 0.0)
    expected = worth * spent.sum() / worth.sum()
    return Judgement(
        "value", "value", spent, {"value": expected, "mean": np.full(N, spent.mean())},
        currency="GBP",
    )  # fmt: skip


def test_a_total_that_is_off_is_reported_in_money(value: Judgement) -> None:
    assert warnings(judge_model(value, resamples=100)) == ""
    inflated = {**value.predicted, "value": 1.5 * value.predicted["value"]}
    text = warnings(judge_model(replace(value, predicted=inflated), resamples=100))
    assert "GBP in total" in text
    assert "value is overstated by 5" in text  # some 50 %


def test_a_segment_that_bought_nothing_is_reported(value: Judgement) -> None:
    lost = np.arange(N) % 20 == 0
    actual = np.where(lost, 0.0, value.actual)
    groups = pd.DataFrame({"stage": np.where(lost, "lost", "active")})
    text = warnings(judge_model(replace(value, actual=actual, groups=groups), resamples=50))
    assert "stage: lost (200 customers)" in text
    assert "observed 0.00: value is overstated by 100 %" in text


@pytest.mark.parametrize(("reach", "kind"), [(1.0, "too narrow"), (40.0, "wider than necessary")])
def test_intervals_of_the_wrong_width_are_reported(
    value: Judgement, reach: float, kind: str
) -> None:
    high = reach * value.predicted["value"]
    bounds = {"value": Intervals(np.zeros(N), high, 0.9)}
    assert kind in warnings(judge_model(replace(value, intervals=bounds), resamples=50))
