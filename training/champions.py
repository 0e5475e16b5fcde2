"""The three champions of a shop, loaded and ready to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from features.errors import RegistryError
from models import registry
from models.churn import ChurnModel
from models.next_purchase import NextPurchaseModel
from models.registry import Client, RegisteredModel
from models.state import STATE_FORMAT
from models.uplift.model import UpliftModel
from models.value import ValueModel

JOBS = ("churn", "value", "recommend")
UPLIFT = "uplift"
"""Learned where customers were contacted and others held out; nothing waits for it."""


@dataclass(frozen=True)
class Champions:
    """Models with their cards; the recommender still needs :meth:`~NextPurchaseModel.fit`."""

    churn: ChurnModel
    value: ValueModel
    recommend: NextPurchaseModel
    cards: dict[str, RegisteredModel]
    uplift: UpliftModel | None = None

    @property
    def version(self) -> str:
        """The versions in one word, for answers to cite."""
        return "-".join(f"{job}.{card.version}" for job, card in self.cards.items())


def model_name(shop: str, job: str) -> str:
    """Return the registered name of a shop's model."""
    return f"{shop}.{job}"


def readable_champion(client: Client, name: str) -> RegisteredModel | None:
    """Return the champion, or None where there is none that this version can read."""
    found = registry.champion(client, name)
    return found if found is not None and _is_readable(found) else None


def _is_readable(model: RegisteredModel) -> bool:
    return bool(model.card.get("state_format") == STATE_FORMAT)


def load_champions(client: Client, shop: str, as_of: date | None = None) -> Champions:
    """Load all three champions, and that of uplift where there is one.

    Parameters
    ----------
    as_of
        Where a champion has learned from later days, take the newest accepted model that has
        not, if there is one: scores of a past day are to be free of hindsight.

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
        if not _is_readable(found):
            raise RegistryError(
                f"the {job} champion of {shop} was saved by another version",
                f"run `regulars train {job}` to have it learn again",
            )
        if as_of is not None and date.fromisoformat(found.card["as_of"]) > as_of:
            earlier = registry.known_by(client, found.name, as_of)
            found = earlier if earlier is not None and _is_readable(earlier) else found
        cards[job] = found
    uplift = readable_champion(client, model_name(shop, UPLIFT))
    if (
        uplift is not None
        and as_of is not None
        and date.fromisoformat(uplift.card["as_of"]) > as_of
    ):
        uplift = registry.known_by(client, uplift.name, as_of)
        uplift = uplift if uplift is not None and _is_readable(uplift) else None
    if uplift is not None:
        cards[UPLIFT] = uplift
    return _loaded(cards)


def load_versions(client: Client, shop: str, versions: Mapping[str, str]) -> Champions:
    """Load the models that a bundle was made with, champions still or not.

    Parameters
    ----------
    versions
        By job, as the bundle's manifest names them.

    Raises
    ------
    RegistryError
        A version is not there any more, or was saved by another version of Regulars.
    """
    if missing := sorted(set(JOBS) - set(versions)):
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
