"""From customer vectors to what purchase histories foretell, its checks and its recalibration."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TrainingError
from features.vocabulary import Columns as C
from models.btyd.discounting import daily_rate
from models.btyd.outlook import (
    EXPECTED_ORDERS,
    EXPECTED_SPEND,
    EXPECTED_VALUE,
    OUTPUTS,
    P_ALIVE,
    P_NO_ORDER,
    Kind,
    Outlook,
)
from models.btyd.recalibration import Recalibration, evenly_earlier
from models.btyd.summary import Summary

each_kind = pytest.mark.parametrize("kind", get_args(Kind))


def draw_vectors(
    customers: int = 1_500, seed: int = 0, spend_grows: float = 0.0, age_days: int = 300
) -> pd.DataFrame:
    """Draw customers who buy at gamma rates and leave after a quarter of their purchases."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.6, 1 / 25.0, customers)[:, None]
    times = np.cumsum(random.exponential(1 / rate, (customers, 40)), axis=1)
    stays = random.geometric(random.beta(1.0, 3.0, customers).clip(1e-6))
    age = random.integers(1, age_days + 1, customers)
    seen = (np.ceil(times) <= age[:, None]) & (np.arange(40) < stays[:, None])
    frequency = seen.sum(axis=1)
    recency = np.where(seen, np.ceil(times), 0.0).max(axis=1)
    usual = np.exp(random.normal(3.0, 0.5, customers) + spend_grows * frequency)
    paid = random.gamma(6.0 * np.maximum(frequency, 1), usual / (6.0 * np.maximum(frequency, 1)))
    first = random.gamma(6.0, usual / 6.0)
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: [f"c{number}" for number in range(customers)],
            C.AS_OF: date(2025, 1, 1),
            "btyd_frequency": frequency,
            "btyd_recency_days": recency,
            "btyd_age_days": age,
            "btyd_value_mean": np.where(frequency > 0, paid, np.nan),
            "revenue_lifetime": first + paid * frequency,
        }
    )


@pytest.fixture(scope="module")
def vectors() -> pd.DataFrame:
    return draw_vectors()


@pytest.fixture(scope="module")
def outlooks(vectors: pd.DataFrame) -> dict[str, Outlook]:
    return {kind: Outlook.fit(vectors, kind) for kind in get_args(Kind)}


@pytest.fixture(scope="module")
def forecasts(outlooks: dict[str, Outlook]) -> list[pd.DataFrame]:
    rows = draw_vectors(40, seed=6)
    return [outlooks["bg_nbd"].predict(rows, days) for days in (0, 30, 365, 3_000)]


@each_kind
def test_the_forecasts_of_a_customer_agree_with_each_other(
    kind: str, outlooks: dict[str, Outlook], vectors: pd.DataFrame
) -> None:
    before = None
    for horizon_days in (30, 90, 365, 1_000):
        predicted = outlooks[kind].predict(vectors, horizon_days)
        assert tuple(predicted.columns) == OUTPUTS
        assert predicted.index.equals(vectors.index)
        assert predicted.notna().all(axis=None)
        assert predicted[[P_ALIVE, P_NO_ORDER]].isin([np.nan]).sum().sum() == 0
        assert predicted[P_NO_ORDER].between(1 - predicted[P_ALIVE] - 1e-12, 1).all()
        assert (predicted[EXPECTED_ORDERS] >= 1 - predicted[P_NO_ORDER] - 1e-9).all()
        undiscounted = predicted[EXPECTED_ORDERS] * predicted[EXPECTED_SPEND]
        assert (predicted[EXPECTED_VALUE] <= undiscounted).all()
        assert (predicted[EXPECTED_VALUE] >= undiscounted / 1.1 ** (horizon_days / 365)).all()
        if before is not None:
            assert (predicted[P_NO_ORDER] <= before[P_NO_ORDER]).all()
            assert (predicted[EXPECTED_VALUE] >= before[EXPECTED_VALUE]).all()
            pd.testing.assert_series_equal(predicted[P_ALIVE], before[P_ALIVE])
        before = predicted


@each_kind
def test_what_is_read_back_says_the_same(
    kind: str, outlooks: dict[str, Outlook], vectors: pd.DataFrame, tmp_path: Path
) -> None:
    outlooks[kind].save(tmp_path)
    again = Outlook.load(tmp_path)
    assert again == outlooks[kind]
    pd.testing.assert_frame_equal(again.predict(vectors, 90), outlooks[kind].predict(vectors, 90))


