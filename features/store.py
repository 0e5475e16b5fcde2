"""Where derived tables lie: roll-ups built, kept and opened."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir

from features.engine import Engine
from features.rollup import Rollups, Tables, discover_rollups
from features.settings import ShopSettings


def build_rollups(engine: Engine, clean: Tables, shop: ShopSettings, folder: Path) -> Rollups:
    """Materialise every roll-up that the shop's tables allow, as Parquet in ``folder``.

    ``clean`` must hold ``orders``, ``products`` and ``customers``.
    """
    tables: dict[str, ir.Table] = dict(clean)
    for rollup in discover_rollups():
        if all(name in tables for name in rollup.reads):
            made = engine.create(f"made_{rollup.name}", rollup.build(tables, shop))
            if rollup.stored:
                engine.write_parquet(made, folder / f"{rollup.name}.parquet")
            tables[rollup.name] = made
    for rollup in discover_rollups():
        engine.execute(f"DROP TABLE IF EXISTS made_{rollup.name}")
    return open_rollups(engine, folder)


def open_rollups(engine: Engine, folder: Path) -> Rollups:
    """Return the roll-ups that :func:`build_rollups` stored in ``folder``."""
    return Rollups(
        {
            path.stem: engine.bind_parquet(f"rollup_{path.stem}", path)
            for path in sorted(folder.glob("*.parquet"))
        }
    )
