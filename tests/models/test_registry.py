"""The registry on a real database: versions, the champion's alias, and files that must be there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from features.errors import RegistryError
from models import registry
from models.registry import CARD, CHAMPION, Client, RegisteredModel

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAME = "corner shop.churn"
Store = Callable[[str], RegisteredModel]


@pytest.fixture
def client(mlruns: Path) -> Client:
    return registry.open_client(mlruns)


@pytest.fixture
def store(client: Client, mlruns: Path) -> Store:
    """Return a function that registers a model folder whose card bears a note."""
    experiment = client.create_experiment("any")

    def register(note: str) -> RegisteredModel:
        folder = registry.artifact_root(mlruns) / note / "model"
        for part in ("model", "judged"):
            (folder / part).mkdir(parents=True)
        (folder / CARD).write_text(json.dumps({"note": note}), encoding="utf-8")
        run = client.create_run(experiment)
        return registry.register(client, NAME, run.info.run_id, folder)

    return register


def test_before_the_first_promotion_there_is_no_champion(client: Client, store: Store) -> None:
    assert registry.champion(client, NAME) is None
    store("first")
    assert registry.champion(client, NAME) is None


def test_versions_count_up_and_know_their_files(store: Store) -> None:
    first, second = store("first"), store("second")
    assert [first.version, second.version] == ["1", "2"]
    assert second.card == {"note": "second"}
    assert second.model_folder.is_dir()
    assert second.judged_folder.is_dir()


def test_the_champion_is_the_last_promoted_and_is_found_again(
    client: Client, store: Store, mlruns: Path
) -> None:
    first, second, _ = store("first"), store("second"), store("third")
    registry.promote(client, first, "the first")
    assert registry.champion(client, NAME) == first
    registry.promote(client, second, "better by far")
    reopened = registry.open_client(mlruns)
    assert registry.champion(reopened, NAME) == second
    assert list(reopened.get_registered_model(NAME).aliases) == [CHAMPION]


def test_reasons_stay_with_the_versions(client: Client, store: Store) -> None:
    first, second = store("first"), store("second")
    registry.promote(client, first, "the first")
    registry.keep(client, second, "does not clearly beat the champion")
    assert client.get_model_version(NAME, "1").tags == {"promoted": "the first"}
    assert client.get_model_version(NAME, "2").tags == {
        "kept": "does not clearly beat the champion"
    }
    assert registry.champion(client, NAME) == first


@pytest.mark.parametrize("lost", [CARD, "model", "judged"])
def test_lost_files_are_named_with_a_way_out(client: Client, store: Store, lost: str) -> None:
    first = store("first")
    registry.promote(client, first, "the first")
    path = first.folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(RegistryError, match=r"corner shop\.churn version 1 are not in") as raised:
        registry.champion(client, NAME)
    assert str(first.folder) in raised.value.problem
    assert "train again" in raised.value.remedy


def test_shops_do_not_see_each_other(client: Client, store: Store) -> None:
    registry.promote(client, store("first"), "the first")
    assert registry.champion(client, "another shop.churn") is None


def test_addresses_become_folders_again(tmp_path: Path) -> None:
    for name in ("plain", "with space", "åäö", "100 %", "a#b?c"):
        assert registry.folder_of((tmp_path / name).as_uri()) == tmp_path / name


def test_the_database_lies_at_an_absolute_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow would look for a relative one beside whoever asks."""
    monkeypatch.chdir(tmp_path)
    assert registry.tracking_uri(Path("mlruns")) == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert registry.artifact_root(Path("mlruns")) == tmp_path / "mlruns" / "artifacts"
