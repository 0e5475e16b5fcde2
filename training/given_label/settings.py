"""Settings of a table with a label: where it is and what its columns mean."""

from __future__ import annotations

from pydantic import Field, model_validator

from features.settings import Frozen


class LabelledSettings(Frozen):
    """A table of customers, one row each, whose outcomes are known."""

    path: str = Field(
        description="a CSV or Parquet file (globs allowed), a DuckDB file, or postgresql://..."
    )
    table: str | None = Field(None, description="the table's name inside a database")
    customer_id: str | None = Field(
        None, description="the column that names the customer; by default the row's number"
    )
    label: str = Field(description="the column with the outcome")
    positive: str = Field(description="the label of those who churned, or took the offer")
    negative: str | None = Field(
        None, description="the label of the others; by default the commonest other one"
    )
    leave_out: tuple[str, ...] = Field(
        (), description="columns not to learn from: what is known only after the outcome"
    )
    vouched: tuple[str, ...] = Field(
        (), description="columns known before the outcome, to keep although they look like leaks"
    )
    time: str | None = Field(
        None, description="the column that says when; the latest fifth is then held out"
    )
    rows_in_time_order: bool = Field(
        default=False, description="rows come oldest first; the last fifth is then held out"
    )
    folds: int = Field(10, ge=2, description="of the cross-validation, used where no time is known")
    repeats: int = Field(1, ge=1, description="of the cross-validation, each with new folds")

    @model_validator(mode="after")
    def _agree(self) -> LabelledSettings:
        if self.time is not None and self.rows_in_time_order:
            raise ValueError("labelled.time and labelled.rows_in_time_order: set one of them")
        if self.positive == self.negative:
            raise ValueError("labelled.negative is the same as labelled.positive")
        for name in (self.label, self.customer_id, self.time):
            if name is not None and name in {*self.leave_out, *self.vouched}:
                raise ValueError(f"labelled: '{name}' has a role of its own: name it there alone")
        return self

    @property
    def in_time_order(self) -> bool:
        """Whether it is known what came first."""
        return self.time is not None or self.rows_in_time_order
