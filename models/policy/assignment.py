"""Assignment of variants by hash: it stays the same without a table, and can be recomputed.

A unit (a customer, a decision) and a salt give a number that is uniform on [0, 1) and independent
between salts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import SettingsError
from models.policy.variants import HOLDOUT

Floats = NDArray[np.float64]

_HOLDOUT_SALT = "holdout"
_BITS = 53  # as many as a float holds exactly


def unit_uniform(unit: str, salt: str) -> float:
    """Return a number in [0, 1) that depends on the unit and the salt alone."""
    # The length keeps ("ab", "c") from meeting ("a", "bc").
    text = f"{len(salt)}:{salt}{unit}".encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return float((int.from_bytes(digest, "big") >> (64 - _BITS)) / (1 << _BITS))


def unit_uniforms(units: Sequence[str], salt: str) -> Floats:
    """Return :func:`unit_uniform` of each unit, shape (n,)."""
    return np.array([unit_uniform(unit, salt) for unit in units], dtype=np.float64)


@dataclass(frozen=True)
class Experiment:
    """Variants of a policy, and who gets which.

    Parameters
    ----------
    name
        The salt: two experiments of different names are assigned independently.
    weights
        Share of each variant among those not held out; need not sum to 1.
    holdout
        Share of all customers who are in no experiment, the same ones for every experiment. A
        larger share includes the customers of a smaller one.

    Raises
    ------
    SettingsError
        There is no variant, a weight is negative, all are zero, or the holdout is no share.
    """

    name: str
    weights: Mapping[str, float]
    holdout: float = 0.0

    def __post_init__(self) -> None:
        weights = list(self.weights.values())
        if not weights or min(weights) < 0 or sum(weights) <= 0 or HOLDOUT in self.weights:
            raise SettingsError(
                f"experiment {self.name}: {dict(self.weights)} are no weights of variants",
                f"give each variant a share of at least 0, some above it, and none named {HOLDOUT}",
            )
        if not 0 <= self.holdout < 1:
            raise SettingsError(
                f"experiment {self.name}: a holdout of {self.holdout} is no share",
                "give a share of at least 0 and below 1",
            )

    @property
    def shares(self) -> dict[str, float]:
        """Expected share of each variant, and of the holdout, among all customers."""
        total = sum(self.weights.values())
        own = {name: (1 - self.holdout) * each / total for name, each in self.weights.items()}
        return {HOLDOUT: self.holdout, **own}

    def assign(self, customer_id: str) -> str:
        """Return the customer's variant, or ``holdout``; always the same for the same name."""
        if unit_uniform(customer_id, _HOLDOUT_SALT) < self.holdout:
            return HOLDOUT
        names = list(self.weights)
        place = draw(np.array(list(self.weights.values())), unit_uniform(customer_id, self.name))
        return names[place]


def draw(weights: Floats, uniform: float) -> int:
    """Return the index that a uniform number in [0, 1) selects, with the given weights."""
    edges = np.cumsum(weights)
    place = int(np.searchsorted(edges, uniform * edges[-1], side="right"))
    # Rounding must not select beyond the last weight that is not zero.
    return min(place, int(np.flatnonzero(weights)[-1]))
