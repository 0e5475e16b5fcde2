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
    assert again.code == 1
    assert "no key named 'desk'" in again.out + again.err


def test_a_key_has_the_scopes_and_the_limit_that_were_asked_for(
    regulars: Any, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    words = ("keys", "create", "desk", "--keys", str(path))
    assert regulars(*words, "--requests-per-second", "0").code == 2
    scopes = ("--scope", "retention", "--scope", "admin")
    assert regulars(*words, *scopes, "--requests-per-second", "2.5").code == 0
    (key,) = load_keys(path)
    assert (key.name, key.scopes) == ("desk", ("retention", "admin"))
    assert key.requests_per_second == 2.5
    again = regulars(*words, *scopes)
    assert again.code == 1
    assert "there is a key named 'desk' already" in again.err
