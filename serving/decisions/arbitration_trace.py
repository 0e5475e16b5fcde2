"""Why not X? The gates' word on every offer, and arbitration's on those that passed them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from models.offers.single import Row
from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.moment import Context
from serving.decisions.stops import Stop
from serving.decisions.trace import TraceEntry, arbitrated, trace

__all__ = ["TraceEntry", "arbitration_trace"]


def arbitration_trace(
    candidates: Candidates,
    stops: Sequence[Stop],
    row: Row,
    context: Context,
    now: datetime,
    made: Collection[int],
) -> list[TraceEntry]:
    """Return what became of every offer, in the order of the offers.

    Parameters
    ----------
    stops
        What the gates said of each offer.
    made
        Places of the actions that are shown.
    """
    entries = trace(candidates.desk.book, stops, row, context, now)
    best = max(made, key=lambda place: candidates.score[place], default=NOTHING)
    return [
        entry if stop else _word(candidates, entry, number, best, made)
        for number, (entry, stop) in enumerate(zip(entries, stops, strict=True))
    ]


def _word(
    candidates: Candidates, entry: TraceEntry, number: int, best: int, made: Collection[int]
) -> TraceEntry:
    place = candidates.first_offer + number
    if not candidates.can_be_made[number]:
        reason = "none of the products promoted can be shown to this customer and priced"
        return arbitrated(entry, "nothing_to_show", reason, None, made=False)
    value, score = float(candidates.value[place]), float(candidates.score[place])
    money = candidates.desk.catalogue.manifest.currency
    worth = f"worth {value:.2f} {money}"
    if place in made:
        return arbitrated(entry, "made", f"{worth}: among the items", value, made=True)
    if score <= 0:
        reason = f"{worth}: not more than doing nothing"
        return arbitrated(entry, "worth_nothing", reason, value, made=False)
    rivals = [other for other in made if candidates.score[other] >= score]
    product = candidates.product[place]
    if product >= 0 and any(candidates.product[other] == product for other in rivals):
        reason = f"{worth}: the same product is worth more as it is shown"
        return arbitrated(entry, "same_product", reason, value, made=False)
    if not rivals:
        reason = f"{worth}: another was tried, or nothing, to learn what it is worth"
        return arbitrated(entry, "explored", reason, value, made=False)
    names = candidates.ids([best])[0]
    reason = f"{worth}: {names} is worth {float(candidates.value[best]):.2f} {money}"
    return arbitrated(entry, "worth_less", reason, value, made=False)
