"""Feature importance of the champions: each column's share of the training gain.

Gain is the reduction of the training loss by splits on a column (Breiman, Friedman, Olshen & Stone
1984, ch. 5.3). It shows what a model uses, not what would happen if a value changed. Highly
correlated columns share it arbitrarily.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.churn_value.amount import SEASON
from models.churn_value.churn import ChurnModel
from models.churn_value.value import ValueModel
from models.registry import Client, RegisteredModel
from training.publishing.champions import model_name, readable_champion


@dataclass(frozen=True)
class Importance:
    """The importance of every column for the champions.

    Attributes
    ----------
    shares
        Indexed by column name, one column per champion (``churn``, ``value``), each adding up to 1;
        missing if a champion does not read the column. Empty without champions.
    cards
        The champions by job.
    """

    shares: pd.DataFrame
    cards: dict[str, RegisteredModel]


def no_importance() -> Importance:
    """Return the empty importance, before anything is trained."""
    return Importance(pd.DataFrame(index=pd.Index([], dtype="str", name="column")), {})


def champion_importance(client: Client, shop: str) -> Importance:
    """Compute it from the shop's champions for churn and value, as far as there are any."""
    shares, cards = {}, {}
    for job, of_model in (("churn", _churn_champion), ("value", _value_champion)):
        found = readable_champion(client, model_name(shop, job))
        if found is not None:
            shares[job], cards[job] = of_model(found), found
    return (
        Importance(pd.DataFrame(shares).rename_axis("column"), cards) if cards else no_importance()
    )


def churn_importance(model: ChurnModel) -> pd.Series[float]:
    """Return each column's share of the gain, averaged over the ensemble."""
    return pd.Series(model.importance(), dtype="float64").rename_axis("column")


def value_importance(model: ValueModel) -> pd.Series[float]:
    """Return each column's share: the mean of those in P(buys) and in the amount.

    Value is the product of both, and their gains are in different units.
    """
    amount = pd.Series(model.amount_.gain(), index=[*model.buys_.encoder_.columns, *SEASON])
    return churn_importance(model.buys_).add(amount, fill_value=0.0).rename_axis("column") / 2


def _churn_champion(card: RegisteredModel) -> pd.Series[float]:
    return churn_importance(ChurnModel.load(card.model_folder))


def _value_champion(card: RegisteredModel) -> pd.Series[float]:
    return value_importance(ValueModel.load(card.model_folder))
