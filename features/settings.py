"""Settings of this room: where the shop's tables are and how they are to be read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from features.vocabulary import TABLES


class Frozen(BaseModel):
    """A settings value: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShopSettings(Frozen):
    """Who the shop is, and the money it counts in."""

    name: str = Field(
        "shop",
        pattern=r"^[\w .-]+$",
        description="names experiments and models: letters, digits, spaces and . _ -",
    )
    currency: str = Field("EUR", description="the one currency of every amount")
    margin_rate: float = Field(
        0.3, ge=0, le=1, description="margin as a share of revenue where the cost is unknown"
    )
    discount_rate: float = Field(0.10, ge=0, description="yearly rate that discounts value")
    lookback_days: int = Field(365, ge=1, description="a customer ordered within this many days")


class SourceSettings(Frozen):
    """One place that a table is read from, with the names its columns have there."""

    path: str = Field(
        description="CSV or Parquet files (globs allowed), a DuckDB file, or postgresql://..."
    )
    table: str | None = Field(None, description="the table's name inside a database")
    columns: dict[str, str] = Field(default_factory=dict, description='ours = "theirs"')


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Sources = Annotated[tuple[SourceSettings, ...], BeforeValidator(_as_list)]


class CheckSettings(Frozen):
    """How strict to be with bad rows."""

    tolerance: float = Field(
        0.01, ge=0, le=1, description="stop when more than this share of a table's rows is bad"
    )
    expected: frozenset[str] = Field(
        frozenset(), description="rules known to fail here; their rows do not count as bad"
    )
    product_id_pattern: str | None = Field(
        None,
        description="order lines whose product_id does not match are adjustments, such as postage "
        "and credits: their money counts, and they are no products",
    )

    @field_validator("product_id_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern


class EngineSettings(Frozen):
    """What runs the queries, and what it may be asked for."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="spark where one machine is outgrown"
    )
    memory_limit: str = Field("4GB", description="DuckDB spills to disk past this")
    temp_limit: str = Field("20GB", description="and stops past this")
    threads: int | None = Field(None, ge=1, description="all cores when left out")
    buckets: int | None = Field(
        None, ge=1, description="shares of the customers worked on in turn; by default from size"
    )
    spark: dict[str, str] = Field(
        default_factory=dict, description='Spark properties, such as "spark.master"'
    )


class DataSettings(Frozen):
    """Everything the features room needs to know about a shop."""

    shop: ShopSettings = ShopSettings()
    tables: dict[str, Sources]
    checks: CheckSettings = CheckSettings()
    engine: EngineSettings = EngineSettings()
    base: Path = Field(Path(), description="relative paths start here")
    workspace: Path = Field(Path(".regulars"), description="derived tables and bundles")

    @model_validator(mode="after")
    def _known_names(self) -> DataSettings:
        for table, sources in self.tables.items():
            if table not in TABLES:
                raise ValueError(f"tables.{table}: no such table; known: {', '.join(TABLES)}")
            known = {column.name for column in TABLES[table].columns}
            for source in sources:
                for unknown in sorted(set(source.columns) - known):
                    raise ValueError(
                        f"tables.{table}.columns.{unknown}: no such column; "
                        f"{table} knows: {', '.join(sorted(known))}"
                    )
        if "orders" not in self.tables:
            raise ValueError("tables.orders is missing: the order lines are required")
        return self
