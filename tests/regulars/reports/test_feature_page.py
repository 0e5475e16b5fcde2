"""The feature page and table: whole, escaped, readable, and saying what was found."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from features.family import Column, Family
from features.report import Histogram, feature_histograms, measure_features
from features.vectors import Vectors
from regulars.reports.feature_findings import FeatureFindings
from regulars.reports.feature_page import feature_page
from regulars.reports.feature_plot import HEIGHT, WIDTH, plot_histogram
from regulars.reports.feature_table import show_feature_table
from regulars.reports.page_style import DARK, LIGHT, SORTING, STYLE
from training.scorecard.markup import element, render

NASTY = "<script>alert('1')</script>&amp;\"[bold]"
VOID = {"meta", "link", "br", "img", "input", "hr"}
HABITS = (
    Column("recency_days", "days since the last order", "days", "no order"),
    Column("revenue_90d", "revenue of the last 90 days", "money"),
    Column("score", "the last answer", "points", "never answered <yet>"),
    Column("season_sine", "where the cutoff stands in the year", "-1 to 1"),
    Column("never_seen", "what no customer has", "days", "always"),
)
PROFILE = (
    Column("return_share", "returned over bought", "share", "bought nothing"),
    Column("country", NASTY, "name", "unknown", kind="category"),
)


def family(name: str, columns: Iterable[Column]) -> Family:
    def no_compute(*_: Any) -> Any:
        raise AssertionError("a page computes nothing")

    return Family(name, f"about {name} & more", (), tuple(columns), no_compute)


def vectors(as_of: date, shift: float) -> Vectors:
    random = np.random.default_rng(4)
    n = 400
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(n)],
            "as_of": as_of,
            "recency_days": random.integers(1, 200, n) + 40 * shift,
            "revenue_90d": random.gamma(2, 1000, n).round(2),
            "score": np.where(np.arange(n) < 60, random.integers(0, 11, n), np.nan),
            "season_sine": shift - 0.5,
            "never_seen": np.nan,
            "return_share": random.random(n) / 3,
            "country": pd.Series(random.choice([NASTY, "SE", "NO"], n), dtype="str"),
        }
    )
    return Vectors(frame, (*HABITS, *PROFILE), "same")


@pytest.fixture(scope="module")
def findings() -> FeatureFindings:
    then, now = vectors(date(2026, 1, 1), 0.0), vectors(date(2026, 4, 1), 1.0)
    families = (family("habits", HABITS), family("profile", PROFILE))
    frame = measure_features(then, now, families)
    frame["importance_churn"] = [0.6, 0.25, 0.1, 0.004, np.nan, 0.046, 0.0]
    frame["importance_value"] = [0.1, 0.7, 0.2, 0.0, np.nan, 0.0, 0.0]
    return FeatureFindings(
        shop=f"shop {NASTY}",
        currency="SEK",
        population="a net-positive order in the 365 days before as_of",
        then=date(2026, 1, 1),
        now=date(2026, 4, 1),
        customers_then=400,
        customers_now=400,
        families=families,
        frame=frame,
        histograms=feature_histograms(then, now),
        made_at=datetime(2026, 4, 1, 9, 30),  # noqa: DTZ001  the code counts in naive UTC
        champions={"churn": "champion 3", "value": "champion 5"},
        notes=(f"a note {NASTY}",),
    )


class Page(HTMLParser):
    """A page as a browser would take it apart: elements that close, texts, attributes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def values(self, name: str) -> list[str]:
        return [value for _, called, value in self.attributes if called == name]

    @property
    def text(self) -> str:
        return " ".join(
            " ".join(data for tag, data in self.texts if tag not in {"style", "script"}).split()
        )


@pytest.fixture(scope="module")
def page(findings: FeatureFindings) -> Page:
    return Page(feature_page(findings))


def printed(findings: FeatureFindings, width: int = 120) -> str:
    out = io.StringIO()
    show_feature_table(Console(file=out, width=width, highlight=False), findings)
    return out.getvalue()


def test_every_element_that_opens_closes(page: Page) -> None:
    assert page.open == []
    assert page.tags[:2] == ["html", "head"]


def test_words_from_the_shop_are_text_and_nothing_else(page: Page) -> None:
    assert page.tags.count("script") == 1
    assert [data for tag, data in page.texts if tag == "script"] == [SORTING]
    assert "alert" not in "".join(page.values("onclick"))
    for place in (f"Features of shop {NASTY}", f"a note {NASTY}", f"{NASTY} [name]", "<yet>"):
        assert " ".join(place.split()) in page.text
    assert any(text.startswith(NASTY) for tag, text in page.texts if tag == "title")


