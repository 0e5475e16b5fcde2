"""The backtest's table: every model on every protocol, with intervals, slices and comparisons."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from features.errors import TrainingError
from features.progress import silent
from models.recommend.interactions import Interactions
from training.recommend.backtest import Backtest, backtest_recommend

AS_OF = date(1970, 8, 1)
CUSTOMERS, PRODUCTS = 60, 25


def habits() -> Interactions:
    """Everyone buys two favourites fortnightly, and something at random."""
    random = np.random.default_rng(0)
    lines = [
        (f"c{customer:02d}", f"p{product:02d}", f"{number}", 30 * number + customer % 7)
        for customer in range(CUSTOMERS)
        for number in range(7)
        for product in (
            customer % PRODUCTS,
            (customer * 3 + 1) % PRODUCTS,
            int(random.integers(PRODUCTS)),
        )
    ]
    return Interactions.from_arrays(*zip(*lines, strict=True), as_of=AS_OF)


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return backtest_recommend(habits(), horizon_days=60, cutoffs=1, progress=silent)


def test_every_protocol_judges_every_model(backtest: Backtest) -> None:
    table = backtest.table
    assert set(table["protocol"]) == {"last basket", "time split", "rolling 1"}
    models = set(table["model"])
    assert {"two_stage", "blend", "popular", "frequency"} <= models
    assert len(table) == 3 * len(models)
    assert table["ndcg_at_10"].between(table["ndcg_at_10_low"], table["ndcg_at_10_high"]).all()


def test_habits_beat_the_popular_and_the_comparison_says_so(backtest: Backtest) -> None:
    for protocol, part in backtest.table.groupby("protocol"):
        ndcg = part.set_index("model")["ndcg_at_10"]
        assert ndcg["two_stage"] > ndcg["popular"] + 0.1
        against = backtest.comparisons[str(protocol)]["popular"]
        assert against.difference.value == pytest.approx(ndcg["two_stage"] - ndcg["popular"])
        assert against.p_value < 0.01


def test_slices_share_out_the_customers(backtest: Backtest) -> None:
    last = backtest.slices[backtest.slices["protocol"] == "last basket"]
    assert (last.groupby("model")["customers"].sum() == CUSTOMERS).all()


def test_one_order_each_cannot_be_judged() -> None:
    shop = Interactions.from_arrays(["a", "b"], ["x", "y"], ["1", "2"], [3, 4], AS_OF)
    with pytest.raises(TrainingError, match="two orders"):
        backtest_recommend(shop, horizon_days=30, cutoffs=0, progress=silent)
