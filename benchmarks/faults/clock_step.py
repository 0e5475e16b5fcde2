"""The machine's clock steps back and forth while events come in."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import uvicorn

from benchmarks.faults.shop import Trial, deliveries_to, kept_rows
from benchmarks.faults.stores import SqliteFile
from benchmarks.serving.processes import running
from benchmarks.table import Row
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.storage.sql_store import SqlStore

# In seconds: an hour back, as when summer time is set by hand; a day; and back to what is right.
_STEPS: Final = (-3_600, 3_600, -86_400, 86_400, 0)
_SECONDS: Final = 1.5


def serve_with_clock(port: int, bundles: Path, database_url: str, offset: Path) -> None:
    """Serve with a clock that goes wrong by the seconds in a file."""

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(offset.read_text(encoding="ascii")))

    app = create_app(BundleFolder(bundles), SqlStore(database_url), None, clock)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


def rows(trial: Trial) -> list[Row]:
    """Step the clock under load; after each step a reject must count in the very next answer."""
    file = SqliteFile(trial.folder / "clock.db")
    offset = trial.folder / "offset"
    offset.write_text("0", encoding="ascii")
    unheeded = 0
    with running(serve_with_clock, trial.bundles, file.url, offset) as ours:
        sent = deliveries_to(ours.port)
        base = f"http://127.0.0.1:{ours.port}"
        with sent.sending(), httpx.Client(base_url=base, timeout=30) as client:
            for step in _STEPS:
                time.sleep(_SECONDS)
                # In one step: the server must never read half a number.
                draft = offset.with_suffix(".draft")
                draft.write_text(str(step), encoding="ascii")
                draft.rename(offset)
                sent.wait_for_more()
                unheeded += _still_shown_after_reject(client)
    said = {"steps": float(len(_STEPS))}
    return [
        *kept_rows("clock steps", sent, file),
        Row("clock steps: errors", sent.refused + sent.broken, "<=", 0, said),
        Row("clock steps: rejects that the next answer did not count", unheeded, "<=", 0, said),
    ]


def _still_shown_after_reject(client: httpx.Client) -> int:
    url = "/v1/customers/C00001999/recommendations?n=3"
    shown = client.get(url).raise_for_status().json()["items"][0]["product_id"]
    event = {"type": "reject", "customer_id": "C00001999", "product_id": shown}
    client.post("/v1/events", json={"events": [event]}).raise_for_status()
    after = client.get(url).raise_for_status().json()["items"]
    return int(shown in [item["product_id"] for item in after])
