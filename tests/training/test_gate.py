"""The gate: promoted for a reason that outweighs chance, or kept with the reason."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from training.gate import compare, judge
from training.report import Contest, Floats

RANDOM = np.random.default_rng(0)
ACTUAL = RANDOM.normal(size=400)
NOISE = RANDOM.normal(size=400)
GOOD, FAIR, POOR = ACTUAL + 0.2 * NOISE, ACTUAL + 0.9 * NOISE, ACTUAL + 4.0 * NOISE


def agreement(actual: Floats, predicted: Floats) -> float:
    return float(np.corrcoef(actual, predicted)[0, 1])


def contest(
    ours: Floats, metric: Callable[[Floats, Floats], float] = agreement, **rivals: Floats
) -> Contest:
    return Contest("agreement", metric, ACTUAL, {"ours": ours, **rivals}, lambda _: None)


def shaken(values: Floats) -> Floats:
    """Return predictions as good as these, but others."""
    return ACTUAL + (values - ACTUAL)[::-1]


def test_the_first_champion_must_not_lose_to_a_baseline() -> None:
    won = judge(
        contest(GOOD, simple=POOR), "ours", None, has_champion=False, champion_is_older=False
    )
    assert won.promote
    assert "it clearly beats every baseline" in won.reason
    lost = judge(
        contest(POOR, simple=GOOD), "ours", None, has_champion=False, champion_is_older=False
    )
    assert not lost.promote
    assert "against simple" in lost.reason


def test_the_first_champion_may_be_as_good_as_a_baseline() -> None:
    """Some model has to serve, though it says just what a baseline says."""
    for alike in (shaken(FAIR), FAIR.copy()):
        level = contest(FAIR, simple=alike)
        verdict = judge(level, "ours", None, has_champion=False, champion_is_older=False)
        assert verdict.promote
        assert "it does not clearly beat every baseline" in verdict.reason


def test_one_baseline_that_wins_is_enough_to_stay_out() -> None:
    """However uncertain the comparison with another may be."""
    wild = np.where(np.arange(400) == 0, 1e3, POOR)
    verdict = judge(
        contest(FAIR, wild=wild, better=GOOD),
        "ours",
        None,
        has_champion=False,
        champion_is_older=False,
    )
    assert not verdict.promote
    assert "against better" in verdict.reason


def test_a_clear_winner_is_promoted() -> None:
    verdict = judge(
        contest(GOOD, simple=POOR), "ours", FAIR, has_champion=True, champion_is_older=False
    )
    assert verdict.promote
    assert verdict.reason.startswith("agreement beats the champion: +")
    assert [difference.rival for difference in verdict.differences] == ["simple", "the champion"]


def test_a_win_within_noise_is_kept_aside() -> None:
    verdict = judge(
        contest(FAIR, simple=POOR), "ours", shaken(FAIR), has_champion=True, champion_is_older=False
    )
    assert not verdict.promote
    assert "does not clearly beat the champion" in verdict.reason


def test_the_same_predictions_again_are_kept_aside() -> None:
    verdict = judge(
        contest(FAIR, simple=POOR), "ours", FAIR.copy(), has_champion=True, champion_is_older=False
    )
    assert not verdict.promote
    assert (verdict.differences[-1].low, verdict.differences[-1].high) == (0.0, 0.0)


def test_newer_data_need_only_not_be_worse() -> None:
    verdict = judge(
        contest(FAIR, simple=POOR), "ours", shaken(FAIR), has_champion=True, champion_is_older=True
    )
    assert verdict.promote
    assert "newer data" in verdict.reason


def test_newer_data_do_not_excuse_a_loss() -> None:
    verdict = judge(
        contest(FAIR, simple=POOR), "ours", GOOD, has_champion=True, champion_is_older=True
    )
    assert not verdict.promote


@pytest.mark.parametrize("older", [False, True])
def test_beating_the_champion_is_not_enough_where_a_baseline_is_not_beaten(older: bool) -> None:
    verdict = judge(
        contest(FAIR, simple=shaken(FAIR)), "ours", POOR, has_champion=True, champion_is_older=older
    )
    assert not verdict.promote
    assert "does not clearly beat the baseline" in verdict.reason


@pytest.mark.parametrize("champion", [None, POOR])
def test_a_metric_that_is_no_number_never_promotes(champion: Floats | None) -> None:
    def broken(actual: Floats, predicted: Floats) -> float:
        return math.nan if predicted[0] > 1e5 else agreement(actual, predicted)

    ours = np.full(400, 1e6)
    made = contest(ours, broken, simple=POOR, other=FAIR)
    assert not judge(
        made, "ours", champion, has_champion=champion is not None, champion_is_older=True
    ).promote


def test_an_interval_covers_the_difference_and_is_repeatable() -> None:
    made = contest(GOOD, simple=FAIR)
    first, second = (compare(made, GOOD, "simple", FAIR) for _ in range(2))
    assert first == second
    assert first.low < first.mean < first.high
    assert first.mean == pytest.approx(agreement(ACTUAL, GOOD) - agreement(ACTUAL, FAIR))


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    """For a mean of differences: 1.96 standard errors each way."""
    gap = RANDOM.normal(0.1, 1.0, 400)
    made = Contest("mean", lambda _, p: float(p.mean()), ACTUAL, {}, lambda _: None)
    found = compare(made, gap, "zero", np.zeros(400))
    half_width = 1.96 * gap.std() / np.sqrt(400)
    assert (found.high - found.low) / 2 == pytest.approx(half_width, rel=0.2)


def test_pairs_are_drawn_together() -> None:
    """A rival that is ours less a constant differs by that constant in every draw."""
    made = Contest("mean", lambda _, p: float(p.mean()), ACTUAL, {}, lambda _: None)
    found = compare(made, FAIR, "less", FAIR - 0.25)
    assert (found.low, found.high) == (pytest.approx(0.25), pytest.approx(0.25))
    assert str(found) == "+0.2500 against less (95 % +0.2500 to +0.2500)"


def test_a_champion_that_cannot_be_compared_gives_way_to_a_clear_winner_alone() -> None:
    clear = judge(
        contest(GOOD, simple=POOR), "ours", None, has_champion=True, champion_is_older=True
    )
    assert clear.promote
    assert "cannot be compared" in clear.reason
    level = contest(FAIR, simple=shaken(FAIR))
    assert not judge(level, "ours", None, has_champion=True, champion_is_older=True).promote
