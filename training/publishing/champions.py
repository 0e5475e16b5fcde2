"""The champion models of a shop, loaded and ready to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from features.errors import RegistryError
from models import registry
from models.churn_value.churn import ChurnModel
from models.churn_value.value import ValueModel
from models.next_purchase import NextPurchaseModel
from models.registry import Client, RegisteredModel
from models.state import STATE_FORMAT
from models.uplift.model import UpliftModel

REQUIRED_JOBS: Final = ("churn", "value", "recommend")
"""A bundle needs a champion for each."""
UPLIFT: Final = "uplift"
"""Optional: it needs campaigns that held customers out."""


@dataclass(frozen=True)
class Champions:
    """Models and their cards; the recommender still needs :meth:`~NextPurchaseModel.fit`."""

    churn: ChurnModel
    value: ValueModel
    recommend: NextPurchaseModel
    cards: dict[str, RegisteredModel]
    uplift: UpliftModel | None = None

    @property
    def version(self) -> str:
        """The versions of all models as one text, for answers to cite."""
        return "-".join(f"{job}.{card.version}" for job, card in self.cards.items())


def model_name(shop: str, job: str) -> str:
    """Return the registered name of a shop's model."""
    return f"{shop}.{job}"


def learned_until(model: RegisteredModel) -> date:
    """Return the end of the data that a model learned from: its first unknown day."""
    return date.fromisoformat(model.card["as_of"])


def readable_champion(client: Client, name: str) -> RegisteredModel | None:
    """Return the champion; None if there is none that this version of Regulars can read."""
    found = registry.champion(client, name)
    return found if found is not None and _is_readable(found) else None


def _is_readable(model: RegisteredModel) -> bool:
    return bool(model.card.get("state_format") == STATE_FORMAT)


def load_champions(client: Client, shop: str, as_of: date | None = None) -> Champions:
    """Load the champions of churn, value and recommendation, and of uplift if there is one.

    Parameters
    ----------
    as_of
        Day of the scores. Instead of a champion that learned from later days the newest accepted
        model that did not is loaded, so that scores of a past day are free of hindsight. If there
        is none, the champion is loaded all the same; uplift is left out.

    Raises
    ------
    RegistryError
        A job has no champion yet.
    """
    cards = {}
    for job in REQUIRED_JOBS:
        found = registry.champion(client, model_name(shop, job))
        if found is None:
            raise RegistryError(
                f"{shop} has no champion for {job} yet", f"run `regulars train {job}` first"
            )
        if not _is_readable(found):
            raise RegistryError(
                f"the {job} champion of {shop} was saved by another version",
                f"run `regulars train {job}` to have it learn again",
            )
        cards[job] = _without_hindsight(client, found, as_of) or found
    uplift = readable_champion(client, model_name(shop, UPLIFT))
    if uplift is not None and (known := _without_hindsight(client, uplift, as_of)) is not None:
        cards[UPLIFT] = known
    return _loaded(cards)


def _without_hindsight(
    client: Client, champion: RegisteredModel, as_of: date | None
) -> RegisteredModel | None:
    """Return the champion, or the newest accepted model that learned nothing after ``as_of``."""
    if as_of is None or learned_until(champion) <= as_of:
        return champion
    earlier = registry.known_by(client, champion.name, as_of)
    return earlier if earlier is not None and _is_readable(earlier) else None


def load_versions(client: Client, shop: str, versions: Mapping[str, str]) -> Champions:
    """Load the models that made a bundle, whether or not they are still champions.

    Parameters
    ----------
    versions
        By job, as in the bundle's manifest.

    Raises
    ------
    RegistryError
        A version was deleted, or was saved by another version of Regulars.
    """
    if missing := sorted(set(REQUIRED_JOBS) - set(versions)):
        raise RegistryError(
            f"the bundle does not name its models for {', '.join(missing)}",
            "publish another with `regulars train`",
        )
    cards = {
        job: registry.version_of(client, model_name(shop, job), version)
        for job, version in versions.items()
    }
    for job, card in cards.items():
        if not _is_readable(card):
            raise RegistryError(
                f"version {card.version} of {card.name} was saved by another version of Regulars",
                f"run `regulars train {job}` to have it learn again",
            )
    return _loaded(cards)


def _loaded(cards: dict[str, RegisteredModel]) -> Champions:
    uplift = cards.get(UPLIFT)
    return Champions(
        ChurnModel.load(cards["churn"].model_folder),
        ValueModel.load(cards["value"].model_folder),
        NextPurchaseModel.load(cards["recommend"].model_folder),
        cards,
        None if uplift is None else UpliftModel.load(uplift.model_folder),
    )
