"""The work of `regulars features`: measure two cutoffs, print and write the report."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console

from features.errors import DataError
from features.family import discover_families
from features.report import at_cutoff, feature_histograms, measure_features
from features.vectors import Vectors, available_families, build_vectors
from models.registry import open_client
from regulars.console import progress_bars
from regulars.files import write_text
from regulars.paths import must_be_writable
from regulars.reports.feature_findings import JOBS, FeatureFindings
from regulars.reports.feature_page import feature_page
from regulars.reports.feature_table import show_feature_table
from regulars.settings import Settings
from regulars.shop import Shop, open_shop
from training.dataset import population
from training.importance import Importance, champion_importance, no_importance

_KINDS = (".html", ".csv")
_DEFAULT_DISTANCE_DAYS = 90


def show_features(
    console: Console,
    settings: Settings,
    out: Path,
    as_of: date | None,
    before: date | None,
    now: datetime,
) -> None:
    """Print every feature column as of a day and how it moved since an earlier one; write it too.

    Parameters
    ----------
    out
        ``.html`` for the page, ``.csv`` for the figures behind it.
    as_of, before
        The two cutoffs: by default the day after the last order, and the churn champion's
        horizon (where there is none, that of the settings, else 90 days) before it, or as early
        as the orders allow.
    now
        Naive UTC.

    Raises
    ------
    DataError
        ``out`` cannot be written, a cutoff lies outside the orders, or nobody ordered in the
        look-back before one.
    """
    must_be_writable(out, _KINDS)
    importance = _read_importance(settings)
    with progress_bars(console) as progress, open_shop(settings, now, progress) as shop:
        day = shop.as_of(as_of)
        earlier = _earlier(shop, day, before, importance)
        families = available_families(discover_families(), shop.prepared.rollups)
        tick = progress("Vectors at 2 cutoffs", 2)
        vectors = build_vectors(shop.engine, shop.prepared.rollups, families, [earlier, day])
        tick()
        lookback_days = settings.shop.lookback_days
        then = _ordered_lately(at_cutoff(vectors, earlier), lookback_days, earlier, "--before")
        today = _ordered_lately(at_cutoff(vectors, day), lookback_days, day, "--as-of")
        frame = measure_features(then, today, families)
        shares = importance.shares.reindex(index=frame["column"], columns=list(JOBS))
        for job in JOBS:
            frame[f"importance_{job}"] = shares[job].to_numpy(dtype=np.float64)
        findings = FeatureFindings(
            shop=settings.shop.name,
            currency=settings.shop.currency,
            population=population(settings.shop),
            then=earlier,
            now=day,
            customers_then=len(then.frame),
            customers_now=len(today.frame),
            families=families,
            frame=frame,
            histograms=feature_histograms(then, today),
            made_at=now,
            champions={job: _champion_words(importance, job) for job in importance.cards},
            notes=_notes(importance, vectors),
        )
        tick()
    show_feature_table(console, findings)
    _write(findings, out)
    console.print(f"  Wrote {out}")


def _read_importance(settings: Settings) -> Importance:
    # MLflow would take ten seconds to create a database, only to find it empty.
    if not (settings.mlruns / "mlflow.db").is_file():
        return no_importance()
    return champion_importance(open_client(settings.mlruns), settings.shop.name)


def _earlier(shop: Shop, day: date, before: date | None, importance: Importance) -> date:
    """Return the cutoff to compare with: the one asked for, or a horizon before ``day``."""
    first = shop.prepared.first_day + timedelta(days=1)
    if before is None:
        horizon_days = shop.settings.training.horizon_days or _DEFAULT_DISTANCE_DAYS
        if "churn" in importance.cards:
            horizon_days = importance.cards["churn"].card["definition"]["horizon_days"]
        before = max(day - timedelta(days=horizon_days), first)
    if not first <= before < day:
        raise DataError(
            f"features as of {day} cannot be compared with those as of {before}: the orders "
            f"begin on {shop.prepared.first_day}, and the earlier day must come first",
            f"choose --before from {first} on, and before --as-of",
        )
    return before


def _ordered_lately(vectors: Vectors, lookback_days: int, day: date, option: str) -> Vectors:
    """Keep the customers that models learn from and score."""
    lately = vectors.frame["recency_days"] <= lookback_days
    if not lately.any():
        raise DataError(
            f"nobody ordered in the {lookback_days} days before {day}",
            f"choose another {option}, or lengthen shop.lookback_days",
        )
    kept = vectors.frame[lately].reset_index(drop=True)
    return Vectors(kept, vectors.columns, vectors.fingerprint)


def _champion_words(importance: Importance, job: str) -> str:
    model = importance.cards[job]
    horizon_days = model.card["definition"]["horizon_days"]
    return (
        f"champion {model.version}, learned from what was known before {model.card['as_of']}, "
        f"{horizon_days} days ahead"
    )


def _notes(importance: Importance, vectors: Vectors) -> tuple[str, ...]:
    """Say for which job there is no importance, and where it is of outdated columns."""
    notes = [
        f"There is no champion for {job} yet, and so no importance: run `regulars train {job}`"
        for job in JOBS
        if job not in importance.cards
    ]
    for job, model in importance.cards.items():
        if model.card["vector_fingerprint"] == vectors.fingerprint:
            continue
        gone = sorted(set(importance.shares[job].dropna().index) - set(vectors.names))
        lost = f" and reads {len(gone)} that are gone ({', '.join(gone)})" if gone else ""
        notes.append(
            f"The {job} champion learned from columns defined otherwise than today{lost}: "
            f"run `regulars train {job}`"
        )
    return tuple(notes)


def _write(findings: FeatureFindings, out: Path) -> None:
    """Write the page or the figures."""
    if out.suffix == ".csv":
        dated = findings.frame.assign(as_of_then=findings.then, as_of_now=findings.now)
        text = dated.to_csv(index=False, lineterminator="\n")
    else:
        text = feature_page(findings)
    write_text(text, out)
