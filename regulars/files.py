"""Frames and texts written to files, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def write_text(text: str, out: Path) -> None:
    """Write a text in UTF-8, whole or not at all."""
    partial = _partial(out)
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(out)


def write_frame(frame: pd.DataFrame, out: Path) -> None:
    """Write a frame as CSV or Parquet, by the file's name, whole or not at all."""
    partial = _partial(out)
    if out.suffix == ".csv":
        frame.to_csv(partial, index=False)
    else:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), partial)
    partial.replace(out)


def write_frames(frames: Iterable[pd.DataFrame], out: Path) -> int:
    """Write frames of the same columns into one file, as :func:`write_frame`; return its rows.

    Where there is no row, no file is written.
    """
    partial = _partial(out)
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


def _partial(out: Path) -> Path:
    return out.with_name(f".{out.name}.partial")
