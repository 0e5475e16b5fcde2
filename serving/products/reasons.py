"""Why an item is shown, as a code and a sentence that states a fact of the bundle or an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from models.bundle.schema import BundleColumns as B
from models.recommend.wording import long_date, percent
from serving.answers import Reason
from serving.catalogue import Catalogue
from serving.products.cross_sell import Together
from serving.products.history import Bought
from serving.products.ranking import Pick
from serving.products.visit import Signal, Visit

_LEAST_TOGETHER: Final = 0.01
_LEAST_NEWCOMERS: Final = 0.02
"""Smaller shares are true, but say nothing to a shopper."""

_DID: Final = {"view": "you looked at", "search": "your search found", "order": "you bought"}
_LIKE: Final[Mapping[str, Literal["like_viewed", "like_bought"]]] = {
    "view": "like_viewed", "search": "like_viewed", "order": "like_bought",
}  # fmt: skip


class ReasonFacts(NamedTuple):
    """What the reasons for some products are made from; each mapping is by product position.

    Parameters
    ----------
    history
        What this customer bought.
    because
        From :func:`explaining_purchases`.
    together
        The item sent, or in the cart, that each product goes with.
    signals
        The recent action that adds most to each product's score.
    visit
        What the shopper does now; None where there are no recent actions.
    """

    history: Mapping[int, Bought]
    because: Mapping[int, int]
    together: Mapping[int, Together] = MappingProxyType({})
    signals: Mapping[int, Signal] = MappingProxyType({})
    visit: Visit | None = None


def explain(catalogue: Catalogue, pick: Pick, facts: ReasonFacts) -> list[Reason]:
    """Return every reason that holds for a picked product, the most telling first."""
    product = pick.product
    reasons = [] if facts.visit is None else _looked_for(product, facts.visit)
    bought = facts.history.get(product)
    if bought is not None:
        reasons.append(_bought_before(bought))
    if (together := facts.together.get(product)) is not None:
        reasons.append(_together(catalogue, together))
    if (signal := facts.signals.get(product)) is not None:
        reasons.append(_like_signal(catalogue, signal))
    if bought is None and (own := facts.because.get(product, -1)) >= 0:
        reasons.append(_like_purchase(catalogue, product, own))
    if pick.source in ("newcomers", "popular") and not facts.history:
        reasons.extend(_popular_first_order(catalogue, product))
    if not reasons:
        popular = catalogue.popular_score[product] > 0
        word = Reason("popular", "popular now") if popular else None
        reasons.append(word or Reason("catalogue", "from the catalogue"))
    return reasons


def explaining_purchases(
    catalogue: Catalogue, customer: int | None, products: Sequence[int]
) -> Mapping[int, int]:
    """Return the product bought before that explains each of a customer's candidates, by product.

    -1 where none does; products that are not among the candidates are left out.
    """
    if customer is None:
        return {}
    candidates = catalogue.bundle.candidates
    because = candidates.values[B.BECAUSE]
    named = candidates.places(customer, products)
    return {product: because.item(place) for product, place in named}


def _bought_before(bought: Bought) -> Reason:
    last = long_date(bought.last_on)
    if bought.usual_gap_days > 0:
        days = round(bought.usual_gap_days)
        every = "every day" if days <= 1 else f"every {days} days"
        return Reason("rhythm", f"you buy this about {every}; last on {last}")
    if bought.times == 1:
        return Reason("bought_before", f"you bought this on {last}")
    return Reason("bought_before", f"you bought this {bought.times} times, last on {last}")


def _together(catalogue: Catalogue, together: Together) -> Reason:
    item, share = together
    name = catalogue.display_name(item)
    if share == 0:
        return Reason("goes_with", f"goes with products like {name}")
    return Reason("bought_together", f"bought together with {name} in {percent(share)} of baskets")


def _like_purchase(catalogue: Catalogue, product: int, own: int) -> Reason:
    """Explain a product by ``own``, one that the customer bought."""
    name = catalogue.display_name(own)
    share = _support(catalogue, own, product)
    if share >= _LEAST_TOGETHER:
        text = f"bought together with {name}, which you bought, in {percent(share)} of baskets"
        return Reason("bought_together", text)
    return Reason("similar_customers", f"customers who bought {name} bought this too")


def _support(catalogue: Catalogue, item: int, product: int) -> float:
    matrix = catalogue.bundle.cross_sell
    place = matrix.place(item, product)
    return 0.0 if place < 0 else float(matrix.values[B.SUPPORT][place])


def _popular_first_order(catalogue: Catalogue, product: int) -> Iterator[Reason]:
    share = float(catalogue.newcomer_share[product])
    if share >= _LEAST_NEWCOMERS:
        text = f"popular among new customers: in {percent(share)} of first orders"
        yield Reason("newcomers", text)


def _looked_for(product: int, visit: Visit) -> list[Reason]:
    if product in visit.viewed:
        return [Reason("viewed", "you looked at this")]
    if product in visit.found:
        return [Reason("searched", "found by what you searched for")]
    return []


def _like_signal(catalogue: Catalogue, signal: Signal) -> Reason:
    name = catalogue.display_name(signal.product)
    code = _LIKE[signal.kind]
    return Reason(code, f"because {_DID[signal.kind]} {name}")
