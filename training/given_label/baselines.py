"""Simple baselines on a labelled table, fitted on the same rows as the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.given_label.folds import Rows
from models.given_label.schema import Kinds, as_columns
from models.tabular import Encoder
from training.given_label.single import best_column

Floats = NDArray[np.float64]


def baseline_predictions(
    table: pd.DataFrame, outcomes: Floats, kinds: Kinds, train: Rows, held_out: Rows, seed: int
) -> dict[str, Floats]:
    """Return each baseline's probabilities of the rows held out.

    ``logistic_regression`` reads every column: numbers standardised, missing values at the median
    with an indicator, categories one-hot. ``best_column`` is the label's rate in the customer's
    group by the most predictive single column; ``base_rate`` the training mean for everyone.
    """
    encoder = Encoder.fit(table.iloc[train], as_columns(kinds))
    linear = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
        LogisticRegression(max_iter=1_000, tol=1e-3),
    )
    linear.fit(_one_hot(encoder, table.iloc[train]), outcomes[train])
    return {
        "logistic_regression": linear.predict_proba(_one_hot(encoder, table.iloc[held_out]))[:, 1],
        "best_column": best_column(table, outcomes, kinds, train, held_out, seed),
        "base_rate": np.full(len(held_out), outcomes[train].mean()),
    }


def _one_hot(encoder: Encoder, table: pd.DataFrame) -> Floats:
    X = encoder.transform(table)
    blocks = []
    for place, name in enumerate(encoder.columns):
        column = X[:, [place]]
        names = encoder.categories.get(name)
        if names is not None:
            column = (column == np.arange(len(names))).astype(np.float64)
        blocks.append(column)
    return np.hstack(blocks)
