"""Frames on disk."""

from __future__ import annotations

from collections.abc import Iterable
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


def write_frames(frames: Iterable[pd.DataFrame], out: Path) -> int:
    """Write frames of the same columns one behind the other, as :func:`write_frame`; count rows."""
    partial = out.with_name(f".{out.name}.partial")
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for frame in frames:
            if out.suffix == ".csv":
                first = rows == 0
                frame.to_csv(partial, index=False, header=first, mode="w" if first else "a")
            else:
                table = pa.Table.from_pandas(frame, preserve_index=False)
                writer = writer or pq.ParquetWriter(partial, table.schema)
                writer.write_table(table)
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    if rows:
        partial.replace(out)
    partial.unlink(missing_ok=True)
    return rows
