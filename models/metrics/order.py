"""Building blocks of metrics that depend on the order of scores, for a sample and its bootstrap.

Every metric takes ``counts``, shape (resamples, n): how often each row is drawn. A single row of
ones is the sample itself, so that a metric and its bootstrap are the same code. Rows of equal score
have no order: they share evenly what their group holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# From counts of rows, (resamples, n), to each metric on each resample, (resamples,).
Scorer = Callable[[Floats], dict[str, Floats]]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted by a score, lowest first; the start and score of each group of equal scores."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    scores: Floats

    def sort(self, per_row: Floats) -> Floats:
        """Return values, shape (..., n), in the order of the scores."""
        return np.asarray(np.take(per_row, self.order, axis=-1))

    def merge(self, in_order: Floats) -> Floats:
        """Add up sorted values over equal scores, shape (..., groups)."""
        if len(self.starts) == len(self.order):
            return in_order
        return np.asarray(np.add.reduceat(in_order, self.starts, axis=-1))

    def spread(self, per_group: Floats) -> Floats:
        """Return each row's group value, from shape (..., groups), in the rows' own order."""
        sizes = np.diff(np.append(self.starts, len(self.order)))
        rows = np.empty_like(self.order)
        rows[self.order] = np.repeat(np.arange(len(self.starts)), sizes)
        return np.asarray(np.take(per_group, rows, axis=-1))


def rank_rows(scores: Floats) -> Ranking:
    """Sort rows by a score, shape (n,)."""
    order = np.argsort(scores, kind="stable")
    in_order = scores[order]
    starts = np.flatnonzero(np.append(True, in_order[1:] != in_order[:-1]))
    return Ranking(order, starts, in_order[starts])


def once(n: int) -> Floats:
    """Return the counts of the sample itself: every row once."""
    return np.ones((1, n))


@dataclass(frozen=True, eq=False)
class Held:
    """Sums over groups of equal score on each resample, lowest first, (resamples, groups).

    Attributes
    ----------
    rows, held
        Number of rows drawn, and the sum of their values.
    rows_up_to, held_up_to
        The same of a group and all lower ones.
    """

    rows: Floats
    held: Floats
    rows_up_to: Floats
    held_up_to: Floats

    @classmethod
    def of(cls, values: Floats, by: Ranking, counts: Floats) -> Held:
        """Draw the rows and add up their values, shape (n,)."""
        in_order = by.sort(counts)
        rows, held = by.merge(in_order), by.merge(in_order * values[by.order])
        return cls(rows, held, np.cumsum(rows, axis=1), np.cumsum(held, axis=1))

    def below(self, places: Floats) -> Floats:
        """Return the values held by the lowest ``places`` rows, shape (resamples, len(places)).

        A place inside a group takes an even share of it.
        """
        return _held_below(self.rows_up_to, self.held_up_to, places)

    def parts(self, count: int) -> Floats:
        """Return the values held by equally filled parts, lowest first, (resamples, count)."""
        return self._parts(self.held_up_to, count)

    def score_parts(self, scores: Floats, count: int) -> Floats:
        """Return the sums of the groups' own scores over equally filled parts."""
        return self._parts(np.cumsum(self.rows * scores, axis=1), count)

    def _parts(self, up_to: Floats, count: int) -> Floats:
        ends = equal_parts(round(self.rows_up_to[0, -1]), count)
        return np.diff(_held_below(self.rows_up_to, up_to, ends), axis=1, prepend=0.0)


def _held_below(rows: Floats, held: Floats, places: Floats) -> Floats:
    found = [np.interp(places, x, y) for x, y in zip(rows, held, strict=True)]
    # Before the first group ends, it holds its even share.
    first = np.minimum(places / np.maximum(rows[:, :1], 1.0), 1.0) * held[:, :1]
    return np.where(places <= rows[:, :1], first, np.array(found))


def equal_parts(n: int, parts: int) -> Floats:
    """Return where equally filled parts of ``n`` rows end, as ``numpy.array_split`` cuts them."""
    sizes = np.full(parts, n // parts)
    sizes[: n % parts] += 1
    return np.cumsum(sizes).astype(np.float64)


def row_means(per_row: dict[str, Floats]) -> Scorer:
    """Return a scorer of metrics that are means over rows."""
    table = np.column_stack(list(per_row.values()))

    def score(counts: Floats) -> dict[str, Floats]:
        means = counts @ table / len(table)
        return dict(zip(per_row, means.T, strict=True))

    return score


def together(*scorers: Scorer) -> Scorer:
    """Return a scorer of all that several scorers say, in their order."""

    def score(counts: Floats) -> dict[str, Floats]:
        return {name: values for each in scorers for name, values in each(counts).items()}

    return score


def of_the_sample(scorer: Scorer, n: int) -> dict[str, float]:
    """Return the metrics of the sample itself."""
    return {name: float(values[0]) for name, values in scorer(once(n)).items()}
