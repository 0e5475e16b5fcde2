"""The scorecard as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import math
from datetime import datetime
from xml.etree.ElementTree import Element

from models.metrics.bootstrap import Estimate
from models.metrics.catalogue import Metric, say
from training.plots.style import plain
from training.scorecard.judgement import Judgement
from training.scorecard.markup import element, head, render
from training.scorecard.measure import Scorecard
from training.scorecard.pictures import Picture, svg_address
from training.scorecard.segments import (
    FEWEST_ROWS,
    Segment,
    SegmentTable,
    fault_sentences,
)
from training.scorecard.style import STYLE
from training.scorecard.table import Comparison, MetricRow, capitalised

# Nothing is loaded from anywhere, and nothing runs: a segment's name may say anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def scorecard_page(card: Scorecard, pictures: tuple[Picture, ...], made_at: datetime) -> str:
    """Return the page as text.

    Parameters
    ----------
    made_at
        Naive UTC.
    """
    judgement = card.judgement
    title = judgement.title or f"{capitalised(judgement.task)} scorecard"
    body = element(
        "body",
        element("header", element("h1", title), *_opening(judgement, made_at)),
        element("h2", "Summary"),
        element("ul", *(_finding(f.tone, f.text) for f in card.findings), class_="findings"),
        element("h2", "Metrics"),
        element("div", _figures(card), class_="wide"),
        element("h2", "Plots"),
        element("div", *(_plot(picture) for picture in pictures), class_="plots"),
        *_segments(card),
        element("h2", "Definitions and data"),
        *_definitions(judgement),
        element("h2", "How to read this"),
        *(element("p", text, class_="dim") for text in _explanation(card)),
    )
    return render(element("html", head(title, STYLE, _POLICY), body, lang="en"))


def _opening(judgement: Judgement, made_at: datetime) -> list[Element]:
    n, baselines = len(judgement.actual), len(judgement.baselines)
    beside = f"beside {baselines} baselines" if baselines != 1 else "beside one baseline"
    lines = [f"{plain(judgement.model)}, judged on {n:,} customers {beside}."]
    lines += [
        " · ".join(f"{plain(name)}: {words}" for name, words in judgement.definition.items()),
        f"Made {made_at:%Y-%m-%d %H:%M} UTC.",
    ]
    return [element("p", capitalised(lines[0]))] + [
        element("p", line, class_="dim") for line in lines[1:] if line
    ]


def _finding(tone: str, text: str) -> Element:
    words = [element("b", "Warning. ")] if tone == "warning" else []
    return element("li", *words, capitalised(text), class_=tone)


def _figures(card: Scorecard) -> Element:
    judgement = card.judgement
    models = [judgement.model, *judgement.baselines]
    # What the figures say stands beside ours: baselines may need scrolling.
    names = ["metric", plain(models[0]), "in words", *(plain(model) for model in models[1:])]
    heads = [element("th", name, scope="col") for name in names]
    rows = [_metric_row(judgement, row, models) for row in card.rows]
    return element("table", element("thead", element("tr", *heads)), element("tbody", *rows))


def _metric_row(judgement: Judgement, row: MetricRow, models: list[str]) -> Element:
    metric, money = row.metric, judgement.currency
    against = {comparison.baseline: comparison for comparison in row.comparisons}
    cells = []
    for model in models:
        children: list[Element | str] = []
        if model in row.estimates:
            found = row.estimates[model]
            children = [say(metric, found.value, money)]
            if math.isfinite(found.low):
                children.append(_small(_bounds(metric, found)))
        if model in against and against[model].result != "undefined":
            children.append(_difference(metric, against[model]))
        ours = " ours" if model == judgement.model else ""
        cells.append(element("td", *(children or ["-"]), class_=f"figure{ours}"))
    name = element("th", metric.title, _small(f"{metric.meaning} ({_goal(metric)})"), scope="row")
    words = element("td", row.verdict, class_="words")
    return element("tr", name, cells[0], words, *cells[1:])


def _bounds(metric: Metric, found: Estimate) -> str:
    return f"{say(metric, found.low, '')} to {say(metric, found.high, '')}"


def _difference(metric: Metric, comparison: Comparison) -> Element:
    gap = comparison.difference
    low, high = (say(metric, bound, "", signed=True) for bound in (gap.low, gap.high))
    text = f"ours {say(metric, gap.value, '', signed=True)} ({low} to {high})"
    return element("div", text, class_=f"dim {comparison.result}")


def _goal(metric: Metric) -> str:
    if isinstance(metric.goal, float):
        return f"right at {say(metric, metric.goal, '')}"
    return "higher is better" if metric.goal == "high" else "lower is better"


def _plot(picture: Picture) -> Element:
    return element(
        "figure",
        element("img", src=svg_address(picture.figure), alt=f"{picture.name}: {picture.caption}"),
        element("figcaption", picture.caption),
        id=f"plot-{picture.name}",
    )


def _segments(card: Scorecard) -> list[Element]:
    if not card.segments:
        return []
    lines = [("warning", text) for text in fault_sentences(card.segments)]
    if not lines:
        lines = [("good", "The level and calibration of no segment are clearly worse.")]
    findings = element("ul", *(_finding(tone, text) for tone, text in lines), class_="findings")
    tables = [part for table in card.segments for part in _segment_table(card.judgement, table)]
    return [element("h2", "By segment"), findings, *tables]


def _segment_table(judgement: Judgement, table: SegmentTable) -> list[Element]:
    names = (
        ("customers", "predicted", "observed", "bias", "AUC", "ECE")
        if judgement.task == "churn"
        else ("customers", "predicted", "observed", "bias", "Gini")
    )
    heads = [element("th", name, scope="col") for name in (plain(table.group), *names, "in words")]
    rows = [_segment_row(judgement, segment) for segment in table.segments]
    made = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    return [element("h3", f"By {plain(table.group)}"), element("div", made, class_="wide")]


def _segment_row(judgement: Judgement, segment: Segment) -> Element:
    is_churn = judgement.task == "churn"
    cells = [
        element("td", f"{segment.n:,}", class_="figure"),
        *(
            element("td", _level(judgement, mean), class_="figure")
            for mean in (segment.predicted, segment.observed)
        ),
        _ranged(segment.bias, "+.1f", scale=100, unit=" points" if is_churn else " %"),
    ]
    judged = ("roc_auc", "ece") if is_churn else ("normalised_gini",)
    cells += [_ranged(segment.metrics.get(metric), ".3f") for metric in judged]
    if math.isfinite(segment.ece_by_chance):
        cells[-1].append(_small(f"by chance {segment.ece_by_chance:.3f}"))
    words = "; ".join(segment.faults) or ("ranked less well" if segment.ranked_worse else "")
    if segment.n < FEWEST_ROWS:
        words = "too few customers to judge"
    kind = "words fault" if segment.faults else "words"
    name = element("th", plain(segment.name), scope="row")
    return element("tr", name, *cells, element("td", capitalised(words), class_=kind))


def _level(judgement: Judgement, mean: float) -> str:
    if judgement.task == "churn":
        return f"{100 * mean:.1f} %"
    return f"{mean:,.2f} {judgement.currency}".rstrip()


def _ranged(found: Estimate | None, form: str, scale: float = 1.0, unit: str = "") -> Element:
    """Return a cell with a number and its interval, as far as they are defined."""
    if found is None or not math.isfinite(found.value):
        return element("td", "-", class_="figure")
    value, low, high = (f"{scale * each:{form}}" for each in (found.value, found.low, found.high))
    cell = element("td", f"{value}{unit}", class_="figure")
    if math.isfinite(found.low):
        cell.append(_small(f"{low} to {high}"))
    return cell


def _definitions(judgement: Judgement) -> list[Element]:
    entries = dict(judgement.definition)
    if judgement.task == "churn":
        campaign = judgement.campaign
        entries["expected maximum profit"] = (
            f"a retained customer is worth {campaign.clv:g}, the incentive costs "
            f"{campaign.incentive:g}, a contact {campaign.contact_cost:g}; the probability that a "
            f"churner accepts is beta({campaign.acceptance_alpha:g}, "
            f"{campaign.acceptance_beta:g})"
        )
    pairs = [part for name, words in entries.items()
             for part in (element("dt", plain(name)), element("dd", words))]  # fmt: skip
    notes = [element("p", note) for note in judgement.notes]
    return [element("dl", *pairs), *notes]


def _explanation(card: Scorecard) -> list[str]:
    lines = [
        f"Ranges are 95 % intervals: percentiles of {card.resamples} bootstrap resamples of the "
        "test customers. Differences are our metric less the baseline's on the same resamples. "
        "Better and worse mean that the interval of the difference excludes zero; for a metric "
        "with one right value, the difference in distance from it is compared. Each interval is "
        "computed by itself: among many, a few miss by chance.",
        "Noise alone makes calibration errors and decile MAPE larger; their intervals are "
        "corrected for it.",
    ]
    if card.segments:
        lines.append(
            "A segment is flagged when it is worse than the whole, or its level is missed, by "
            "enough to matter and by more than chance explains: without a real fault, a flag "
            "appears anywhere on this page in at most 5 of 100 cases. Ranking within a segment "
            "is harder than among all customers: compare segments with one another."
        )
    if any(row.metric.name == "crps" for row in card.rows):
        lines.append("CRPS is computed from the predicted quantiles.")
    return lines


def _small(text: str) -> Element:
    return element("div", text, class_="dim")
