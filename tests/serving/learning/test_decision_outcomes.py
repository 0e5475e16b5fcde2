"""From the decision log in a database to its outcomes, and to policies judged on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from features.errors import DataError
from models.policy.estimators import Log, off_policy_estimates
from serving.decisions.learning.judging import judgeable
from serving.decisions.learning.log_reader import NEXT_BEST_OFFER, read_events, read_shown
from serving.decisions.policies.exploration import NOTHING_ID, ChoicePolicy, choose
from serving.decisions.policies.settings import ExplorationSettings, PolicyName
from serving.events import Event

CERTAIN = ChoicePolicy("champion", "value", ExplorationSettings())
EXPLORING = ChoicePolicy("champion", "value", ExplorationSettings(share=0.5))


def fill(shop: Any, two_offers: Any, n: int, seed: int = 0) -> tuple[list[Any], dict[str, float]]:
    """Log 80 days, one decision for each customer; return them and what policies truly earn.

    Half of the customers are fans: o1 (margin 2) is taken by them with chance 0.5 and by others
    with 0.1; o2 (margin 4) by all with 0.3. A contact costs 0.25. The shop's values are right:
    o2 is worth more to all, though fans take o1 more often.
    """
    rng = np.random.default_rng(seed)
    decisions, events = [], []
    for k, fan in enumerate(rng.random(n) < 0.5):
        taken = {"o1": 0.5 if fan else 0.1, "o2": 0.3}
        values = (taken["o1"] * 2 - 0.25, taken["o2"] * 4 - 0.25)
        allowed = two_offers(values, (taken["o1"], taken["o2"]))
        made = shop.decide(EXPLORING, allowed, f"d{k}", f"c{k}", days=80 * k / n)
        decisions.append(made)
        offer = orjson.loads(made.answer)["items"][0].get("offer_id")
        if offer is not None and rng.random() < taken[offer]:
            later = 80 * k / n + 6.9 * rng.random()
            events.append(shop.purchase(f"e{k}", f"c{k}", offer.replace("o", "p"), later))
    shop.log(decisions, events)
    by_value = 0.3 * 4 - 0.25
    by_acceptance = 0.5 * (0.5 * 2) + 0.5 * (0.3 * 4) - 0.25
    return decisions, {"value": by_value, "acceptance": by_acceptance, "nothing": 0.0}


def test_the_log_comes_back_with_its_contenders_and_outcomes(any_log: Any, two_offers: Any) -> None:
    decisions, _ = fill(any_log, two_offers, 60)
    spans = any_log.outcomes()
    told = pd.concat(spans)
    assert told["decision_id"].tolist() == [each.id for each in decisions]
    assert told["propensity"].tolist() == [each.propensity for each in decisions]
    assert 0 < told["accepted"].sum() < 60
    first = told.iloc[0]["choice"]
    assert {each.id for each in first.candidates} == {"offer:o1", "offer:o2", NOTHING_ID}
    assert sum(each.probability for each in first.candidates) == pytest.approx(1.0)
    # 80 days in spans of 15, each from a decision on: what the one joined, the others do not.
    assert len(spans) == 5


def test_a_purchase_after_a_span_belongs_to_the_last_answer_before_it(
    sqlite_log: Any, two_offers: Any
) -> None:
    """Spans of 15 days end between two answers that could both claim it."""
    allowed = two_offers((1.0, 2.0), (0.1, 0.2))
    made = [sqlite_log.decide(CERTAIN, allowed, f"d{day}", "ada", day) for day in (0, 14, 16)]
    bought = [sqlite_log.purchase(f"e{day}", "ada", "p2", day) for day in (15.5, 17)]
    sqlite_log.log(made, bought)
    assert [span["accepted"].tolist() for span in sqlite_log.outcomes()] == [[0, 1], [1]]


def test_an_event_that_comes_late_is_counted_when_the_log_is_read_again(
    sqlite_log: Any, two_offers: Any
) -> None:
    allowed = two_offers((1.0, 2.0), (0.1, 0.2))
    sqlite_log.log([sqlite_log.decide(CERTAIN, allowed, "d0", "ada")], [])
    assert sqlite_log.outcomes()[0]["accepted"].tolist() == [0]
    sqlite_log.log([], [sqlite_log.purchase("late", "ada", "p2", 1)])
    assert sqlite_log.outcomes()[0]["accepted"].tolist() == [1]


def test_a_policy_judged_on_the_log_earns_what_it_truly_would(
    sqlite_log: Any, two_offers: Any
) -> None:
    _, truth = fill(sqlite_log, two_offers, 4_000)
    told = sqlite_log.outcomes()
    policies: list[PolicyName] = ["value", "acceptance", "nothing"]
    for policy in policies:
        judged = judgeable(told, policy, "earned")
        assert len(judged.log) == 4_000
        assert (judged.outside, judged.left_out) == (0, {})
        assert judged.target["probability"].eq(1.0).all()
        names = pd.Index(sorted({*judged.log["action"], *judged.target["action"]}))
        log = Log.of_deterministic(
            names.get_indexer(judged.log["action"]),
            judged.log["reward"].to_numpy(),
            judged.log["propensity"].to_numpy(),
            names.get_indexer(judged.target["action"]),
            len(names),
        )
        for method, found in off_policy_estimates(log).items():
            assert found.covers(truth[policy]), (policy, method)
            assert found.high - found.low < 0.35
            assert found.mean_weight == pytest.approx(1.0, abs=0.1)


def test_what_was_certain_or_is_not_over_cannot_be_judged(sqlite_log: Any, two_offers: Any) -> None:
    with pytest.raises(DataError, match="no offer was decided on"):
        judgeable(sqlite_log.outcomes(), "value", "earned")
    allowed = two_offers((1.0, 2.0), (0.1, 0.2))
    sqlite_log.log([sqlite_log.decide(CERTAIN, allowed, "d0", "ada")], [])
    with pytest.raises(DataError, match="with certainty") as refused:
        judgeable(sqlite_log.outcomes(), "value", "earned")
    assert "[serving.exploration]" in refused.value.remedy
    sqlite_log.log([sqlite_log.decide(EXPLORING, allowed, "d1", "ada")], [])
    with pytest.raises(DataError, match="is not over"):
        judgeable(sqlite_log.outcomes(days=6), "value", "earned")
    judged = judgeable(sqlite_log.outcomes(), "value", "earned")
    assert judged.left_out == {"decided with certainty": 1}
    assert len(judged.log) == 1


def test_actions_are_named_by_their_place_by_value(sqlite_log: Any, two_offers: Any) -> None:
    allowed = two_offers((1.0, 2.0), (0.9, 0.2))
    sqlite_log.log([sqlite_log.decide(EXPLORING, allowed, "d0", "ada")], [])
    (situation,) = judgeable(sqlite_log.outcomes(), "value", "earned").situations.to_dict("records")
    del situation["decision_id"]
    assert situation == pytest.approx(
        {
            "by value 1 value": 2.0,
            "by value 1 acceptance": 0.2,
            "by value 2 value": 1.0,
            "by value 2 acceptance": 0.9,
        }
    )
    taken: dict[PolicyName, str] = {
        "value": "by value 1",
        "acceptance": "by value 2",
        "nothing": NOTHING_ID,
    }
    for policy, action in taken.items():
        target = judgeable(sqlite_log.outcomes(), policy, "earned").target
        assert target["action"].tolist() == [action]


def test_decisions_outside_what_was_explored_are_counted(sqlite_log: Any, two_offers: Any) -> None:
    """The likeliest offer is not among the best one by value, which alone is tried."""
    narrow = ChoicePolicy("champion", "value", ExplorationSettings(share=0.5, among=1))
    allowed = two_offers((1.0, 2.0), (0.9, 0.2))
    sqlite_log.log([sqlite_log.decide(narrow, allowed, "d0", "ada")], [])
    assert judgeable(sqlite_log.outcomes(), "acceptance", "accepted").outside == 1
    assert judgeable(sqlite_log.outcomes(), "value", "accepted").outside == 0


def test_a_placement_left_empty_is_a_decision_too(sqlite_log: Any, two_offers: Any) -> None:
    """Of two placements the first is left empty, and so no item; the second shows the offer."""
    allowed = two_offers((1.0, 2.0), (0.1, 0.2))
    fits = np.array([[False, False, True], [True, True, True]])
    chosen = choose(EXPLORING, allowed, "d2", ["banner", "footer"], 1, fits)
    assert [slot.shown for slot in chosen.slots] == [(2,), (1,)]
    made = sqlite_log.decide(EXPLORING, allowed, "d2", "ada", chosen=chosen)
    sqlite_log.log([made], [])
    (told,) = sqlite_log.outcomes()
    assert told["action"].tolist() == ["offer", NOTHING_ID]
    assert told["rank"].tolist() == [1, 2]
    assert told["propensity"].tolist() == [chosen.slots[1].propensity, 1.0]
    assert [choice.placement for choice in told["choice"]] == ["footer", "banner"]


def test_a_span_of_the_log_is_half_open(sqlite_log: Any, two_offers: Any) -> None:
    allowed, days = two_offers((1.0, 2.0), (0.1, 0.2)), (0.9, 1, 1.9, 2)
    sqlite_log.log(
        [sqlite_log.decide(CERTAIN, allowed, f"d{day}", "ada", day) for day in days],
        [sqlite_log.purchase(f"e{day}", "ada", "p2", day) for day in days],
    )
    span = (sqlite_log.start + timedelta(days=1), sqlite_log.start + timedelta(days=2))
    shown = read_shown(sqlite_log.store, *span, (NEXT_BEST_OFFER,))
    assert shown["decision_id"].tolist() == ["d1", "d1.9"]
    events = read_events(sqlite_log.store, *span)
    assert events["ts"].tolist() == shown["ts"].tolist()


def test_events_of_recommendations_are_found_by_their_answer(any_log: Any) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    click = {"event_id": "e1", "type": "click", "ts": at, "customer_id": "ada"}
    any_log.store.add_events([Event.model_validate(click | {"recommendation_id": "r1"})], at)
    told = read_events(any_log.store, any_log.start, any_log.start + timedelta(days=1))
    assert told["decision_id"].tolist() == ["r1"]
    assert told["ts"].tolist() == [any_log.start]
