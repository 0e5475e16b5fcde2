"""What a bundle says about itself, which bundles there are, and which one is active."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, TypeAdapter, ValidationError

from features.errors import BundleError
from models.uplift.breadth import BreadthEffect
from models.uplift.evidence import Evidence, grade_evidence

FORMAT: Final = 3
MANIFEST: Final = "manifest.json"
EXPORT_AGAIN: Final = "Export the bundle again with `regulars bundles publish`."
_CHOOSE: Final = "`regulars bundles list` shows those that there are."
NO_TREATMENT_DATA: Final = grade_evidence(None, None).because
# Whether value was learned over its horizon, or over a shorter one and extrapolated to it.
ValueBasis = Literal["learned", "extrapolated"]
_POINTER = "current"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class ModelCard:
    """One model behind the bundle: its version, measured metrics and definition."""

    version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)


def _with_zone(ts: datetime) -> datetime:
    return ts if ts.tzinfo else ts.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Manifest:
    """What a bundle says about itself; every answer cites it.

    Parameters
    ----------
    created_at
        Read back as UTC where it was written without a zone.
    as_of
        Records before this date were known; see DEFINITIONS, Time.
    horizon_days, value_horizon_days
        Horizons of churn and of ``clv_predicted``, in days.
    value_basis
        Whether the value horizon was learned, or extrapolated from a shorter one.
    population
        Who is scored, in words.
    discount_rate
        Per year, of ``clv_predicted``.
    margin_assumed
        The stated margin rate where costs are unknown, else None.
    evidence, evidence_because
        Grade of the evidence for ``uplift``, and the reason for it in words.
    response_days
        Days after a contact in which ``uplift`` counts orders; None without treatment data.
    contact_cost
        What such a contact cost on average, money; None where that is not known.
    newcomer_attribute, newcomer_segments
        Attribute by which new customers get different products, as requests name it in their
        context, and its values in the order of the rows of ``newcomers``; None and empty if no
        attribute helps.
    cart_habit
        Weight of a known customer's habits in completing a cart, 0 to 1; the rest is the weight of
        what is ordered with the cart.
    breadth
        Effect on churn of holding one more category, or product under contract.
    further_product_rate
        Share of contract holders who held one more product a churn horizon later; None if nobody
        held any.
    reactivation_rate
        Share of lapsed customers who ordered again within the churn horizon; None if there were
        none, or churn is by contracts.
    offer_policy
        Policy of all offers, as written by :class:`models.offers.declarations.Policy`.
    files
        SHA-256 of each file; filled in by :func:`write_bundle`.
    """

    version: str
    created_at: Annotated[datetime, AfterValidator(_with_zone)]
    as_of: date
    currency: str
    shop: str
    horizon_days: int
    value_horizon_days: int
    population: str
    discount_rate: float
    margin_assumed: float | None
    models: Mapping[str, ModelCard]
    data_fingerprint: str
    vector_fingerprint: str
    newcomer_attribute: str | None = None
    newcomer_segments: tuple[str, ...] = ()
    cart_habit: float = 0.0
    offer_policy: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT
    evidence: Evidence = "risk_only"
    evidence_because: str = NO_TREATMENT_DATA
    value_basis: ValueBasis = "learned"
    response_days: int | None = None
    contact_cost: float | None = None
    breadth: tuple[BreadthEffect, ...] = ()
    further_product_rate: float | None = None
    reactivation_rate: float | None = None


_MANIFEST_JSON: Final = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` into a folder that is still being made."""
    (folder / MANIFEST).write_bytes(_MANIFEST_JSON.dump_json(manifest, indent=1) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """Read only what the bundle says about itself.

    Raises
    ------
    BundleError
        When there is none, it cannot be read, or it is of another format or version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(f"no bundle in {folder}", _CHOOSE)
    try:
        manifest = _MANIFEST_JSON.validate_json(path.read_bytes())
    except ValidationError as error:
        raise BundleError(f"{path} is damaged or of another format", EXPORT_AGAIN) from error
    if manifest.format != FORMAT:
        raise BundleError(
            f"bundle {folder.name} has format {manifest.format}; this version reads {FORMAT}",
            "Export it again, or run the version of Regulars that wrote it.",
        )
    if manifest.version != folder.name:
        raise BundleError(
            f"the folder {folder.name} holds bundle {manifest.version}", "Undo the renaming."
        )
    return manifest


def activate(root: Path, version: str) -> None:
    """Point ``<root>/current`` at a bundle, atomically.

    Raises
    ------
    BundleError
        When there is no such bundle.
    """
    read_manifest(root / checked_version(version))
    handle, draft = tempfile.mkstemp(prefix=f".{_POINTER}.", dir=root)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(f"{version}\n")
        stream.flush()
        os.fsync(stream.fileno())
    Path(draft).chmod(0o644)
    Path(draft).replace(root / _POINTER)
    flush(root)


def current_version(root: Path) -> str | None:
    """Return the active version, or None before the first :func:`activate`."""
    path = root / _POINTER
    return checked_version(path.read_text(encoding="utf-8").strip()) if path.is_file() else None


def list_versions(root: Path) -> tuple[str, ...]:
    """Return the readable bundles' versions, oldest first."""
    manifests = []
    for path in root.glob(f"[!.]*/{MANIFEST}"):
        with suppress(BundleError):  # a damaged one cannot be activated: not worth listing
            manifests.append(read_manifest(path.parent))
    return tuple(m.version for m in sorted(manifests, key=lambda m: (m.created_at, m.version)))


def checked_version(version: str) -> str:
    """Return the version if it can name a folder.

    Raises
    ------
    BundleError
        When it cannot.
    """
    if not _VERSION.fullmatch(version) or version == _POINTER:
        raise BundleError(
            f"{version!r} cannot name a bundle", "Use letters, digits, '.', '_' and '-' only."
        )
    return version


def flush(path: Path) -> None:
    """Wait until a file's bytes, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