@each_kind
def test_one_customer_alone_is_the_same_customer_in_a_batch(
    kind: str, outlooks: dict[str, Outlook], vectors: pd.DataFrame
) -> None:
    batch = outlooks[kind].predict(vectors, 90)
    for row in (0, 7, 500):
        alone = outlooks[kind].predict(vectors.iloc[[row]], 90)
        np.testing.assert_allclose(alone, batch.iloc[[row]], rtol=1e-12)
    assert outlooks[kind].predict(vectors.iloc[:0], 90).shape == (0, len(OUTPUTS))


def test_order_of_rows_does_not_matter(vectors: pd.DataFrame) -> None:
    """To the bit: sums are taken in one order."""
    shuffled = vectors.sample(frac=1.0, random_state=0)
    assert Outlook.fit(shuffled) == Outlook.fit(vectors)


def test_customers_without_an_order_are_left_open(vectors: pd.DataFrame) -> None:
    some = vectors.copy()
    some.loc[[3, 5], ["btyd_frequency", "btyd_recency_days", "btyd_age_days"]] = np.nan
    outlook = Outlook.fit(some)
    assert outlook.purchase_diagnostics.customers == len(vectors) - 2
    missing = outlook.predict(some, 90).isna()
    assert missing.loc[[3, 5]].all(axis=None)
    assert not missing.drop([3, 5]).any(axis=None)


def test_only_the_latest_cutoff_teaches(vectors: pd.DataFrame) -> None:
    """Earlier rows are the same customers: counted again they would feign certainty."""
    earlier = draw_vectors(seed=1).assign(**{C.AS_OF: date(2024, 1, 1)})
    assert Outlook.fit(pd.concat([earlier, vectors])) == Outlook.fit(vectors)


def test_spend_of_all_orders_distinguishes_first_time_buyers(vectors: pd.DataFrame) -> None:
    once = vectors["btyd_frequency"] == 0
    repeat = Outlook.fit(vectors).predict(vectors, 90).loc[once, EXPECTED_SPEND]
    every = Outlook.fit(vectors, spend_history="all").predict(vectors, 90)
    assert repeat.nunique() == 1
    by_first = every.loc[once, EXPECTED_SPEND].corr(vectors.loc[once, "revenue_lifetime"])
    assert by_first == pytest.approx(1.0)


def test_infinite_discounting_is_what_a_long_horizon_nears(outlooks: dict[str, Outlook]) -> None:
    for outlook in outlooks.values():
        rows = draw_vectors(30, seed=3)
        rate = daily_rate(0.10)
        past = rows[["btyd_frequency", "btyd_recency_days", "btyd_age_days"]]
        summary = Summary.of(*past.to_numpy(dtype=np.float64).T)
        far = outlook.purchases.discounted_purchases(summary, 60_000.0, rate)
        for_ever = outlook.purchases.discounted_purchases(summary, np.inf, rate)
        np.testing.assert_allclose(far, for_ever, rtol=1e-4)


class TestChecks:
    """What a person is told before trusting a number."""

    def test_too_few_repeat_customers_are_refused(self, vectors: pd.DataFrame) -> None:
        with pytest.raises(TrainingError, match="only 0 customers bought again"):
            Outlook.fit(vectors[vectors["btyd_frequency"] == 0])

    def test_few_repeat_customers_are_reported(self, vectors: pd.DataFrame) -> None:
        back = vectors["btyd_frequency"] > 0
        few = pd.concat([vectors[~back], vectors[back].head(50)])
        [warning] = Outlook.fit(few).purchase_diagnostics.warnings
        assert warning.startswith("Only 50 customers bought again")

    def test_unrelated_spend_is_no_concern(self, outlooks: dict[str, Outlook]) -> None:
        assert outlooks["bg_nbd"].warnings == ()

    @pytest.mark.parametrize(("growth", "word"), [(0.08, "more"), (-0.08, "less")])
    def test_spend_that_goes_with_frequency_is_reported(self, growth: float, word: str) -> None:
        [warning] = Outlook.fit(draw_vectors(spend_grows=growth)).warnings
        assert f"often spend {word} per purchase" in warning
        assert "value model" in warning


