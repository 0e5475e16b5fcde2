"""A settings file to start from, written by ``regulars init``."""

from __future__ import annotations

from pathlib import Path

from features.errors import SettingsError
from features.vocabulary import TABLES, TableSpec

_HEAD = """\
# Regulars: what your shop's files and columns are called.
# Only [[tables.orders]] is needed; every other table adds what it knows.
# A column whose name is already ours needs no line. Check with: regulars check

[shop]
name = "my-shop"
currency = "EUR"
margin_rate = 0.3        # margin as a share of revenue, used where unit_cost is unknown

"""


def write_starter(path: Path) -> None:
    """Write a commented settings file that names every table and column.

    Raises
    ------
    SettingsError
        The file exists: it is not overwritten. Or its folder does not.
    """
    if path.exists():
        raise SettingsError(f"{path} exists already", "edit it, or name another file")
    if not path.resolve().parent.is_dir():
        raise SettingsError(f"there is no folder {path.resolve().parent}", "create it first")
    path.write_text(_HEAD + "\n".join(_section(spec) for spec in TABLES.values()), encoding="utf-8")


def _section(spec: TableSpec) -> str:
    off = "" if spec.name == "orders" else "# "
    lines = [f"# {spec.name}: {spec.row}", f"{off}[[tables.{spec.name}]]",
             f'{off}path = "{spec.name}.csv"', f"{off}[tables.{spec.name}.columns]"]  # fmt: skip
    for column in spec.columns:
        hidden = off if column.required else "# "
        need = "" if column.required else " (optional)"
        lines.append(f'{hidden}{column.name} = "{column.name}"   # {column.meaning}{need}')
    return "\n".join(lines) + "\n"
