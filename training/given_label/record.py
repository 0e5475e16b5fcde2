"""Record a labelled table's job: never promote a model while a column may leak the outcome."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from features.settings import ShopSettings
from models import registry
from models.registry import Client
from training.gate import Verdict
from training.given_label.job import LabelledReport
from training.publishing.champions import model_name
from training.record import Outcome, record
from training.tracking import track


def record_given_label(
    client: Client,
    found: LabelledReport,
    mlruns: Path,
    shop: ShopSettings,
    fingerprint: str,
    made_at: datetime,
) -> Outcome:
    """Track and register the model; the gate may promote it only if no column is suspect.

    Parameters
    ----------
    made_at
        Naive UTC, shown on the scorecard page.
    """
    if not found.suspects:
        return record(client, found.report, mlruns, shop, fingerprint, made_at)
    names = ", ".join(f"'{suspect.column}'" for suspect in found.suspects)
    reason = f"it learned from what may give the outcome away: {names}"
    run_id, folder = track(client, found.report, mlruns, shop.name, fingerprint)
    name = model_name(shop.name, found.report.name)
    registered = registry.register(client, name, run_id, folder)
    registry.keep(client, registered, reason)
    verdict = Verdict(promote=False, reason=reason, differences=())
    return Outcome(found.report, registered, verdict, "kept", run_id)
