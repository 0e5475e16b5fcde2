"""Keys: who may call what."""

from __future__ import annotations

import gc
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from features.errors import SettingsError
from serving.decisions.policies.settings import BEST_BY_VALUE
from serving.http.keys import create_key, find_key, load_keys, revoke_key
from serving.run import make_application
from tests.in_process import running


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("url", ["/v1/churn", "/docs", "/metrics", "/v2/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:8000@evil.example",
        "10.0.0.5",
        "",
    ],
)
def test_without_keys_only_names_of_this_machine_are_answered(
    reader: Any, url: str, host: str
) -> None:
    response = reader.get(url, headers={"host": host})
    assert response.status_code == 421
    assert response.headers["content-type"] == "application/problem+json"
    assert "call it by one of these names" in response.json()["detail"]


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "[::1]"])
@pytest.mark.parametrize("port", ["", ":8000"])
def test_without_keys_every_name_of_this_machine_is_answered(
    reader: Any, name: str, port: str
) -> None:
    assert reader.get("/v1/churn", headers={"host": name + port}).status_code == 200


def test_with_keys_the_name_that_is_called_does_not_matter(shop: Any) -> None:
    key = create_key(shop.folder / "keys.json", "desk", ["retention"])
    shop.keys = load_keys(shop.folder / "keys.json")
    with shop.open() as client:
        headers = bearer(key) | {"host": "values.shop.example"}
        assert client.get("/v1/churn", headers=headers).status_code == 200


def test_a_key_may_have_several_scopes(shop: Any) -> None:
    path = shop.folder / "keys.json"
    key = create_key(path, "desk", ["storefront", "retention"])
    shop.keys = load_keys(path)
    with shop.open() as client:
        assert client.get("/v1/churn", headers=bearer(key)).status_code == 200
        url = "/v1/customers/ada/recommendations"
        assert client.get(url, headers=bearer(key)).status_code == 200
        assert client.post("/v1/models/reload", headers=bearer(key)).status_code == 403


def test_only_the_hash_of_a_key_is_kept_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = create_key(path, "shop", ["storefront"])
    second = create_key(path, "desk", ["retention"])
    assert first != second
    assert first not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = load_keys(path)
    assert [key.name for key in keys] == ["shop", "desk"]
    assert find_key(keys, first) == keys[0]
    assert find_key(keys, second) == keys[1]
    assert find_key(keys, first + "x") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_a_wrong_key_to_create_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    create_key(path, "shop", ["storefront"])
    with pytest.raises(SettingsError, match="a key named 'shop' already"):
        create_key(path, "shop", ["admin"])
    for scopes in ([], ["root"]):
        with pytest.raises(SettingsError, match="cannot have the scopes") as caught:
            create_key(path, "other", scopes)
        assert "storefront, retention, admin" in caught.value.remedy
    assert len(load_keys(path)) == 1


def test_a_missing_or_damaged_keys_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no keys file"):
        load_keys(tmp_path / "keys.json")
    (tmp_path / "keys.json").write_text('[{"name": "shop"}]')
    with pytest.raises(SettingsError, match="is not a keys file"):
        load_keys(tmp_path / "keys.json")
    with pytest.raises(SettingsError, match="cannot read the keys file"):
        load_keys(tmp_path)


def test_changes_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    gone = [f"old {number}" for number in range(4)]
    made = [f"new {number}" for number in range(4)]
    for name in gone:
        create_key(path, name, ["storefront"])
    together = Barrier(len(gone) + len(made))

    def change(name: str) -> None:
        together.wait(20)
        if name in gone:
            revoke_key(path, name)
        else:
            create_key(path, name, ["retention"])

    with ThreadPoolExecutor(len(gone) + len(made)) as threads:
        list(threads.map(change, [*gone, *made]))
    assert sorted(key.name for key in load_keys(path)) == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys.json"]


def test_a_folder_for_keys_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot keep keys in .*nowhere: No such file"):
        create_key(tmp_path / "nowhere" / "keys.json", "shop", ["storefront"])


def test_a_worker_that_takes_the_place_of_another_begins_with_the_keys_of_now(shop: Any) -> None:
    path = shop.folder / "keys.json"
    old = create_key(path, "old", ["retention"])
    bundles, database = shop.folder / "bundles", shop.database_url
    make = partial(make_application, bundles, database, partial(load_keys, path), BEST_BY_VALUE)
    new = create_key(path, "new", ["retention"])
    revoke_key(path, "old")
    app = make()
    gc.unfreeze()
    # Now it cannot be read again: what held when the worker began goes on.
    path.write_text("")
    with running(app) as client:
        assert client.get("/v1/churn", headers=bearer(new)).status_code == 200
        assert client.get("/v1/churn", headers=bearer(old)).status_code == 401
