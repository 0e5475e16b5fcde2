"""The contract of all recommenders, and how they are found.

A recommender is a class in a module of this package that has a ``name`` and the methods of
:class:`Recommender`. A new model is a new file: the tests, and the loading of a saved blend, find
it through :func:`discover_recommenders`.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeGuard

from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates, Indices


class Recommender(Protocol):
    """A model that scores products for customers and finds products like a product.

    Parameters go into the constructor, learned attributes end in ``_``. Customers and products
    are indices into the interactions it was fitted on; -1 is an unknown one.
    """

    name: ClassVar[str]

    def fit(self, interactions: Interactions) -> Self:
        """Learn from all interactions; fitting again forgets what was learned before."""
        ...

    def score(self, customers: Indices, limit: int) -> Candidates:
        """Return the best products of each customer, bought before or not.

        Returns
        -------
        Candidates
            Shape (len(customers), n_products), canonical CSR: at most ``limit`` strictly
            positive scores per row. Scores order a row; they are not comparable across models.
            Unknown customers have an empty row in a personalised model.
        """
        ...

    def similar(self, products: Indices, limit: int) -> Candidates:
        """Return the products nearest to each product, itself excluded.

        Returns
        -------
        Candidates
            Shape (len(products), n_products); empty rows in a model that compares no products.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write parameters and learned state into ``folder``."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what :meth:`save` wrote."""
        ...


def discover_recommenders() -> dict[str, type[Recommender]]:
    """Find every recommender of this package, by name in alphabetical order."""
    package = __name__.rpartition(".")[0]
    found: dict[str, type[Recommender]] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        members = vars(importlib.import_module(f"{package}.{module.name}"))
        for member in members.values():
            if _is_recommender(member):
                found[member.name] = member
    return dict(sorted(found.items()))


def _is_recommender(member: object) -> TypeGuard[type[Recommender]]:
    methods = ("fit", "score", "similar", "save", "load")
    return (
        isinstance(member, type)
        and isinstance(getattr(member, "name", None), str)
        and all(callable(getattr(member, method, None)) for method in methods)
    )
