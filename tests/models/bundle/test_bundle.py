from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BundleError
from models.bundle.folder import (
    Bundle,
    ModelCard,
    SparseRows,
    activate,
    current_version,
    list_versions,
    read_bundle,
    write_bundle,
)
from models.bundle.schema import MATRICES, TABLES
from models.bundle.sparse_rows import check_descending

Build = Callable[..., Bundle]
SCORED = {"score": np.float32, "probability": np.float32}


def rewrite_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_written_is_read_back(tmp_path: Path, small_bundle: Build) -> None:
    written = small_bundle()
    read = read_bundle(write_bundle(tmp_path, written))
    assert replace(read.manifest, files={}) == written.manifest
    assert read.customers.column("churn_probability").to_pylist() == [0.1, None]
    assert read.customers.column("tier").to_pylist() == [None, None]
    assert read.vectors.to_pydict() == written.vectors.to_pydict()
    assert read.products.column("price").to_pylist() == [1.0, 2.0, None]
    assert read.offers.column("ends_on").to_pylist() == [date(2026, 7, 1)]
    assert read.directions.tolist() == written.directions.tolist()
    for name in MATRICES:
        before, after = getattr(written, name), getattr(read, name)
        assert after.indptr.tolist() == before.indptr.tolist()
        assert after.indices.tolist() == before.indices.tolist()
        for value, array in before.values.items():
            assert after.values[value].dtype == array.dtype
            assert after.values[value].tolist() == array.tolist()


def test_a_time_without_a_zone_is_read_back_as_utc(tmp_path: Path, small_bundle: Build) -> None:
    written = small_bundle()
    naive = replace(written.manifest, created_at=datetime(2026, 6, 1, 12))  # noqa: DTZ001
    read = read_bundle(write_bundle(tmp_path, replace(written, manifest=naive)))
    assert read.manifest.created_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_only_the_owner_may_read_a_bundle(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_arrays_are_mapped_not_loaded(tmp_path: Path, small_bundle: Build) -> None:
    read = read_bundle(write_bundle(tmp_path, small_bundle()))
    assert isinstance(read.candidates.indices.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        read.candidates.indices[0] = 1


@given(
    st.lists(
        st.dictionaries(
            st.integers(0, 9),
            st.tuples(st.integers(0, 5).map(float), st.floats(0, 1, width=32)),
            max_size=5,
        ),
        max_size=6,
    )
)
def test_rows_come_back_as_they_went_in(rows: list[dict[int, tuple[float, float]]]) -> None:
    matrix = SparseRows.from_rows(rows, SCORED)
    assert matrix.rows == len(rows)
    for number, row in enumerate(rows):
        span = matrix.span(number)
        values = zip(*(matrix.values[name][span].tolist() for name in SCORED), strict=True)
        assert dict(zip(matrix.indices[span].tolist(), values, strict=True)) == row
    sorted_rows = all(
        [score for score, _ in row.values()] == sorted((s for s, _ in row.values()), reverse=True)
        for row in rows
    )
    if sorted_rows:
        check_descending("candidates", matrix, "score")
    else:
        with pytest.raises(BundleError, match="not sorted by score"):
            check_descending("candidates", matrix, "score")


def test_a_finished_bundle_is_never_overwritten(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(BundleError, match="already exists"):
        write_bundle(tmp_path, small_bundle())
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("version", ["", "..", "current", ".hidden", "a/b", "a\nb"])
def test_a_version_must_be_fit_for_a_folder(
    tmp_path: Path, small_bundle: Build, version: str
) -> None:
    with pytest.raises(BundleError, match="cannot name a bundle"):
        write_bundle(tmp_path, small_bundle(version))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path, small_bundle: Build) -> None:
    card = ModelCard("1", definition={"cannot be": object()})
    bundle = small_bundle()
    bundle = replace(bundle, manifest=replace(bundle.manifest, models={"churn": card}))
    with pytest.raises(ValueError, match="Unable to serialize"):
        write_bundle(tmp_path, bundle)
    assert list(tmp_path.iterdir()) == []


def test_every_damaged_file_is_noticed(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    names = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    matrices = sum(2 + len(values) for values in MATRICES.values())
    assert len(names) == len([*TABLES, "vectors", "directions"]) + matrices
    for name in names:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(BundleError, match=f"{name} of bundle v1 is damaged"):
            read_bundle(folder)
        (folder / name).unlink()
        with pytest.raises(BundleError, match=f"{name} of bundle v1 is missing"):
            read_bundle(folder, verify=False)
        (folder / name).write_bytes(whole)
    assert read_bundle(folder).manifest.version == "v1"


def test_lengths_are_compared_even_without_checksums(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    np.save(folder / "candidates.indptr.npy", np.zeros(2, dtype=np.int64))
    with pytest.raises(BundleError, match="candidates has 1 rows where 2 belong"):
        read_bundle(folder, verify=False)


def test_a_truncated_file_is_an_error_to_read_even_without_checksums(
    tmp_path: Path, small_bundle: Build
) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    (folder / "customers.arrow").write_bytes(b"ARROW1")
    with pytest.raises(BundleError, match="cannot be read"):
        read_bundle(folder, verify=False)


def test_another_format_is_refused(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    rewrite_manifest(folder, format=1)
    with pytest.raises(BundleError, match="has format 1; this version reads 3") as caught:
        read_bundle(folder)
    assert "Export it again" in caught.value.remedy


def test_a_renamed_folder_is_refused(tmp_path: Path, small_bundle: Build) -> None:
    folder = write_bundle(tmp_path, small_bundle())
    with pytest.raises(BundleError, match="the folder v2 holds bundle v1"):
        read_bundle(folder.rename(tmp_path / "v2"))


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path, small_bundle: Build) -> None:
    with pytest.raises(BundleError, match="no bundle in"):
        read_bundle(tmp_path)


def test_the_pointer_moves_only_to_what_is_there(tmp_path: Path, small_bundle: Build) -> None:
    assert current_version(tmp_path) is None
    write_bundle(tmp_path, small_bundle("v1"))
    write_bundle(tmp_path, small_bundle("v2"))
    activate(tmp_path, "v1")
    activate(tmp_path, "v2")
    assert current_version(tmp_path) == "v2"
    with pytest.raises(BundleError, match="no bundle in"):
        activate(tmp_path, "v3")
    assert current_version(tmp_path) == "v2"
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_versions_are_listed_oldest_first_and_only_if_readable(
    tmp_path: Path, small_bundle: Build
) -> None:
    write_bundle(tmp_path, small_bundle("b", date(2026, 1, 1)))
    write_bundle(tmp_path, small_bundle("a", date(2026, 2, 1)))
    damaged = write_bundle(tmp_path, small_bundle("c", date(2026, 3, 1)))
    (damaged / "manifest.json").write_text("{")
    assert list_versions(tmp_path) == ("b", "a")
    assert list_versions(tmp_path / "nowhere") == ()
