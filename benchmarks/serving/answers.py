"""Every kind of answer, and events, beside a no-op on the same server and settings."""

from __future__ import annotations

from typing import Final

from benchmarks.serving import noop
from benchmarks.serving.disk import flush_seconds
from benchmarks.serving.load import CONNECTIONS, Load, load
from benchmarks.serving.processes import running, serve_ours
from benchmarks.serving.rounds import Beside, Pace, Target, p99, rate, side_by_side
from benchmarks.serving.traffic import Shop, Traffic
from benchmarks.table import Row

_RECOMMEND: Final = "recommendations"
_ONCE: Final = "recommendations, each customer once"
_ACTIVE: Final = "recommendations to those who just acted"
_EVENTS: Final = "single events, durable"
# At least this share of the no-op's requests per second.
_BARS: Final = {
    _RECOMMEND: 0.8,
    _ONCE: 0.8,
    _ACTIVE: 0.45,
    "fresh sessions": 0.45,
    "cart cross-sell": 0.75,
    "product cross-sell": 0.75,
    "score look-up": 1.0,
    "next best offer": 0.5,
    _EVENTS: 0.45,
}
_BATCH: Final = 100
# More than one load can ask for.
_PER_LOAD: Final = 20_000


def rows(shop: Shop, pace: Pace) -> list[Row]:
    """Measure one worker.

    The 5,000 customers come again and again, as in visits of several pages. Rows beside it ask for
    each customer once, and for others whose views are being posted all the while.
    """
    traffic = Traffic.draw(shop)
    # Of other customers: whoever acts is no longer answered from what was worked out before.
    acting = Traffic.draw(shop, seed=1)
    asked = {
        _RECOMMEND: traffic.recommendations(),
        "fresh sessions": traffic.fresh_sessions(),
        "cart cross-sell": traffic.cart_pages(),
        "product cross-sell": traffic.product_pages(),
        "score look-up": traffic.scores(),
        "next best offer": traffic.offers(),
        _EVENTS: acting.events(1),
        _ACTIVE: acting.recommendations(),
    }
    with (
        running(noop.run, path="/noop/1") as nothing,
        running(serve_ours, shop.bundles, shop.database("answers")) as ours,
    ):
        targets = {what: Target(ours.port, requests) for what, requests in asked.items()}
        strangers = Traffic.of_strangers(shop, _PER_LOAD * (pace.rounds + 1))
        targets[_ONCE] = Target(ours.port, strangers.recommendations(), each_once=True)
        measured = side_by_side(targets, Target(nothing.port, [noop.REQUEST]), pace)
        batches = load(ours.port, acting.events(_BATCH), seconds=pace.rounds * pace.seconds)
    flush = flush_seconds(shop.folder)
    written = [row for what, beside in measured.items() for row in _rows(what, beside, flush)]
    return [*written, *_batch_rows(batches)]


def _rows(what: str, beside: Beside, flush: float) -> list[Row]:
    ours, limit = beside.typical(rate)
    said = {"ours / s": ours, "no-op / s": limit, "errors": float(beside.errors)}
    if what == _EVENTS:
        # What the disk alone allows: every connection's event in each flush, and no work besides.
        said |= {"one flush ms": flush * 1_000, "disk / no-op": CONNECTIONS / flush / limit}
    kept = [
        Row(f"{what}: requests per second / no-op", beside.ratio(rate), ">=", _BARS[what], said),
        Row(f"{what}: errors", beside.errors, "<=", 0),
    ]
    if what == _RECOMMEND:
        tail, limit_tail = beside.typical(p99)
        said = {"ours ms": tail, "no-op ms": limit_tail}
        kept.append(Row(f"{what}: p99 / no-op", beside.ratio(p99), "<=", 2.0, said))
    return kept


def _batch_rows(batches: Load) -> list[Row]:
    a_second = batches.requests_per_second * _BATCH
    said = {"p99 ms": batches.p99_ms, "errors": float(batches.errors)}
    return [
        Row(f"events in batches of {_BATCH}: events per second", a_second, ">=", 20_000, said),
        Row(f"events in batches of {_BATCH}: errors", batches.errors, "<=", 0),
    ]
