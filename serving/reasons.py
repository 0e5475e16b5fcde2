"""Why an item is there, in words that are true: each states a fact of the bundle or an event."""

from __future__ import annotations

from datetime import date
from typing import Final

from serving.answers import Reason
from serving.catalogue import Catalogue
from serving.cross_sell import Neighbours
from serving.history import Bought
from serving.ranking import Pick

# Not the locale's: the same answer on every machine.
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def explain(
    catalogue: Catalogue,
    pick: Pick,
    history: dict[int, Bought],
    neighbours: Neighbours | None,
    candidates: frozenset[int],
) -> list[Reason]:
    """Return every reason that holds for a picked product, the most telling first.

    Parameters
    ----------
    history
        What this customer bought, by product.
    neighbours
        What is bought together with the items sent.
    candidates
        Products scored for this very customer by the bundle's models.
    """
    reasons = []
    if (bought := history.get(pick.product)) is not None:
        reasons.append(Reason("bought_before", _bought_before(bought)))
    if neighbours is not None and (strongest := neighbours.strongest(pick.product)) is not None:
        item, support = strongest
        text = (
            f"bought together with {catalogue.display_name(item)} in {percent(support)} of baskets"
        )
        reasons.append(Reason("bought_together", text))
    if pick.product in candidates and bought is None:
        reasons.append(Reason("similar_customers", "similar customers bought this"))
    if pick.source == "popular":
        reasons.append(Reason("popular", "popular now"))
    if pick.source == "catalogue":
        reasons.append(Reason("catalogue", "from the catalogue"))
    return reasons


def percent(share: float) -> str:
    """Write a share as a percentage of about two digits: 41 %, 0.4 %, 99.6 %."""
    points = 100 * share
    if 1 <= points < 99 or points == 100:
        return f"{points:.0f} %"
    return f"{points:.1f} %" if points >= 0.05 else "under 0.1 %"


def long_date(day: date) -> str:
    """Write a date as ``3 May 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _bought_before(bought: Bought) -> str:
    if bought.times == 1:
        return f"you bought this on {long_date(bought.last_on)}"
    return f"you bought this {bought.times} times, last on {long_date(bought.last_on)}"
