"""Jobs trained on UCI Online Retail II, for the benchmarks that judge them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from regulars.console import progress_bars
from regulars.settings import read_settings
from regulars.shop import open_shop
from training.report import JobReport
from training.run import Horizons, run_job, shared_table

HORIZON_DAYS = 90

_CONFIG = Path(__file__).parent.parent / "examples" / "online_retail_ii" / "regulars.toml"
_END = date(2011, 12, 9)


def trained(console: Console, jobs: Sequence[str]) -> dict[str, JobReport]:
    """Train jobs as of the end of the data, in a workspace of their own.

    The models are judged on the last 90 days, from 10 September 2011 on.
    """
    settings = read_settings(_CONFIG)
    source = settings.base / settings.tables["orders"][0].path
    if not source.is_file():
        sys.exit(f"This benchmark needs the public data: {source.resolve()} is absent.")
    horizons = Horizons(HORIZON_DAYS, "fixed", HORIZON_DAYS, "fixed")
    now = datetime.now(UTC).replace(tzinfo=None)
    with tempfile.TemporaryDirectory() as folder, progress_bars(console) as progress:
        paths = settings.paths.model_copy(update={"workspace": Path(folder)})
        elsewhere = settings.model_copy(update={"paths": paths})
        with open_shop(elsewhere, now, progress) as shop:
            arguments = (shop.engine, shop.prepared, settings.shop, settings.training)
            table = shared_table(*arguments, horizons, _END, progress)
            return {job: run_job(job, *arguments, horizons, _END, progress, table) for job in jobs}
