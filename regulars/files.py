"""Frames on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_frame(frame: pd.DataFrame, out: Path) -> None:
    """Write a frame as CSV or Parquet, by its name, whole or not at all."""
    partial = out.with_name(f".{out.name}.partial")
    if out.suffix == ".csv":
        frame.to_csv(partial, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), partial)
    partial.replace(out)
