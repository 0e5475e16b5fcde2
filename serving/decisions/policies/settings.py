"""Settings of the policies: how they choose, explore and are compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import combinations
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from features.settings import Frozen
from models.policy.variants import HOLDOUT

PolicyName = Literal["value", "acceptance", "nothing"]
"""By expected money, by chance of acceptance alone (a response model), or never an offer."""


class ExplorationShare(Frozen):
    """How often another candidate than the policy's best is tried, so that its worth is learned."""

    share: float = Field(0.0, ge=0, le=1, description="of decisions that explore; 0.05 is usual")
    method: Literal["uniform", "thompson"] = Field(
        "uniform",
        description="uniform: any of the best `among`; thompson: each by its chance to be worth "
        "most, given how sure its value is",
    )
    among: int = Field(
        10, ge=1, le=40, description="candidates tried, the policy's best; doing nothing besides"
    )


class ExplorationSettings(ExplorationShare):
    """Exploration, with other shares for the placements named."""

    placements: dict[str, ExplorationShare] = Field(default_factory=dict)

    def of(self, placement: str | None) -> ExplorationShare:
        """Return what holds for a placement."""
        return self.placements.get(placement, self) if placement is not None else self

    @property
    def explores(self) -> bool:
        """Whether anything is left to chance, in any placement."""
        return self.share > 0 or any(each.share > 0 for each in self.placements.values())


class VariantSettings(Frozen):
    """One variant of an experiment."""

    weight: float = Field(1.0, ge=0, description="share among the variants; need not sum to 1")
    policy: PolicyName = "value"
    exploration: ExplorationShare | None = Field(
        None, description="in the place of the settings' own, for every placement"
    )

    @model_validator(mode="after")
    def _nothing_is_nothing(self) -> Self:
        if self.policy == "nothing" and self.exploration is not None:
            raise ValueError("a policy of nothing has nothing to explore: remove exploration")
        return self


class ExperimentSettings(Frozen):
    """Variants that customers are dealt to, for good; the first is the control."""

    variants: dict[str, VariantSettings] = Field(min_length=1)
    holdout: float = Field(
        0.0, ge=0, lt=1, description="of all customers, who get no offer; the same in all"
    )
    starts_on: date = Field(description="first day (UTC)")
    ends_on: date | None = Field(None, description="first day no longer; open by default")
    hoped_difference: float = Field(
        gt=0,
        description="in money per customer, about; set before the start: it moves how soon the "
        "interval is tight, never its validity",
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if HOLDOUT in self.variants:
            raise ValueError(f"no variant may be named {HOLDOUT}: it is the held-out customers'")
        if not any(variant.weight > 0 for variant in self.variants.values()):
            raise ValueError("give at least one variant a weight above 0")
        if self.ends_on is not None and self.ends_on <= self.starts_on:
            raise ValueError("ends_on must lie after starts_on")
        return self

    def runs_on(self, day: date) -> bool:
        """Return whether the experiment runs on this day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)

    def overlaps(self, other: ExperimentSettings) -> bool:
        """Return whether there is a day on which both run."""
        return (other.ends_on is None or self.starts_on < other.ends_on) and (
            self.ends_on is None or other.starts_on < self.ends_on
        )


class PolicySettings(Frozen):
    """How next best offers are chosen, and what counts as their outcome."""

    exploration: ExplorationSettings = ExplorationSettings()
    experiments: dict[str, ExperimentSettings] = Field(default_factory=dict)
    attribution_days: int = Field(
        7, ge=1, le=365, description="an event counts for a decision up to so many days after it"
    )

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        refuse_overlaps(self.experiments)
        return self


def refuse_overlaps(experiments: Mapping[str, ExperimentSettings]) -> None:
    """Refuse two experiments on one day: a customer can have one policy only."""
    for (name, one), (other_name, other) in combinations(experiments.items(), 2):
        if one.overlaps(other):
            raise ValueError(f"experiments {name} and {other_name} run on the same days")


BEST_BY_VALUE: Final = PolicySettings()
"""Without exploration and experiments: always what is worth most."""
