"""What a random shop's storefront and desks ask: requests by kind, written beforehand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.http1 import get, post
from benchmarks.serving.synthetic import customer_id, product_id


@dataclass(frozen=True)
class Shop:
    """A random bundle on disk, and how many customers and products are in it."""

    folder: Path
    customers: int
    products: int

    @property
    def bundles(self) -> Path:
        """The folder of its bundles."""
        return self.folder / "bundles"

    def database(self, name: str) -> str:
        """Return the address of a SQLite database of its own."""
        return f"sqlite:///{self.folder / name}.db"


@dataclass(frozen=True)
class Traffic:
    """Ids to ask about, drawn with repetition."""

    customers: Sequence[str]
    products: Sequence[str]
    carts: Sequence[Sequence[str]]

    @classmethod
    def draw(cls, shop: Shop, requests: int = 5_000, seed: int = 0) -> Traffic:
        """Draw customers, products, and carts of three products."""
        rng = random.Random(seed)
        return cls._of([rng.randrange(shop.customers) for _ in range(requests)], shop, rng)

    @classmethod
    def of_strangers(cls, shop: Shop, most: int, seed: int = 0) -> Traffic:
        """Draw the same, but customers of whom none comes twice: as many as there are."""
        rng = random.Random(seed)
        return cls._of(rng.sample(range(shop.customers), min(most, shop.customers)), shop, rng)

    @classmethod
    def _of(cls, customers: Sequence[int], shop: Shop, rng: random.Random) -> Traffic:
        shown = [product_id(rng.randrange(shop.products)) for _ in customers]
        carts = [rng.sample(shown, min(3, len(shown))) for _ in customers]
        return cls([customer_id(number) for number in customers], shown, carts)

    def recommendations(self) -> list[bytes]:
        """Ask for ten items with reasons."""
        return [_shelf(id_) for id_ in self.customers]

    def fresh_sessions(self) -> list[bytes]:
        """Ask for ten items in the light of what is in the visit."""
        return [
            post("/v1/recommendations", {"customer_id": id_, "session_items": cart, "n": 10})
            for id_, cart in zip(self.customers, self.carts, strict=True)
        ]

    def product_pages(self) -> list[bytes]:
        """Ask what is bought together with a product."""
        return [get(f"/v1/products/{id_}/cross-sell?n=10") for id_ in self.products]

    def cart_pages(self) -> list[bytes]:
        """Ask what completes a cart of three."""
        return [post("/v1/cross-sell", {"items": cart, "n": 10}) for cart in self.carts]

    def scores(self) -> list[bytes]:
        """Ask for everything known of a customer."""
        return [get(f"/v1/customers/{id_}") for id_ in self.customers]

    def offers(self) -> list[bytes]:
        """Ask for the best of all offers."""
        return [get(f"/v1/customers/{id_}/next-best-offer") for id_ in self.customers]

    def events(self, size: int) -> list[bytes]:
        """Send batches of views; without ids of their own each is a new event."""
        pairs = list(zip(self.customers, self.products, strict=True))
        batches = (pairs[start : start + size] for start in range(0, len(pairs), size))
        return [
            post("/v1/events", {"events": [
                {"type": "view", "customer_id": customer, "product_id": product}
                for customer, product in batch
            ]})
            for batch in batches
        ]  # fmt: skip


def _shelf(customer: str) -> bytes:
    return get(f"/v1/customers/{customer}/recommendations?n=10")
