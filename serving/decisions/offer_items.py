"""The chosen actions as items of an answer, with their terms and the reasons for products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serving.answers import OfferItem, Reason, Shortfall
from serving.decisions.candidates import NOTHING, Candidates
from serving.decisions.pricing.offer_terms import terms_of
from serving.decisions.reason_facts import facts_about
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
    catalogue, source = candidates.inputs.catalogue, candidates.next_order.source
    products = [int(candidates.product[place]) for _, place in shown]
    facts = facts_about(catalogue, customer, shopper, products, source)
    for rank, ((placement, place), product) in enumerate(zip(shown, products, strict=True), 1):
        offer = candidates.offer_at(place)
        terms = terms_of(candidates, place)
        reasons: list[Reason] = []
        if product >= 0:
            picked = Pick(product, terms.offer_value, source)
            reasons = explain(catalogue, picked, facts)
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
    """Say why fewer actions came out than were asked for; None where there are enough."""
    if found >= wanted:
        return None
    detail = f"{considered} actions compared, {found} worth more than doing nothing"
    return Shortfall(wanted - found, "value" if considered > wanted else "candidates", detail)
