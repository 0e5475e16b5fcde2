"""``regulars cross-sell-effect``: raw beside adjusted, as it was published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.bundle.folder import Manifest, activate
from models.bundle.manifest import write_manifest
from models.uplift.breadth import BreadthEffect
from tests.regulars.small_bundles import small_manifest

EFFECT = BreadthEffect(
    what="categories", held=1, customers=900, raw=-0.21, raw_low=-0.25, raw_high=-0.17,
    adjusted=-0.04, adjusted_low=-0.07, adjusted_high=-0.01, overlap_auc=0.7, share_outside=0.1,
    evidence="observational", because="adjusted for what is known of the customers",
    retention=0.04,
)  # fmt: skip
MANIFEST = replace(small_manifest(), breadth=(EFFECT,))


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    path = tmp_path / "regulars.toml"
    path.write_text('[shop]\nname = "corner shop"\n[tables]\norders = {path = "o.csv"}\n')
    return path


def published(settings_file: Path, manifest: Manifest) -> None:
    root = settings_file.parent / ".regulars" / "bundles"
    (root / manifest.version).mkdir(parents=True)
    write_manifest(root / manifest.version, manifest)
    activate(root, manifest.version)


def test_raw_and_adjusted_are_shown_with_the_evidence(
    regulars: Callable[..., Any], settings_file: Path
) -> None:
    published(settings_file, MANIFEST)
    printed = regulars("cross-sell-effect", "-c", settings_file)
    assert printed.code == 0, printed.err
    for words in (
        "From 1 to 2 categories: churn -21.0% as found, -4.0% adjusted (-7.0% to -1.0%, "
        "observational)",
        "an offer may count on a fall of 4.0%",
        "1 to 2 categories",
        "-21.0% (-25.0% to -17.0%)",
        "was not randomised",
    ):
        assert words in printed.one_line


def test_too_few_customers_are_reported(regulars: Callable[..., Any], settings_file: Path) -> None:
    published(settings_file, replace(MANIFEST, breadth=()))
    assert "No step can be judged" in regulars("cross-sell-effect", "-c", settings_file).one_line


def test_nothing_published_is_an_error_with_a_remedy(
    regulars: Callable[..., Any], settings_file: Path
) -> None:
    printed = regulars("cross-sell-effect", "-c", settings_file)
    assert printed.code == 1
    assert "run `regulars train` first" in " ".join(printed.err.split())
