"""Score a few customers again between trainings, with the models of the published bundle.

The customer base (:mod:`.customer_base`) comes from the bundle; the customers' vectors come from
the shop's roll-ups and from events sent since (:mod:`features.live`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from features.engine import Engine
from features.errors import RegistryError
from features.family import discover_families
from features.live import vectors_now
from features.prepare import Prepared
from features.settings import CheckSettings, ShopSettings
from features.vocabulary import Columns as C
from models.bundle.folder import Bundle
from models.bundle.schema import CUSTOMERS, conform
from models.registry import Client
from training.publishing.champions import Champions, load_versions
from training.publishing.customer_base import CustomerBase
from training.publishing.publish import scored_columns, vector_table
from training.publishing.scores import score_vectors
from training.publishing.segments import is_frozen, names_in
from training.uplift.effects import score_effects


@dataclass(frozen=True, eq=False)
class Rescorer:
    """The models of a bundle, ready to score some of its customers again, or new ones."""

    bundle: Bundle
    champions: Champions
    base: CustomerBase
    shop: ShopSettings
    checks: CheckSettings

    @classmethod
    def of(
        cls, bundle: Bundle, client: Client, shop: ShopSettings, checks: CheckSettings
    ) -> Rescorer:
        """Load the models that made a bundle.

        Raises
        ------
        RegistryError
            A model, or its cut-points, cannot be found.
        """
        manifest = bundle.manifest
        versions = {job: card.version for job, card in manifest.models.items()}
        champions = load_versions(client, manifest.shop, versions)
        if not is_frozen(champions):
            raise RegistryError(
                f"version {versions['value']} of the value model has no cut-points: it was never "
                "published from this registry",
                "publish it again with `regulars train`",
            )
        everyone = bundle.vectors.select(list(CustomerBase.COLUMNS_READ)).to_pandas()
        return cls(bundle, champions, CustomerBase.of(everyone), shop, checks)

    def score(
        self,
        engine: Engine,
        prepared: Prepared,
        fresh: Mapping[str, pd.DataFrame],
        customers: Sequence[str],
        as_of: date,
        now: datetime,
    ) -> tuple[Any, Any]:
        """Score customers as of a date, counting what was sent since.

        Parameters
        ----------
        fresh
            Records that are in no file yet, by table; bad ones are left out.
        customers
            Customers to score besides those in ``fresh``; those who never ordered are skipped.
        now
            Naive UTC; records dated later are left out.

        Returns
        -------
        Two Arrow tables of the same customers: those of the bundle's customer columns that are
        scores, and its vector columns.

        Raises
        ------
        RegistryError
            The features have changed since the models learned from them.
        """
        vectors = vectors_now(
            engine, prepared, self.shop, discover_families(), fresh, as_of, now, customers,
            self.checks, set_aside=True,
        )  # fmt: skip
        of_vectors = vector_table(vectors.frame, vectors.names)
        if of_vectors.column_names != self.bundle.vectors.column_names:
            raise RegistryError(
                "the shop's tables or features have changed since the bundle was made",
                "publish another with `regulars train`",
            )
        before = names_in(self.bundle, vectors.frame[C.CUSTOMER_ID].tolist())
        scored = score_vectors(vectors, self.champions, self.shop, self.base, before)
        effects = score_effects(self.champions, vectors, scored.frame)
        frame = scored_columns(scored, effects)
        table = conform("customers", pa.Table.from_pandas(frame, preserve_index=False), CUSTOMERS)
        return table.select([name for name in table.column_names if name in frame]), of_vectors
