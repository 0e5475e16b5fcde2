"""Tiers from one publication to the next: frozen with the value champion, held at a cut-point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.progress import silent
from features.vocabulary import Columns as C
from models.bundle.folder import read_bundle
from models.bundle.schema import BundleColumns as B
from models.segments import BANK_TIERS, TIER_SHARES, TIERS, Segmentation
from training.publishing.champions import Champions
from training.publishing.publish import publish
from training.publishing.scores import score_customers
from training.publishing.segments import published_names
from training.publishing.task import ScoringTask
from training.task import TrainingTask

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 7, 1, 6, 30)  # noqa: DTZ001  the code counts in naive UTC
PLACE = list(TIER_SHARES).index("top_10")
Published = Callable[[int], pd.DataFrame]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def scoring(task: TrainingTask, champions: Champions) -> ScoringTask:
    return ScoringTask(task.engine, task.prepared, champions, task.shop, task.as_of)


@pytest.fixture(scope="module")
def published(scoring: ScoringTask, root: Path) -> Published:
    """Return a way to publish some minutes later, which gives the customers' table."""

    def after(minutes: int) -> pd.DataFrame:
        now = NOW + timedelta(minutes=minutes)
        folder = publish(scoring, now, root, silent)
        frame: pd.DataFrame = read_bundle(folder).customers.to_pandas()
        return frame.set_index(C.CUSTOMER_ID)

    return after


@pytest.fixture(scope="module")
def first(published: Published) -> pd.DataFrame:
    return published(0)


@pytest.fixture
def cut_points(champions: Champions, first: pd.DataFrame) -> Path:
    """Return where the cut-points are once something was published."""
    assert len(first)
    return champions.cards["value"].folder / "segments"


def least_of_top_10(folder: Path, value: float) -> None:
    """Move one cut-point: the same as every value moving the other way."""
    segmentation = Segmentation.load(folder)
    tiers = list(segmentation.cuts.tiers)
    tiers[PLACE] = value
    replace(segmentation, cuts=replace(segmentation.cuts, tiers=tuple(tiers))).save(folder)


def test_the_names_are_those_of_the_vocabulary(first: pd.DataFrame) -> None:
    scored = first[first[B.CLV_PREDICTED].notna()]
    assert set(scored[B.TIER]) == set(TIERS)
    assert set(scored[B.BANK_TIER]) == set(BANK_TIERS)
    assert first.loc[first[B.CLV_PREDICTED].isna(), [B.TIER, B.BANK_TIER]].isna().all(axis=None)


def test_a_small_change_at_a_cut_point_flips_nobody_and_a_large_one_does(
    first: pd.DataFrame, published: Published, cut_points: Path, scoring: ScoringTask, root: Path
) -> None:
    bound = Segmentation.load(cut_points).cuts.tiers[PLACE]
    among = first[first[B.TIER] == "top_10"].sort_values(B.CLV_PREDICTED)
    customer, value = among.index[0], float(among[B.CLV_PREDICTED].iloc[0])
    assert value >= bound
    least_of_top_10(cut_points, value * 1.05)
    second = published(1)
    assert second.loc[customer, B.CLV_PREDICTED] == value
    assert second.loc[customer, B.TIER] == "top_10"
    assert second[B.TIER].fillna("").tolist() == first[B.TIER].fillna("").tolist()
    # A report on the same day reads what was published, so it says the same.
    again = score_customers(scoring, previous=published_names(root, scoring.as_of))
    assert again.frame[B.TIER].fillna("").tolist() == second[B.TIER].fillna("").tolist()
    # Without a memory the same customer would have moved.
    assert _tier(score_customers(scoring).frame, customer) == "top_25"
    least_of_top_10(cut_points, value * 1.3)
    assert published(2).loc[customer, B.TIER] == "top_25"
    least_of_top_10(cut_points, bound)


def test_cut_points_stay_though_the_customers_change(
    cut_points: Path, scoring: ScoringTask
) -> None:
    before = (cut_points / "cut_points.json").read_bytes()
    earlier = replace(scoring, as_of=scoring.as_of - timedelta(days=60))
    scored = score_customers(earlier)
    assert scored.segmentation.as_of == scoring.as_of
    assert (cut_points / "cut_points.json").read_bytes() == before
    top = scored.frame[B.TIER].isin(TIERS[: PLACE + 1])
    bound = scored.segmentation.cuts.tiers[PLACE]
    np.testing.assert_array_equal(top, scored.frame[B.CLV_PREDICTED] >= bound)


def test_names_are_those_published_by_the_day(
    first: pd.DataFrame, task: TrainingTask, root: Path
) -> None:
    names = published_names(root, task.as_of)
    assert names is not None
    assert names[C.CUSTOMER_ID].tolist() == first.index.tolist()
    assert published_names(root, task.as_of - timedelta(days=1)) is None
    assert published_names(root, task.as_of, after=task.as_of) is None
    assert published_names(root / "nowhere", date.max) is None


def _tier(frame: pd.DataFrame, customer: str) -> str:
    return str(frame.set_index(C.CUSTOMER_ID).loc[customer, B.TIER])
