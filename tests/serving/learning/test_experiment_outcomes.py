"""What an experiment's customers brought in, by assignment, and offers withheld as contacts."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from serving.decisions.learning.contacts_export import as_contacts
from serving.decisions.learning.experiment_outcomes import ExperimentOutcomes, experiment_outcomes
from serving.decisions.policies.experiments import Experiments
from serving.decisions.policies.exploration import ChoicePolicy
from serving.decisions.policies.settings import ExplorationSettings, PolicySettings

SPRING = PolicySettings.model_validate(
    {
        "experiments": {
            "spring": {
                "starts_on": "2026-06-01",
                "holdout": 0.3,
                "hoped_difference": 0.5,
                "variants": {"value": {}, "response": {"policy": "acceptance"}},
            }
        }
    }
)
EXPERIMENTS = Experiments(SPRING)


def found_in(log: Any, days: float = 120) -> ExperimentOutcomes:
    spring = SPRING.experiments["spring"]
    now = log.start + pd.Timedelta(days=days)
    return experiment_outcomes(log.store, log.products, "spring", spring, 7, now)


def policy_of(log: Any, customer: str) -> ChoicePolicy:
    return EXPERIMENTS.policy_of(customer, log.start.date())


def test_an_experiment_counts_by_assignment_and_pays_for_contacts(
    any_log: Any, two_offers: Any
) -> None:
    allowed = two_offers((1.0, 2.0), (0.4, 0.2))
    customers = [f"c{k}" for k in range(200)]
    # Everyone is decided for twice and buys p1, of margin 2, once in the first week.
    decisions = [
        any_log.decide(policy_of(any_log, each), allowed, f"{each} {day}", each, day)
        for each in customers
        for day in (0, 1)
    ]
    events = [
        any_log.purchase(f"{each} {day}", each, "p1", day)
        for each in customers
        for day in (-0.1, 2, 7)
    ]
    any_log.log(decisions, events)
    found = found_in(any_log)
    assert sum(found.assigned.values()) == len(customers)
    assert list(found.assigned) == ["value", "response", "holdout"]
    assert found.moved == 0
    assert set(found.earned["holdout"]) == {2.0}
    assert set(found.earned["value"]) == set(found.earned["response"]) == {2.0 - 2 * 0.25}
    # Nobody's window is over yet, but everyone is assigned.
    young = found_in(any_log, days=3)
    assert young.assigned == found.assigned
    assert [len(values) for values in young.earned.values()] == [0, 0, 0]


def by_value(log: Any, allowed: Any, customer: str, day: float) -> Any:
    policy = ChoicePolicy("spring/value", "value", ExplorationSettings())
    return log.decide(policy, allowed, f"{customer} {day}", customer, day)


def test_money_counts_once_the_window_is_over_to_the_moment(any_log: Any, two_offers: Any) -> None:
    """From the first decision on, whatever came later; months after one another too."""
    allowed = two_offers((1.0, 2.0), (0.4, 0.2))
    decided = {"ada": (2, 5), "ben": (40,), "cleo": (95,)}
    any_log.log(
        [by_value(any_log, allowed, who, day) for who, days in decided.items() for day in days],
        [any_log.purchase(f"{who} buys", who, "p2", days[0] + 1) for who, days in decided.items()],
    )
    ada, other = 4.0 - 2 * 0.25, 4.0 - 0.25
    for day, earned in ((8.99, []), (9, [ada]), (47, [ada, other]), (102, [ada, other, other])):
        assert found_in(any_log, day).earned["value"].tolist() == earned


def test_only_its_own_decisions_make_somebody_part_of_it(any_log: Any, two_offers: Any) -> None:
    allowed = two_offers((1.0, 2.0), (0.4, 0.2))
    days = {"early": -0.01, "first": 0, "last": 1.99, "late": 2}
    made = [by_value(any_log, allowed, who, day) for who, day in days.items()]
    other_kind = by_value(any_log, allowed, "other", 1)._replace(kind="recommendations")
    nobody = by_value(any_log, allowed, "nobody", 1)._replace(customer_id=None)
    any_log.log([*made, other_kind, nobody], [])
    assert found_in(any_log).assigned == {"value": 3, "response": 0, "holdout": 0}
    ended = SPRING.experiments["spring"].model_copy(update={"ends_on": date(2026, 6, 3)})
    found = experiment_outcomes(any_log.store, any_log.products, "spring", ended, 7, any_log.now)
    assert found.assigned == {"value": 2, "response": 0, "holdout": 0}


def test_a_customer_who_was_moved_counts_for_the_first_variant(
    sqlite_log: Any, two_offers: Any
) -> None:
    allowed = two_offers((1.0, 2.0), (0.4, 0.2))
    for day, variant in enumerate(("spring/value", "spring/response")):
        policy = ChoicePolicy(variant, "value", ExplorationSettings())
        sqlite_log.log([sqlite_log.decide(policy, allowed, variant, "ada", day)], [])
    found = found_in(sqlite_log)
    assert found.assigned == {"value": 1, "response": 0, "holdout": 0}
    assert found.moved == 1


def test_offers_made_and_withheld_become_contacts(sqlite_log: Any, two_offers: Any) -> None:
    variants = {policy_of(sqlite_log, name).variant: name for name in map(str, range(99))}
    held_out, contacted = variants["holdout"], variants["spring/value"]
    worths = {
        "worth": two_offers((1.0, 2.0), (0.4, 0.2)),
        "worthless": two_offers((-1.0, -2.0), (0.4, 0.2)),
    }
    made = [
        sqlite_log.decide(
            EXPERIMENTS.policy_of(customer, sqlite_log.start.date()),
            allowed,
            f"{customer} {name}",
            customer,
        )
        for customer in (held_out, contacted, None)
        for name, allowed in worths.items()
    ]
    # Logged before choices were: what would have come first is not known.
    made.append(made[0]._replace(id="of old", choices=None))
    sqlite_log.log(made, [sqlite_log.purchase("e", contacted, "p2", 1)])
    contacts = pd.concat([as_contacts(span) for span in sqlite_log.outcomes()])
    contacts = contacts.set_index("customer_id")
    # One each: what is worth nothing would not have been made, so it was not withheld either.
    assert sorted(contacts.index) == sorted([held_out, contacted])
    assert contacts["offer_id"].tolist() == ["o2", "o2"]
    assert contacts["treated"].to_dict() == {contacted: True, held_out: False}
    assert contacts["cost"].to_dict() == {contacted: 0.25, held_out: 0.0}
    assert contacts.loc[contacted, "accepted_at"] == sqlite_log.start + pd.Timedelta(days=1)
    assert contacts["contact_id"].is_unique
