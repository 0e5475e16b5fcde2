"""Behavioural clusters: found where there are some, refused where there are none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import adjusted_rand_score

from features.family import Column
from features.vocabulary import Columns as C
from models.segments import BehaviourClusters, Segmentation

COLUMNS = (
    Column("gap_median_days", "median gap between order days", "days"),
    Column("recency_days", "days since the last net-positive order", "days"),
    Column("discounted_line_share", "share of bought lines that were discounted", "share"),
    Column("order_value_mean", "mean revenue of an order", "money"),
    Column("seldom_known", "what few customers have", "none"),
    Column("everywhere", "the same for all", "none"),
    Column("age_years", "age in the year of the cutoff", "years"),
    Column("country", "country", "name", kind="category"),
)
FAMILY_OF = {
    "gap_median_days": "rhythm",
    "recency_days": "recency_frequency_monetary",
    "discounted_line_share": "price",
    "order_value_mean": "recency_frequency_monetary",
    "seldom_known": "basket",
    "everywhere": "basket",
    "age_years": "profile",
    "country": "profile",
}
# Typical gap, recency, discount and order value of three kinds of customers.
KINDS = np.array([[20.0, 10.0, 0.1, 30.0], [90.0, 60.0, 0.8, 15.0], [45.0, 200.0, 0.3, 300.0]])


def customers(kinds: np.ndarray, noise: float, seed: int = 0) -> pd.DataFrame:
    """Draw customers around their kinds' figures, with columns that are no behaviour beside."""
    random = np.random.default_rng(seed)
    n = len(kinds)
    figures = KINDS[kinds] * np.exp(noise * random.normal(size=(n, 4)))
    frame = pd.DataFrame(figures, columns=[column.name for column in COLUMNS[:4]])
    return frame.assign(
        **{
            C.CUSTOMER_ID: [f"c{number:05d}" for number in range(n)],
            "discounted_line_share": np.clip(frame["discounted_line_share"], 0, 1),
            "seldom_known": np.where(np.arange(n) % 10 == 0, 1.0 * np.arange(n), np.nan),
            "everywhere": 1.0,
            "age_years": random.uniform(18, 90, n),
            "country": "here",
        }
    )


