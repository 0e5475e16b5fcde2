"""The explored part of the decision log, as tables on which another policy can be judged.

Each placement of a decision is judged by itself, and only where several candidates had a chance:
of a certain choice's alternatives nothing is known. The policy to be judged takes its best among
the candidates that had a chance, so the estimate holds as far as was explored. Intervals assume
independent decisions: many decisions for the same few customers make them too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from features.errors import DataError
from serving.decisions.learning.logged_choices import Candidate, LoggedChoice
from serving.decisions.learning.outcome_columns import OutcomeColumns as O
from serving.decisions.policies.exploration import NOTHING_ID
from serving.decisions.policies.settings import PolicyName

REWARDS: Final = (O.ACCEPTED, O.EARNED)

_REWARD, _PROBABILITY = "reward", "probability"
_READ: Final = (O.DECISION_ID, O.RANK, O.CHOICE, O.IS_OVER)
_PLACE: Final = "by value "
_CERTAIN, _NOT_OVER = "decided with certainty", "attribution window not over"


@dataclass(frozen=True, eq=False)
class Judgeable:
    """What :func:`training.policy_evaluation.evaluate_policy` asks for, and what is not in it.

    Attributes
    ----------
    log, target, situations
        Actions are named by their place among the candidates that had a chance, by value; doing
        nothing by itself. Situations are those candidates' values and chances of acceptance.
    outside
        Decisions in which the policy would have taken a candidate that had no chance, and is
        judged by its best of the others.
    left_out
        Numbers of placements that are not judged, by reason.
    """

    log: pd.DataFrame
    target: pd.DataFrame
    situations: pd.DataFrame
    outside: int
    left_out: dict[str, int]


def judgeable(outcomes: Iterable[pd.DataFrame], policy: PolicyName, reward: str) -> Judgeable:
    """Prepare the outcomes of the log for judging a policy.

    Parameters
    ----------
    outcomes
        From :func:`serving.decisions.learning.log_reader.outcomes_in_spans`.
    reward
        One of ``REWARDS``: accepted (0 or 1), or earned (money).

    Raises
    ------
    DataError
        No decision was left to chance, or no window of those that were is over.
    """
    log: list[tuple[str, str, float, float]] = []
    target: list[tuple[str, str, float]] = []
    situations: list[dict[str, Any]] = []
    left_out = dict.fromkeys((_CERTAIN, _NOT_OVER), 0)
    outside = 0
    for span in outcomes:
        leading = span[span[O.PROPENSITY].notna()]
        columns = (leading[name].tolist() for name in (*_READ, reward))
        for decision_id, rank, choice, is_over, came in zip(*columns, strict=True):
            explored = _explored(choice)
            if len(explored) < 2 or not is_over:
                left_out[_CERTAIN if len(explored) < 2 else _NOT_OVER] += 1
                continue
            unit = f"{decision_id} {rank}"
            ours = _best(list(explored.values()), policy)
            outside += _best(choice.candidates, policy).id != ours.id
            names = {candidate.id: name for name, candidate in explored.items()}
            log.append((unit, names[choice.action], choice.propensity, float(came)))
            target.append((unit, names[ours.id], 1.0))
            situations.append({O.DECISION_ID: unit} | _situation(explored))
    if not log:
        raise _nothing_to_judge(left_out)
    return Judgeable(
        pd.DataFrame(log, columns=[O.DECISION_ID, O.ACTION, O.PROPENSITY, _REWARD]),
        pd.DataFrame(target, columns=[O.DECISION_ID, O.ACTION, _PROBABILITY]),
        pd.DataFrame(situations),
        outside,
        {reason: count for reason, count in left_out.items() if count},
    )


def _explored(choice: LoggedChoice) -> dict[str, Candidate]:
    """Return the candidates that had a chance, named by their place by value."""
    had_chance = [each for each in choice.candidates if each.probability > 0]
    offers = sorted(
        (each for each in had_chance if each.id != NOTHING_ID), key=lambda each: -each.value
    )
    named = {f"{_PLACE}{place}": each for place, each in enumerate(offers, start=1)}
    return named | {each.id: each for each in had_chance if each.id == NOTHING_ID}


def _best(candidates: Sequence[Candidate], policy: PolicyName) -> Candidate:
    """Return the candidate that a policy takes; the first of equals, as ties are in order."""
    if policy == "nothing":
        return next(each for each in candidates if each.id == NOTHING_ID)
    return max(candidates, key=lambda each: getattr(each, policy))


def _situation(explored: dict[str, Candidate]) -> dict[str, float]:
    return {
        f"{name} {column}": getattr(candidate, column)
        for name, candidate in explored.items()
        if name != NOTHING_ID
        for column in ("value", "acceptance")
    }


def _nothing_to_judge(left_out: dict[str, int]) -> DataError:
    if left_out[_NOT_OVER]:
        return DataError(
            f"the attribution window of all {left_out[_NOT_OVER]} explored decisions is not over",
            "wait until it is, or shorten [serving] attribution_days",
        )
    if not left_out[_CERTAIN]:
        return DataError(
            "no offer was decided on in that time",
            "serve the shop first, or choose an earlier day with --since",
        )
    return DataError(
        f"all {left_out[_CERTAIN]} logged decisions were taken with certainty: what another "
        "policy would have earned cannot be known from them",
        "set share under [serving.exploration], such as 0.05, serve with it, and judge then",
    )
