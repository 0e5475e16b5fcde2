"""What is shown of the actions chosen: items with their terms, and the reasons of products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serving.answers import OfferItem, Reason, Shortfall
from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.known import known_of
from serving.decisions.pricing.terms import terms_of
from serving.products.ranking import Pick
from serving.products.reasons import explain
from serving.products.shoppers import Shopper


def items_of(
    candidates: Candidates,
    customer: int | None,
    shopper: Shopper,
    shown: Sequence[tuple[str | None, int]],
) -> Iterator[OfferItem]:
    """Yield what is shown in each placement, ranked, with its terms and reasons.

    Parameters
    ----------
    shown
        Placements and places among the candidates.
    """
    catalogue, source = candidates.desk.catalogue, candidates.odds.source
    products = [int(candidates.product[place]) for _, place in shown]
    known = known_of(catalogue, customer, shopper, products, source)
    for rank, ((placement, place), product) in enumerate(zip(shown, products, strict=True), 1):
        offer = candidates.offer_at(place)
        terms = terms_of(candidates, place)
        reasons: list[Reason] = []
        if product >= 0:
            picked = Pick(product, terms.offer_value, source)
            reasons = explain(catalogue, picked, known)
        yield OfferItem(
            rank=rank,
            action="do_nothing" if place == NOTHING else "product" if offer is None else "offer",
            placement=placement,
            product_id=catalogue.product_ids[product] if product >= 0 else None,
            offer_id=None if offer is None else offer.offer_id,
            category=None if offer is None else offer.category,
            name=offer.name if offer is not None else catalogue.names[product]
            if product >= 0 else None,
            terms=terms,
            reasons=reasons,
        )  # fmt: skip


def shortfall_of(wanted: int, found: int, considered: int) -> Shortfall | None:
    """Say why fewer are worth making than were asked for; None where there are enough."""
    if found >= wanted:
        return None
    detail = f"{considered} actions compared, {found} worth more than doing nothing"
    return Shortfall(wanted - found, "value" if considered > wanted else "candidates", detail)
