"""Maximum likelihood over positive parameters, with diagnostics of the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats]]
Model = TypeVar("Model")

# Beyond e^10 = 22,000 (or below its inverse) a heterogeneity parameter has reached its limit.
_LIMIT = 10.0
_STEP = 1e-5
# Largest slope of the mean log-likelihood to stop at, to choose among starts, to have converged.
_TOLERANCE, _ROUGH_TOLERANCE, _SUMMIT = 1e-7, 1e-2, 1e-5
_MOST_ITERATIONS, _MOST_HALVINGS, _LONGEST_STEP, _ROUNDING = 200, 20, 1.0, 1e-12
_FLATTEST = 1e-9
_CROSSES = 1e-6
# A parameter known only to a factor of e^3 = 20 is not identified.
_UNIDENTIFIED = 3.0


@dataclass(frozen=True)
class Diagnostics:
    """How the fit went.

    Attributes
    ----------
    log_likelihood
        At the estimate, over all customers, in the units of the data.
    gradient_norm
        Largest slope of the mean log-likelihood by a logarithm of a parameter; about zero.
    iterations, restarts
        Iterations from the best start to the maximum, and the number of starts.
    standard_errors
        Of each parameter: from the Hessian in log-parameters, by the delta method; infinite if the
        data does not identify it.
    at_boundary
        Parameters that ran to a limit or are not identified: a simpler model would fit as well.
    warnings
        Assumptions that look broken, each with what to use instead.
    """

    log_likelihood: float
    converged: bool
    gradient_norm: float
    iterations: int
    restarts: int
    customers: int
    standard_errors: dict[str, float]
    at_boundary: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Diagnostics:
        """Rebuild from what :meth:`to_json` gave."""
        lists = {name: tuple(stored[name]) for name in ("at_boundary", "warnings")}
        return cls(**{**stored, **lists})


@dataclass(frozen=True)
class Fitted(Generic[Model]):
    """A model and how its fit went."""

    model: Model
    diagnostics: Diagnostics


@dataclass(frozen=True)
class Maximum:
    """The best point found, and how.

    Attributes
    ----------
    value
        Mean log-likelihood there.
    covariance
        Of the logarithms of the parameters, per customer.
    """

    log_parameters: Floats
    value: float
    covariance: Floats
    gradient_norm: float
    iterations: int
    restarts: int

    def diagnostics(
        self,
        parameters: dict[str, float],
        customers: float,
        rescaled: float = 0.0,
        warnings: Sequence[str] = (),
    ) -> Diagnostics:
        """Return the diagnostics; ``parameters`` are in the order of ``log_parameters``.

        Parameters
        ----------
        rescaled
            What the log-likelihood gained by counting time or money in larger units: the number of
            observations times the logarithm of the unit.
        """
        deviations = np.sqrt(np.diag(self.covariance) / customers)
        errors = {
            name: float(value * deviation)
            for (name, value), deviation in zip(parameters.items(), deviations, strict=True)
        }
        at_limit = np.abs(self.log_parameters) > _LIMIT - 0.01
        doubtful = at_limit | (deviations > _UNIDENTIFIED)
        return Diagnostics(
            float(self.value * customers - rescaled),
            self.gradient_norm < _SUMMIT,
            self.gradient_norm,
            self.iterations,
            self.restarts,
            int(customers),
            errors,
            tuple(name for name, out in zip(parameters, doubtful, strict=True) if out),
            tuple(warnings),
        )


def maximise(
    objective: Objective, starts: Sequence[Sequence[float]], rough: Objective | None = None
) -> Maximum:
    """Climb from several starts, and refine the best maximum found.

    Parameters
    ----------
    objective
        From logarithms of parameters to the mean log-likelihood and its gradient.
    starts
        Where to begin, in logarithms.
    rough
        The same on fewer customers, to choose among the starts.
    """
    surface, tolerance = (objective, _TOLERANCE) if rough is None else (rough, _ROUGH_TOLERANCE)
    summits = [_climb(surface, np.array(start), None, tolerance) for start in starts]
    point, value, iterations = max(summits, key=lambda summit: summit[1])
    if rough is not None:
        # The curvature found on fewer customers is nearly the real one: a few steps are enough.
        shape, _ = _covariance(rough, point, np.abs(point) < _LIMIT)
        known = shape if np.isfinite(shape).all() else None
        point, value, more = _climb(objective, point, known, _TOLERANCE)
        iterations += more
    inside = np.abs(point) < _LIMIT
    covariance, gradient = _covariance(objective, point, inside)
    return Maximum(
        point,
        value,
        covariance,
        float(np.abs(np.where(inside, gradient, 0.0)).max()),
        iterations,
        len(summits),
    )


def _climb(
    objective: Objective, start: Floats, shape: Floats | None, tolerance: float
) -> tuple[Floats, float, int]:
    """Climb by BFGS within the limits; return the point, its value and the iterations.

    Written out here because a general optimiser spends most of its time on overhead with two to
    four parameters.

    Parameters
    ----------
    shape
        The inverse of the negative Hessian, where it is known.
    """
    point, (value, gradient) = start, objective(start)
    for iteration in range(_MOST_ITERATIONS):
        at_limit = np.abs(point) >= _LIMIT
        pushes_out = at_limit & (gradient * point > 0)
        slope = np.where(pushes_out, 0.0, gradient)
        steepest = float(np.abs(slope).max())
        if steepest < tolerance:
            return point, value, iteration
        step = slope / steepest if shape is None else np.where(pushes_out, 0.0, shape @ slope)
        found = _rise(objective, point, value, slope, step) if step @ slope > 0 else None
        if found is None and shape is None:
            return point, value, iteration
        if found is None or ((np.abs(found[0]) >= _LIMIT) != at_limit).any():
            shape = None  # other parameters are free now, or the step failed
        else:
            change = np.where(at_limit, 0.0, gradient - found[2])
            shape = _updated(shape, found[0] - point, change)
        if found is not None:
            point, value, gradient = found
    return point, value, _MOST_ITERATIONS


def _rise(
    objective: Objective, point: Floats, value: float, slope: Floats, step: Floats
) -> tuple[Floats, float, Floats] | None:
    """Go along the step until it has risen enough (Armijo), halving it where it has not.

    Near the maximum, where values differ by rounding alone, a smaller gradient counts as a rise.
    """
    step = step * min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
    rounding = _ROUNDING * max(1.0, abs(value))
    for _ in range(_MOST_HALVINGS):
        there = np.clip(point + step, -_LIMIT, _LIMIT)
        reached, gradient = objective(there)
        flatter = np.abs(gradient).max() < 0.9 * np.abs(slope).max()
        if reached >= value + 1e-4 * float(slope @ (there - point)) + rounding or (
            abs(reached - value) <= rounding and flatter
        ):
            return there, reached, gradient
        step = step / 2
    return None


def _updated(shape: Floats | None, moved: Floats, change: Floats) -> Floats | None:
    """Return the BFGS update of the inverse of the negative Hessian (Nocedal & Wright, ch. 6)."""
    curvature = float(moved @ change)
    if curvature <= 0:
        return shape
    if shape is None:
        shape = np.eye(len(moved)) * (curvature / float(change @ change))
    turn = np.eye(len(moved)) - np.outer(moved, change) / curvature
    return np.asarray(turn @ shape @ turn.T + np.outer(moved, moved) / curvature)


def _covariance(
    objective: Objective, point: Floats, inside: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Invert the negative Hessian, by differences of the gradient; return that as well.

    Per customer, because the objective is a mean. Parameters at the boundary are held
    there and get infinite variance.
    """
    _, gradient = objective(point)
    free = np.flatnonzero(inside)
    covariance = np.diag(np.full(len(point), np.inf))
    if len(free) == 0:
        return covariance, gradient
    steps = np.eye(len(point))[free] * _STEP
    rows = np.array([objective(point + step)[1] - gradient for step in steps])
    information = -rows[:, free] / _STEP
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    curved = values > _FLATTEST
    known = (vectors[:, curved] / values[curved]) @ vectors[:, curved].T
    # Parameters that change along a flat direction (a ridge) are not identified.
    ridge = (vectors[:, ~curved] ** 2).sum(axis=1) > _CROSSES
    known[ridge, ridge] = np.inf
    covariance[np.ix_(free, free)] = known
    return covariance, gradient
