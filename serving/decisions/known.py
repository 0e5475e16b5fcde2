"""What reasons need to know of a customer, for the few products of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from models.bundle_schema import BundleColumns as B
from models.sparse_rows import SparseRows
from serving.answers import Source
from serving.catalogue import Catalogue
from serving.products.history import Bought, purchase_history
from serving.products.reasons import accounts_of
from serving.products.shoppers import Shopper


class Known(NamedTuple):
    """What was bought, and what accounts for each product; by product.

    See :func:`serving.products.reasons.explain`.
    """

    history: Mapping[int, Bought]
    because: Mapping[int, int]


def known_of(
    catalogue: Catalogue,
    customer: int | None,
    shopper: Shopper,
    products: Sequence[int],
    source: Source,
) -> Known:
    """Return what is known of a customer and some products.

    Of personal candidates nothing else is asked for, and rows are not read whole.
    """
    if customer is None or source != "personal" or shopper.purchases:
        accounts = accounts_of(catalogue, customer) if source == "personal" else {}
        return Known(purchase_history(catalogue, customer, shopper), accounts)
    history: dict[int, Bought] = {}
    because: dict[int, int] = {}
    bought, candidates = catalogue.bundle.bought, catalogue.bundle.candidates
    for product in products:
        if (at := _place(bought, customer, product)) is not None:
            times, last_day, gap = (bought.values[name][at].item() for name in _OF_HISTORY)
            history[product] = Bought(times, last_day, gap)
        if (at := _place(candidates, customer, product)) is not None:
            because[product] = int(candidates.values[B.BECAUSE][at])
    return Known(history, because)


def _place(matrix: SparseRows, row: int, column: int) -> int | None:
    """Return where an entry stands among all, None where there is none."""
    span = matrix.span(row)
    found = (matrix.indices[span] == column).nonzero()[0]
    return span.start + int(found[0]) if len(found) else None


_OF_HISTORY: Final = (B.TIMES, B.LAST_DAY, B.USUAL_GAP_DAYS)
