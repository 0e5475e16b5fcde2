"""An answer about products as it goes out, but for its id: the same for all who ask the same."""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from serving.answers import Recommendations
from serving.catalogue import Catalogue
from serving.decisions.policies.exploration import CHAMPION
from serving.products.recommend import Ask, Outcome

_ID_FIRST: Final = b'{"recommendation_id":'
_WITHOUT_ID: Final = len(_ID_FIRST + b'""')


class Shelf(NamedTuple):
    """What is shown; ``rest`` is its JSON from behind the id on, which is the first field."""

    rest: bytes
    fallback: str | None
    candidates: int

    def under(self, recommendation_id: str) -> bytes:
        """Return the whole answer."""
        return b"".join((_ID_FIRST, orjson.dumps(recommendation_id), self.rest))


def shelf_of(catalogue: Catalogue, ask: Ask, outcome: Outcome) -> Shelf:
    """Write what came of a request."""
    manifest = catalogue.manifest
    answer = Recommendations(
        recommendation_id="",
        model_version=manifest.version,
        as_of=manifest.as_of,
        variant=CHAMPION,
        fallback=outcome.fallback,
        customer_id=ask.customer_id,
        items=outcome.items,
        shortfall=outcome.shortfall,
        unknown_items=outcome.unknown_items,
    )
    return Shelf(orjson.dumps(answer)[_WITHOUT_ID:], outcome.fallback, outcome.candidates)
