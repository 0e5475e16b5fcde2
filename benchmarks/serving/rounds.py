"""Side by side: short loads in turn, round after round, and the middle of the rounds.

A machine's speed drifts by more than the bars leave room for; a ratio of neighbours does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from rich.console import Console

from benchmarks.serving.load import Load, load


@dataclass(frozen=True)
class Target:
    """A server's port and the requests to load it with.

    With ``each_once`` every load takes a part of its own, so that none is sent twice.
    """

    port: int
    requests: Sequence[bytes]
    each_once: bool = False

    def part(self, number: int, parts: int) -> Sequence[bytes]:
        """Return what the load of a number is to send, of so many loads."""
        return self.requests[number::parts] if self.each_once else self.requests


@dataclass(frozen=True)
class Pace:
    """How long to measure: ``rounds`` of loads of ``seconds`` each."""

    rounds: int
    seconds: float
    console: Console


@dataclass(frozen=True)
class Beside:
    """One target's loads, each with that of the reference before and after it."""

    taken: Sequence[Load]
    reference: Sequence[tuple[Load, Load]]

    def ratio(self, figure: Callable[[Load], float]) -> float:
        """Return the median over rounds of the target's figure / the reference's."""
        pairs = zip(self.taken, self.reference, strict=True)
        return median(figure(ours) / mean(map(figure, around)) for ours, around in pairs)

    def typical(self, figure: Callable[[Load], float]) -> tuple[float, float]:
        """Return the medians over rounds of the target's figure and of the reference's."""
        around = [mean(map(figure, pair)) for pair in self.reference]
        return median(map(figure, self.taken)), median(around)

    @property
    def errors(self) -> int:
        """Requests to the target that failed, in all rounds."""
        return sum(each.errors for each in self.taken)


def rate(measured: Load) -> float:
    """Return the requests per second."""
    return measured.requests_per_second


def p99(measured: Load) -> float:
    """Return the 99th percentile of latencies in milliseconds."""
    return measured.p99_ms


def side_by_side(targets: Mapping[str, Target], reference: Target, pace: Pace) -> dict[str, Beside]:
    """Load all targets in turn, and the reference before and after each of them."""
    loads, beside = pace.rounds + 1, pace.rounds * len(targets) + 2
    references = (reference.part(number, beside) for number in range(beside))
    warm_up = min(pace.seconds, 0.5)
    load(reference.port, next(references), seconds=warm_up)
    for each in targets.values():
        load(each.port, each.part(0, loads), seconds=warm_up)
    taken: dict[str, list[Load]] = {name: [] for name in targets}
    around: dict[str, list[tuple[Load, Load]]] = {name: [] for name in targets}
    before = load(reference.port, next(references), seconds=pace.seconds)
    for round_ in range(pace.rounds):
        for name, target in targets.items():
            requests = target.part(round_ + 1, loads)
            taken[name].append(load(target.port, requests, seconds=pace.seconds))
            after = load(reference.port, next(references), seconds=pace.seconds)
            around[name].append((before, after))
            before = after
        said = ", ".join(f"{name} {rate(loads[-1]):,.0f}/s" for name, loads in taken.items())
        pace.console.print(
            f"round {round_ + 1} of {pace.rounds}: {said}; beside {rate(before):,.0f}/s"
        )
    return {name: Beside(taken[name], around[name]) for name in targets}
