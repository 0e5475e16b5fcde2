"""The gates' checks that read no rule: availability, day, channel, placement and dismissals."""

from __future__ import annotations

from datetime import date
from typing import Final

from serving.decisions.gates.stops import Stop
from serving.decisions.offers import Offer, OfferBook
from serving.products.shoppers import Shopper

# Where an offer stops if a rule of this gate fails, and if it cannot be judged.
ELIGIBLE: Final = (Stop.NOT_ELIGIBLE, Stop.ELIGIBILITY_UNKNOWN)
APPLICABLE: Final = (Stop.NOT_APPLICABLE, Stop.APPLICABILITY_UNKNOWN)
SUITABLE: Final = (Stop.NOT_SUITABLE, Stop.SUITABILITY_UNKNOWN)
CONSENT: Final = (Stop.NO_CONSENT, Stop.CONSENT_UNKNOWN)

# Where an offer stops by the availability of what it promotes.
AVAILABILITY: Final = {
    "sellable": Stop.PASSED,
    "unknown": Stop.UNKNOWN_PRODUCT,
    "out_of_stock": Stop.OUT_OF_STOCK,
    "retired": Stop.RETIRED,
    "none_sellable": Stop.NONE_SELLABLE,
}


def circumstances_stop(
    offer: Offer, book: OfferBook, channel: str, placement: str | None, today: date
) -> Stop:
    """Return what of the day, channel and placement keeps the offer from being made."""
    if offer.starts_on is not None and today < offer.starts_on:
        return Stop.NOT_YET
    if offer.ends_on is not None and today >= offer.ends_on:
        return Stop.ENDED
    declared = book.channels.get(channel)
    # For a channel that is not declared, it is unknown who may be contacted.
    if declared is None or not (
        channel in offer.channels if offer.channels else not declared.outbound
    ):
        return Stop.OTHER_CHANNEL
    if offer.placements and placement not in (None, *offer.placements):
        return Stop.OTHER_PLACEMENT
    return Stop.PASSED


def dismissal_stop(offer: Offer, shopper: Shopper) -> Stop:
    """Return which dismissal of the customer's, if any, stops the offer."""
    if offer.product_id is not None and offer.product_id in shopper.dismissed_products:
        return Stop.PRODUCT_DISMISSED
    return Stop.OFFER_DISMISSED if offer.offer_id in shopper.dismissed_offers else Stop.PASSED