POPULATION = 400
TRUE_KINDS = np.random.default_rng(1).choice(3, 450, p=[0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    return customers(TRUE_KINDS, noise=0.15)


@pytest.fixture(scope="module")
def found(planted: pd.DataFrame) -> BehaviourClusters:
    return BehaviourClusters().fit(planted, COLUMNS, FAMILY_OF, "EUR")


def test_planted_clusters_are_found_the_largest_first(
    found: BehaviourClusters, planted: pd.DataFrame
) -> None:
    labels = found.assign(planted)
    assert len(found.profiles_) == 3
    assert adjusted_rand_score(TRUE_KINDS, labels) > 0.98
    assert (np.diff(np.bincount(labels)) <= 0).all()
    assert "groups apart" in found.why_
    assert "continuum" not in found.why_


def test_new_customers_join_the_cluster_of_their_kind(found: BehaviourClusters) -> None:
    kinds = np.array([0, 1, 2] * 20)
    labels = found.assign(customers(kinds, noise=0.15, seed=5))
    assert adjusted_rand_score(kinds, labels) > 0.9
    alone = customers(kinds, noise=0.15, seed=5).iloc[[7]]
    assert found.assign(alone).tolist() == [labels[7]]


def test_only_behaviour_that_varies_and_is_known_is_read(found: BehaviourClusters) -> None:
    names = ("gap_median_days", "recency_days", "discounted_line_share", "order_value_mean")
    assert found.scale_.columns == names


def test_every_family_weighs_the_same(found: BehaviourClusters, planted: pd.DataFrame) -> None:
    scaled = found.scale_.scaled(found.scale_.ranks(planted))
    variance = pd.Series(scaled.var(axis=0)).groupby(list(found.scale_.families)).sum()
    np.testing.assert_allclose(variance, 1.0, rtol=1e-6)


def test_a_missing_figure_is_in_the_middle_and_equals_share_a_rank(
    found: BehaviourClusters, planted: pd.DataFrame
) -> None:
    gaps = [np.nan, 1e-9, 1e9, *[planted["gap_median_days"].median()] * 2]
    ranks = found.scale_.ranks(planted.head(5).assign(gap_median_days=gaps))[:, 0]
    assert ranks[:3].tolist() == [0.5, 0.0, 1.0]
    assert ranks[3] == ranks[4] == pytest.approx(0.5, abs=0.01)


def test_profiles_describe_each_kind_with_its_figures(
    found: BehaviourClusters, planted: pd.DataFrame
) -> None:
    largest, second, third = found.profiles_
    assert "orders often (median gap between order days: median 2" in largest
    assert "buys on discount" in second
    assert "orders seldom" in second
    assert "has not ordered for long" in third or "large orders" in third
    gap = planted["gap_median_days"][found.assign(planted) == 1].median()
    assert f"median {gap:.1f} days" in second


def test_the_same_seed_gives_the_same_clusters(
    segmentation: Segmentation, everyone: pd.DataFrame
) -> None:
    again = BehaviourClusters().fit(everyone.head(POPULATION), COLUMNS, FAMILY_OF, "EUR")
    np.testing.assert_array_equal(again.centres_, segmentation.clusters.centres_)
    assert again.profiles_ == segmentation.clusters.profiles_
    assert_frame_equal(again.evidence_, segmentation.clusters.evidence_)


def test_clusters_come_back_from_disk_as_they_were(
    found: BehaviourClusters, planted: pd.DataFrame, tmp_path: Path
) -> None:
    found.save(tmp_path)
    loaded = BehaviourClusters.load(tmp_path)
    np.testing.assert_array_equal(loaded.assign(planted), found.assign(planted))
    assert loaded.profiles_ == found.profiles_
    assert loaded.why_ == found.why_


def test_a_long_cloud_without_clusters_is_not_cut_in_two() -> None:
    """K-means halves it the same way every time: agreement alone would call that stable."""
    random = np.random.default_rng(0)
    length = random.normal(size=450)
    frame = pd.DataFrame(
        {column.name: np.exp(length + 0.5 * random.normal(size=450)) for column in COLUMNS[:4]}
    )
    columns = COLUMNS[:4]
    clusters = BehaviourClusters().fit(frame, columns, FAMILY_OF)
    assert clusters.evidence_["agreement"].iloc[0] > 0.8
    assert not clusters.evidence_["holds"].any()
    assert clusters.profiles_ == ()
    assert clusters.assign(frame).tolist() == [-1] * 450


def test_a_handful_of_customers_has_no_clusters(planted: pd.DataFrame, tmp_path: Path) -> None:
    few = BehaviourClusters().fit(planted.head(50), COLUMNS, FAMILY_OF)
    assert set(few.assign(planted)) == {-1}
    assert "fewer than 200 customers" in few.why_
    few.save(tmp_path)
    assert BehaviourClusters.load(tmp_path).why_ == few.why_


@pytest.fixture(scope="module")
def everyone(planted: pd.DataFrame) -> pd.DataFrame:
    return planted.assign(
        as_of=date(2026, 7, 1),
        orders_lifetime=np.where(np.arange(450) % 3 == 0, 1.0, 4.0),
        gap_last_days=planted["gap_median_days"],
        revenue_lifetime=planted["order_value_mean"] * 3,
        margin_365d=planted["order_value_mean"],
    )


@pytest.fixture(scope="module")
def value(everyone: pd.DataFrame) -> np.ndarray:
    """Return predicted values; the last fifty customers are outside the population."""
    return np.where(np.arange(450) < POPULATION, everyone["order_value_mean"], np.nan)


@pytest.fixture(scope="module")
def segmentation(everyone: pd.DataFrame, value: np.ndarray) -> Segmentation:
    return Segmentation.fit(everyone, value, COLUMNS, FAMILY_OF, "EUR")


def test_a_segmentation_is_saved_whole_and_applied_the_same(
    segmentation: Segmentation, everyone: pd.DataFrame, value: np.ndarray, tmp_path: Path
) -> None:
    chance = np.linspace(0, 1, 450)
    segmentation.save(tmp_path)
    loaded = Segmentation.load(tmp_path)
    assert loaded.as_of == segmentation.as_of == date(2026, 7, 1)
    first = segmentation.apply(everyone, value, chance, 60)
    assert_frame_equal(loaded.apply(everyone, value, chance, 60), first)
    outside = first.iloc[POPULATION:]
    assert outside[["tier", "bank_tier"]].isna().all(axis=None)
    assert set(outside["cluster"]) == {-1}
    assert first[["stage", "segment", "rfm"]].notna().all(axis=None)


def test_customers_keep_tiers_and_stages_that_hardly_moved_in_whatever_order_they_come(
    segmentation: Segmentation, everyone: pd.DataFrame, value: np.ndarray
) -> None:
    before = segmentation.apply(everyone, value, np.full(450, 0.5), 60)
    order = np.random.default_rng(0).permutation(450)
    nearly = value[order] * (1 + 0.05 * np.sin(np.arange(450)))
    arguments = (everyone.iloc[order].reset_index(drop=True), nearly, np.full(450, 0.47), 60)
    held = segmentation.apply(*arguments, before)
    anew = segmentation.apply(*arguments)
    for view in ("tier", "stage"):
        assert held[view].tolist() == before[view].iloc[order].tolist()
        assert held[view].tolist() != anew[view].tolist()
