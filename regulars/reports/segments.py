"""The work of `regulars segments`: who is in which segment, and how customers moved."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from features.errors import DataError
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from features.wording import counted
from models.bundle.schema import BundleColumns as B
from models.drivers import stated_among_churners, stated_reasons
from models.registry import open_client
from models.segments import Segmentation
from regulars.console import progress_bars
from regulars.files import write_text
from regulars.paths import must_be_writable
from regulars.reports.segment_findings import VIEWS, SegmentFindings
from regulars.reports.segment_page import segments_markdown, segments_page, show_segment_tables
from regulars.settings import Settings
from regulars.shop import Shop, open_shop
from training.publishing.champions import Champions, load_champions
from training.publishing.movements import most_moved, movement, not_scored_note, segment_table
from training.publishing.scores import CustomerScores, score_customers
from training.publishing.segments import keep_segmentation, published_names
from training.publishing.task import ScoringTask

_MOST_MOVED = 20
_KINDS = (".csv", ".html", ".md")


def show_segments(
    console: Console,
    settings: Settings,
    out: Path | None,
    as_of: date | None,
    since: date | None,
    now: datetime,
) -> None:
    """Print every segment as of a day and how customers moved since an earlier one.

    Cut-points and clusters are fixed once per value champion, when it is published or in the
    first report that uses it: until another model becomes champion, a segment's name means the
    same here and in every answer of the server.

    Parameters
    ----------
    out
        Also written: ``.csv`` for the figures, ``.html`` or ``.md`` for the report.
    as_of, since
        The cutoffs: by default the day after the last order, and none to compare with.
    now
        Naive UTC.

    Raises
    ------
    DataError
        ``out`` cannot be written, a cutoff lies outside the orders, or nobody ordered in the
        look-back before one.
    RegistryError
        A job has no champion yet.
    """
    if out is not None:
        must_be_writable(out, _KINDS)
    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        day = shop.as_of(as_of)
        earlier = None if since is None else _earlier(shop, day, since)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        days = [day] if earlier is None else [earlier, day]
        scored = _scored_at(days, shop, champions, settings, progress)
    findings = find_segments(settings.shop, scored, now)
    findings = _with_hindsight(findings, champions)
    show_segment_tables(console, findings)
    if out is not None:
        _write(findings, out)
        console.print(f"  Wrote {out}")


def _scored_at(
    days: list[date], shop: Shop, champions: Champions, settings: Settings, progress: Progress
) -> list[CustomerScores]:
    """Score everyone on some days, in ascending order; segments change with hysteresis."""
    tick = progress(f"Scores at {counted(len(days), 'cutoff')}", len(days))
    scored: list[CustomerScores] = []
    for place, day in enumerate(days):
        since = days[place - 1] if place else date.min
        previous = published_names(settings.bundles, day, after=since)
        if previous is None and scored:
            previous = scored[-1].segments
        task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, day)
        scored.append(score_customers(task, previous=previous))
        keep_segmentation(champions, scored[-1].segmentation)
        tick()
    return scored


def find_segments(
    shop: ShopSettings, scored: list[CustomerScores], now: datetime
) -> SegmentFindings:
    """Describe the segments of one cutoff, or of two, the earlier first, and compare them."""
    customers = [_segmented(scores) for scores in scored]
    after, before = customers[-1], customers[0] if len(customers) > 1 else None
    segmentation = scored[-1].segmentation
    names = segmentation.clusters.profiles_
    views = [view for view in VIEWS if view != "cluster" or names]
    day = _cutoff(scored[-1])
    return SegmentFindings(
        shop=shop.name,
        currency=shop.currency,
        as_of=day,
        since=None if before is None else _cutoff(scored[0]),
        tables={view: segment_table(after, view) for view in views},
        movements={} if before is None else {v: movement(before, after, v) for v in views},
        moved=pd.DataFrame() if before is None else most_moved(before, after, _MOST_MOVED),
        stated=pd.DataFrame() if before is None else _stated(scored[0], scored[-1]),
        clusters={_cluster_name(place): words for place, words in enumerate(names)},
        notes=_notes(segmentation, day, shop.lookback_days),
        made_at=now,
    )


def _stated(before: CustomerScores, after: CustomerScores) -> pd.DataFrame:
    """Compare what the scored customers had stated with whether they ordered since."""
    stated = stated_reasons(before.vectors.frame)
    if stated.empty:
        return stated
    scored = before.frame[before.frame[B.CHURN_PROBABILITY].notna()]
    days = (_cutoff(after) - _cutoff(before)).days
    recency = after.vectors.frame.set_index(C.CUSTOMER_ID)["recency_days"]
    # Recency counts from the later day; it is missing where the order was returned since.
    ordered = recency.reindex(scored[C.CUSTOMER_ID]).to_numpy() <= days
    ids = scored[C.CUSTOMER_ID].to_numpy(dtype=str)
    return stated_among_churners(stated, ids, np.where(ordered, 0.0, 1.0))


def _segmented(scores: CustomerScores) -> pd.DataFrame:
    vectors, frame, segments = scores.vectors.frame, scores.frame, scores.segments
    places = segments["cluster"].tolist()
    names = [None if place < 0 else _cluster_name(place) for place in places]
    return segments.assign(
        cluster=pd.Series(names, dtype="str", index=segments.index),
        clv_predicted=frame[B.CLV_PREDICTED].to_numpy(dtype=np.float64),
        churn_probability=frame[B.CHURN_PROBABILITY].to_numpy(dtype=np.float64),
        revenue_365d=vectors["revenue_365d"].fillna(0.0).to_numpy(dtype=np.float64),
    )


def _cluster_name(place: int) -> str:
    return f"cluster {place + 1}"


def _cutoff(scores: CustomerScores) -> date:
    day: date = scores.vectors.frame[C.AS_OF].iloc[0]
    return day


def _notes(segmentation: Segmentation, day: date, lookback_days: int) -> tuple[str, ...]:
    notes = [
        f"Cut-points were fixed on {segmentation.as_of} and stay until another value model becomes "
        "champion; customers change tier or stage only when they pass one by a margin.",
        f"{not_scored_note(day, lookback_days)}.",
    ]
    clusters = segmentation.clusters
    found = "Clusters of behaviour" if clusters.profiles_ else "No stable clusters of behaviour"
    return (*notes, f"{found}: {clusters.why_}.")


def _with_hindsight(findings: SegmentFindings, champions: Champions) -> SegmentFindings:
    """Say so when a model learned from days after the earlier cutoff."""
    first = findings.since or findings.as_of
    late = [
        f"The {job} model learned from data up to {champions.cards[job].card['as_of']}, later "
        f"than {first}: its scores of that day benefit from hindsight."
        for job in ("churn", "value")
        if date.fromisoformat(champions.cards[job].card["as_of"]) > first
    ]
    return findings.with_notes(late)


def _earlier(shop: Shop, day: date, since: date) -> date:
    if since >= day:
        raise DataError(
            f"customers as of {day} cannot have moved since {since}",
            "choose --since before --as-of",
        )
    return shop.as_of(since)


def _write(findings: SegmentFindings, out: Path) -> None:
    """Write the report or its figures."""
    if out.suffix == ".csv":
        text = findings.figures().to_csv(index=False, lineterminator="\n")
    else:
        text = segments_page(findings) if out.suffix == ".html" else segments_markdown(findings)
    write_text(text, out)
