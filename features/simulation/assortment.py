"""Which products are on sale on a day, and how one of them is drawn by popularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.simulation.plan import Floats, Integers


@dataclass(frozen=True)
class Assortment:
    """Popularity of the products on sale, by spell: a run of days without launch or retirement.

    ``edges`` are cumulative weights over (spell, product), flattened, so that one binary search
    draws for any mixture of days and categories. Products are numbered category by category.
    """

    spell_of_day: Integers
    edges: Floats
    first_of_category: Integers

    @property
    def n_products(self) -> int:
        """Number of products in the catalogue, on sale or not."""
        return int(self.first_of_category[-1])


def build_assortment(
    popularity: Floats, category: Integers, first_day: Integers, last_day: Integers, days: int
) -> Assortment:
    """Return the assortment over ``days``; a product of popularity 0 is never drawn."""
    changes = np.concatenate([first_day, last_day + 1])
    starts = np.unique(np.concatenate([[0], changes[(changes > 0) & (changes < days)]]))
    on_sale = (first_day <= starts[:, None]) & (starts[:, None] <= last_day)
    weights = np.where(on_sale, popularity, 0.0)
    return Assortment(
        spell_of_day=np.searchsorted(starts, np.arange(days), side="right") - 1,
        edges=np.concatenate([[0.0], np.cumsum(weights.ravel())]),
        first_of_category=np.searchsorted(category, np.arange(category.max() + 2)),
    )


def draw_products(
    assortment: Assortment, category: Integers, day: Integers, rng: np.random.Generator
) -> Integers:
    """Draw one product on sale for each (category, day)."""
    row = assortment.spell_of_day[day] * assortment.n_products
    low = assortment.edges[row + assortment.first_of_category[category]]
    high = assortment.edges[row + assortment.first_of_category[category + 1]]
    point = low + rng.random(category.size) * (high - low)
    point = np.minimum(point, np.nextafter(high, low))  # rounding must not reach the neighbour
    place: Integers = np.searchsorted(assortment.edges, point, side="right") - 1 - row
    return place
