"""Open Bandit Dataset (small sample): each policy's click rate from the other one's log.

``propensity_score`` is the logged chance of the shown item at its position: 1 / items under
``random``, and under ``bts`` (Bernoulli Thompson sampling) a simulated one that changes with
every update. What ``bts`` would do in a situation of the ``random`` log is nowhere logged; it
does not look at the visitor, so it is taken as the share of each item at each position of its
own log (clicks are not looked at). The reverse needs no estimate: ``random`` is uniform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.table import Row
from features.progress import Progress
from models.policy.estimators import Estimate, Log, Method, off_policy_estimates
from models.policy.outcome_model import cross_fit_rewards

Floats = NDArray[np.float64]

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "open_bandit_sample"
_CAMPAIGNS = ("men", "women")


@dataclass(frozen=True)
class Judged:
    """One policy's estimates from the other's log, beside what it earned itself."""

    campaign: str
    target: str
    estimates: Mapping[Method, Estimate]
    on_policy: float


def rows(progress: Progress) -> list[Row]:
    """Return whether each 95 % interval covers the on-policy click rate."""
    tick = progress("Open Bandit: both policies, both campaigns", 2 * len(_CAMPAIGNS))
    found = [judged for campaign in _CAMPAIGNS for judged in _campaign(campaign, tick)]
    return [_row(judged, method) for judged in found for method in judged.estimates]


def _campaign(campaign: str, tick: Callable[[], None]) -> list[Judged]:
    random = pd.read_parquet(FOLDER / f"random_{campaign}.parquet")
    bts = pd.read_parquet(FOLDER / f"bts_{campaign}.parquet")
    n_items = int(max(random["item_id"].max(), bts["item_id"].max())) + 1
    judged = []
    for name, log, target, own in (
        ("bts", random, _shares(bts, n_items)[_positions(random)], bts),
        ("random", bts, np.full((len(bts), n_items), 1 / n_items), random),
    ):
        logged = Log(
            log["item_id"].to_numpy(),
            log["click"].to_numpy(dtype=np.float64),
            log["propensity_score"].to_numpy(),
            target,
        )
        expected = cross_fit_rewards(
            _situations(log), logged.actions, logged.rewards, n_items, categorical=(0, 1, 2, 3, 4)
        )
        estimates = off_policy_estimates(logged, expected=expected)
        judged.append(Judged(campaign, name, estimates, float(own["click"].mean())))
        tick()
    return judged


def _row(judged: Judged, method: Method) -> Row:
    estimate = judged.estimates[method]
    return Row(
        f"{judged.campaign}: {judged.target} click rate by {method}, covers on-policy",
        float(estimate.covers(judged.on_policy)),
        ">=",
        1.0,
        {
            "on-policy": judged.on_policy,
            "estimate": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "effective decisions": estimate.effective,
            "share cut": estimate.share_cut,
        },
    )


def _shares(log: pd.DataFrame, n_items: int) -> Floats:
    """Return the share of each item at each position, shape (positions, items)."""
    counts = np.zeros((int(log["position"].max()), n_items))
    np.add.at(counts, (_positions(log), log["item_id"].to_numpy()), 1)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _positions(log: pd.DataFrame) -> NDArray[np.int64]:
    return log["position"].to_numpy(dtype=np.int64) - 1


def _situations(log: pd.DataFrame) -> Floats:
    """Return position and the visitor's hashed features as codes, shape (n, 5)."""
    codes: list[Any] = [_positions(log)]
    codes += [pd.factorize(log[f"user_feature_{k}"], sort=True)[0] for k in range(4)]
    return np.column_stack(codes).astype(np.float64)
