"""The workspace: where derived tables are stored, and what each was made from.

A table is a folder of Parquet files, with a folder ``bucket=<n>`` for each share of the customers.
It grows by parts: the names of the files that one refresh added begin with the part's name. The
state file lists the complete parts; files of other parts are left-overs of an interruption.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis.expr.types as ir

from features.engine import BUCKET, Engine
from features.rollup import Rollup, Rollups, discover_rollups

_STATE = "state.json"
# Raised whenever derived tables change meaning: older workspaces are then rebuilt.
_LAYOUT = 7
PART = "part"


@dataclass
class TableState:
    """What a derived table was made from.

    Attributes
    ----------
    definition
        Changes when the settings that shape the table do.
    files
        Signatures of the files that were read, or names of what it was derived from.
    parts
        Names of its parts, oldest first; a rebuilt table begins a new name.
    """

    definition: str
    files: list[Any]
    parts: list[str]
    report: dict[str, Any] | None = None


@dataclass
class Store:
    """The workspace folder with its state."""

    folder: Path
    buckets: int = 1
    tables: dict[str, TableState] = field(default_factory=dict)
    rollups: dict[str, TableState] = field(default_factory=dict)
    last_part: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Store:
        """Read a workspace's state: empty where it is missing, damaged or of another layout."""
        path = folder / _STATE
        try:
            stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except json.JSONDecodeError:
            stored = {}
        if stored.get("layout") != _LAYOUT:
            return cls(folder)
        return cls(
            folder,
            stored["buckets"],
            {name: TableState(**state) for name, state in stored["tables"].items()},
            {name: TableState(**state) for name, state in stored["rollups"].items()},
            stored["last_part"],
            stored["facts"],
        )

    def save(self) -> None:
        """Write the state, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {
            "layout": _LAYOUT,
            "buckets": self.buckets,
            "tables": {name: vars(state) for name, state in self.tables.items()},
            "rollups": {name: vars(state) for name, state in self.rollups.items()},
            "last_part": self.last_part,
            "facts": self.facts,
        }
        partial = self.folder / f"{_STATE}.partial"
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(self.folder / _STATE)

    def clean_folder(self, table: str) -> Path:
        """Return the folder of a checked table."""
        return self.folder / "clean" / table

    def quarantine_folder(self, table: str) -> Path:
        """Return the folder of a table's bad rows."""
        return self.folder / "quarantine" / table

    def rollup_folder(self, name: str) -> Path:
        """Return the folder of a roll-up."""
        return self.folder / "rollups" / name

    def restated_folder(self, name: str) -> Path:
        """Return the folder of the keys whose earlier rows in a roll-up no longer count."""
        return self.folder / "restated" / name

    def forget(self, *folders: Path) -> None:
        """Remove folders that are to be written again."""
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def new_part(self) -> str:
        """Return a new part name, which sorts after all earlier ones."""
        self.last_part += 1
        return f"{PART}{self.last_part:06d}"

    def drop(self, table: str) -> None:
        """Forget a checked table."""
        self.tables.pop(table, None)
        self.forget(self.clean_folder(table), self.quarantine_folder(table))

    def remove_part(self, folder: Path, part: str) -> None:
        """Remove a part's files: replaced ones, or left-overs of an interruption."""
        for file in folder.glob(f"**/{part}*"):
            file.unlink()

    def open_clean(
        self,
        engine: Engine,
        table: str,
        *,
        bucket: int | None = None,
        parts: Sequence[str] | None = None,
        prefix: str = "clean",
    ) -> ir.Table:
        """Open a checked table: all of it, one share of the customers, or some parts."""
        chosen = self.tables[table].parts if parts is None else parts
        return open_parts(
            engine, f"{prefix}_{table}", self.clean_folder(table), chosen, bucket=bucket
        )

    def open_rollups(
        self,
        engine: Engine,
        *,
        bucket: int | None = None,
        prefix: str = "rollup",
        names: Collection[str] | None = None,
    ) -> Rollups:
        """Open the stored roll-ups, or some of them: of everyone, or one share of the customers."""
        wanted = self.rollups.keys() if names is None else self.rollups.keys() & names
        tables = {
            rollup.name: self._open_rollup(engine, rollup, bucket, prefix)
            for rollup in discover_rollups()
            if rollup.name in wanted
        }
        if bucket is not None or self.buckets == 1:
            return Rollups(tables)

        def open_bucket(number: int) -> Rollups:
            return self.open_rollups(engine, bucket=number, prefix="share", names=names)

        return Rollups(tables, self.buckets, open_bucket)

    def _open_rollup(
        self, engine: Engine, rollup: Rollup, bucket: int | None, prefix: str
    ) -> ir.Table:
        parts, name = self.rollups[rollup.name].parts, f"{prefix}_{rollup.name}"
        share = bucket if rollup.by_customer else None
        rows = open_parts(engine, name, self.rollup_folder(rollup.name), parts, bucket=share)
        if not rollup.restates:
            return rows
        if len(parts) > 1:
            folder = self.restated_folder(rollup.name)
            restated = open_parts(engine, f"restated_{rollup.name}", folder, parts[1:])
            same = [rows[key] == restated[key] for key in rollup.restates]
            rows = rows.anti_join(restated, [*same, rows[PART] < restated[PART]])
        return rows.drop(PART)


def open_parts(
    engine: Engine, name: str, folder: Path, parts: Sequence[str], *, bucket: int | None = None
) -> ir.Table:
    """Open some parts of a derived table, of everyone or one share of the customers."""
    within = folder if bucket is None else folder / f"{BUCKET}={bucket}"
    files = [file for part in parts for file in sorted(within.glob(f"**/{part}*.parquet"))]
    if files:
        return engine.open(name, files)
    # The share is empty: take the columns from another share's file, and no rows.
    return engine.open(name, sorted(folder.glob("**/*.parquet"))[:1]).limit(0)
