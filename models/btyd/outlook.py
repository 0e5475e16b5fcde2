"""Forecasts from purchase histories alone, for customer vectors.

The vectors' family ``btyd`` holds each customer's history in days; a purchase is a day with an
order. The forecasts serve as a baseline, and beyond the horizons that a shop's history is long
enough to teach.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.btyd.bg_nbd import BgNbd
from models.btyd.discounting import daily_rate
from models.btyd.gamma_gamma import GammaGamma
from models.btyd.maximum_likelihood import Diagnostics, Fitted
from models.btyd.pareto_nbd import ParetoNbd
from models.btyd.summary import Summary
from models.state import load_state, save_state

Floats = NDArray[np.float64]
Kind = Literal["bg_nbd", "mbg_nbd", "pareto_nbd"]
SpendHistory = Literal["repeat", "all"]

P_ALIVE = "btyd_p_alive"
EXPECTED_ORDERS = "btyd_expected_orders"
P_NO_ORDER = "btyd_p_no_order"
EXPECTED_SPEND = "btyd_expected_spend"
EXPECTED_VALUE = "btyd_expected_value"
OUTPUTS = (P_ALIVE, EXPECTED_ORDERS, P_NO_ORDER, EXPECTED_SPEND, EXPECTED_VALUE)

_FREQUENCY = "btyd_frequency"
_HISTORY = (_FREQUENCY, "btyd_recency_days", "btyd_age_days")
_REPEAT_SPEND = "btyd_value_mean"
_REVENUE = "revenue_lifetime"

# With so many distinct histories the Pareto/NBD takes about twenty seconds; in whole weeks even a
# million customers have fewer.
_MOST_DISTINCT = 50_000
_BINNED = "Recency and age were rounded to whole weeks: too many distinct histories in days."


class PurchaseModel(Protocol):
    """A model of purchases in continuous time."""

    def probability_alive(self, summary: Summary) -> Floats:
        """Return P(alive) at the end of each history."""

    def probability_no_purchase(self, summary: Summary, horizon: float) -> Floats:
        """Return P(no purchase in the horizon)."""

    def expected_purchases(self, summary: Summary, horizon: float) -> Floats:
        """Return E[purchases in the horizon]."""

    def discounted_purchases(self, summary: Summary, horizon: float, rate: float) -> Floats:
        """Return E[purchases in the horizon], each discounted."""


@dataclass(frozen=True)
class Outlook:
    """How often and how long customers order, how much they spend, and how the fits went.

    Attributes
    ----------
    kind, spend_history
        What was chosen in :meth:`fit`.
    purchases, spend
        The fitted models, in days and money.
    purchase_diagnostics, spend_diagnostics
        With warnings where an assumption looks broken.
    """

    kind: Kind
    spend_history: SpendHistory
    purchases: PurchaseModel
    spend: GammaGamma
    purchase_diagnostics: Diagnostics
    spend_diagnostics: Diagnostics

    @classmethod
    def fit(
        cls,
        vectors: pd.DataFrame,
        kind: Kind = "bg_nbd",
        spend_history: SpendHistory = "repeat",
    ) -> Outlook:
        """Fit on the rows of the latest cutoff; earlier cutoffs hold parts of the same histories.

        Parameters
        ----------
        vectors
            With the family ``btyd``.
        spend_history
            ``repeat``: spend is learned from repeat orders, as by Gamma-Gamma's authors. ``all``:
            from all order days, by ``revenue_lifetime``; it ranks far better, since it
            distinguishes one-time buyers by their first order.

        Raises
        ------
        TrainingError
            Too few customers came back, or none of them with a positive mean spend.
        """
        if C.AS_OF in vectors.columns:
            vectors = vectors[vectors[C.AS_OF] == vectors[C.AS_OF].max()]
        known = vectors[vectors[_FREQUENCY].notna()]
        purchases = _fit_purchases(kind, _summary(known))
        spend = GammaGamma.fit(*_spend(known, spend_history))
        return cls(
            kind,
            spend_history,
            purchases.model,
            spend.model,
            purchases.diagnostics,
            spend.diagnostics,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the reader of the report."""
        return self.purchase_diagnostics.warnings + self.spend_diagnostics.warnings

    def predict(
        self, vectors: pd.DataFrame, horizon_days: float, yearly_discount_rate: float = 0.10
    ) -> pd.DataFrame:
        """Return the forecast of each customer, one row per row of ``vectors``, same index.

        Returns
        -------
        DataFrame
            ``btyd_p_alive``; ``btyd_expected_orders`` (order days in the horizon);
            ``btyd_p_no_order`` (probability of none); ``btyd_expected_spend`` (revenue of an
            order day); ``btyd_expected_value`` (discounted revenue in the horizon; multiply by
            the margin rate for margin). Missing where a customer has no order.
        """
        known = vectors[_FREQUENCY].notna().to_numpy(dtype=bool)
        rows = vectors[known]
        alike, places = _summary(rows).collapsed()
        rate = daily_rate(yearly_discount_rate)
        discounted = self.purchases.discounted_purchases(alike, horizon_days, rate)
        spend = self.spend.expected_spend(*_spend(rows, self.spend_history))
        columns = {
            P_ALIVE: self.purchases.probability_alive(alike)[places],
            EXPECTED_ORDERS: self.purchases.expected_purchases(alike, horizon_days)[places],
            P_NO_ORDER: self.purchases.probability_no_purchase(alike, horizon_days)[places],
            EXPECTED_SPEND: spend,
            EXPECTED_VALUE: discounted[places] * spend,
        }
        matrix = np.full((len(vectors), len(OUTPUTS)), np.nan)
        matrix[known] = np.column_stack([columns[name] for name in OUTPUTS])
        return pd.DataFrame(matrix, index=vectors.index, columns=list(OUTPUTS))

    def save(self, folder: Path) -> None:
        """Write parameters and diagnostics as JSON."""
        save_state(folder, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Outlook:
        """Read back what :meth:`save` wrote."""
        stored, _ = load_state(folder)
        kind: type[Any] = ParetoNbd if stored["kind"] == "pareto_nbd" else BgNbd
        return cls(
            stored["kind"],
            stored["spend_history"],
            kind(**stored["purchases"]),
            GammaGamma(**stored["spend"]),
            Diagnostics.from_json(stored["purchase_diagnostics"]),
            Diagnostics.from_json(stored["spend_diagnostics"]),
        )


def _fit_purchases(kind: Kind, summary: Summary) -> Fitted[BgNbd] | Fitted[ParetoNbd]:
    alike, _ = summary.collapsed()
    if kind != "pareto_nbd":
        return BgNbd.fit(alike, modified=kind == "mbg_nbd")
    if len(alike) <= _MOST_DISTINCT:
        return ParetoNbd.fit(alike)
    fitted = ParetoNbd.fit(alike.binned(7.0))
    warnings = (*fitted.diagnostics.warnings, _BINNED)
    return Fitted(fitted.model, replace(fitted.diagnostics, warnings=warnings))


def _spend(vectors: pd.DataFrame, history: SpendHistory) -> tuple[Floats, Floats]:
    """Return how many order days were averaged and the mean revenue of one."""
    frequency = _floats(vectors, _FREQUENCY)
    if history == "repeat":
        return frequency, _floats(vectors, _REPEAT_SPEND)
    return frequency + 1, _floats(vectors, _REVENUE) / (frequency + 1)


def _floats(vectors: pd.DataFrame, name: str) -> Floats:
    return vectors[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _summary(vectors: pd.DataFrame) -> Summary:
    return Summary.of(*(_floats(vectors, name) for name in _HISTORY))
