"""Experiments: whose decisions are made by which policy, and what may be set."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.policy.sample_ratio import check_sample_ratio
from serving.decisions.learning.logged_choices import read_choices
from serving.decisions.policies.experiments import Experiments, design_of
from serving.decisions.policies.settings import PolicySettings

DAY = date(2026, 6, 2)
SPRING = {
    "starts_on": "2026-06-01",
    "ends_on": "2026-07-01",
    "holdout": 0.1,
    "hoped_difference": 0.5,
    "variants": {
        "value": {"weight": 2},
        "response": {"weight": 1, "policy": "acceptance", "exploration": {"share": 0.2}},
    },
}
NEVER = {**SPRING, "variants": {"never": {"policy": "nothing"}}}


def settings(**experiments: Any) -> PolicySettings:
    return PolicySettings.model_validate(
        {"exploration": {"share": 0.05}, "experiments": experiments}
    )


def test_a_customer_stays_in_a_variant() -> None:
    """Over days, over a restart, and while another experiment is added for later."""
    autumn = {**SPRING, "starts_on": "2026-09-01", "ends_on": "2026-10-01"}
    before = Experiments(settings(spring=SPRING))
    after = Experiments(settings(spring=SPRING, autumn=autumn))
    for k in range(300):
        first = before.policy_of(f"c{k}", DAY)
        assert before.policy_of(f"c{k}", date(2026, 6, 30)) == first
        assert after.policy_of(f"c{k}", DAY) == first


def test_the_variants_have_the_policies_that_were_set() -> None:
    experiments = Experiments(settings(spring=SPRING))
    found = {(p := experiments.policy_of(f"c{k}", DAY)).variant: p for k in range(300)}
    assert set(found) == {"holdout", "spring/value", "spring/response"}
    assert found["holdout"].name == "nothing"
    assert found["holdout"].exploration.share == 0.0
    assert found["spring/value"].name == "value"
    assert found["spring/value"].exploration.share == 0.05
    assert found["spring/response"].name == "acceptance"
    assert found["spring/response"].exploration.of("banner").share == 0.2


def test_a_policy_of_nothing_does_not_explore_either() -> None:
    experiments = Experiments(settings(spring=NEVER))
    for k in range(20):
        found = experiments.policy_of(f"c{k}", DAY)
        assert (found.name, found.exploration.of("banner").share) == ("nothing", 0.0)


def test_outside_its_days_and_for_strangers_the_champion_decides() -> None:
    experiments = Experiments(settings(spring=SPRING))
    for customer, day in (
        ("c1", date(2026, 5, 31)),
        ("c1", date(2026, 7, 1)),
        (None, DAY),
    ):
        found = experiments.policy_of(customer, day)
        assert (found.variant, found.name, found.exploration.share) == ("champion", "value", 0.05)
    assert Experiments(settings()).policy_of("c1", DAY).variant == "champion"


def test_the_variants_are_as_large_as_designed_and_a_filter_is_noticed() -> None:
    described = settings(spring=SPRING)
    design = design_of("spring", described.experiments["spring"])
    assert design.shares == pytest.approx({"holdout": 0.1, "value": 0.6, "response": 0.3})
    experiments = Experiments(described)
    assigned = [experiments.policy_of(f"c{k}", DAY).variant.split("/")[-1] for k in range(6_000)]
    counts = dict(zip(*np.unique(assigned, return_counts=True), strict=True))
    sizes = {name: int(count) for name, count in counts.items()}
    assert not check_sample_ratio(sizes, design.shares).mismatch
    # A page that fails for one in six customers of a variant, so that they are never logged.
    filtered = {**sizes, "response": sizes["response"] * 5 // 6}
    assert check_sample_ratio(filtered, design.shares).mismatch


def test_the_holdout_is_the_same_in_every_experiment() -> None:
    autumn = {**SPRING, "starts_on": "2026-09-01", "ends_on": None}
    experiments = Experiments(settings(spring=SPRING, autumn=autumn))
    for k in range(200):
        spring = experiments.policy_of(f"c{k}", DAY).variant == "holdout"
        assert spring == (experiments.policy_of(f"c{k}", date(2026, 9, 2)).variant == "holdout")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"variants": {}}, "at least 1 item"),
        ({"variants": {"holdout": {}}}, "no variant may be named holdout"),
        ({"variants": {"a": {"weight": 0}}}, "a weight above 0"),
        ({"variants": {"a": {"policy": "best"}}}, "'value', 'acceptance' or 'nothing'"),
        (
            {"variants": {"a": {"policy": "nothing", "exploration": {"share": 0.1}}}},
            "nothing to explore",
        ),
        ({"ends_on": "2026-06-01"}, "ends_on must lie after"),
        ({"hoped_difference": 0}, "greater than 0"),
        ({"holdout": 1.0}, "less than 1"),
        ({"variant": {}}, "Extra inputs"),
    ],
)
def test_a_mistake_is_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(spring={**SPRING, **changed})


def test_two_experiments_cannot_have_the_same_customers_on_the_same_day() -> None:
    with pytest.raises(ValidationError, match="spring and second run on the same days"):
        settings(spring=SPRING, second={**SPRING, "starts_on": "2026-06-30", "ends_on": None})
    settings(spring=SPRING, second={**SPRING, "starts_on": "2026-07-01", "ends_on": None})


def asked(shop: Any, policies: PolicySettings, customers: list[str]) -> pd.DataFrame:
    """Return the decisions logged for some customers by a server of these policies."""
    with replace(shop, policies=policies).open() as client:
        for customer in customers:
            answer = client.get(f"/v1/customers/{customer}/next-best-offer?n=2")
            assert answer.status_code == 200
    with sqlite3.connect(shop.folder / "events.db") as connection:
        logged = pd.read_sql("SELECT * FROM decisions ORDER BY ts, id", connection)
    connection.close()
    return logged


def test_the_server_logs_the_variant_and_the_propensity_of_what_it_answered(shop: Any) -> None:
    exploring = PolicySettings.model_validate({"exploration": {"share": 0.6, "among": 3}})
    logged = asked(shop, exploring, ["ada"] * 60)
    assert set(logged["variant"]) == {"champion"}
    led = set()
    for made in logged.to_dict("records"):
        answer = json.loads(made["answer"])
        (choice,) = read_choices(made["choices"])
        first = answer["items"][0]
        shown = first["offer_id"] or first["product_id"] or first["action"]
        assert choice.action.rpartition(":")[2] == shown
        assert made["propensity"] == choice.propensity < 1.0
        kept = {each.id: each.probability for each in choice.candidates}
        assert kept[choice.action] == pytest.approx(choice.propensity)
        assert sum(kept.values()) == pytest.approx(1.0)
        led.add(choice.action)
    # The best three and doing nothing.
    assert len(led) == 4


def test_the_server_offers_nothing_to_the_holdout(shop: Any) -> None:
    # Six customers of the small shop: a holdout of nearly all of them has some.
    described = settings(spring={**SPRING, "holdout": 0.5})
    experiments = Experiments(described)
    customers = ["ada", "ben", "cleo", "dan"]
    logged = asked(shop, described, customers)
    variants = dict(zip(logged["customer_id"], logged["variant"], strict=True))
    assert variants == {who: experiments.policy_of(who, DAY).variant for who in customers}
    held_out = logged[logged["variant"] == "holdout"]
    assert 0 < len(held_out) < len(customers)
    for made in held_out.to_dict("records"):
        assert [item["action"] for item in json.loads(made["answer"])["items"]] == ["do_nothing"]
        assert made["propensity"] == 1.0
    answer = json.loads(logged[logged["variant"] != "holdout"]["answer"].iloc[0])
    assert answer["variant"].startswith("spring/")


def test_who_is_held_out_may_not_be_offered_anything() -> None:
    experiments = Experiments(settings(spring=SPRING))
    customers = [f"c{k}" for k in range(200)]
    allowed = experiments.may_be_offered(customers, DAY)
    held_out = [experiments.policy_of(each, DAY).variant == "holdout" for each in customers]
    assert allowed.tolist() == [not each for each in held_out]
    assert not allowed.all()
    assert experiments.may_be_offered(customers, date(2026, 8, 1)).all()
