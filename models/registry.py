"""The registry: which version of each model is the champion, and where its files are.

One of the two modules that import MLflow (the other tracks runs). Models are plain folders
registered by their source; nothing is pickled, and the running server needs nothing of this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from features.errors import RegistryError

Client: TypeAlias = MlflowClient
"""The open connection, so that others can name its type without importing MLflow."""

CHAMPION = "champion"
# MLflow's error codes for an unknown model, and for an alias that a model does not have.
_NO_SUCH = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
CARD = "card.json"


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a model on disk.

    Attributes
    ----------
    folder
        Holds ``card.json``, ``model/`` (learned from everything before ``as_of``) and
        ``judged/`` (learned before the test window, for honest comparisons).
    card
        Definition, dates, scorecard and fingerprints.
    """

    name: str
    version: str
    folder: Path
    card: dict[str, Any]

    @property
    def model_folder(self) -> Path:
        """Folder of the served model."""
        return self.folder / "model"

    @property
    def judged_folder(self) -> Path:
        """Folder of the judged model."""
        return self.folder / "judged"


def tracking_uri(mlruns: Path) -> str:
    """Return MLflow's database address; absolute, or MLflow would look elsewhere."""
    return f"sqlite:///{mlruns.resolve()}/mlflow.db"


def artifact_root(mlruns: Path) -> Path:
    """Return the folder of artifacts beside the database."""
    return mlruns.resolve() / "artifacts"


def open_client(mlruns: Path) -> Client:
    """Open MLflow on the database in ``mlruns``, creating it at first use."""
    mlruns.mkdir(parents=True, exist_ok=True)
    uri = tracking_uri(mlruns)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def ensure_database(mlruns: Path) -> None:
    """Create or migrate the database, so that MLflow's own server finds it ready."""
    open_client(mlruns).search_experiments(max_results=1)


def folder_of(uri: str) -> Path:
    """Return the folder that a ``file://`` address names, spaces and accents included."""
    return Path(url2pathname(urlsplit(uri).path))


def register(client: Client, name: str, run_id: str, folder: Path) -> RegisteredModel:
    """Register the model folder of a run as the next version of ``name``."""
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    version = client.create_model_version(name, source=folder.as_uri(), run_id=run_id)
    return RegisteredModel(name, str(version.version), folder, _read_card(folder))


def promote(client: Client, model: RegisteredModel, reason: str) -> None:
    """Make a version the champion and note why."""
    client.set_registered_model_alias(model.name, CHAMPION, model.version)
    client.set_model_version_tag(model.name, model.version, "promoted", reason)


def keep(client: Client, model: RegisteredModel, reason: str) -> None:
    """Note why a version did not become the champion."""
    client.set_model_version_tag(model.name, model.version, "kept", reason)


def accept_backtest(client: Client, model: RegisteredModel, reason: str) -> None:
    """Accept a version for scores of its own day, while a champion of later data stays."""
    client.set_model_version_tag(model.name, model.version, "backtest", reason)


def known_by(client: Client, name: str, day: date) -> RegisteredModel | None:
    """Return the newest accepted version that had learned nothing on or after ``day``."""
    found = []
    for version in client.search_model_versions(f"name = '{name}'"):
        folder = folder_of(version.source)
        if {"promoted", "backtest"} & set(version.tags) and (folder / CARD).is_file():
            card = _read_card(folder)
            if date.fromisoformat(card["as_of"]) <= day:
                found.append(RegisteredModel(name, str(version.version), folder, card))
    return max(found, key=lambda m: (m.card["as_of"], int(m.version)), default=None)


def champion(client: Client, name: str) -> RegisteredModel | None:
    """Return the champion, or None before the first promotion.

    Raises
    ------
    RegistryError
        The champion's files are gone.
    """
    try:
        found = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code not in _NO_SUCH:
            raise RegistryError(
                f"the registry cannot say which version of {name} is the champion: {error}",
                "check mlruns/mlflow.db, or restore it",
            ) from error
        return None
    return _on_disk(name, str(found.version), found.source)


def version_of(client: Client, name: str, version: str) -> RegisteredModel:
    """Return one version of a model, champion or not.

    Raises
    ------
    RegistryError
        There is no such version, or its files are gone.
    """
    try:
        found = client.get_model_version(name, version)
    except MlflowException as error:
        raise RegistryError(
            f"the registry does not have version {version} of {name}",
            "restore mlruns/, or train and publish again",
        ) from error
    return _on_disk(name, version, found.source)


def _on_disk(name: str, version: str, source: str) -> RegisteredModel:
    folder = folder_of(source)
    found = RegisteredModel(name, version, folder, {})
    parts = (folder / CARD, found.model_folder, found.judged_folder)
    if not all(part.exists() for part in parts):
        raise RegistryError(
            f"the files of {name} version {version} are not in {folder}",
            "restore mlruns/artifacts, or train again after removing mlruns/",
        )
    return replace(found, card=_read_card(folder))


def _read_card(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return card
