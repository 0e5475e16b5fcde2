"""Whoever buys is scored again within moments, as a batch with the purchase in it would score."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import RegistryError
from models.bundle.folder import current_version
from regulars.rescoring.watch import Step
from regulars.settings import Settings, read_settings
from tests.regulars.rescoring.two_workers import CREATED, Scene, put_out, some

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NUMBERS = ("churn_probability", "p_alive", "clv_predicted", "clv_lower", "clv_upper", "clv_simple",
           "clv_historic", "value_if_retained", "value_at_risk", "expected_orders_365d",
           "days_since_last_order", "orders")  # fmt: skip
# What is read off everyone (BG/NBD, relationship length) moves a little with a day and an order.
TOLERANCE = 0.02


def test_both_workers_answer_what_a_batch_with_the_purchase_says(
    scene: Scene, batch: pd.DataFrame
) -> None:
    settings = scene.settings
    known = some(settings, "customers", 0)
    products = [some(settings, "products", place) for place in (3, 4)]
    before = scene.profiles(known)[0]
    for customer in (known, "newcomer"):
        scene.buy(customer, *products)
    waiting = scene.profiles(known)[0]
    assert (waiting["scored_at"], waiting["ordered_since"]["orders"]) == (None, 1)
    scene.now += timedelta(seconds=4)
    step = scene.rescoring.step()
    assert (step.customers, step.more) == (2, False)
    assert step.waited_seconds == 4
    for customer in (known, "newcomer"):
        one, other = scene.profiles(customer)
        assert one == other
        assert one["scored_at"] == scene.now.isoformat()
        assert one["as_of"] == (scene.now.date() + timedelta(1)).isoformat()
        assert one["ordered_since"] is None
        assert one["days_since_last_order"] == one["vector"]["recency_days"] == 1
        expected = batch.loc[customer]
        numbers = [np.nan if one[name] is None else one[name] for name in NUMBERS]
        np.testing.assert_allclose(
            numbers,
            expected[list(NUMBERS)].to_numpy(dtype=float),
            rtol=TOLERANCE,
            err_msg=customer,
        )
        for name in ("tier", "segment", "stage"):
            assert one[name] == expected[name]
        assert one["drivers"][0]["feature"] in str(expected["drivers"])
    assert scene.profiles(known)[0]["orders"] == before["orders"] + 1


def test_who_begins_again_goes_on_from_the_mark(scene: Scene) -> None:
    product = some(scene.settings, "products", 3)
    scene.buy(some(scene.settings, "customers", 0), product)
    assert scene.rescoring.step().customers == 1
    with ExitStack() as stack:
        later = scene.beside(stack)
        assert later.step() == Step()
        scene.buy(some(scene.settings, "customers", 1), product)
        scene.now += timedelta(seconds=1)
        assert later.step().customers == 1
        assert scene.rescoring.step() == Step(), "the other one hears that it is done"


def test_a_new_bundle_drops_what_was_scored_and_counts_what_it_does_not_hold(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(trained.parent, folder)
    settings = read_settings(folder / trained.name)
    today = put_out(settings, CREATED)
    customer = some(settings, "customers", 0)
    with ExitStack() as stack:
        scene = Scene(settings, today, f"sqlite:///{tmp_path / 'events.db'}", stack)
        scene.buy(customer, some(settings, "products", 3))
        assert scene.rescoring.step().customers == 1
        put_out(settings, CREATED + timedelta(hours=1))
        for worker in scene.workers:
            assert worker.post("/v1/models/reload").status_code == 200
        one, other = scene.profiles(customer)
        assert one["scored_at"] is None
        assert one == other
        assert scene.rescoring.step().customers == 1
        one, other = scene.profiles(customer)
        assert one["scored_at"] is not None
        assert one["model_version"] == current_version(settings.bundles)


def test_an_erased_customer_is_not_scored_again(on_sqlite: Scene) -> None:
    scene, product = on_sqlite, some(on_sqlite.settings, "products", 3)
    customer = some(scene.settings, "customers", 2)
    scene.buy(customer, product)
    assert scene.rescoring.step().customers == 1
    assert scene.workers[0].request("DELETE", f"/v1/customers/{customer}").status_code == 200
    assert scene.profiles(customer)[1]["status"] == 404
    scene.now += timedelta(seconds=1)
    scene.buy(customer, product)
    scene.rescoring.step()
    assert scene.profiles(customer)[1]["status"] == 404


def test_a_purchase_that_the_tables_hold_by_its_order_is_not_counted_twice(
    on_sqlite: Scene,
) -> None:
    scene, settings = on_sqlite, on_sqlite.settings
    lines = pd.concat(map(pd.read_parquet, sorted((settings.base / "data/orders").glob("*"))))
    line = lines[lines["quantity"] > 0].sort_values("ts").iloc[-1]
    customer = str(line["customer_id"])
    before = scene.profiles(customer)[0]
    # It comes late: after the tables were read, of a day that they tell of.
    scene.now = CREATED.replace(tzinfo=UTC) + timedelta(hours=1)
    scene.buy(customer, str(line["product_id"]), order_id=str(line["order_id"]),
              ts=line["ts"].tz_localize("UTC").isoformat())  # fmt: skip
    assert scene.rescoring.step().customers == 1
    after = scene.profiles(customer)[0]
    assert after["orders"] == before["orders"]
    assert after["ordered_since"] is None


def test_browsers_without_an_order_and_unknown_tables_are_passed_over(on_sqlite: Scene) -> None:
    view = {"type": "view", "customer_id": "stranger", "product_id": "P0001"}
    survey = {"type": "survey", "customer_id": "stranger", "survey": "nps", "score": 9}
    on_sqlite.send(view, survey)
    assert on_sqlite.rescoring.step().customers == 0
    assert on_sqlite.profiles("stranger")[0]["status"] == 404


def test_without_registry_or_history_the_server_goes_on(
    published: tuple[Settings, date], tmp_path: Path
) -> None:
    settings, today = published
    alone = settings.model_copy(update={"base": tmp_path})
    shutil.copytree(settings.bundles, alone.bundles)
    with ExitStack() as stack:
        scene = Scene(alone, today, f"sqlite:///{tmp_path / 'events.db'}", stack)
        with pytest.raises(RegistryError, match="no registry") as raised:
            scene.rescoring.step()
        assert "bring mlruns/ and the workspace" in raised.value.remedy
        scene.buy(some(alone, "customers", 0), some(alone, "products", 3))
        [one, _] = scene.profiles(some(alone, "customers", 0))
        assert (one["scored_at"], one["ordered_since"]["orders"]) == (None, 1)
        assert scene.workers[0].get("/health/ready").json()["scores"] == "bundle"


def test_the_command_scores_waiting_customers_and_says_how_many(
    regulars: Callable[..., Any], published: tuple[Settings, date]
) -> None:
    settings, _ = published
    config = settings.base / "regulars.toml"
    assert "Scored 0 customers again" in regulars("rescore", "--config", config).out
    # What was sent before the clock of this machine is long past: the bundle counts to then.
    help_text = regulars("rescore", "--help").one_line
    assert "--watch" in help_text
    assert "It resumes where it stopped" in help_text
