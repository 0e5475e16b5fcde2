"""The gate: a challenger becomes champion only if it is better by more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.report import Contest, Floats

_RESAMPLES = 200


@dataclass(frozen=True)
class Difference:
    """Challenger less rival on the same customers, with its 95 % paired bootstrap interval."""

    rival: str
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as one line of text."""
        return f"{self.mean:+.4f} against {self.rival} (95 % {self.low:+.4f} to {self.high:+.4f})"


@dataclass(frozen=True)
class Verdict:
    """Whether to promote, why, and the comparisons behind it."""

    promote: bool
    reason: str
    differences: tuple[Difference, ...]


def compare(contest: Contest, predicted: Floats, rival: str, rival_predicted: Floats) -> Difference:
    """Bootstrap the difference of the headline metric over customers."""
    return _difference(rival, _measured(contest, predicted), _measured(contest, rival_predicted))


def _measured(contest: Contest, predicted: Floats) -> Floats:
    """Return the headline metric of the sample, then of resamples, the same for all models."""
    rng = np.random.default_rng(0)
    size = len(contest.actual)
    draws = [contest.metric(contest.actual, predicted)]
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, size, size)
        draws.append(contest.metric(contest.actual[rows], predicted[rows]))
    return np.array(draws)


def _difference(rival: str, ours: Floats, theirs: Floats) -> Difference:
    gaps = ours - theirs
    low, high = np.percentile(gaps[1:], [2.5, 97.5])
    return Difference(rival, float(gaps[0]), float(low), float(high))


def judge(
    contest: Contest,
    challenger: str,
    champion_predicted: Floats | None,
    *,
    has_champion: bool,
    champion_is_older: bool,
) -> Verdict:
    """Decide whether the challenger becomes champion.

    Without a champion, or one that knows today's features, it must not clearly lose to any
    baseline, since some model has to serve.
    Otherwise it must clearly beat every baseline, and the champion too; if it learned from newer
    data it is enough not to clearly lose to the champion, or a good champion would go stale. A
    champion that cannot be compared (of another definition) is replaced by one that clearly
    beats the baselines. Clearly: by the bound of the 95 % interval.

    Parameters
    ----------
    champion_predicted
        The champion's predictions of the same window; None if it cannot be compared.
    champion_is_older
        Whether the challenger learned from newer data.
    """
    ours = _measured(contest, contest.predicted[challenger])
    differences = tuple(
        _difference(name, ours, _measured(contest, predicted))
        for name, predicted in contest.predicted.items()
        if name != challenger
    )
    if not has_champion:
        return _without_champion(differences)
    worst = _least(differences, lambda difference: difference.low)
    if not worst.low > 0:
        reason = f"{contest.headline} does not clearly beat the baseline: {worst}"
        return Verdict(promote=False, reason=reason, differences=differences)
    if champion_predicted is None:
        reason = f"the champion cannot be compared, and every baseline is beaten: {worst}"
        return Verdict(promote=True, reason=reason, differences=differences)
    against = _difference("the champion", ours, _measured(contest, champion_predicted))
    promote, reason = _against_champion(contest.headline, against, champion_is_older)
    return Verdict(promote=promote, reason=reason, differences=(*differences, against))


def _against_champion(
    headline: str, difference: Difference, champion_is_older: bool
) -> tuple[bool, str]:
    """Return whether a challenger that beats every baseline replaces the champion, and why."""
    if difference.low > 0:
        return True, f"{headline} beats the champion: {difference}"
    if champion_is_older and difference.high >= 0:
        return True, f"learned from newer data and is not worse: {difference}"
    return False, f"{headline} does not clearly beat the champion: {difference}"


def _without_champion(differences: tuple[Difference, ...]) -> Verdict:
    strongest = _least(differences, lambda difference: difference.high)
    nearest = _least(differences, lambda difference: difference.low)
    if not strongest.high >= 0:
        found, shown = "it falls short of a baseline", strongest
    elif nearest.low > 0:
        found, shown = "it clearly beats every baseline", nearest
    else:
        found, shown = "it does not clearly beat every baseline", nearest
    return Verdict(
        promote=strongest.high >= 0,
        reason=f"no champion to compare with; {found}: {shown}",
        differences=differences,
    )


def _least(differences: Sequence[Difference], bound: Callable[[Difference], float]) -> Difference:
    """Return the difference with the least bound; a NaN proves nothing and counts as the least."""
    return min(differences, key=lambda d: -math.inf if math.isnan(bound(d)) else bound(d))
