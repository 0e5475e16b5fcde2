"""Scores in bulk and the published bundle: everyone once, and the same alone as among others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.errors import BundleError, DataError, RegistryError
from features.progress import silent
from features.vocabulary import Columns as C
from models.bundle.folder import Bundle, SparseRows, current_version, read_bundle
from models.bundle.schema import TIERS
from models.offers.declarations import Caps, Declaration, Declarations, Policy
from models.registry import Client
from training.publishing.champions import REQUIRED_JOBS, Champions, load_champions
from training.publishing.publish import publish
from training.publishing.recommendations import Allowed, score_recommendations
from training.publishing.scores import SCORE_COLUMNS, score_customers
from training.publishing.task import ScoringTask
from training.recommend.purchases import read_interactions, read_purchases
from training.task import TrainingTask

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 7, 1, 6, 30)  # noqa: DTZ001  the code counts in naive UTC
PROMISED = (
    "customer_id", "as_of", "churn_probability", "p_alive", "clv_predicted", "tier",
    "segment", "stage", "value_at_risk", "value_basis",
)  # fmt: skip


DECLARED = Declarations(
    policy=Policy(caps=Caps(week=2)),
    offers=(Declaration(offer_id="A", name="For Austria", eligible='country == "Austria"'),),
)


def scoring(task: TrainingTask, champions: Champions) -> ScoringTask:
    return ScoringTask(task.engine, task.prepared, champions, task.shop, task.as_of)


@pytest.fixture(scope="module")
def scored(task: TrainingTask, champions: Champions) -> pd.DataFrame:
    return score_customers(scoring(task, champions)).frame


@pytest.fixture(scope="module")
def bundle(
    task: TrainingTask, champions: Champions, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    root = tmp_path_factory.mktemp("bundles")
    folder = publish(scoring(task, champions), NOW, root, silent, declared=DECLARED)
    assert current_version(root) == folder.name
    return read_bundle(folder)


@pytest.fixture(scope="module")
def recommend(task: TrainingTask, champions: Champions) -> Callable[..., pd.DataFrame]:
    interactions = read_interactions(task.engine, task.prepared, task.as_of)
    model = champions.recommend.fit(interactions)

    def best(customers: list[str], n: int = 10) -> pd.DataFrame:
        return pd.concat(score_recommendations(model, customers, n), ignore_index=True)

    return best


def entries(rows: SparseRows, row: int) -> dict[str, np.ndarray]:
    held = rows.values  # noqa: PD011  no frame
    return {name: of_all[rows.span(row)] for name, of_all in held.items()}


def everyone(task: TrainingTask) -> list[str]:
    """Everybody with any order line, straight from the roll-up."""
    day = task.engine.frame(task.prepared.rollups["customer_day"].select(C.CUSTOMER_ID).distinct())
    return sorted(day[C.CUSTOMER_ID])


def test_every_customer_with_history_has_one_row_of_the_promised_columns(
    task: TrainingTask, scored: pd.DataFrame
) -> None:
    assert SCORE_COLUMNS == PROMISED
    assert tuple(scored.columns[: len(PROMISED)]) == PROMISED
    assert scored[C.CUSTOMER_ID].tolist() == everyone(task)
    assert set(scored[C.AS_OF]) == {task.as_of}


def test_scores_are_missing_only_outside_the_population(
    task: TrainingTask, scored: pd.DataFrame
) -> None:
    inside = (scored["days_since_last_order"] <= task.shop.lookback_days).fillna(value=False)
    assert 0 < inside.sum() < len(scored)
    for name in ("churn_probability", "clv_predicted", "value_at_risk", "drivers", "tier"):
        assert scored[name].notna().equals(inside.astype(bool)), name
    for name in ("segment", "stage", "clv_historic", "clv_simple"):
        assert scored[name].notna().all(), name
    assert scored["p_alive"].notna().equals(scored["orders"] > 0)  # of everyone who ever ordered


def test_scores_are_in_range_and_fit_together(scored: pd.DataFrame) -> None:
    known = scored.dropna(subset=["churn_probability"])
    assert known["churn_probability"].between(0, 1).all()
    assert (known["clv_predicted"] >= 0).all()
    at_risk = known["churn_probability"] * known["value_if_retained"]
    np.testing.assert_allclose(known["value_at_risk"], at_risk)
    assert set(known["tier"]) == set(TIERS)
    best = known.loc[known["tier"] == "top_1", "clv_predicted"].min()
    assert best >= known.loc[known["tier"] == "rest", "clv_predicted"].max()
    assert set(scored.loc[~scored.index.isin(known.index), "stage"]) <= {"lost", "prospect"}


def test_drivers_are_reported_strongest_first(scored: pd.DataFrame) -> None:
    drivers = json.loads(scored["drivers"].dropna().iloc[0])
    assert all(
        set(driver) >= {"feature", "meaning", "value", "effect", "family", "text"}
        for driver in drivers
    )
    effects = [abs(driver["effect"]) for driver in drivers]
    assert effects == sorted(effects, reverse=True)
    assert effects[0] > 0


def test_a_customer_alone_gets_the_scores_of_the_batch(
    task: TrainingTask, champions: Champions, scored: pd.DataFrame
) -> None:
    wanted = scored[C.CUSTOMER_ID].iloc[[5, 200]].tolist()
    few = score_customers(scoring(task, champions), [*wanted, wanted[0], "a stranger"])
    expected = scored[scored[C.CUSTOMER_ID].isin(wanted)].reset_index(drop=True)
    assert_frame_equal(few.frame, expected, check_exact=True)
    assert few.vectors.frame[C.CUSTOMER_ID].tolist() == wanted


def test_nobody_in_the_look_back_is_reported_plainly(
    task: TrainingTask, champions: Champions
) -> None:
    late = replace(scoring(task, champions), as_of=date(2028, 1, 1))
    with pytest.raises(DataError, match="nobody ordered in the 365 days") as raised:
        score_customers(late)
    assert "--as-of" in raised.value.remedy


def test_recommendations_are_n_distinct_products_by_rank(
    task: TrainingTask, recommend: Callable[..., pd.DataFrame]
) -> None:
    wanted = everyone(task)[:50]
    frame = recommend(wanted, 10)
    assert frame.columns.tolist() == ["customer_id", "product_id", "rank", "score"]
    assert frame[C.CUSTOMER_ID].drop_duplicates().tolist() == wanted
    for _, rows in frame.groupby(C.CUSTOMER_ID):
        assert rows["rank"].tolist() == list(range(1, 11))
        assert rows[C.PRODUCT_ID].is_unique
        assert (rows["score"] > 0).all()
        assert rows["score"].is_monotonic_decreasing


def test_strangers_are_not_dropped_and_all_get_the_same(
    recommend: Callable[..., pd.DataFrame],
) -> None:
    frame = recommend(["stranger one", "stranger two"], 10)
    one, two = (rows.drop(columns=C.CUSTOMER_ID) for _, rows in frame.groupby(C.CUSTOMER_ID))
    assert len(one) == 10
    assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


@pytest.mark.parametrize("n", [1, 10, 60])
def test_what_is_sold_out_or_rejected_gives_way_to_the_next_best(
    task: TrainingTask, champions: Champions, recommend: Callable[..., pd.DataFrame], n: int
) -> None:
    customers = [*everyone(task)[:30], "stranger"]
    raw = recommend(customers, 100)
    best = raw[raw["rank"] <= 3]
    sold_out = set(best[C.PRODUCT_ID].value_counts().index[:5])
    rejected = {c: set(rows[C.PRODUCT_ID]) - sold_out for c, rows in best.groupby(C.CUSTOMER_ID)}
    products = set(champions.recommend.interactions_.product_ids.tolist())
    allowed = Allowed(products - sold_out, rejected)
    found = pd.concat(score_recommendations(champions.recommend, customers, n, allowed))
    for customer, rows in found.groupby(C.CUSTOMER_ID):
        shown = rows[C.PRODUCT_ID].tolist()
        refused = sold_out | rejected[str(customer)]
        assert rows["rank"].tolist() == list(range(1, n + 1))
        assert len(set(shown) - refused) == n
        assert (rows["score"].diff().dropna() <= 0).all()
        ranked = raw.loc[raw[C.CUSTOMER_ID] == customer, C.PRODUCT_ID]
        left = [product for product in ranked if product not in refused]
        assert shown[: min(n, 5)] == left[: min(n, 5)], "the rest keeps its order"


def test_where_little_can_be_sold_lists_are_short(
    task: TrainingTask, champions: Champions, recommend: Callable[..., pd.DataFrame]
) -> None:
    customers = everyone(task)[:4]
    few = set(recommend(["stranger"], 3)[C.PRODUCT_ID])
    allowed = Allowed(few, {customers[0]: few})
    found = pd.concat(score_recommendations(champions.recommend, customers, 10, allowed))
    assert found[C.CUSTOMER_ID].value_counts().to_dict() == dict.fromkeys(customers[1:], 3)
    assert set(found[C.PRODUCT_ID]) == few


def test_a_customer_alone_gets_the_recommendations_of_the_batch(
    task: TrainingTask, recommend: Callable[..., pd.DataFrame]
) -> None:
    customers = everyone(task)
    together = recommend(customers)
    alone = recommend([customers[123]])
    expected = together[together[C.CUSTOMER_ID] == customers[123]].reset_index(drop=True)
    # Scores may differ in the last bit of their 32: matrix products add up in blocks.
    assert_frame_equal(alone, expected, check_exact=False, rtol=1e-6)


def test_nothing_bought_later_is_known(
    task: TrainingTask, recommend: Callable[..., pd.DataFrame]
) -> None:
    known = read_purchases(task.engine, task.prepared.rollups, task.as_of)
    frame = recommend(everyone(task)[:20])
    assert set(frame[C.PRODUCT_ID]) <= set(known.product_ids.tolist())


def test_the_bundle_says_the_same_as_the_scores(bundle: Bundle, scored: pd.DataFrame) -> None:
    customers = bundle.customers.to_pandas()
    assert customers[C.CUSTOMER_ID].tolist() == scored[C.CUSTOMER_ID].tolist()
    for name in ("churn_probability", "clv_predicted", "value_at_risk"):
        np.testing.assert_array_equal(customers[name], scored[name])
    assert customers["tier"].tolist() == scored["tier"].tolist()


def test_the_bundle_recommends_the_same_as_the_scores(
    bundle: Bundle, recommend: Callable[..., pd.DataFrame]
) -> None:
    """In the same order, though without what popularity alone put there."""
    customers = bundle.customers.column(C.CUSTOMER_ID).to_pylist()
    products = bundle.products.column(C.PRODUCT_ID).to_pylist()
    for row in (0, 77, len(customers) - 1):
        span = bundle.candidates.span(row)
        listed = [products[column] for column in bundle.candidates.indices[span]]
        expected = recommend([customers[row]], 30).set_index(C.PRODUCT_ID)["score"]
        assert listed
        assert listed == [product for product in expected.index if product in set(listed)]
        scores = entries(bundle.candidates, row)["score"]
        np.testing.assert_allclose(scores, expected[listed], rtol=1e-6)


def test_the_bundle_knows_who_bought_what(task: TrainingTask, bundle: Bundle) -> None:
    bought = task.engine.frame(task.prepared.rollups["customer_product_day"])
    customers = bundle.customers.column(C.CUSTOMER_ID).to_pylist()
    products = np.array(bundle.products.column(C.PRODUCT_ID).to_pylist())
    row = next(i for i in range(len(customers)) if np.diff(bundle.bought.indptr)[i] > 3)
    span = bundle.bought.span(row)
    own = bought[bought[C.CUSTOMER_ID] == customers[row]]
    times = own.groupby(C.PRODUCT_ID)[C.ORDER_ID].nunique()
    names, held = products[bundle.bought.indices[span]], entries(bundle.bought, row)
    assert dict(zip(names, held["times"].tolist(), strict=True)) == (times.to_dict())
    last = own.groupby(C.PRODUCT_ID)["day"].max()
    assert held["last_day"].tolist() == last[names].tolist()


def test_the_bundle_says_of_baskets_what_the_orders_say(task: TrainingTask, bundle: Bundle) -> None:
    known = read_purchases(task.engine, task.prepared.rollups, task.as_of)
    names = known.product_ids[known.products].tolist()
    holding: dict[str, set[int]] = {}
    for name, order in zip(names, known.orders.tolist(), strict=True):
        holding.setdefault(name, set()).add(order)
    products = bundle.products.column(C.PRODUCT_ID).to_pylist()
    checked = 0
    for row in range(0, len(products), 7):
        span = bundle.cross_sell.span(row)
        places = bundle.cross_sell.indices[span].tolist()
        assert row not in places
        substitutes = bundle.substitutes.indices[bundle.substitutes.span(row)].tolist()
        assert not set(places) & set(substitutes)
        own = holding.get(products[row], set())
        for place, share in zip(
            places, entries(bundle.cross_sell, row)["support"].tolist(), strict=True
        ):
            both = len(own & holding.get(products[place], set()))
            assert share == pytest.approx(both / max(len(own), 1), rel=1e-5)
            checked += both
    assert checked


def test_the_bundle_cites_its_models_and_definitions(
    bundle: Bundle, task: TrainingTask, champions: Champions
) -> None:
    manifest = bundle.manifest
    assert manifest.version == "20260701-20260701T063000-churn.1-value.1-recommend.1"
    assert (manifest.horizon_days, manifest.value_horizon_days) == (60, 90)
    # 540 days of history, of which 365 are the look-back, can teach 60 of the 90 days asked for.
    assert (champions.value.horizon_days, manifest.value_basis) == (60, "extrapolated")
    assert manifest.as_of == task.as_of
    assert manifest.shop == "corner shop"
    assert set(manifest.models) == set(REQUIRED_JOBS)
    assert manifest.models["churn"].metrics == champions.cards["churn"].card["metrics"]
    assert manifest.data_fingerprint == task.prepared.fingerprint


def test_the_same_moment_twice_is_refused_rather_than_overwritten(
    task: TrainingTask, champions: Champions, tmp_path: Path
) -> None:
    publish(scoring(task, champions), NOW, tmp_path, silent)
    with pytest.raises(BundleError, match="already exists"):
        publish(scoring(task, champions), NOW, tmp_path, silent)


def test_champions_are_named_by_what_is_missing(client: Client) -> None:
    with pytest.raises(RegistryError, match="corner shop has no champion for churn") as raised:
        load_champions(client, "corner shop")
    assert "regulars train churn" in raised.value.remedy


def test_champions_cite_their_versions(champions: Champions) -> None:
    later = replace(champions.cards["value"], version="7")
    named = replace(champions, cards={**champions.cards, "value": later})
    assert named.version == "churn.1-value.7-recommend.1"


def test_offers_travel_with_the_columns_that_their_rules_read(
    task: TrainingTask, bundle: Bundle
) -> None:
    assert Policy.model_validate(bundle.manifest.offer_policy) == DECLARED.policy
    assert bundle.offers.column("offer_id").to_pylist()[:2] == ["A", "OFFER00"]
    theirs = task.engine.frame(task.prepared.clean["customers"]).set_index(C.CUSTOMER_ID)
    ids = bundle.customers.column(C.CUSTOMER_ID).to_pylist()
    consent = bundle.customers.column(C.EMAIL_CONSENT).to_pylist()
    assert consent == theirs.loc[ids, C.EMAIL_CONSENT].astype(bool).tolist()
    assert bundle.vectors.column("country").to_pylist() == theirs.loc[ids, C.COUNTRY].tolist()
