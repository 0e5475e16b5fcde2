"""Movements: every customer moves once, every margin adds up, and the money is all there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from models.segments import STAGES, TIERS
from training.publishing.movements import (
    DIRECTIONS,
    NOT_SCORED,
    NOT_YET,
    Movement,
    most_moved,
    movement,
    segment_table,
)


def customers(rows: dict[str, tuple[str | None, str, float]]) -> pd.DataFrame:
    """Make customers from tier, stage and predicted value."""
    names, stages, values = zip(*rows.values(), strict=True) if rows else ((), (), ())
    return pd.DataFrame(
        {
            "customer_id": pd.Series(list(rows), dtype="str"),
            "tier": pd.Series(list(names), dtype="str"),
            "stage": pd.Series(list(stages), dtype="str"),
            "clv_predicted": np.array(values, dtype=np.float64),
            "churn_probability": 0.5,
            "revenue_365d": 10.0,
        }
    )


BEFORE = customers(
    {
        "ada": ("top_1", "active", 100.0),
        "bob": ("rest", "cooling", 10.0),
        "cyd": ("rest", "at_risk", 5.0),
        "dan": (None, "lost", np.nan),
    }
)
AFTER = customers(
    {
        "ada": ("top_5", "cooling", 70.0),
        "bob": ("top_50", "active", 30.0),
        "cyd": (None, "lost", np.nan),
        "dan": ("rest", "reactivated", 4.0),
        "eve": ("rest", "new", 6.0),
    }
)


def directions(moved: Movement) -> dict[tuple[str, str], str]:
    pairs = zip(moved.moves["before"], moved.moves["after"], strict=True)
    return dict(zip(pairs, moved.moves["direction"], strict=True))


def test_each_move_has_its_direction_and_its_money() -> None:
    moved = movement(BEFORE, AFTER, "tier")
    assert directions(moved) == {
        ("top_1", "top_5"): "fell",
        ("rest", "top_50"): "rose",
        ("rest", NOT_SCORED): "left",
        (NOT_SCORED, "rest"): "returned",
        (NOT_YET, "rest"): "joined",
    }
    totals = moved.totals().set_index("direction")
    assert totals["change"].to_dict() == {
        "rose": 20.0, "fell": -30.0, "joined": 6.0, "returned": 4.0, "left": -5.0,
    }  # fmt: skip
    assert totals.index.tolist() == ["rose", "fell", "joined", "returned", "left"]


def test_stages_rise_towards_active() -> None:
    assert directions(movement(BEFORE, AFTER, "stage")) == {
        ("active", "cooling"): "fell",
        ("cooling", "active"): "rose",
        ("at_risk", "lost"): "fell",
        ("lost", "reactivated"): "rose",
        (NOT_YET, "new"): "joined",
    }


def test_kinds_that_are_no_ranks_have_no_direction() -> None:
    before = BEFORE.assign(cluster="cluster 1")
    after = AFTER.assign(cluster=["cluster 2", "cluster 1", "cluster 1", "cluster 1", "cluster 1"])
    moved = directions(movement(before, after, "cluster"))
    assert moved["cluster 1", "cluster 2"] == "moved"


def test_the_matrix_is_in_the_order_of_the_tiers() -> None:
    matrix = movement(BEFORE, AFTER, "tier").matrix()
    assert matrix.index.tolist() == ["top_1", "rest", NOT_SCORED, NOT_YET, "all"]
    assert matrix.columns.tolist() == ["top_5", "top_50", "rest", NOT_SCORED, "all"]
    assert matrix.loc["rest", "top_50"] == 1
    assert matrix.loc["all", "all"] == 5


def test_who_moved_most_comes_first_whichever_way() -> None:
    moved = most_moved(BEFORE, AFTER, 3)
    assert moved["customer_id"].tolist() == ["ada", "bob", "eve"]
    assert moved["change"].tolist() == [-30.0, 20.0, 6.0]
    assert moved.loc[0, ["tier_before", "tier_after"]].tolist() == ["top_1", "top_5"]
    assert moved.loc[2, "stage_before"] == NOT_YET


def test_equal_changes_go_by_id() -> None:
    rows = dict.fromkeys(("cyd", "ada", "bob"), ("rest", "new", 7.0))
    joined = most_moved(BEFORE.head(0), customers(rows), 2)
    assert joined["customer_id"].tolist() == ["ada", "bob"]


def test_a_segment_table_adds_up() -> None:
    table = segment_table(AFTER, "tier")
    assert table["name"].tolist() == ["top_5", "top_50", "rest", NOT_SCORED]
    assert table["customers"].sum() == 5
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["revenue_share"].sum() == pytest.approx(1.0)
    rest = table.set_index("name").loc["rest"]
    assert (rest["mean_value"], rest["total_value"]) == (5.0, 10.0)
    assert table["total_value"].sum() == 110.0


def test_without_revenue_nobody_has_a_share_of_it() -> None:
    assert segment_table(AFTER.assign(revenue_365d=0.0), "tier")["revenue_share"].isna().all()


def population(draw: Callable[..., list[str]]) -> pd.DataFrame:
    ids = draw(st.lists(st.sampled_from([f"c{n}" for n in range(12)]), unique=True))
    one = st.tuples(st.sampled_from([None, *TIERS]), st.sampled_from(STAGES), st.floats(0, 1e4))
    rows = {
        name: (tier, stage, np.nan if tier is None else value)
        for name, (tier, stage, value) in zip(
            ids, draw(st.lists(one, min_size=len(ids), max_size=len(ids))), strict=True
        )
    }
    return customers(rows)


populations = st.composite(population)()


@settings(max_examples=25, deadline=None)
@given(populations, populations)
def test_margins_add_up_for_any_two_dates(before: pd.DataFrame, after: pd.DataFrame) -> None:
    everyone = set(before["customer_id"]) | set(after["customer_id"])
    for view in ("tier", "stage"):
        moved = movement(before, after, view)
        moves = moved.moves
        assert moves["customers"].sum() == len(everyone)
        assert moves["value_before"].sum() == pytest.approx(before["clv_predicted"].sum())
        assert moves["value_after"].sum() == pytest.approx(after["clv_predicted"].sum())
        assert set(moves["direction"]) <= set(DIRECTIONS)
        assert moved.totals()["customers"].sum() == len(everyone)
        now = after[view].fillna(NOT_SCORED).value_counts().to_dict()
        counted = moves[moves["after"] != NOT_YET].groupby("after")["customers"].sum()
        assert counted.to_dict() == now
        if everyone:
            matrix = moved.matrix()
            assert matrix.loc["all", "all"] == len(everyone)
            assert (matrix["all"] == matrix.drop(columns="all").sum(axis=1)).all()


@settings(max_examples=10, deadline=None)
@given(populations)
def test_customers_who_do_not_move_stayed(same: pd.DataFrame) -> None:
    moved = movement(same, same, "tier").moves
    assert set(moved["direction"]) <= {"stayed"}
    assert (moved["change"] == 0).all()


@settings(max_examples=10, deadline=None)
@given(populations, populations, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    before: pd.DataFrame, after: pd.DataFrame, random: np.random.Generator
) -> None:
    order = list(range(len(after)))
    random.shuffle(order)
    shuffled = after.iloc[order].reset_index(drop=True)
    assert_frame_equal(
        movement(before, after, "stage").moves, movement(before, shuffled, "stage").moves
    )
    assert_frame_equal(most_moved(before, after, 5), most_moved(before, shuffled, 5))
