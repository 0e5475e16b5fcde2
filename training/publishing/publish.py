"""Publish: score everyone with the champions and export the bundle that the server reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import RegistryError
from features.progress import Progress
from features.settings import ShopSettings
from features.vocabulary import Columns as C
from models.bundle.erasure import without_customers
from models.bundle.folder import Bundle, Manifest, ModelCard, activate, write_bundle
from models.offers.bundling import policy_record
from models.offers.declarations import NO_OFFERS, Declarations
from models.uplift.breadth import BreadthEffect
from training.dataset import population
from training.publishing.catalogue import product_catalogue
from training.publishing.champions import Champions
from training.publishing.lapsed import reactivation_rate
from training.publishing.next_products import further_product_rate, next_products
from training.publishing.offers import email_consent, offers_of
from training.publishing.scores import VALUE_BASIS, CustomerScores, is_by_contract, score_customers
from training.publishing.segments import keep_segmentation, published_names
from training.publishing.task import ScoringTask
from training.recommend.purchases import read_interactions
from training.recommend.tables import RecommendationTables, build_recommendation_tables
from training.uplift.effects import Effects, score_effects


@dataclass(frozen=True)
class _ScoredCustomers:
    """Everything that a bundle says of each customer, except recommendations."""

    scores: CustomerScores
    effects: Effects
    next_products: pd.DataFrame

    @property
    def ids(self) -> NDArray[np.str_]:
        return self.scores.frame[C.CUSTOMER_ID].to_numpy(dtype=str)


def publish(
    task: ScoringTask,
    now: datetime,
    root: Path,
    progress: Progress,
    erased: Collection[str] = (),
    declared: Declarations = NO_OFFERS,
) -> Path:
    """Write a bundle as of the task's day, make it the current one, and return its folder.

    Parameters
    ----------
    now
        Time of the export; part of the bundle's version.
    root
        Folder of all bundles.
    erased
        Hashes of customers to leave out.
    declared
        Offers declared beside those of the table, with rules already checked.

    Raises
    ------
    RegistryError
        The champions learned from other features, or under other settings of money or population.
    """
    _refuse_other_money(task.champions, task.shop)
    customers = _score(task, root, progress)
    products = _recommend(task, customers.ids, progress)
    tick = progress("Bundle", 2)
    bundle = _bundle(task, now, customers, products, declared)
    tick()
    folder = write_bundle(root, without_customers(bundle, erased))
    activate(root, bundle.manifest.version)
    tick()
    return folder


def _score(task: ScoringTask, root: Path, progress: Progress) -> _ScoredCustomers:
    tick = progress("Scores of all customers", 2)
    scores = score_customers(task, previous=published_names(root, task.as_of))
    tick()
    keep_segmentation(task.champions, scores.segmentation)
    effects = score_effects(task.champions, scores.vectors, scores.frame)
    following = next_products(task.engine, task.prepared, scores.vectors, task.as_of)
    tick()
    return _ScoredCustomers(scores, effects, following)


def _recommend(
    task: ScoringTask, customer_ids: NDArray[np.str_], progress: Progress
) -> RecommendationTables:
    engine, prepared, champions = task.engine, task.prepared, task.champions
    tick = progress("Products for all customers", 2)
    interactions = read_interactions(engine, prepared, task.as_of)
    champions.recommend.fit(interactions)
    tick()
    catalogue = product_catalogue(engine, prepared, task.shop, task.as_of, interactions.product_ids)
    tables = build_recommendation_tables(
        engine, prepared, champions.recommend, interactions, catalogue, customer_ids,
        champions.churn.horizon_days,
    )  # fmt: skip
    tick()
    return tables


def _bundle(
    task: ScoringTask,
    now: datetime,
    customers: _ScoredCustomers,
    products: RecommendationTables,
    declared: Declarations,
) -> Bundle:
    consent = email_consent(task.engine, task.prepared, customers.ids)
    frame = scored_columns(customers.scores, customers.effects).assign(
        **customers.next_products, **{C.EMAIL_CONSENT: consent}
    )
    vectors = customers.scores.vectors
    return Bundle(
        manifest=_manifest(task, now, customers, products, declared),
        customers=pa.Table.from_pandas(frame, preserve_index=False),
        vectors=vector_table(vectors.frame, vectors.names),
        products=pa.Table.from_pandas(products.catalogue, preserve_index=False),
        offers=offers_of(task.engine, task.prepared, declared),
        **products.rows,
        directions=products.directions,
    )


def _refuse_other_money(champions: Champions, shop: ShopSettings) -> None:
    """Refuse a value champion that was trained with other settings of money or population."""
    trained = champions.cards["value"].card["definition"]
    now = {
        "currency": shop.currency,
        "discount_rate": shop.discount_rate,
        "margin_rate_where_cost_unknown": shop.margin_rate,
        "population": population(shop),
    }
    changed = [name for name, value in now.items() if trained[name] != value]
    if changed:
        raise RegistryError(
            f"the value champion was trained with another {', '.join(changed)}",
            "train again, or put the settings back",
        )


def _manifest(
    task: ScoringTask,
    now: datetime,
    customers: _ScoredCustomers,
    products: RecommendationTables,
    declared: Declarations,
) -> Manifest:
    prepared, champions, shop, as_of = task.prepared, task.champions, task.shop, task.as_of
    scores, effects = customers.scores, customers.effects
    horizon_days = champions.churn.horizon_days
    unknown = products.catalogue[C.UNIT_COST].isna().any()
    assumed = prepared.lines_without_cost > 0 or bool(unknown)
    return Manifest(
        version=f"{as_of:%Y%m%d}-{now:%Y%m%dT%H%M%S}-{champions.version}",
        created_at=now,
        as_of=as_of,
        currency=shop.currency,
        shop=shop.name,
        horizon_days=horizon_days,
        value_horizon_days=scores.value_horizon_days,
        value_basis=scores.value_basis,
        population=population(shop),
        discount_rate=shop.discount_rate,
        margin_assumed=shop.margin_rate if assumed else None,
        models={
            job: ModelCard(card.version, card.card["metrics"], card.card["definition"])
            for job, card in champions.cards.items()
        },
        offer_policy=policy_record(declared.policy),
        data_fingerprint=prepared.fingerprint,
        vector_fingerprint=scores.vectors.fingerprint,
        evidence=effects.evidence,
        evidence_because=effects.because,
        response_days=effects.response_days,
        contact_cost=effects.contact_cost,
        breadth=tuple(
            BreadthEffect(**effect) for effect in champions.cards["churn"].card.get("breadth", ())
        ),
        further_product_rate=further_product_rate(task.engine, prepared, as_of, horizon_days),
        reactivation_rate=None
        if is_by_contract(champions)
        else reactivation_rate(task.engine, prepared, shop, as_of, horizon_days),
        **products.manifest_fields,
    )


def scored_columns(scores: CustomerScores, effects: Effects) -> pd.DataFrame:
    """Return those of the bundle's customer columns that are scores."""
    # What is the same for everyone is in the manifest.
    return scores.frame.drop(columns=[C.AS_OF, VALUE_BASIS]).assign(**effects.columns)


def vector_table(frame: pd.DataFrame, names: list[str]) -> Any:
    """Return the vectors rounded to four decimals: for display and rules, not for models."""
    rounded = frame[[C.CUSTOMER_ID, *names]].round(4)
    return pa.Table.from_pandas(rounded, preserve_index=False)
