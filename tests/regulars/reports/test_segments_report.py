"""The report on segments of a trained shop, as the command makes it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from features.errors import DataError
from features.settings import ShopSettings
from features.vectors import Vectors
from models.registry import open_client
from models.segments import Segmentation
from regulars.reports.segment_findings import plain, sheets, signed
from regulars.reports.segments import find_segments, show_segments
from regulars.settings import Settings, read_settings
from training.publishing.champions import load_champions
from training.publishing.scores import CustomerScores

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
TODAY = date(2026, 7, 1)  # the simulated orders end the day before
EARLIER = date(2026, 5, 1)


def show(
    settings: Settings,
    out: Path | None,
    as_of: date | None = None,
    since: date | None = None,
    width: int = 140,
) -> str:
    """Make the report and return what was printed, in one line."""
    output = io.StringIO()
    show_segments(Console(file=output, width=width), settings, out, as_of, since, NOW)
    return " ".join(output.getvalue().split())


@pytest.fixture(scope="module")
def settings(trained: Path) -> Iterator[Settings]:
    return read_settings(trained)


@pytest.fixture(scope="module")
def written(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Compare two dates once; return what was said and the figures."""
    out = tmp_path_factory.mktemp("segments") / "segments.csv"
    return show(settings, out, since=EARLIER), out


def kept_in(settings: Settings) -> Path:
    """Return where the cut-points of the shop's value champion are."""
    champions = load_champions(open_client(settings.mlruns), settings.shop.name)
    return champions.cards["value"].folder / "segments"


def test_every_view_is_reported_and_how_customers_moved_in_it(
    written: tuple[str, Path], settings: Settings
) -> None:
    output, _ = written
    for title in ("Value tiers", "The bank's tiers", "Stages of the life cycle", "RFM segments"):
        assert title in output
        assert f"{title}: from {EARLIER} (rows) to {TODAY} (columns), customers" in output
    assert "who rose and who fell, and what it is worth" in output
    assert "Customers whose predicted value moved most" in output
    assert f"Cut-points were fixed on {Segmentation.load(kept_in(settings)).as_of}" in output
    assert "lusters of behaviour" in output
    # The champions of this shop have learned until today.
    assert "benefit from hindsight" in output


def test_the_figures_of_every_view_are_of_the_same_customers(written: tuple[str, Path]) -> None:
    frame = pd.read_csv(written[1])
    assert set(frame["as_of"]) == {str(TODAY)}
    now = frame[frame["kind"] == "segment"]
    moves = frame[frame["kind"] == "movement"]
    customers = now.groupby("view")["customers"].sum()
    assert customers.nunique() == 1
    assert moves.groupby("view")["customers"].sum().to_dict() == customers.to_dict()
    assert now.groupby("view")["share"].sum().tolist() == pytest.approx([1.0] * len(customers))
    after = moves.groupby("view")["value_after"].sum()
    total = now.groupby("view")["total_value"].sum()
    assert after.tolist() == pytest.approx(total.tolist(), rel=1e-6)


def test_cut_points_stay_with_the_champions(
    written: tuple[str, Path], settings: Settings, tmp_path: Path
) -> None:
    folder = kept_in(settings)
    before = (folder / "cut_points.json").read_bytes()
    out = tmp_path / "now.csv"
    output = show(settings, out)
    assert (folder / "cut_points.json").read_bytes() == before
    assert f"Cut-points were fixed on {Segmentation.load(folder).as_of}" in output
    assert " (rows) to " not in output
    assert set(pd.read_csv(out)["kind"]) == {"segment"}


def test_no_word_is_broken_on_a_narrow_screen(
    written: tuple[str, Path], settings: Settings
) -> None:
    """Movements between more segments than fit have numbered columns, explained below."""
    output = show(settings, None, since=EARLIER, width=80).split()
    for name in pd.read_csv(written[1])["name"].dropna().unique():
        assert set(plain(name).split()) <= set(output)
    assert "Columns:" in output
    headings = {"customers", "share", "mean", "total", "value", "churn", "revenue"}
    assert headings <= set(output)


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_the_report_is_a_page_of_its_own(settings: Settings, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert f"Wrote {out}" in show(settings, out)
    text = out.read_text(encoding="utf-8")
    assert "Segments of corner shop" in text
    assert "Stages of the life cycle" in text
    assert "http" not in text.replace("http-equiv", "")
    assert list(tmp_path.iterdir()) == [out]
    if name.endswith("html"):
        body = text[text.index("<body>") : text.index("</body>") + len("</body>")]
        assert len(ElementTree.fromstring(body).findall(".//table")) >= 4  # noqa: S314  our own
    else:
        assert "| tier | customers | share |" in text


@pytest.mark.parametrize(
    ("out", "since", "problem"),
    [
        ("segments.xlsx", None, "unknown kind '.xlsx'"),
        ("no such folder/segments.csv", None, "there is no folder"),
        ("segments.csv", TODAY, "cannot have moved since 2026-07-01"),
        ("segments.csv", date(1999, 1, 1), "there are no orders before 1999-01-01"),
    ],
)
def test_an_impossible_request_is_refused_before_any_work(
    settings: Settings, tmp_path: Path, out: str, since: date | None, problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        show(settings, tmp_path / out, since=since)


def test_a_shop_with_surveys_sees_what_churners_had_stated() -> None:
    """Of ada, bob and cyd, who were unhappy, ada and cyd ordered no more."""
    ids = ["ada", "bob", "cyd", "dan"]
    before, after = (
        scored(
            day,
            customer_id=ids,
            recency_days=recency,
            csat_last=[1.0, 2.0, 1.0, 5.0],
        )
        for day, recency in ((EARLIER, [5.0, 6.0, 7.0, 8.0]), (TODAY, [66.0, 61.0, 68.0, 3.0]))
    )
    findings = find_segments(ShopSettings(name="corner shop"), [before, after], NOW)
    by_reason = findings.stated.set_index("reason")
    assert by_reason.loc["not satisfied", ["churners", "stayers"]].tolist() == [2, 1]
    assert by_reason.loc["stated nothing", ["churners", "stayers"]].tolist() == [0, 1]
    titles = [sheet.title for sheet in sheets(findings)]
    assert titles[-1] == (
        f"What customers had stated by {EARLIER}, and who ordered no more until {TODAY}"
    )
    assert "Behavioural clusters" not in titles
    assert "No stable clusters" in findings.notes[-1]


def scored(day: date, **columns: list[Any]) -> CustomerScores:
    """Make scores of a few customers with equal figures but those given."""
    usual = {"orders_lifetime": 4.0, "revenue_lifetime": 80.0, "margin_365d": 20.0,
             "revenue_365d": 40.0, "gap_last_days": 10.0}  # fmt: skip
    frame = pd.DataFrame(columns).assign(as_of=day, **usual)
    scores = frame[["customer_id"]].assign(clv_predicted=5.0, churn_probability=0.4)
    value = np.full(len(frame), 5.0)
    cut = Segmentation.fit(frame, value, (), {})
    segments = cut.apply(frame, value, np.full(len(frame), 0.6), 60)
    return CustomerScores(scores, Vectors(frame, (), ""), 60, "learned", cut, segments)


def test_names_and_changes_are_written_for_people() -> None:
    assert plain("top_1") == "top 1 %"
    assert plain("high_net_worth") == "high net worth"
    assert (signed(12.0), signed(-12.0), signed(0.0)) == ("+12", "-12", "0")
