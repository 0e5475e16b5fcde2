"""Exploration of next best offers: what is logged as a chance is one, and comes out as often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serving.decisions.learning.logged_choices import (
    MOST_CANDIDATES,
    contenders,
    read_choices,
    write_choices,
)
from serving.decisions.policies.exploration import (
    CHAMPION,
    NOTHING_ID,
    Allowed,
    ChoicePolicy,
    choose,
)
from serving.decisions.policies.settings import (
    ExplorationSettings,
    ExplorationShare,
    PolicyName,
)


def allowed(
    values: list[float], acceptance: list[float] | None = None, deviation: float = 0.0
) -> Allowed:
    """Return candidates a, b, ... of these values, and doing nothing behind them."""
    ids = [f"offer:{k}" for k in range(len(values))]
    n = len(values)
    return Allowed(
        ids=[*ids, NOTHING_ID],
        values=np.array([*values, 0.0]),
        acceptance=np.array([*(acceptance or [0.1] * n), 0.0]),
        deviations=np.array([*[deviation] * n, 0.0]),
        nothing=n,
    )


def policy(share: float = 0.0, name: PolicyName = "value", **settings: object) -> ChoicePolicy:
    explored = ExplorationSettings.model_validate({"share": share, **settings})
    return ChoicePolicy(CHAMPION, name, explored)


THREE = allowed([1.0, 3.0, 2.0])


def test_without_exploration_the_best_is_certain() -> None:
    chosen = choose(policy(), THREE, "d1", n=2)
    (slot,) = chosen.slots
    assert slot.shown == (1, 2)
    assert slot.probabilities.tolist() == [0.0, 1.0, 0.0, 0.0]
    assert chosen.propensity == 1.0


def test_a_policy_by_acceptance_ignores_money() -> None:
    likely = allowed([5.0, -2.0], acceptance=[0.1, 0.9])
    assert choose(policy(name="acceptance"), likely, "d1").slots[0].shown == (1,)
    assert choose(policy(name="value"), likely, "d1").slots[0].shown == (0,)
    assert choose(policy(name="nothing"), likely, "d1").slots[0].shown == (2,)


def test_equal_values_go_to_the_first_of_the_order() -> None:
    assert choose(policy(), allowed([2.0, 2.0]), "d1", n=2).slots[0].shown == (0, 1)


def test_what_is_worth_less_than_nothing_is_only_shown_to_learn() -> None:
    losing = allowed([-1.0, 0.5])
    assert choose(policy(), losing, "d1", n=5).slots[0].shown == (1,)
    assert choose(policy(), allowed([-1.0, -2.0]), "d1", n=5).slots[0].shown == (2,)
    drawn = {choose(policy(0.5), losing, f"d{k}").slots[0].shown[0] for k in range(200)}
    assert drawn == {0, 1, 2}


def test_the_share_is_dealt_evenly_among_the_best() -> None:
    wide = allowed([float(k) for k in range(6)])
    (slot,) = choose(policy(0.4, among=3), wide, "d1").slots
    # The best three, and doing nothing: a tenth each of what explores.
    assert slot.probabilities.tolist() == pytest.approx([0, 0, 0, 0.1, 0.1, 0.7, 0.1])


def test_thompson_deals_the_share_by_the_chance_to_be_worth_most() -> None:
    close = allowed([1.0, 1.2], deviation=0.5)
    (slot,) = choose(policy(1.0, method="thompson"), close, "d1").slots
    rng = np.random.default_rng(0)
    drawn = np.column_stack([rng.normal(1.0, 0.5, 200_000), rng.normal(1.2, 0.5, 200_000)])
    drawn = np.column_stack([drawn, np.zeros(len(drawn))])
    truth = np.bincount(drawn.argmax(axis=1), minlength=3) / len(drawn)
    assert slot.probabilities == pytest.approx(truth, abs=0.005)


def test_logged_propensities_are_the_frequencies() -> None:
    share = policy(0.3, among=2)
    drawn = [choose(share, THREE, f"decision {k}").slots[0] for k in range(10_000)]
    counts = Counter(slot.shown[0] for slot in drawn)
    expected = drawn[0].probabilities
    for place, chance in enumerate(expected):
        error = 4 * np.sqrt(chance * (1 - chance) / len(drawn))
        assert counts[place] / len(drawn) == pytest.approx(chance, abs=max(error, 1e-12))
    assert all(slot.propensity == pytest.approx(expected[slot.shown[0]]) for slot in drawn)


def test_the_same_decision_draws_the_same() -> None:
    share = policy(0.9)
    first = [choose(share, THREE, f"d{k}", n=2).slots[0].shown for k in range(50)]
    assert first == [choose(share, THREE, f"d{k}", n=2).slots[0].shown for k in range(50)]
    assert len(set(first)) > 1


def test_a_placement_has_its_own_share() -> None:
    settings = policy(0.0, placements={"banner": {"share": 0.5}})
    banner, footer = choose(settings, THREE, "d1", ["banner", "footer"]).slots
    assert banner.probabilities.max() == pytest.approx(0.5 + 0.5 / 4)
    assert footer.propensity == 1.0


def test_placements_show_different_candidates_that_fit_there() -> None:
    fits = np.array([[True, False, True, False], [True, True, True, False]])
    first, second = choose(policy(), THREE, "d1", ["banner", "footer"], 1, fits).slots
    assert (first.placement, first.shown) == ("banner", (2,))
    assert (second.placement, second.shown) == ("footer", (1,))
    nowhere = np.zeros((1, 4), dtype=bool)
    assert choose(policy(0.5), THREE, "d1", ["banner"], 1, nowhere).slots[0].shown == (3,)


def test_the_propensity_of_an_answer_is_that_of_all_its_placements() -> None:
    """Of both placements together: every pair of answers comes as often as it says."""
    share, two = policy(0.5), allowed([1.0, 2.0])
    drawn = [choose(share, two, f"d{k}", ["a", "b"]) for k in range(10_000)]
    chances = {tuple(s.shown[0] for s in chosen.slots): chosen.propensity for chosen in drawn}
    counts = Counter(tuple(s.shown[0] for s in chosen.slots) for chosen in drawn)
    assert sum(chances.values()) == pytest.approx(1.0)
    for pair, chance in chances.items():
        error = 4 * np.sqrt(chance * (1 - chance) / len(drawn))
        assert counts[pair] / len(drawn) == pytest.approx(chance, abs=error)


VALUES = st.lists(st.floats(-10, 10), min_size=0, max_size=80)


@given(
    VALUES,
    st.builds(
        ExplorationShare,
        share=st.floats(0, 1),
        method=st.sampled_from(["uniform", "thompson"]),
        among=st.integers(1, 40),
    ),
    st.floats(0, 3),
    st.integers(1, 3),
    st.text(max_size=5),
)
# More than are kept in the log.
@example([float(k) for k in range(70)], ExplorationShare(share=0.5), 0.0, 1, "d1")
def test_every_choice_is_whole_and_is_logged_as_it_was(
    values: list[float], share: ExplorationShare, deviation: float, n: int, unit: str
) -> None:
    among = allowed(values, deviation=deviation)
    explored = ExplorationSettings(**share.model_dump())
    chosen = choose(ChoicePolicy("v", "value", explored), among, unit, ["a", "b", "c"], n)
    shown = [place for slot in chosen.slots for place in slot.shown if place != among.nothing]
    assert len(shown) == len(set(shown))
    rank = 1
    for slot, logged in zip(chosen.slots, read_choices(write_choices(chosen, among)), strict=True):
        assert slot.probabilities.sum() == pytest.approx(1.0)
        assert (slot.probabilities >= 0).all()
        assert 0 < slot.propensity <= 1
        assert 1 <= len(slot.shown) <= n
        assert slot.shown == (among.nothing,) or among.nothing not in slot.shown
        is_nothing = slot.shown == (among.nothing,)
        assert logged.placement == slot.placement
        assert logged.rank == (None if is_nothing else rank)
        assert logged.action == among.ids[slot.shown[0]]
        assert logged.propensity == slot.propensity
        assert len(logged.candidates) == min(len(among.ids), MOST_CANDIDATES)
        assert len(logged.candidates) + logged.others == len(among.ids)
        kept = {each.id: each.probability for each in logged.candidates}
        assert sum(kept.values()) + logged.others_probability == pytest.approx(1.0)
        assert kept[logged.action] == pytest.approx(slot.propensity)
        left = contenders(logged)
        assert {each for each in logged.candidates if each.probability > 0} <= set(left.candidates)
        for name in ("value", "acceptance"):
            best = max(getattr(each, name) for each in logged.candidates)
            assert max(getattr(each, name) for each in left.candidates) == best
        assert len(left.candidates) + left.others == len(among.ids)
        # Whoever had a chance is kept: those left out had none.
        assert logged.others_probability == 0.0
        rank += 0 if is_nothing else len(slot.shown)
