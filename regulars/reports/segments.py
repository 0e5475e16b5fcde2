"""The command behind `regulars segments`: who is in which segment, and how customers moved."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from features.errors import DataError
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.drivers import stated_among_churners, stated_reasons
from models.drivers.families import known_families
from models.registry import open_client
from models.segments import Segmentation
from regulars.console import progress_bars
from regulars.reports.segment_findings import VIEWS, SegmentFindings
from regulars.reports.segment_page import segments_markdown, segments_page, show_segment_tables
from regulars.settings import Settings
from regulars.shop import Shop, open_shop
from training.champions import Champions, load_champions
from training.movements import lookback_words, most_moved, movement, segment_table
from training.scores import CustomerScores, score_customers

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

    Cut-points and clusters are placed once for a set of champions, on the earlier day of the
    first report with them, and kept in the workspace: until another model is champion, a word
    means the same.

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
    _must_be_writable(out)
    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        day = shop.as_of(as_of)
        earlier = None if since is None else _earlier(shop, day, since)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        days = [day] if earlier is None else [earlier, day]
        tick = progress(f"Scores at {len(days)} cutoffs", len(days) + 1)
        scored = []
        for cutoff in days:
            scored.append(
                score_customers(shop.engine, shop.prepared, champions, settings.shop, cutoff)
            )
            tick()
        segmentation = _frozen(settings, champions, scored[0])
        tick()
    horizon_days = champions.churn.horizon_days
    findings = find_segments(settings.shop, segmentation, scored, horizon_days, now)
    findings = _with_hindsight(findings, champions)
    show_segment_tables(console, findings)
    if out is not None:
        _write(findings, out)
        console.print(f"  Wrote {out}")


def find_segments(
    shop: ShopSettings,
    segmentation: Segmentation,
    scored: list[CustomerScores],
    horizon_days: int,
    now: datetime,
) -> SegmentFindings:
    """Segment the customers of one cutoff, or of two, the earlier first, and compare them.

    Parameters
    ----------
    horizon_days
        Of the churn probabilities.
    """
    customers: list[pd.DataFrame] = []
    for scores in scored:
        previous = customers[-1] if customers else None
        customers.append(_segmented(segmentation, scores, horizon_days, previous))
    after, before = customers[-1], customers[0] if len(customers) > 1 else None
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
    """Set what the scored customers had stated against whether they ordered since."""
    stated = stated_reasons(before.vectors.frame)
    if stated.empty:
        return stated
    scored = before.frame[before.frame["churn_probability"].notna()]
    days = (_cutoff(after) - _cutoff(before)).days
    recency = after.vectors.frame.set_index(C.CUSTOMER_ID)["recency_days"]
    # Counted from the later day; a missing one is an order that was since returned.
    ordered = recency.reindex(scored[C.CUSTOMER_ID]).to_numpy() <= days
    ids = scored[C.CUSTOMER_ID].to_numpy(dtype=str)
    return stated_among_churners(stated, ids, np.where(ordered, 0.0, 1.0))


def _segmented(
    segmentation: Segmentation,
    scores: CustomerScores,
    horizon_days: int,
    previous: pd.DataFrame | None,
) -> pd.DataFrame:
    vectors, frame = scores.vectors.frame, scores.frame
    value = frame["clv_predicted"].to_numpy(dtype=np.float64)
    churn = frame["churn_probability"].to_numpy(dtype=np.float64)
    segments = segmentation.apply(vectors, value, 1.0 - churn, horizon_days, previous)
    places = segments["cluster"].tolist()
    names = [None if place < 0 else _cluster_name(place) for place in places]
    return segments.assign(
        cluster=pd.Series(names, dtype="str", index=segments.index),
        clv_predicted=value,
        churn_probability=churn,
        revenue_365d=vectors["revenue_365d"].fillna(0.0).to_numpy(dtype=np.float64),
    )


def _cluster_name(place: int) -> str:
    return f"cluster {place + 1}"


def _cutoff(scores: CustomerScores) -> date:
    day: date = scores.vectors.frame[C.AS_OF].iloc[0]
    return day


def _frozen(settings: Settings, champions: Champions, scores: CustomerScores) -> Segmentation:
    """Return the champions' segmentation, placing it when there is none yet."""
    folder = settings.workspace / "segments" / champions.version
    if folder.is_dir():
        return Segmentation.load(folder)
    segmentation = Segmentation.fit(
        scores.vectors.frame,
        scores.frame["clv_predicted"].to_numpy(dtype=np.float64),
        scores.vectors.columns,
        known_families(),
        settings.shop.currency,
    )
    partial = folder.with_name(f".{folder.name}.partial")
    segmentation.save(partial)
    partial.rename(folder)
    return segmentation


def _notes(segmentation: Segmentation, day: date, lookback_days: int) -> tuple[str, ...]:
    notes = [
        f"Cut-points were placed on {segmentation.as_of} and stay until another model is "
        "champion; tiers and stages change only past them by a margin.",
        f"{lookback_words(day, lookback_days)}.",
    ]
    clusters = segmentation.clusters
    found = "Clusters of behaviour" if clusters.profiles_ else "No stable clusters of behaviour"
    return (*notes, f"{found}: {clusters.why_}.")


def _with_hindsight(findings: SegmentFindings, champions: Champions) -> SegmentFindings:
    """Say so when a model has learned from days that the earlier scores pretend not to know."""
    first = findings.since or findings.as_of
    late = [
        f"The {job} model learned from data up to {champions.cards[job].card['as_of']}, later "
        f"than {first}: values of that day are seen with hindsight."
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


def _must_be_writable(out: Path | None) -> None:
    if out is None:
        return
    if out.suffix not in _KINDS:
        raise DataError(
            f"cannot write {out}: unknown kind {out.suffix!r}", f"use {', '.join(_KINDS)}"
        )
    if not out.resolve().parent.is_dir():
        raise DataError(f"there is no folder {out.resolve().parent}", "create it first")


def _write(findings: SegmentFindings, out: Path) -> None:
    """Write the report or its figures, whole or not at all."""
    if out.suffix == ".csv":
        text = findings.figures().to_csv(index=False, lineterminator="\n")
    else:
        text = segments_page(findings) if out.suffix == ".html" else segments_markdown(findings)
    partial = out.with_name(f".{out.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(out)
