"""A simulated shop on disk: all of it or nothing, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.errors import DataError
from features.simulate import ShopPlan, read_plan, simulate, write_shop

PLAN = ShopPlan(n_customers=10_200, seed=2, days=90)


def test_a_shop_is_read_back_as_it_was_simulated(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_shop(PLAN, tmp_path / "shop", progress=lambda done, total: seen.append((done, total)))
    chunks = list(simulate(PLAN))
    assert seen == [(10_000, 10_200), (10_200, 10_200)]
    assert read_plan(tmp_path / "shop") == PLAN
    for part, chunk in enumerate(chunks):
        for name, table in chunk.tables.items():
            path = tmp_path / "shop" / name / f"part-{part:05d}.parquet"
            assert_frame_equal(pd.read_parquet(path), table)
        for name, table in chunk.truth.items():
            path = tmp_path / "shop" / "truth" / name / f"part-{part:05d}.parquet"
            assert_frame_equal(pd.read_parquet(path), table)
    assert len(list((tmp_path / "shop" / "products").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_an_interrupted_run_leaves_what_was_there(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    small = ShopPlan(n_customers=50, days=90)
    with pytest.raises(KeyboardInterrupt):
        write_shop(small, tmp_path / "shop", progress=interrupt)
    assert list(tmp_path.iterdir()) == []

    write_shop(small, tmp_path / "shop")
    other = ShopPlan(n_customers=60, days=90)
    with pytest.raises(KeyboardInterrupt):
        write_shop(other, tmp_path / "shop", progress=interrupt)
    assert read_plan(tmp_path / "shop") == small

    write_shop(other, tmp_path / "shop")
    assert read_plan(tmp_path / "shop") == other
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("irreplaceable", encoding="utf-8")
    with pytest.raises(DataError, match="Remedy: Choose another folder"):
        write_shop(ShopPlan(n_customers=50, days=90), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    write_shop(ShopPlan(n_customers=50, days=90), tmp_path / "shop")
    assert read_plan(tmp_path / "shop").n_customers == 50


def test_a_folder_without_a_plan_is_no_shop(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no simulated shop"):
        read_plan(tmp_path)
