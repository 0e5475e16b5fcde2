"""The feature report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import math
from typing import Any
from xml.etree.ElementTree import Element

import pandas as pd

from features.drift import MOVED_ABOVE, SHIFTED_ABOVE
from features.family import Family
from features.report import Histogram
from regulars.reports.feature_findings import (
    BARELY_COVERED,
    FeatureFindings,
    barely_covered,
    figure_with_unit,
    most_important,
    most_shifted,
    percent,
    spread,
    stability,
    uniform,
    unit_name,
)
from regulars.reports.feature_plot import plot_histogram
from regulars.reports.page_style import SORTING, STYLE
from training.scorecard.markup import element, head, render

# Nothing is loaded from anywhere: a customer's country or a product's name may say anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_LISTED = 10
_PLOT = "distribution"
_HEADINGS = ("column", "covered", _PLOT, "median", "mean", "distinct", "drift")


def feature_page(findings: FeatureFindings) -> str:
    """Return the page as text."""
    title = f"Features of {findings.shop}"
    body = element(
        "body",
        element("header", element("h1", title), *_opening(findings)),
        element("div", *_summary(findings), class_="summary"),
        element(
            "nav", *(element("a", f.name, href=f"#family-{f.name}") for f in findings.families)
        ),
        *(_section(findings, family) for family in findings.families),
        element("h2", "How to read this"),
        *(element("p", text, class_="dim") for text in _explanation(findings)),
        element("script", SORTING),
    )
    return render(element("html", head(title, STYLE, _POLICY), body, lang="en"))


def _opening(findings: FeatureFindings) -> list[Element]:
    """Return what is compared, which champions there are, and what to keep in mind."""
    lines = [
        element(
            "p",
            f"{len(findings.frame)} columns in {len(findings.families)} families, over customers "
            f"with {findings.population}: ",
            element(
                "span", f"now, {findings.customers_now:,} as of {findings.now}", class_="key-now"
            ),
            "; ",
            element(
                "span",
                f"then, {findings.customers_then:,} as of {findings.then}",
                class_="key-then",
            ),
            ".",
        )
    ]
    lines += [element("p", f"{job}: {words}", class_="dim")
              for job, words in findings.champions.items()]  # fmt: skip
    lines += [element("p", note, class_="note") for note in findings.notes]
    lines.append(element("p", f"Made {findings.made_at:%Y-%m-%d %H:%M} UTC.", class_="dim"))
    return lines


def _summary(findings: FeatureFindings) -> list[Element]:
    frame = findings.frame
    boxes = [
        _box(f"Most important for {job}", most_important(frame, job, _LISTED),
             lambda row, job=job: percent(row[f"importance_{job}"]), "nothing is read")
        for job in findings.champions
    ]  # fmt: skip
    shifted = _box(
        "Most shifted",
        most_shifted(frame, _LISTED),
        lambda row: f"{row['drift']}, PSI {stability(row['psi'])}",
        "every column is stable",
    )
    if uniform(frame):
        words = f"The same for every customer of a cutoff: {', '.join(uniform(frame))}"
        shifted.append(element("p", words, class_="dim"))
    covered = _box(
        "Barely covered",
        barely_covered(frame, _LISTED),
        lambda row: percent(row["coverage_now"]),
        f"every column has a value for {percent(BARELY_COVERED)} of the customers or more",
    )
    return [*boxes, shifted, covered]


def _box(heading: str, rows: pd.DataFrame, measure: Any, otherwise: str) -> Element:
    if rows.empty:
        return element("div", element("h3", heading), element("p", otherwise, class_="dim"))
    items = [
        element(
            "li",
            element("a", element("code", row["column"]), href=f"#column-{row['column']}"),
            element("span", measure(row)),
        )
        for _, row in rows.iterrows()
    ]
    return element("div", element("h3", heading), element("ol", *items))


def _section(findings: FeatureFindings, family: Family) -> Element:
    heads = [
        element("th", heading if heading == _PLOT else _sorter(heading), scope="col")
        for heading in (*_HEADINGS, *findings.champions)
    ]
    rows = [_row(findings, row) for _, row in findings.of_family(family).iterrows()]
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    return element(
        "section",
        element("h2", family.name, id=f"family-{family.name}"),
        element("p", family.meaning),
        element("div", table, class_="wide"),
    )


def _sorter(heading: str) -> Element:
    return element("button", heading, type="button", title=f"sort by {heading}")


def _row(findings: FeatureFindings, row: pd.Series[Any]) -> Element:
    name, currency = row["column"], findings.currency
    unit = unit_name(row["unit"], currency)
    cells = [
        _cell(name, element("code", name), _small(f"{row['meaning']} [{unit}]"), class_="name"),
        _cell(
            row["coverage_now"],
            percent(row["coverage_now"]),
            _bar(row["coverage_now"]),
            _small(f"was {percent(row['coverage_then'])}"),
            _small(f"missing: {row['missing']}"),
        ),
        _cell(math.nan, *_plot(findings.histograms[name], row, currency)),
        *(_name_cells(row) if row["kind"] == "category" else _number_cells(row, currency)),
        _cell(row["distinct_now"], f"{row['distinct_now']:,}",
              _small(f"was {row['distinct_then']:,}"), class_="figure"),
        _cell(row["psi"], element("span", row["drift"], class_=row["drift"]),
              _small(f"PSI {stability(row['psi'])}"),
              _small(f"by chance {stability(row['psi_by_chance'])}"),
              class_="figure"),
        *(_importance_cell(row[f"importance_{job}"]) for job in findings.champions),
    ]  # fmt: skip
    return element("tr", *cells, id=f"column-{name}")


def _number_cells(row: pd.Series[Any], currency: str) -> list[Element]:
    def cell(measure: str, *more: Element) -> Element:
        then, now = (
            figure_with_unit(row[f"{measure}_{when}"], row["unit"], currency)
            for when in ("then", "now")
        )
        return _cell(row[f"{measure}_now"], now, _small(f"was {then}"), *more, class_="figure")

    middle = spread(row["p5_now"], row["p95_now"], row["unit"])
    return [cell("median", _small(f"90 % in {middle}")), cell("mean")]


def _name_cells(row: pd.Series[Any]) -> list[Element]:
    now, then = row["top_values_now"] or "-", row["top_values_then"] or "-"
    return [_cell(math.nan, now, _small(f"was {then}"), class_="names"), _cell(math.nan, "-")]


def _plot(histogram: Histogram, row: pd.Series[Any], currency: str) -> list[Element]:
    if not (histogram.then.any() or histogram.now.any()):
        return [_small("no value at all")]
    name = row["column"]
    if histogram.names:
        return [plot_histogram(histogram, f"{name}: the commonest names, then and now")]
    low, high = (figure_with_unit(end, row["unit"], currency)
                 for end in (histogram.low, histogram.high))  # fmt: skip
    axis = element("span", element("span", low), element("span", high), class_="axis dim")
    return [plot_histogram(histogram, f"{name}: {low} to {high}, then and now"), axis]


def _importance_cell(share: float) -> Element:
    if math.isnan(share):
        return _cell(share, "-", class_="figure")
    return _cell(share, f"{100 * share:.1f} %", _bar(share), class_="figure")


def _cell(order: float | str, *children: Element | str, class_: str = "") -> Element:
    """Return a cell that sorts by ``order``; missing last, either way."""
    key = "" if isinstance(order, float) and math.isnan(order) else str(order)
    attributes = {"class_": class_} if class_ else {}
    return element("td", *children, data_order=key, **attributes)


def _small(text: str) -> Element:
    return element("div", text, class_="dim")


def _bar(share: float) -> Element:
    return element("span", element("span", style=f"width:{100 * share:.3g}%"), class_="bar")


def _explanation(findings: FeatureFindings) -> list[str]:
    paragraphs = [
        "Covered is the share of customers who have the value; what a missing value means is "
        "written below. Median, mean and the range that holds 90 % are of those who have it.",
        "Small plots show the shares of customers then (line, or left bar) and now (area, or "
        "right bar); the heights are square roots, so that rare values stay visible, and the "
        "outermost hundredths are counted at the ends.",
        "Drift is the population stability index between the two cutoffs, over the deciles of "
        f"then or by name, missing values apart: below {MOVED_ABOVE} stable, up to "
        f"{SHIFTED_ABOVE} moved, above it shifted (Siddiqi 2006), and stable as well where chance "
        "explains it at so many customers (Yurdakul 2018). Uniform: all customers of a cutoff "
        "have the same value.",
    ]
    if findings.champions:
        paragraphs.append(
            "Importance is the share of a champion's gain in training from splits on the column; a "
            "dash where it does not read it. Columns that say nearly the same share it between "
            "them. For value, the models of whether and how much a customer buys count half each."
        )
    return paragraphs
