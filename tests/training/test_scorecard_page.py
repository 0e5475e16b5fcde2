"""The page and its JSON: whole, self-contained, and safe whatever a segment is called."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from training.scorecard import (
    Contributions,
    Intervals,
    Judgement,
    OrderTracking,
    PurchaseMatrices,
    Quantiles,
    Survival,
    judge_model,
    scorecard_files,
)

MADE_AT = datetime(2026, 11, 22, 4, 30)  # noqa: DTZ001  the code counts in naive UTC
N = 600
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 1.5, N)
CHURNED = (RANDOM.random(N) < expit(LOGITS)).astype(np.float64)
DAYS = np.arange(7.0, 92.0, 7.0)
NASTY = '<script>alert("1 & 2")</script>'


def churn() -> Judgement:
    return Judgement(
        "churn", "churn", CHURNED,
        {"churn": expit(LOGITS), "base_rate": np.full(N, CHURNED.mean())},
    )  # fmt: skip


def full_churn() -> Judgement:
    """A judgement with every optional part."""
    effects = pd.DataFrame(
        {"recency_days": LOGITS, "orders_365d": -LOGITS / 2, "country": LOGITS / 9}
    )
    values = effects.assign(country="UK", recency_days=np.where(LOGITS > 2, np.nan, LOGITS))
    duration = np.minimum(RANDOM.exponential(80, N), 91.0)
    return replace(
        churn(),
        title="Churn of corner shop",
        definition={"horizon": "90 days", "as_of": "2026-11-22", "currency": "GBP"},
        notes=("Cost is unknown: a margin rate of 30 % is used.",),
        currency="GBP",
        groups=pd.DataFrame({"tier": np.where(LOGITS > 0, "top_10", NASTY)}),
        survival=Survival(duration, duration < 91, DAYS, {"churn": np.exp(-DAYS / 80)}),
        tracking=OrderTracking(DAYS, DAYS * 3, {"BG/NBD": DAYS * 2.9}),
        matrices=PurchaseMatrices(
            np.arange(3.0), np.arange(4.0), np.full((3, 4), 0.5), np.ones((3, 4)), 365.0, 90.0
        ),
        cohorts=pd.DataFrame([[1.0, 0.4], [1.0, np.nan]], ["2026-01", "2026-02"]),
        contributions=Contributions(
            effects, values,
            {"recency_days": "rhythm", "orders_365d": "rhythm", "country": "profile"},
            "logit of churn",
        ),
        movement=pd.DataFrame([[30, 4], [5, 9]], ["active", "lost"], ["active", "lost"]),
    )  # fmt: skip


def value() -> Judgement:
    spent = np.where(RANDOM.random(N) < 0.5, np.exp(RANDOM.normal(3, 1, N)), 0.0)
    predictions = np.exp(RANDOM.normal(2.5, 0.5, N))
    levels = np.array([0.1, 0.5, 0.9])
    return Judgement(
        "value", "value", spent, {"value": predictions, "mean": np.full(N, spent.mean())},
        currency="GBP",
        groups=pd.DataFrame({"tier": np.where(predictions > 12, "top", "rest")}),
        intervals={"value": Intervals(np.zeros(N), 4 * predictions, 0.9)},
        quantiles={"value": Quantiles(predictions[:, None] * np.array([0.0, 0.5, 3.0]), levels)},
    )  # fmt: skip


class Page(HTMLParser):
    """What a reader would find, and whatever a page might load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.plots: list[str] = []
        self.policy = ""
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        for name, given in attrs:
            if name == "content" and "default-src" in (given or ""):
                self.policy = given or ""
            if name in ("src", "href"):
                self.addresses.append(given or "")
            if name == "id" and (given or "").startswith("plot-"):
                self.plots.append((given or "").removeprefix("plot-"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(judgement: Judgement) -> Page:
    return Page(scorecard_files(judge_model(judgement, resamples=20), MADE_AT)["scorecard.html"])


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(full_churn())


def test_every_part_of_the_judgement_is_drawn(page: Page) -> None:
    assert page.plots == [
        "calibration", "gains", "lift", "profit", "tracking", "survival", "matrices", "cohorts",
        "movement", "families", "drivers",
    ]  # fmt: skip


def test_missing_parts_are_left_out() -> None:
    bare = page_of(churn())
    assert bare.plots == ["calibration", "gains", "lift", "profit"]
    assert "By segment" not in bare.text


def test_a_value_page_shows_money() -> None:
    page = page_of(value())
    assert page.plots == ["deciles", "gains", "lorenz"]
    for phrase in (
        "normalised Gini", "coverage of 90 % intervals", "CRPS is computed", "GBP in total",
    ):  # fmt: skip
        assert phrase in page.text


def test_nothing_is_loaded_and_nothing_runs(page: Page) -> None:
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert page.open == []
    assert page.policy.startswith("default-src 'none'")
    assert page.addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    for address in page.addresses:
        picture = base64.b64decode(address.partition(",")[2]).decode()
        assert "<script" not in picture
        references = re.findall(r'(?:href|src)="([^"]+)"', picture)
        assert all(reference.startswith(("#", "data:")) for reference in references)


def test_names_from_the_data_are_text(page: Page) -> None:
    assert NASTY in page.text


def test_words_stand_beside_our_figures_and_baselines_after_them(page: Page) -> None:
    assert "metric churn in words base rate" in page.text


def test_the_page_says_what_its_numbers_mean(page: Page) -> None:
    for phrase in (
        "Churn of corner shop", "judged on 600 customers beside one baseline", "as of: 2026-11-22",
        "Cost is unknown", "beta(6, 14)", "Made 2026-11-22 04:30 UTC", "20 bootstrap resamples",
        "Better than base rate", "right at 1.000",
    ):  # fmt: skip
        assert phrase in page.text, phrase


def test_the_same_card_is_the_same_page() -> None:
    card = judge_model(churn(), resamples=5)
    assert scorecard_files(card, MADE_AT) == scorecard_files(card, MADE_AT)


def test_a_window_with_one_outcome_has_a_page() -> None:
    page = page_of(replace(churn(), actual=np.zeros(N)))
    assert page.plots == ["calibration", "profit"]


def test_worthless_customers_have_a_page() -> None:
    plain = Judgement("value", "value", np.zeros(20), {"value": np.ones(20), "mean": np.zeros(20)})
    assert page_of(plain).plots == ["deciles"]


def test_machines_read_the_same_figures() -> None:
    card = judge_model(replace(full_churn(), contributions=None, matrices=None), resamples=20)
    files = scorecard_files(card, MADE_AT)

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    stored = json.loads(files["scorecard.json"], parse_constant=refuse)
    auc = stored["metrics"]["roc_auc"]
    ours = card.row("roc_auc").estimates["churn"]
    assert auc["models"]["churn"] == {"value": ours.value, "low": ours.low, "high": ours.high}
    assert auc["against"]["base_rate"]["result"] == "better"
    assert stored["metrics"]["calibration_slope"]["right_at"] == 1.0
    assert stored["metrics"]["calibration_slope"]["models"]["base_rate"]["value"] is None
    assert [f["text"] for f in stored["findings"]] == [f.text for f in card.findings]
    names = {segment["name"] for segment in stored["segments"]["tier"]}
    assert names == {"top_10", NASTY}
    assert len(stored["calibration"]["predicted"]) == 10
    assert stored["campaign"]["clv"] == 200.0
    assert stored["tracking"]["expected"]["BG/NBD"] == (DAYS * 2.9).tolist()
    assert stored["survival"]["kaplan_meier"]["survival"][0] == 1.0
    assert stored["cohorts"]["2026-02"] == {"0": 1.0, "1": None}
    assert stored["movement"]["lost"] == {"active": 5.0, "lost": 9.0}


def test_a_table_with_a_given_label_needs_no_dates() -> None:
    """As for a bank's or a telecom's table: no horizon, no cutoff, money without a currency."""
    given = replace(
        churn(),
        title="Churn of Telco",
        definition={"label": "Churn = Yes, as given", "validation": "10 folds, 3 times"},
        groups=pd.DataFrame({"Contract": np.where(LOGITS > 0, "Month-to-month", "Two year")}),
    )
    assert "Churn = Yes, as given" in page_of(given).text
