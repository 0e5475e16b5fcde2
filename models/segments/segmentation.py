"""All segmentations of a shop together: fitted once, saved with a model, applied to customers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.family import Column
from features.vocabulary import Columns as C
from models.segments.bank import BankCuts, bank_tier
from models.segments.clusters import BehaviourClusters
from models.segments.cut_points import CutPoints
from models.segments.rfm import rfm_scores, rfm_segment
from models.segments.stages import life_stage
from models.segments.tiers import value_tier

Floats = NDArray[np.float64]

_CUTS = "cut_points.json"
_CLUSTERS = "clusters"


@dataclass(frozen=True)
class Segmentation:
    """Frozen cut-points and clusters, placed ``as_of`` a day.

    Current value, for the bank's tiers, is the margin of the last 365 days.
    """

    cuts: CutPoints
    bank: BankCuts
    clusters: BehaviourClusters
    as_of: date

    @classmethod
    def fit(
        cls,
        vectors: pd.DataFrame,
        clv_predicted: Floats,
        columns: Sequence[Column],
        family_of: Mapping[str, str],
        currency: str = "",
        *,
        seed: int = 0,
    ) -> Segmentation:
        """Fit cut-points and clusters on the population that is scored.

        Parameters
        ----------
        vectors, clv_predicted
            Of everyone with history at one cutoff; ``clv_predicted`` is NaN outside the
            population.
        """
        inside = ~np.isnan(clv_predicted)
        population = vectors[inside]
        cuts = CutPoints.fit(
            clv_predicted[inside],
            _numbers(population, "recency_days"),
            _numbers(population, "orders_lifetime"),
            _numbers(population, "revenue_lifetime"),
        )
        bank = BankCuts.fit(_numbers(population, "margin_365d"), clv_predicted[inside])
        clusters = BehaviourClusters(seed=seed).fit(population, columns, family_of, currency)
        return cls(cuts, bank, clusters, vectors[C.AS_OF].iloc[0])

    def apply(
        self,
        vectors: pd.DataFrame,
        clv_predicted: Floats,
        p_buys: Floats,
        horizon_days: int,
        previous: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Return every customer's segments.

        Parameters
        ----------
        vectors, clv_predicted, p_buys
            Of everyone with history at one cutoff; the learned numbers are NaN outside the
            population. ``p_buys`` is P(buys in ``horizon_days``).
        previous
            What this gave at an earlier cutoff: tiers and stages move with hysteresis.

        Returns
        -------
        One row per customer in the order of ``vectors``: ``customer_id``, ``tier``,
        ``bank_tier``, ``stage``, ``segment``, ``cluster`` (-1 where there is none), the RFM
        scores and ``rfm``.
        """
        ids = vectors[C.CUSTOMER_ID]

        def before(name: str) -> list[str | None] | None:
            if previous is None:
                return None
            names = previous.set_index(C.CUSTOMER_ID)[name].reindex(ids)
            return [name if isinstance(name, str) else None for name in names]

        recency, orders, revenue, margin = (
            _numbers(vectors, name)
            for name in ("recency_days", "orders_lifetime", "revenue_lifetime", "margin_365d")
        )
        cluster = np.where(np.isnan(clv_predicted), -1, self.clusters.assign(vectors))
        words = pd.DataFrame(
            {
                C.CUSTOMER_ID: ids.to_numpy(),
                "tier": value_tier(clv_predicted, self.cuts, before("tier")),
                "bank_tier": bank_tier(
                    margin, clv_predicted, self.bank, previous=before("bank_tier")
                ),
                "stage": life_stage(vectors, p_buys, horizon_days, before("stage")),
                "segment": rfm_segment(recency, orders, self.cuts),
                "cluster": cluster,
            }
        )
        return pd.concat([words, rfm_scores(recency, orders, revenue, self.cuts)], axis=1)

    def save(self, folder: Path) -> None:
        """Write JSON and arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        stored = {
            "as_of": self.as_of.isoformat(),
            "cuts": self.cuts.to_json(),
            "bank": self.bank.to_json(),
        }
        text = json.dumps(stored, indent=1, sort_keys=True)
        (folder / _CUTS).write_text(text + "\n", encoding="utf-8")
        self.clusters.save(folder / _CLUSTERS)

    @classmethod
    def load(cls, folder: Path) -> Segmentation:
        """Read back what :meth:`save` wrote."""
        stored = json.loads((folder / _CUTS).read_text(encoding="utf-8"))
        return cls(
            CutPoints.from_json(stored["cuts"]),
            BankCuts(**stored["bank"]),
            BehaviourClusters.load(folder / _CLUSTERS),
            date.fromisoformat(stored["as_of"]),
        )


def _numbers(vectors: pd.DataFrame, name: str) -> Floats:
    return vectors[name].to_numpy(dtype=np.float64)