def test_the_page_needs_nothing_beside_itself(page: Page) -> None:
    assert not {"link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert page.values("src") == []
    assert all(target.startswith("#") for target in page.values("href"))
    assert not re.search(r"url\(|@import|https?:", STYLE + SORTING)
    assert any("default-src 'none'" in policy for policy in page.values("content"))


def test_links_lead_somewhere_and_names_are_unique(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.values("href")} <= set(ids)
    assert {f"column-{column.name}" for column in (*HABITS, *PROFILE)} <= set(ids)
    assert {"family-habits", "family-profile"} <= set(ids)


def test_each_column_is_reported_with_its_meaning_unit_and_missing(page: Page) -> None:
    for column in (*HABITS, *PROFILE[:1]):
        unit = "SEK" if column.unit == "money" else column.unit
        assert f"{column.name} {column.meaning} [{unit}]" in page.text
        assert f"missing: {column.missing}" in page.text


def test_figures_carry_units_and_no_needless_digits(page: Page, findings: FeatureFindings) -> None:
    row = findings.frame.set_index("column").loc["revenue_90d"]
    assert f"{row['median_now']:,.0f} SEK" in page.text
    assert re.search(r"\d\.0{3}", page.text) is None
    assert re.search(r"\.\d{5,}", page.text) is None
    assert "nan" not in page.text.split()


def test_the_summary_says_what_stands_out(page: Page) -> None:
    summary = page.text.split("habits profile")[0]
    assert "Most important for churn recency_days 60 % revenue_90d 25 % score 10 %" in summary
    assert "Most important for value revenue_90d 70 % score 20 % recency_days 10 %" in summary
    assert "Most shifted recency_days shifted, PSI" in summary
    assert "The same for every customer of a cutoff: season_sine" in summary
    assert "Barely covered never_seen 0 % score 15 %" in summary


def test_without_champions_the_page_and_table_do_without(findings: FeatureFindings) -> None:
    untrained = findings.frame.assign(importance_churn=np.nan, importance_value=np.nan)
    alone = replace(findings, champions={}, frame=untrained)
    page = Page(feature_page(alone))
    assert "Importance" not in page.text
    assert "Most important" not in page.text
    assert "Most important" not in printed(alone)
    assert "Most shifted" in printed(alone)


def test_cells_sort_by_numbers_with_the_missing_last(page: Page) -> None:
    keys = page.values("data-order")
    columns = 9
    assert len(keys) == columns * (len(HABITS) + len(PROFILE))
    rows = [keys[start : start + columns] for start in range(0, len(keys), columns)]
    assert [row[0] for row in rows] == [column.name for column in (*HABITS, *PROFILE)]
    for row in rows:
        for key in row[1:]:
            assert key == "" or math.isfinite(float(key))
    assert float(rows[0][7]) == 0.6
    assert rows[4][7] == ""  # no champion reads it


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_are_readable(colours: dict[str, str]) -> None:
    """WCAG 2 AA: 4.5 for text, 3 for what is drawn, and the two drawn are told apart."""
    for background in ("paper", "panel"):
        for text in ("ink", "dim", "stable", "moved", "shifted"):
            assert contrast(colours[text], colours[background]) >= 4.5, (text, background)
    for drawn in ("now", "then"):
        assert contrast(colours[drawn], colours["paper"]) >= 3, drawn
    assert contrast(colours["now"], colours["then"]) > 1.4
    used = set(re.findall(r"var\(--(\w+)\)", STYLE))
    assert used <= set(colours)


def test_a_plot_is_as_high_as_the_root_of_its_share() -> None:
    plot = plot_histogram(Histogram(np.array([0.25, 0.75]), np.array([1.0, 0.0]), 0, 1), "a & b")
    title, now, then = list(plot)
    full = HEIGHT - 2
    assert title.text == "a & b"
    assert now.get("d") == f"M0 {HEIGHT}V2H75V{HEIGHT}H{WIDTH}V{HEIGHT}Z"
    levels = [float(level) for level in re.findall(r"V([\d.]+)H", str(then.get("d")))]
    assert levels == pytest.approx([HEIGHT - full / 2, HEIGHT - full * math.sqrt(0.75)], abs=0.01)


def test_bars_of_names_stay_within_the_plot() -> None:
    names = (*"abcdefgh", "7 others")
    even = np.full(9, 1 / 9)
    for bar in plot_histogram(Histogram(even, even, names=names), "names").iter("rect"):
        sizes = {name: float(bar.get(name, "nan")) for name in ("x", "y", "width", "height")}
        assert 0 <= sizes["x"] < sizes["x"] + sizes["width"] <= WIDTH
        assert sizes["y"] + sizes["height"] == pytest.approx(HEIGHT, abs=0.01)


def test_markup_keeps_the_order_of_text_and_elements() -> None:
    made = element("p", "a < b", element("b", "c", class_="x"), " & ", "d", data_order="1")
    assert render(made) == (
        '<!doctype html>\n<p data-order="1">a &lt; b<b class="x">c</b> &amp; d</p>\n'
    )


def test_the_table_fits_and_holds_every_column(findings: FeatureFindings) -> None:
    shown = printed(findings)
    assert max(len(line) for line in shown.splitlines()) <= 120
    for column in (*HABITS, *PROFILE):
        assert sum(line.startswith(f" {column.name} ") for line in shown.splitlines()) == 1
    assert (
        shown.index("habits: about") < shown.index("recency_days") < shown.index("profile: about")
    )
    assert "missing: never" in shown
    assert "60 %" in shown
    assert "…" not in shown


def test_the_table_prints_words_from_the_shop_as_they_are(findings: FeatureFindings) -> None:
    assert f"shop {NASTY}" in " ".join(printed(findings).split())


def test_long_names_are_folded_and_never_cut(findings: FeatureFindings) -> None:
    name = "order_revenue_of_the_same_season_in_the_year_before_365d"
    renamed = replace(findings, frame=findings.frame.replace({"column": {"recency_days": name}}))
    shown = printed(renamed)
    assert max(len(line) for line in shown.splitlines()) <= 120
    assert name in "".join(line[1:31].strip() for line in shown.splitlines())
