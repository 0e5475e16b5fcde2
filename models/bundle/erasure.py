"""Erased customers: only a hash of their id is kept, and bundles leave them out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.folder import Bundle


def customer_hash(customer_id: str) -> str:
    """Return the hash that is kept of an erased customer."""
    return hashlib.sha256(customer_id.encode("utf-8", "surrogatepass")).hexdigest()


def erased_positions(customer_ids: Iterable[str], hashes: Collection[str]) -> NDArray[np.int64]:
    """Return the positions of the erased ones among some customers."""
    if not hashes:
        return np.zeros(0, dtype=np.int64)
    wanted = frozenset(hashes)
    found = [place for place, id_ in enumerate(customer_ids) if customer_hash(id_) in wanted]
    return np.array(found, dtype=np.int64)


def without_customers(bundle: Bundle, hashes: Collection[str]) -> Bundle:
    """Return the bundle without any row of those customers."""
    ids = bundle.customers.column(C.CUSTOMER_ID).to_pylist()
    erased = erased_positions(ids, hashes)
    if not len(erased):
        return bundle
    kept = np.delete(np.arange(len(ids)), erased)
    rows = pa.array(kept)
    return replace(
        bundle,
        customers=bundle.customers.take(rows),
        vectors=bundle.vectors.take(rows),
        candidates=bundle.candidates.take(kept),
        bought=bundle.bought.take(kept),
    )
