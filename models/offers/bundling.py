"""Offers in a bundle: one table of all offers, and the policy as a part of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features.vocabulary import Columns as C
from models.bundle.folder import Bundle
from models.bundle.schema import OFFERS
from models.bundle.schema import BundleColumns as B
from models.offers.declarations import Declaration, Declarations, Policy

_MARK: Final = "-offers-"


def offer_rows(table: Any, declared: Declarations) -> Any:
    """Return the offers of a table and the declared ones, sorted by id.

    A declaration replaces the table's offer with the same id.

    Parameters
    ----------
    table
        Arrow table with columns of :data:`models.bundle.schema.OFFERS`, without nullable ones at
        will.
    """
    rows = {row[C.OFFER_ID]: row for row in table.to_pylist()}
    rows |= {offer.offer_id: _row(offer) for offer in declared.offers}
    return pa.Table.from_pylist([rows[id_] for id_ in sorted(rows)], schema=OFFERS)


def policy_record(policy: Policy) -> Mapping[str, Any]:
    """Return the policy as JSON values, for the manifest."""
    record: Mapping[str, Any] = policy.model_dump(mode="json", exclude_defaults=True)
    return record


def with_offers(bundle: Bundle, declared: Declarations, now: datetime) -> Bundle:
    """Return the bundle under a new version, with these declared offers.

    They replace the offers declared before; scores and the table's offers stay.

    Parameters
    ----------
    declared
        With rules already checked.
    now
        Time of the change; part of the version.
    """
    from_table = bundle.offers.filter(pc.is_null(bundle.offers.column(B.DECLARATION)))
    base = bundle.manifest.version.partition(_MARK)[0]
    manifest = replace(
        bundle.manifest,
        version=f"{base}{_MARK}{now:%Y%m%dT%H%M%S}",
        offer_policy=policy_record(declared.policy),
    )
    return replace(bundle, manifest=manifest, offers=offer_rows(from_table, declared))


def _row(offer: Declaration) -> dict[str, Any]:
    return {
        C.OFFER_ID: offer.offer_id,
        C.OFFER_NAME: offer.name,
        C.PRODUCT_ID: offer.product_id,
        C.CATEGORY: offer.category,
        C.DISCOUNT_RATE: offer.discount_rate,
        C.CONTACT_COST: offer.contact_cost,
        B.STARTS_ON: offer.starts_on,
        B.ENDS_ON: offer.ends_on,
        B.DECLARATION: offer.model_dump_json(exclude_defaults=True),
    }
