"""Checks of output paths before the work; they import nothing heavy."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from features.errors import DataError

TABLE_KINDS = (".parquet", ".csv")


def must_be_writable(out: Path, kinds: Collection[str] = TABLE_KINDS) -> None:
    """Refuse an unknown kind of file, or a missing folder, before the work instead of after it.

    Raises
    ------
    DataError
        The file's name ends with none of ``kinds``, or its folder does not exist.
    """
    if out.suffix not in kinds:
        *others, last = kinds
        raise DataError(
            f"cannot write {out}: unknown kind {out.suffix!r}", f"use {', '.join(others)} or {last}"
        )
    if not out.resolve().parent.is_dir():
        raise DataError(f"there is no folder {out.resolve().parent}", "create it first")
