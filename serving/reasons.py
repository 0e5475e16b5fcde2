"""Why an item is there, in words that are true: each states a fact of the bundle or an event."""

from __future__ import annotations

from models.recommend.wording import long_date, percent
from serving.answers import Reason
from serving.catalogue import Catalogue
from serving.cross_sell import Neighbours
from serving.history import Bought
from serving.ranking import Pick


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


def _bought_before(bought: Bought) -> str:
    if bought.times == 1:
        return f"you bought this on {long_date(bought.last_on)}"
    return f"you bought this {bought.times} times, last on {long_date(bought.last_on)}"
