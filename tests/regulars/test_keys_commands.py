"""Keys are made and taken back on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.http.keys import find_key, load_keys


def test_a_key_is_shown_once_and_can_be_revoked(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    for name in ("shop", "desk"):
        made = regulars("keys", "create", name, "--scope", "storefront", "--keys", str(path))
        assert made.code == 0
    plaintext = made.out.splitlines()[0]
    assert find_key(load_keys(path), plaintext) is not None
    revoked = regulars("keys", "revoke", "desk", "--keys", str(path))
    assert revoked.code == 0
    assert plaintext not in revoked.out
    assert [key.name for key in load_keys(path)] == ["shop"]
    again = regulars("keys", "revoke", "desk", "--keys", str(path))
    assert again.code != 0
    assert "no key named 'desk'" in again.out + again.err
