"""Rolling-origin windows: the training cutoffs and the test cutoff, without overlap in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from features.errors import TrainingError
from features.labels import HORIZONS_DAYS

# Fewer cutoffs than this and a test window says more about chance than about the model.
_FEWEST_CUTOFFS = 2


@dataclass(frozen=True)
class Windows:
    """The cutoffs of one job.

    Attributes
    ----------
    as_of
        Nothing on or after this day is used.
    test
        The latest cutoff whose outcome is known; the judged model learns nothing from it.
    train
        Cutoffs whose label windows end by ``test``.
    final
        All cutoffs whose label windows end by ``as_of``: what the served model learns from.
    step_days
        Days between cutoffs.
    """

    as_of: date
    horizon_days: int
    test: date
    train: tuple[date, ...]
    final: tuple[date, ...]
    step_days: int

    @property
    def all_cutoffs(self) -> tuple[date, ...]:
        """Every cutoff needed, in order."""
        return tuple(sorted({*self.train, *self.final, self.test}))

    def with_unfinished(self, shortest_days: int) -> tuple[date, ...]:
        """Return all cutoffs, and those whose outcome is known only over a shorter horizon.

        These lie between the latest training cutoff and the test cutoff, and from there to
        ``as_of``, as long as at least ``shortest_days`` follow.
        """
        step, shortest = timedelta(days=self.step_days), timedelta(days=shortest_days)
        later = set()
        for start, end in ((self.train[-1], self.test), (self.test, self.as_of)):
            count = max((end - shortest - start) // step, 0)
            later |= {start + step * number for number in range(1, count + 1)}
        return tuple(sorted({*self.all_cutoffs, *later}))


def plan_windows(
    first_day: date, as_of: date, horizon_days: int, *, step_days: int, warm_up_days: int
) -> Windows:
    """Place cutoffs every ``step_days``, back from the latest usable one.

    Raises
    ------
    TrainingError
        The history is too short for a test window and at least two training cutoffs.

    Examples
    --------
    >>> windows = plan_windows(date(2024, 1, 1), date(2025, 1, 1), 60,
    ...                        step_days=30, warm_up_days=90)
    >>> windows.test, windows.train[-1], windows.final[-1]
    (datetime.date(2024, 11, 2), datetime.date(2024, 9, 3), datetime.date(2024, 11, 2))
    """
    horizon, step = timedelta(days=horizon_days), timedelta(days=step_days)
    earliest = first_day + timedelta(days=warm_up_days)
    test = as_of - horizon

    def back_from(latest: date) -> tuple[date, ...]:
        count = max((latest - earliest) // step + 1, 0)
        return tuple(sorted(latest - step * number for number in range(count)))

    train = back_from(test - horizon)
    if len(train) < _FEWEST_CUTOFFS:
        needed = warm_up_days + 2 * horizon_days + step_days * (_FEWEST_CUTOFFS - 1)
        raise TrainingError(
            f"{(as_of - first_day).days} days of orders before {as_of} cannot teach a horizon of "
            f"{horizon_days} days: {needed} are needed",
            "set a shorter training.horizon_days or training.warm_up_days, or bring more history",
        )
    return Windows(as_of, horizon_days, test, train, back_from(test), step_days)


def teachable_horizon_days(history_days: int, lookback_days: int) -> int:
    """Return the longest standard horizon with a look-back and two horizons of history.

    Examples
    --------
    >>> teachable_horizon_days(history_days=730, lookback_days=365)
    180
    """
    fitting = [h for h in HORIZONS_DAYS if lookback_days + 2 * h <= history_days]
    return fitting[-1] if fitting else HORIZONS_DAYS[0]
