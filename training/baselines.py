"""Simple baselines that are always judged beside the model."""

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
_MOST_REGRESSION_ROWS = 50_000


def churn_baselines(
    train: pd.DataFrame, churned: Floats, test: pd.DataFrame, encoder: Encoder
) -> dict[str, Floats]:
    """Return churn probabilities of the test rows by each baseline.

    ``base_rate`` is the training mean for everyone; ``recency`` a logistic regression on days since
    the last order; ``logistic_regression`` reads all numeric features, transformed to normal
    quantiles, with indicators of missing values.
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
        # Many rows, few columns: Newton steps reach the same optimum in a quarter of the time.
        LogisticRegression(C=0.05, solver="newton-cholesky"),
    )
    some = slice(None, None, -(-len(train) // _MOST_REGRESSION_ROWS))
    linear.fit(train[numeric].iloc[some].to_numpy(), churned[some])
    return {
        "logistic_regression": linear.predict_proba(test[numeric].to_numpy())[:, 1],
        "recency": recency.predict_proba(test[["recency_days"]].to_numpy())[:, 1],
        "base_rate": np.full(len(test), churned.mean()),
    }


def fit_outlook(histories: pd.DataFrame) -> Outlook | None:
    """Fit BG/NBD and Gamma-Gamma; None if the histories are too few.

    Parameters
    ----------
    histories
        Of everyone who had ordered by the cutoff. Fitted on customers of the look-back alone, these
        models would conclude that hardly anyone ever leaves.
    """
    try:
        return Outlook.fit(histories)
    except TrainingError:
        return None


def btyd_baseline(
    outlook: Outlook, test: pd.DataFrame, horizon_days: int, yearly_discount_rate: float
) -> pd.DataFrame:
    """Return what BG/NBD and Gamma-Gamma expect of the test rows.

    The columns of :meth:`models.btyd.outlook.Outlook.predict`, and ``margin``: the expected value
    times the margin rate of everything that was ever bought.
    """
    expected = outlook.predict(test, horizon_days, yearly_discount_rate)
    revenue, margin = (test[name].sum() for name in ("revenue_lifetime", "margin_lifetime"))
    rate = margin / revenue if revenue > 0 else 0.0
    return expected.assign(margin=expected[EXPECTED_VALUE] * rate).fillna(0.0)


def value_baselines(test: pd.DataFrame, horizon_days: int, mean_margin: float) -> dict[str, Floats]:
    """Return the test rows' margin over the horizon by each baseline.

    ``last_period`` repeats the margin of as many days before the cutoff (of the nearest feature
    window, scaled); ``mean`` is the training mean for everyone.
    """
    window = min((30, 90, 180, 365), key=lambda days: (abs(days - horizon_days), -days))
    last = test[f"margin_{window}d"].to_numpy(dtype=np.float64) * (horizon_days / window)
    return {"last_period": last, "mean": np.full(len(test), mean_margin)}
