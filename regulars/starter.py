"""A settings file to start from, written by ``regulars init``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from features.errors import SettingsError
from features.vocabulary import TABLES, TableSpec
from regulars.settings import Settings

_HEAD = """\
# Regulars: what your shop's files and columns are called.
# Only [[tables.orders]] is needed; every other table adds what it knows.
# A column that has the name on the left already needs no line. Check with: regulars check
# How dates, numbers and files may be written: docs/tables.md.

[shop]
name = "my-shop"
currency = "EUR"
margin_rate = 0.3        # margin as a share of revenue, used where unit_cost is unknown
"""
_TAIL = """\
# All other settings, with their defaults. To change one, remove the number sign before its line
# and before the [section] above it.
"""
_IN_HEAD = {"name", "currency", "margin_rate"}
_WRITTEN_ELSEWHERE = {"shop", "tables", "labelled", "base"}


def write_starter(path: Path) -> None:
    """Write a commented settings file that names every table, column and setting.

    Raises
    ------
    SettingsError
        The file exists: it is not overwritten. Or its folder does not.
    """
    if path.exists():
        raise SettingsError(f"{path} exists already", "edit it, or name another file")
    if not path.resolve().parent.is_dir():
        raise SettingsError(f"there is no folder {path.resolve().parent}", "create it first")
    fields = Settings.model_fields
    shop = _settings(fields["shop"].annotation, without=_IN_HEAD)
    rest = (
        paragraph
        for name, field in fields.items()
        if name not in _WRITTEN_ELSEWHERE
        for paragraph in _commented_sections(name, field.annotation)
    )
    parts = [_HEAD + _lines(shop), *map(_table_section, TABLES.values()), _TAIL, *rest]
    path.write_text("\n".join(parts), encoding="utf-8")


def _table_section(spec: TableSpec) -> str:
    off = "" if spec.name == "orders" else "# "
    lines = [f"# {spec.name}: {spec.row}", f"{off}[[tables.{spec.name}]]",
             f'{off}path = "{spec.name}.csv"', f"{off}[tables.{spec.name}.columns]"]  # fmt: skip
    for column in spec.columns:
        hidden = off if column.required else "# "
        need = "" if column.required else " (optional)"
        lines.append(f'{hidden}{column.name} = "{column.name}"   # {column.meaning}{need}')
    return _lines(lines)


def _commented_sections(section: str, model: Any) -> Iterator[str]:
    """Write a section's settings, then those of its subsections, as comments."""
    yield _lines([f"# [{section}]", *_settings(model)])
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            yield from _commented_sections(f"{section}.{name}", field.annotation)


def _settings(model: Any, without: Iterable[str] = ()) -> Iterator[str]:
    """Write each setting that is no section: name, default if it has one, and meaning."""
    for name, field in model.model_fields.items():
        if name in without or _is_section(field.annotation):
            continue
        value = field.default
        if field.default_factory is not None or value is None:
            yield f"# {name}: {field.description or 'see README.md'}"
            continue
        plain = sorted(value) if isinstance(value, frozenset) else value
        written = json.dumps(str(plain) if isinstance(plain, Path) else plain)
        yield f"# {name} = {written}" + (f"   # {field.description}" if field.description else "")


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
