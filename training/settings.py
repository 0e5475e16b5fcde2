"""Settings of training: horizons, windows and number of candidates."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from features.settings import Frozen


class TrainingSettings(Frozen):
    """Settings of the training jobs; every one has a default that suits most shops."""

    horizon_days: int | None = Field(
        None, ge=1, description="churn horizon; by default from the gaps between orders"
    )
    value_horizon_days: int = Field(
        365, ge=1, description="value horizon; extrapolated if the history is too short to learn it"
    )
    response_days: int | None = Field(
        None,
        ge=1,
        description="an order within so many days of a contact is its response; by default the "
        "churn horizon",
    )
    churn: Literal["orders", "contracts"] = Field(
        "orders",
        description="what churn means: no order in the horizon, or a contract that is not renewed",
    )
    step_days: int = Field(30, ge=1, description="days between training cutoffs")
    warm_up_days: int = Field(
        180, ge=0, description="days of history before the first training cutoff"
    )
    candidates: int = Field(100, ge=1, description="recommended products kept per customer")
    seed: int = Field(0, description="of everything random")
