"""Where the server finds bundles, and which of them is active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from features.errors import BundleError
from models.bundle.folder import Bundle, current_version, list_versions, read_bundle


class BundleSource(Protocol):
    """Gives the active bundle."""

    def load(self) -> Bundle:
        """Return the bundle that is active now; ``BundleError`` when it cannot be served."""
        ...

    def active(self) -> str | None:
        """Return the version that is active now."""
        ...

    def versions(self) -> Sequence[str]:
        """Return the versions that could be activated, oldest first."""
        ...


@dataclass(frozen=True)
class BundleFolder:
    """The bundles that training exports under one folder."""

    root: Path

    def load(self) -> Bundle:
        """Read and verify the bundle that ``current`` points at.

        Raises
        ------
        BundleError
            When none is active, or it is damaged.
        """
        version = current_version(self.root)
        if version is None:
            raise BundleError(
                f"no bundle is active in {self.root}", "Train first: `regulars train`."
            )
        return read_bundle(self.root / version)

    def active(self) -> str | None:
        """Return the version that ``current`` points at, None before the first."""
        return current_version(self.root)

    def versions(self) -> Sequence[str]:
        """Return the versions that could be activated, oldest first."""
        return list_versions(self.root)
