"""Honest rivals, always beside the model: what anyone would try first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from features.errors import TrainingError
from models.btyd.outlook import EXPECTED_VALUE, Outlook
from models.tabular import Encoder

Floats = NDArray[np.float64]

# More rows move its AUC on the simulated shop by less than a thousandth, and take a minute.
_ROWS_OF_A_LINE = 50_000


def churn_baselines(
    train: pd.DataFrame, churned: Floats, test: pd.DataFrame, encoder: Encoder
) -> dict[str, Floats]:
    """Return churn probabilities of the test rows by each baseline.

    ``base_rate`` says the training mean of everyone; ``recency`` is a logistic curve of days
    since the last order; ``logistic_regression`` sees all numeric features, missing ones
    flagged and each made normal by its ranks.
    """
    quantiles = min(1_000, len(train))
    recency = make_pipeline(
        QuantileTransformer(n_quantiles=quantiles, random_state=0), LogisticRegression()
    )
    recency.fit(train[["recency_days"]].to_numpy(), churned)
    numeric = [name for name in encoder.columns if name not in encoder.categories]
    linear = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        QuantileTransformer(
            n_quantiles=quantiles,
            output_distribution="normal",
            subsample=20_000,
            random_state=0,
        ),
        # Many rows of few columns: Newton's steps reach the same optimum in a quarter of the time.
        LogisticRegression(C=0.05, solver="newton-cholesky"),
    )
    some = slice(None, None, -(-len(train) // _ROWS_OF_A_LINE))
    linear.fit(train[numeric].iloc[some].to_numpy(), churned[some])
    return {
        "logistic_regression": linear.predict_proba(test[numeric].to_numpy())[:, 1],
        "recency": recency.predict_proba(test[["recency_days"]].to_numpy())[:, 1],
        "base_rate": np.full(len(test), churned.mean()),
    }


def fit_outlook(histories: pd.DataFrame) -> Outlook | None:
    """Fit BG/NBD and Gamma-Gamma, if they can be.

    Parameters
    ----------
    histories
        Of everyone who had ordered by the test cutoff: whoever is fitted on the look-back's
        customers alone believes that hardly anyone ever leaves.
    """
    try:
        return Outlook.fit(histories)
    except TrainingError:
        return None


def btyd_baseline(
    outlook: Outlook, test: pd.DataFrame, horizon_days: int, yearly_discount_rate: float
) -> pd.DataFrame:
    """Return what BG/NBD and Gamma-Gamma foretell of the test rows.

    The columns of :meth:`models.btyd.outlook.Outlook.predict`, and ``margin``: the expected
    value times the margin rate of all that was ever bought.
    """
    foretold = outlook.predict(test, horizon_days, yearly_discount_rate)
    revenue, margin = (test[name].sum() for name in ("revenue_lifetime", "margin_lifetime"))
    rate = margin / revenue if revenue > 0 else 0.0
    return foretold.assign(margin=foretold[EXPECTED_VALUE] * rate).fillna(0.0)


def value_baselines(test: pd.DataFrame, horizon_days: int, mean_margin: float) -> dict[str, Floats]:
    """Return the horizon's margin of the test rows by each baseline.

    ``last_period`` repeats the margin of the same number of days before the cutoff (the
    nearest feature window, scaled); ``mean`` gives everyone the training mean.
    """
    window = min((30, 90, 180, 365), key=lambda days: (abs(days - horizon_days), -days))
    last = test[f"margin_{window}d"].to_numpy(dtype=np.float64) * (horizon_days / window)
    return {"last_period": last, "mean": np.full(len(test), mean_margin)}
