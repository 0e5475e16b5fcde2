"""Drivers: what moved a score most, in words, with the customer's own figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from features.family import Column
from models.drivers import churn_drivers

COLUMNS = (
    Column("recency_days", "days since the last order", "days"),
    Column("orders", "orders so far", "orders"),
    Column("country", "country", "name", kind="category"),
    Column("unread", "read by no model", "none"),
)
VECTORS = pd.DataFrame(
    {
        "recency_days": [74.0, np.nan],
        "orders": [2.0, 9.123456],
        "country": pd.Series(["Norge", None], dtype="str"),
        "unread": [1.0, 1.0],
    }
)
EFFECTS = pd.DataFrame({"recency_days": [0.5, -0.1], "orders": [-0.9, 0.3], "country": [0.1, 0.21]})


def told(most: int = 3) -> list[list[dict[str, object]]]:
    return [json.loads(text) for text in churn_drivers(EFFECTS, VECTORS, COLUMNS, most)]


def test_the_strongest_comes_first_whichever_way_it_pulls() -> None:
    assert [driver["feature"] for driver in told()[0]] == ["orders", "recency_days", "country"]
    assert [driver["effect"] for driver in told()[0]] == [-0.9, 0.5, 0.1]


def test_each_driver_has_its_meaning_and_the_customers_figure() -> None:
    assert told()[0][1] == {
        "feature": "recency_days",
        "meaning": "days since the last order",
        "value": 74.0,
        "effect": 0.5,
    }


def test_names_stay_names_and_missing_is_null() -> None:
    assert {driver["feature"]: driver["value"] for driver in told()[0]}["country"] == "Norge"
    second = {driver["feature"]: driver["value"] for driver in told()[1]}
    assert second == {"orders": 9.1235, "country": None, "recency_days": None}


def test_no_more_than_asked() -> None:
    assert [len(drivers) for drivers in told(most=1)] == [1, 1]
    assert [len(drivers) for drivers in told(most=9)] == [3, 3]


def test_equal_effects_keep_the_order_of_columns() -> None:
    effects = EFFECTS * 0.0
    (first, _) = churn_drivers(effects, VECTORS, COLUMNS)
    assert [driver["feature"] for driver in json.loads(first)] == list(effects.columns)


def test_nobody_has_no_drivers() -> None:
    assert churn_drivers(EFFECTS.head(0), VECTORS.head(0), COLUMNS) == []
