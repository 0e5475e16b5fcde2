"""Segments that stay comparable from one published bundle to the next.

Cut-points are placed when a value model is first used, and stored in its folder. A customer keeps
the tier and stage of the last bundle until past a cut-point by a margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.errors import BundleError
from features.vectors import Vectors
from features.vocabulary import Columns as C
from models.bundle.folder import Bundle, list_versions, read_bundle, read_manifest
from models.bundle.schema import BundleColumns as B
from models.drivers.families import known_families
from models.segments import Segmentation
from models.segments.segmentation import Floats
from training.publishing.champions import Champions

_SEGMENTS = "segments"
_NAMED = [C.CUSTOMER_ID, B.TIER, B.BANK_TIER, B.STAGE]


def segmentation_of(
    champions: Champions, vectors: Vectors, clv_predicted: Floats, currency: str
) -> Segmentation:
    """Return the segmentation kept with the value champion; a new one if none was kept yet.

    Parameters
    ----------
    vectors, clv_predicted
        Of everyone with history at one cutoff: the cut-points are placed on them.
    """
    folder = _folder(champions)
    if folder.is_dir():
        return Segmentation.load(folder)
    return Segmentation.fit(
        vectors.frame, clv_predicted, vectors.columns, known_families(), currency
    )


def keep_segmentation(champions: Champions, segmentation: Segmentation) -> None:
    """Keep the segmentation with the value champion, unless one is kept there already."""
    folder = _folder(champions)
    if folder.is_dir():
        return
    with TemporaryDirectory(prefix=f".{_SEGMENTS}.", dir=folder.parent) as made:
        segmentation.save(draft := Path(made) / _SEGMENTS)
        with suppress(OSError):  # another process was first: its cut-points hold
            draft.rename(folder)


def published_names(bundles: Path, as_of: date, after: date = date.min) -> pd.DataFrame | None:
    """Return each customer's tiers and stage in the latest bundle as of ``as_of`` or earlier.

    None if there is no such bundle that this version of Regulars can read.

    Parameters
    ----------
    after
        Only bundles as of a later day than this.

    Returns
    -------
    ``customer_id``, ``tier``, ``bank_tier``, ``stage``.
    """
    versions = list_versions(bundles) if bundles.is_dir() else ()
    manifests = [read_manifest(bundles / version) for version in versions]
    known = [manifest for manifest in manifests if after < manifest.as_of <= as_of]
    last = max(known, key=lambda manifest: (manifest.as_of, manifest.created_at), default=None)
    if last is None:
        return None
    try:
        return names_in(read_bundle(bundles / last.version, verify=False))
    except BundleError:  # written before some name was published
        return None


def names_in(bundle: Bundle, customer_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the tiers and stage of all customers of a bundle, or of some; columns as above."""
    names = bundle.customers.select(_NAMED)
    if customer_ids is not None:
        ids = names.column(C.CUSTOMER_ID)
        names = names.filter(pc.is_in(ids, pa.array(customer_ids, ids.type)))
    frame: pd.DataFrame = names.to_pandas()
    return frame


def is_frozen(champions: Champions) -> bool:
    """Return whether a segmentation was kept with the value champion."""
    return _folder(champions).is_dir()


def _folder(champions: Champions) -> Path:
    return champions.cards["value"].folder / _SEGMENTS
