"""The effect on churn of holding more categories or products, on the churn job's test window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.family import Column
from models.tabular import Encoder
from models.uplift.breadth import HELD_COLUMNS, BreadthEffect
from models.uplift.cross_sell import Step, cross_sell_effect, retention_term
from training.dataset import Rows

# Other measures of the number held: adjusting for them would remove the effect.
_SYNONYMS: Final = {
    "categories": {
        "categories_bought", "category_entropy", "top_category_share", "product_dependency",
        "products_bought", "categories_per_order",
    },
    "products": {
        "products_held", "products_ever_held", "contracts_active", "contracts_ever",
    },
}  # fmt: skip
_MOST_CUSTOMERS: Final = 20_000


def breadth_effects(
    rows: Rows, columns: Sequence[Column], what: str, *, seed: int = 0
) -> tuple[BreadthEffect, ...]:
    """Estimate the effect on churn of holding one more, for each number held with enough customers.

    Parameters
    ----------
    rows
        Of one cutoff, so that a customer counts once; of more than 20,000 a sample by ``seed``.
    what
        ``categories``, or ``products`` under contract.

    Returns
    -------
    One effect per number held; empty if the shop has no such column.
    """
    held_column = HELD_COLUMNS[what]
    if held_column not in rows.vectors.columns:
        return ()
    known = [column for column in columns if column.name not in _SYNONYMS[what]]
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(rows))[:_MOST_CUSTOMERS])
    vectors = rows.vectors.iloc[chosen]
    encoder = Encoder.fit(vectors, known)
    steps = cross_sell_effect(
        encoder.transform(vectors),
        vectors[held_column].fillna(0).to_numpy(dtype=np.int64),
        rows.churned[chosen],
        categorical=encoder.categorical_positions,
        seed=seed,
    )
    return tuple(_as_effect(what, step) for step in steps if np.isfinite(step.adjusted.value))


def _as_effect(what: str, step: Step) -> BreadthEffect:
    return BreadthEffect(
        what=what,
        held=step.held,
        customers=step.customers,
        raw=step.raw.value,
        raw_low=step.raw.low,
        raw_high=step.raw.high,
        adjusted=step.adjusted.value,
        adjusted_low=step.adjusted.low,
        adjusted_high=step.adjusted.high,
        overlap_auc=step.overlap.auc,
        share_outside=step.overlap.share_outside,
        evidence=step.grade.evidence,
        because=step.grade.because,
        retention=retention_term(step).value,
    )
