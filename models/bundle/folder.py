"""The bundle: one immutable folder that training exports and the server maps into memory.

Layout of ``<root>/<version>/``: ``manifest.json``, four Arrow IPC files (uncompressed, so that
they can be mapped), sparse matrices and one dense array as ``.npy`` files. ``<root>/current`` is a
text file with the active version. Nothing in a finished folder is ever changed.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import BundleError
from features.vocabulary import Columns as C
from models.bundle.manifest import (
    EXPORT_AGAIN,
    FORMAT,
    Manifest,
    ModelCard,
    activate,
    checked_version,
    current_version,
    flush,
    list_versions,
    read_manifest,
    write_manifest,
)
from models.bundle.schema import MATRICES, TABLES, TIERS, BundleColumns, conform
from models.bundle.sparse_rows import (
    SparseRows,
    check_descending,
    check_entries,
    check_lengths,
    map_array,
)

__all__ = [
    "Bundle",
    "Manifest",
    "ModelCard",
    "SparseRows",
    "activate",
    "current_version",
    "list_versions",
    "read_bundle",
    "read_manifest",
    "write_bundle",
]

_DIRECTIONS: Final = "directions.npy"


@dataclass(frozen=True, eq=False)
class Bundle:
    """Everything the server answers from.

    Parameters
    ----------
    customers, products, offers
        Arrow tables of the schemas in :mod:`models.bundle.schema`.
    vectors
        ``customer_id``, in the order of ``customers``, and any columns of floats or text.
    candidates
        Customers x products: ``score``, best first, ``probability`` = P(product in the next
        order | the customer orders), and ``because`` = a product that the customer bought and
        whose buyers bought this one too, -1 if the customer bought this one or nobody did. Only
        personal candidates: the server itself completes short rows from ``popular``.
    cross_sell
        Products x products: what completes a basket with the row product. ``score``, best first,
        and ``support`` = P(column | row), the share of the row product's baskets that hold the
        column product, over everything known; 0 where no basket ever held both.
    substitutes
        Products x products: ``score``, how certainly the column product replaces the row product.
    similar
        Products x products: ``score``, what to show to somebody who just viewed the row product.
    bought
        Customers x products: ``times`` (orders), ``last_day`` (days since 1970-01-01) and
        ``usual_gap_days``, the median between purchases; 0 with fewer than three of them.
    popular
        One row of products: ``score``, best first, and ``probability`` = share of recent orders
        that hold the product.
    newcomers
        ``score``, best first: what first orders hold; one row for each of the manifest's
        ``newcomer_segments``, then one for everybody.
    directions
        Products x dimensions, float32: rows of length 1 whose inner products are the similarity of
        two products by name, category and price; zeros where nothing is known.
    """

    manifest: Manifest
    customers: Any
    vectors: Any
    products: Any
    offers: Any
    candidates: SparseRows
    cross_sell: SparseRows
    substitutes: SparseRows
    similar: SparseRows
    bought: SparseRows
    popular: SparseRows
    newcomers: SparseRows
    directions: NDArray[np.float32]


def write_bundle(root: Path, bundle: Bundle) -> Path:
    """Write the bundle to ``<root>/<version>`` and return that folder.

    The folder appears whole or not at all: it is written under another name, flushed to disk
    and renamed. It does not become the active one; see :func:`activate`.

    Raises
    ------
    BundleError
        When the version exists, its name is unfit, or the parts do not fit each other.
    """
    version = checked_version(bundle.manifest.version)
    folder = root / version
    if folder.exists():
        raise BundleError(f"bundle {version} already exists in {root}", "Choose another version.")
    checked = _conformed(bundle)
    _check_alignment(checked)
    _check_content(checked)
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{version}.", dir=root))
    try:
        for name in (*TABLES, "vectors"):
            _write_table(draft / f"{name}.arrow", getattr(checked, name))
        for name in MATRICES:
            getattr(checked, name).save(draft, name)
        np.save(draft / _DIRECTIONS, checked.directions, allow_pickle=False)
        sums = {path.name: _checksum(path) for path in sorted(draft.iterdir())}
        manifest = replace(bundle.manifest, files=sums, format=FORMAT)
        write_manifest(draft, manifest)
        for path in draft.iterdir():
            path.chmod(0o600)  # the folder was made for its owner only, too: this is customer data
            flush(path)
        flush(draft)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    flush(root)
    return folder


def read_bundle(folder: Path, *, verify: bool = True) -> Bundle:
    """Map a bundle into memory; ``verify`` also compares every file's checksum.

    Raises
    ------
    BundleError
        When the folder is missing, of another format, damaged, or its parts disagree.
    """
    manifest = read_manifest(folder)
    for name in _file_names():
        path = folder / name
        if not path.is_file() or (verify and _checksum(path) != manifest.files.get(name)):
            state = "damaged" if path.exists() else "missing"
            raise BundleError(f"{name} of bundle {folder.name} is {state}", EXPORT_AGAIN)
    try:
        tables = {name: _map_table(folder / f"{name}.arrow") for name in (*TABLES, "vectors")}
        matrices = {name: SparseRows.open(folder, name, MATRICES[name]) for name in MATRICES}
        directions = map_array(folder / _DIRECTIONS)
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle {folder.name} cannot be read: {error}", EXPORT_AGAIN) from error
    bundle = Bundle(manifest, **tables, **matrices, directions=directions)
    for name, schema in TABLES.items():
        if not tables[name].schema.equals(schema):
            raise BundleError(f"{name} of bundle {folder.name} has other columns", EXPORT_AGAIN)
    _check_alignment(bundle)
    return bundle


def _file_names() -> list[str]:
    parts = [f"{name}.{part}.npy" for name in MATRICES for part in ("indptr", "indices")]
    parts += [f"{name}.{value}.npy" for name, values in MATRICES.items() for value in values]
    return [*(f"{name}.arrow" for name in (*TABLES, "vectors")), *parts, _DIRECTIONS]


def _conformed(bundle: Bundle) -> Bundle:
    tables = {name: conform(name, getattr(bundle, name), TABLES[name]) for name in TABLES}
    return replace(bundle, **tables, vectors=bundle.vectors.combine_chunks())


def _check_alignment(bundle: Bundle) -> None:
    customers, products = bundle.customers.num_rows, bundle.products.num_rows
    ids = bundle.customers.column(C.CUSTOMER_ID)
    if bundle.vectors.column_names[:1] != [C.CUSTOMER_ID] or not ids.equals(
        bundle.vectors.column(C.CUSTOMER_ID).cast(ids.type)
    ):
        raise BundleError("vectors are not of the same customers, in order", EXPORT_AGAIN)
    heights = {
        "candidates": customers,
        "cross_sell": products,
        "substitutes": products,
        "similar": products,
        "bought": customers,
        "popular": 1,
        "newcomers": len(bundle.manifest.newcomer_segments) + 1,
    }
    for name, rows in heights.items():
        check_lengths(name, getattr(bundle, name), rows)
    if bundle.directions.ndim != 2 or len(bundle.directions) != products:
        raise BundleError("directions are not of the same products", EXPORT_AGAIN)


def _check_content(bundle: Bundle) -> None:
    for name, values in MATRICES.items():
        matrix: SparseRows = getattr(bundle, name)
        if set(matrix.values) != set(values):
            raise BundleError(f"{name} must hold {', '.join(values)}", EXPORT_AGAIN)
        check_entries(name, matrix, bundle.products.num_rows)
        if C.SCORE in values:
            check_descending(name, matrix, C.SCORE)
    for name, value in (
        ("candidates", BundleColumns.PROBABILITY),
        ("popular", BundleColumns.PROBABILITY),
        ("cross_sell", BundleColumns.SUPPORT),
    ):
        shares = getattr(bundle, name).values[value]
        if len(shares) and not 0 <= shares.min() <= shares.max() <= 1:
            raise BundleError(f"{name}.{value} lies outside 0 to 1", EXPORT_AGAIN)
    because = bundle.candidates.values[BundleColumns.BECAUSE]
    if len(because) and not -1 <= because.min() <= because.max() < bundle.products.num_rows:
        raise BundleError("candidates.because names no product", EXPORT_AGAIN)
    if bundle.directions.dtype != np.float32 or not np.isfinite(bundle.directions).all():
        raise BundleError("directions must be finite numbers of type float32", EXPORT_AGAIN)
    kinds = (pa.types.is_floating, pa.types.is_large_string)
    if not all(any(is_(f.type) for is_ in kinds) for f in list(bundle.vectors.schema)[1:]):
        raise BundleError("vectors hold a column of neither floats nor text", EXPORT_AGAIN)
    tiers = set(bundle.customers.column(BundleColumns.TIER).unique().to_pylist()) - {None}
    if unknown := sorted(tiers - set(TIERS)):
        raise BundleError(f"unknown tiers: {', '.join(unknown)}", f"Use {', '.join(TIERS)}.")


def _write_table(path: Path, table: Any) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _map_table(path: Path) -> Any:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
