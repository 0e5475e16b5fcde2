"""Purchases on disk, for models that derive their state from them when they are loaded."""

from __future__ import annotations

from pathlib import Path

from models.recommend.interactions import Interactions
from models.state import load_state, save_state

_REQUIRED = ("customer_ids", "product_ids", "customers", "products", "orders", "days")
_OPTIONAL = ("categories", "prices")


def save_interactions(folder: Path, interactions: Interactions) -> None:
    """Write the arrays and the cutoff into ``folder``."""
    arrays = {name: getattr(interactions, name) for name in (*_REQUIRED, *_OPTIONAL)}
    known = {name: array for name, array in arrays.items() if array is not None}
    save_state(folder, {"as_of_day": interactions.as_of_day}, known)


def load_interactions(folder: Path) -> Interactions:
    """Read back what :func:`save_interactions` wrote."""
    parameters, arrays = load_state(folder)
    return Interactions(**arrays, as_of_day=parameters["as_of_day"])
