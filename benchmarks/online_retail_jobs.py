"""Jobs trained on UCI Online Retail II, for the benchmarks that judge them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from features.progress import Progress
from regulars.console import progress_bars
from regulars.settings import read_settings
from regulars.shop import Shop, open_shop
from training.horizons import Horizons
from training.report import JobReport
from training.run import run_job, with_shared_table
from training.task import TrainingTask

HORIZON_DAYS = 90
END = date(2011, 12, 9)

_CONFIG = Path(__file__).parent.parent / "examples" / "online_retail_ii" / "regulars.toml"


def trained(console: Console, jobs: Sequence[str]) -> dict[str, JobReport]:
    """Train jobs as of the end of the data, in a workspace of their own.

    The models are judged on the last 90 days, from 10 September 2011 on.
    """
    horizons = Horizons(HORIZON_DAYS, "fixed", HORIZON_DAYS, "fixed")
    with progress_bars(console) as progress, opened(progress) as shop:
        settings = shop.settings
        task = with_shared_table(
            TrainingTask(
                shop.engine, shop.prepared, settings.shop, settings.training, horizons, END,
                progress,
            )
        )  # fmt: skip
        return {job: run_job(job, task) for job in jobs}


@contextmanager
def opened(progress: Progress) -> Iterator[Shop]:
    """Open the shop, prepared in a workspace of its own."""
    settings = read_settings(_CONFIG)
    source = settings.base / settings.tables["orders"][0].path
    if not source.is_file():
        sys.exit(f"This benchmark needs the public data: {source.resolve()} is absent.")
    now = datetime.now(UTC).replace(tzinfo=None)
    with tempfile.TemporaryDirectory() as folder:
        paths = settings.paths.model_copy(update={"workspace": Path(folder)})
        elsewhere = settings.model_copy(update={"paths": paths})
        with open_shop(elsewhere, now, progress) as shop:
            yield shop
