"""Figures in words: right units, right number, missing said in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.family import Column, discover_families
from models.drivers.sentences import sentence
from models.drivers.wording import counted, described, figure, number, one_of

ALL = {column.name: column for family in discover_families() for column in family.columns}


def say(name: str, **figures: float | str | None) -> str:
    return sentence(ALL[name], figures.get, "EUR")


@pytest.mark.parametrize(
    ("name", "figures", "words"),
    [
        ("recency_days", {"recency_days": 74.0, "gap_median_days": 21.0},
         "has not ordered for 74 days, median gap 21"),
        ("recency_days", {"recency_days": 1.0, "gap_median_days": 21.0},
         "ordered 1 day ago, median gap 21"),
        ("recency_days", {"recency_days": 1.0}, "has not ordered for 1 day"),
        ("overdue_days", {"overdue_days": 53.2, "gap_mean_days": 20.8},
         "has waited 53.2 days longer than the mean of 20.8 days between order days"),
        ("overdue_days", {"overdue_days": -1.0, "gap_mean_days": 20.0},
         "has waited 1 day less than the mean of 20 days between order days"),
        ("overdue_ratio", {"overdue_ratio": 3.5, "gap_mean_days": 1.0},
         "has waited 3.5 times the mean of 1 day between order days"),
        ("order_days", {"order_days": 107.0}, "bought on 107 days"),
        ("order_days", {"order_days": 1.0}, "bought on 1 day"),
        ("btyd_frequency", {"btyd_frequency": 106.0}, "bought on 106 more days after the first"),
        ("btyd_frequency", {"btyd_frequency": 1.0}, "bought on 1 more day after the first"),
        ("btyd_frequency", {"btyd_frequency": 0.0}, "bought on one day only"),
        (
            "btyd_frequency",
            {"btyd_frequency": 24.0, "btyd_recency_days": 268.0, "btyd_age_days": 391.0},
            "bought on 25 days within 391 days, the last 123 days ago",
        ),
        ("gap_median_days", {"gap_median_days": 21.0}, "median gap between order days: 21 days"),
        ("orders_lifetime", {"orders_lifetime": 120.0}, "120 orders so far"),
        ("orders_trend", {"orders_trend": -1.0},
         "1 fewer order in the last 90 days than in the 90 before"),
        ("orders_trend", {"orders_trend": 0.0},
         "as many orders in the last 90 days as in the 90 before"),
        ("order_months_365d", {"order_months_365d": 3.0},
         "ordered in 3 of the last 12 spans of 30 days"),
        ("orders_90d", {"orders_90d": 1.0}, "1 order in the last 90 days"),
        ("orders_90d", {"orders_90d": 4.0}, "4 orders in the last 90 days"),
        ("orders_90d", {"orders_90d": 0.0}, "no orders in the last 90 days"),
        ("categories_bought", {"categories_bought": 1.0}, "1 distinct category ever bought"),
        ("top_category_share", {"top_category_share": 0.62},
         "62 % of spend in the favourite category"),
        ("revenue_90d", {"revenue_90d": 1234.5}, "net revenue in the last 90 days: 1,234 EUR"),
        ("margin_per_order", {"margin_per_order": 12.34},
         "margin so far over orders: 12.3 EUR per order"),
        ("support_tickets_90d", {"support_tickets_90d": 1.0},
         "1 support ticket in the last 90 days"),
        ("nps_last", {"nps_last": 3.0}, "NPS of the last day with an answer: 3 (0 to 10)"),
        ("country", {"country": "Norge"}, "country: Norge"),
        ("was_referred", {"was_referred": 1.0}, "was brought by another customer"),
        ("order_hour_mean", {"order_hour_mean": 14.5},
         "mean hour of the day of the orders: 14.5 h UTC"),
        ("survey_answers", {}, "never answered a survey"),
        ("gap_mean_days", {}, "fewer than two order days"),
        ("country", {}, "country: unknown"),
        ("recency_days", {}, "days since the last order: no such order"),
    ],
)  # fmt: skip
def test_every_kind_of_figure_is_written_as_a_person_would(
    name: str, figures: dict[str, float | str], words: str
) -> None:
    assert say(name, **figures) == words


def test_money_without_a_currency_is_a_bare_number() -> None:
    assert figure(12.0, "money", "") == "12"
    assert figure(12.0, "money per order", "GBP") == "12 GBP per order"


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("days", "day"), ("categories", "category"), ("people", "person"), ("visits", "visit"),
     ("tickets per order", "ticket per order"), ("support tickets", "support ticket"),
     ("orders per year", "order per year")],
)  # fmt: skip
def test_one_is_in_the_singular(plural: str, singular: str) -> None:
    assert one_of(plural) == singular
    assert counted(1.0, plural) == f"1 {singular}"
    assert counted(2.0, plural) == f"2 {plural}"
    assert counted(0.5, plural) == f"0.5 {plural}"


@pytest.mark.parametrize("column", ALL.values(), ids=lambda column: column.name)
def test_every_column_has_a_sentence(column: Column) -> None:
    values: list[float | str] = ["here"] if column.kind == "category" else [0.0, 1.0, 0.37, 42.0]
    said = [say(column.name, **{column.name: value}) for value in values]
    said.append(say(column.name))
    for words in said:
        assert words
        assert "net-positive" not in words
        assert "None" not in words
        assert "nan" not in words.split()
        assert " 1 days" not in f" {words}"


@settings(max_examples=100)
@given(st.floats(-1e9, 1e9))
def test_numbers_keep_three_digits(value: float) -> None:
    words = number(value)
    millions = words.endswith(" M")
    back = float(words.removesuffix(" M").replace(",", "")) * (1e6 if millions else 1)
    assert math.isclose(back, value, rel_tol=6e-3, abs_tol=1e-6)


def test_a_scale_follows_its_number() -> None:
    column = Column("quality", "mean answer about quality", "0 worst to 1 best")
    assert described(column, 0.25, "EUR") == "mean answer about quality: 0.25 (0 worst to 1 best)"
