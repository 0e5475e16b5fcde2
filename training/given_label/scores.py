"""Scores of a plain table's customers: probability of the label, and its drivers."""

from __future__ import annotations

import pandas as pd

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.given_label.drivers import row_drivers
from models.given_label.model import GivenLabelModel
from models.given_label.schema import read_as, texts
from training.given_label.settings import LabelledSettings
from training.given_label.source import NAME, user_columns
from training.given_label.table import customer_names, require_column

SCORE_COLUMNS = (C.CUSTOMER_ID, B.CHURN_PROBABILITY, B.DRIVERS, "label")


def score_table(
    frame: pd.DataFrame, model: GivenLabelModel, settings: LabelledSettings
) -> pd.DataFrame:
    """Score every row of a table, with or without a label.

    Returns
    -------
    ``SCORE_COLUMNS``, in the table's order. ``drivers`` is JSON: a customer's five strongest
    columns with their value and effect on the logit. ``label`` is the outcome in the table, if any:
    the model may have learned from such a row, and then predicts it better than it will predict new
    customers.

    Raises
    ------
    DataError
        A column that the model reads, or the one that names the customer, is missing.
    """
    if settings.customer_id is not None:
        require_column(frame, settings.customer_id, C.CUSTOMER_ID)
    typed = read_as(frame, model.kinds, NAME)
    label = pd.Series(None, index=frame.index, dtype="str")
    if settings.label in user_columns(frame):
        label = texts(frame[settings.label])
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: customer_names(frame, settings),
            B.CHURN_PROBABILITY: model.predict_proba(typed)[:, 1],
            B.DRIVERS: row_drivers(model.contributions(typed), typed),
            "label": label,
        }
    )
