"""Drivers: what moved a score most, by family, with the customer's own figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from features.family import Column, discover_families
from models.drivers import churn_drivers, family_effects

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


def test_each_driver_has_its_meaning_the_customers_figure_and_words() -> None:
    assert told()[0][1] == {
        "feature": "recency_days",
        "meaning": "days since the last order",
        "value": 74.0,
        "effect": 0.5,
        "feature_effect": 0.5,
        "family": "order_history",
        "direction": "raises",
        "text": "has not ordered for 74 days (raises churn)",
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


def test_columns_of_one_family_are_one_driver_with_their_effects_added() -> None:
    effects = pd.DataFrame(
        {"recency_days": [0.5], "orders_90d": [0.2], "revenue_90d": [-0.6], "views_90d": [0.15]}
    )
    vectors = pd.DataFrame(
        {"recency_days": [74.0], "orders_90d": [1.0], "revenue_90d": [20.0], "views_90d": [1.0]}
    )
    columns = (
        Column("recency_days", "days since the last net-positive order", "days"),
        Column("orders_90d", "net-positive orders in the last 90 days", "orders"),
        Column("revenue_90d", "net revenue in the last 90 days", "money"),
        Column("views_90d", "products viewed in the last 90 days", "views"),
    )
    (text,) = churn_drivers(effects, vectors, columns)
    engagement, history = json.loads(text)
    assert (engagement["family"], engagement["effect"]) == ("engagement", 0.15)
    assert (history["family"], history["effect"]) == ("order_history", 0.1)
    # It leads though another column is stronger, for that one pulls the other way.
    assert (history["feature"], history["feature_effect"]) == ("recency_days", 0.5)
    assert history["direction"] == "raises"


def test_views_of_the_same_orders_are_one_driver() -> None:
    effects = pd.DataFrame(
        {"recency_days": [1.8], "overdue_ratio": [-0.3], "btyd_frequency": [0.1]}
    )
    vectors = pd.DataFrame({name: [8.0] for name in effects})
    columns = [c for family in discover_families() for c in family.columns if c.name in effects]
    (text,) = churn_drivers(effects, vectors, columns)
    (only,) = json.loads(text)
    assert (only["effect"], only["text"]) == (1.6, "has not ordered for 8 days (raises churn)")


def test_effects_by_family_add_up_to_the_score() -> None:
    random = np.random.default_rng(0)
    names = ["recency_days", "gap_mean_days", "views_90d", "searches_90d", "not_of_ours"]
    effects = pd.DataFrame(random.normal(size=(50, 5)), columns=names)
    grouped = family_effects(effects)
    assert grouped.names == ("order_history", "engagement", "not_of_ours")
    np.testing.assert_allclose(grouped.effects.sum(axis=1), effects.sum(axis=1))
    leading = np.take_along_axis(effects.to_numpy(), grouped.leading, axis=1)
    assert (np.sign(leading) == np.sign(grouped.effects)).all()


def test_the_time_of_year_is_no_habit_of_the_customer() -> None:
    effects = pd.DataFrame({"season_sine": [0.4], "gap_mean_days": [0.1]})
    vectors = pd.DataFrame({"season_sine": [0.5], "gap_mean_days": [1.0]})
    columns = [c for family in discover_families() for c in family.columns if c.name in effects]
    (text,) = churn_drivers(effects, vectors, columns)
    assert [driver["text"] for driver in json.loads(text)] == [
        "the time of year (raises churn)",
        "1 day between order days on average (raises churn)",
    ]