class TestRecalibration:
    """Level and spread from earlier windows."""

    def test_totals_are_those_that_happened(self, outlooks: dict[str, Outlook]) -> None:
        predicted = outlooks["bg_nbd"].predict(draw_vectors(seed=5), 90)
        random = np.random.default_rng(0)
        orders = random.poisson(1.3 * predicted[EXPECTED_ORDERS] ** 0.8).astype(np.float64)
        value = orders * 1.2 * predicted[EXPECTED_SPEND].to_numpy()
        learned = Recalibration.learn(predicted, orders, value)
        assert learned.slope == pytest.approx(0.8, abs=0.05)
        assert learned.level == pytest.approx(1.3, rel=0.05)
        assert learned.spend_factor == pytest.approx(1.2, rel=0.05)
        again = learned.apply(predicted)
        assert again[EXPECTED_ORDERS].sum() == pytest.approx(orders.sum(), rel=1e-4)
        assert again[EXPECTED_VALUE].sum() == pytest.approx(value.sum(), rel=1e-4)

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0.1, 5.0), st.floats(0.3, 3.0), st.floats(0.34, 3.0))
    def test_parts_stay_in_agreement(
        self, forecasts: list[pd.DataFrame], level: float, slope: float, factor: float
    ) -> None:
        learned = Recalibration(level, slope, factor)
        before = None
        for predicted in map(learned.apply, forecasts):
            assert predicted.notna().all(axis=None)
            assert predicted[P_NO_ORDER].between(0, 1).all()
            assert (predicted[EXPECTED_ORDERS] >= 1 - predicted[P_NO_ORDER] - 1e-12).all()
            undiscounted = predicted[EXPECTED_ORDERS] * predicted[EXPECTED_SPEND]
            assert (predicted[EXPECTED_VALUE] <= undiscounted * (1 + 1e-9)).all()
            if before is not None:
                assert (predicted[P_NO_ORDER] <= before[P_NO_ORDER]).all()
                assert (predicted[EXPECTED_ORDERS] >= before[EXPECTED_ORDERS]).all()
            before = predicted

    @pytest.mark.parametrize(("times", "factor"), [(20.0, 3.0), (0.05, 1 / 3), (2.0, 2.0)])
    def test_spend_is_moved_by_a_factor_of_three_at_most(
        self, outlooks: dict[str, Outlook], times: float, factor: float
    ) -> None:
        predicted = outlooks["bg_nbd"].predict(draw_vectors(seed=5), 90)
        orders = np.random.default_rng(0).poisson(predicted[EXPECTED_ORDERS]).astype(np.float64)
        value = orders * times * predicted[EXPECTED_SPEND].to_numpy()
        assert Recalibration.learn(predicted, orders, value).spend_factor == pytest.approx(
            factor, rel=0.1
        )

    def test_who_leaves_with_the_next_order_buys_as_often_as_at_all(self) -> None:
        """One order at most: no fewer are expected than the chance that there is one."""
        once = pd.DataFrame(
            {
                P_ALIVE: [1.0],
                EXPECTED_ORDERS: [0.5],
                P_NO_ORDER: [0.5],
                EXPECTED_SPEND: [20.0],
                EXPECTED_VALUE: [10.0],
            }
        )
        predicted = Recalibration(0.8, 1.0, 1.0).apply(once).iloc[0]
        assert predicted[EXPECTED_ORDERS] == pytest.approx(0.4)
        assert predicted[P_NO_ORDER] == pytest.approx(0.6)

    def test_without_any_outcome_nothing_moves(self, outlooks: dict[str, Outlook]) -> None:
        predicted = outlooks["bg_nbd"].predict(draw_vectors(50, seed=5), 90)
        nothing = np.zeros(len(predicted))
        assert Recalibration.learn(predicted, nothing, nothing) == Recalibration(1.0, 1.0, 1.0)

    def test_customers_left_open_stay_so(self, outlooks: dict[str, Outlook]) -> None:
        rows = draw_vectors(50, seed=5)
        rows.loc[3, "btyd_frequency"] = np.nan
        predicted = outlooks["bg_nbd"].predict(rows, 90)
        learned = Recalibration.learn(predicted, np.ones(50), np.ones(50))
        assert learned.apply(predicted).isna().sum().eq(1).all()
        assert Recalibration.from_json(learned.to_json()) == learned

    def test_cutoffs_are_spread_over_the_history(self) -> None:
        first, as_of = date(1997, 1, 1), date(1997, 10, 1)
        cutoffs = evenly_earlier(first, as_of)
        assert cutoffs == [date(1997, 4, 2), date(1997, 5, 17), date(1997, 7, 2)]
