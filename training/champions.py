"""The three champions of a shop, loaded and ready to score."""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import RegistryError
from models import registry
from models.churn import ChurnModel
from models.next_purchase import NextPurchaseModel
from models.registry import Client, RegisteredModel
from models.value import ValueModel

JOBS = ("churn", "value", "recommend")


@dataclass(frozen=True)
class Champions:
    """Models with their cards; the recommender still needs :meth:`~NextPurchaseModel.fit`."""

    churn: ChurnModel
    value: ValueModel
    recommend: NextPurchaseModel
    cards: dict[str, RegisteredModel]

    @property
    def version(self) -> str:
        """The versions in one word, for answers to cite."""
        return "-".join(f"{job}.{self.cards[job].version}" for job in JOBS)


def model_name(shop: str, job: str) -> str:
    """Return the registered name of a shop's model."""
    return f"{shop}.{job}"


def load_champions(client: Client, shop: str) -> Champions:
    """Load all three champions.

    Raises
    ------
    RegistryError
        A job has no champion yet.
    """
    cards = {}
    for job in JOBS:
        found = registry.champion(client, model_name(shop, job))
        if found is None:
            raise RegistryError(
                f"{shop} has no champion for {job} yet", f"run `regulars train {job}` first"
            )
        cards[job] = found
    return Champions(
        ChurnModel.load(cards["churn"].model_folder),
        ValueModel.load(cards["value"].model_folder),
        NextPurchaseModel.load(cards["recommend"].model_folder),
        cards,
    )
