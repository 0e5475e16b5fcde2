"""API keys: shown once, hashed at rest, compared in constant time."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import ipaddress
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from features.errors import SettingsError

Scope = Literal["storefront", "retention", "admin"]

SCOPES: Final[tuple[Scope, ...]] = ("storefront", "retention", "admin")


@dataclass(frozen=True)
class Key:
    """A key as it is stored: its hash, never the key itself.

    ``requests_per_second`` is the limit in each worker; None sets no limit.
    """

    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    requests_per_second: Annotated[float, Field(gt=0)] | None = None


Keys = tuple[Key, ...]

_KEYS_JSON: Final = TypeAdapter(Keys)
_LOOPBACK_HOST: Final = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)


def create_key(
    path: Path, name: str, scopes: Sequence[Scope], requests_per_second: float | None = None
) -> str:
    """Add a key to the file and return it; it cannot be read back later.

    Raises
    ------
    SettingsError
        When the name is taken, a scope is unknown or none is given, or there is no such folder.
    """
    if not scopes or set(scopes) - set(SCOPES):
        raise SettingsError(
            f"a key cannot have the scopes {', '.join(scopes) or '(none)'}",
            f"Choose from {', '.join(SCOPES)}.",
        )
    # 256 random bits: nothing to guess, so a plain fast hash protects them.
    plaintext = f"reg_{secrets.token_urlsafe(32)}"
    key = Key(name, _hash(plaintext), tuple(scopes), requests_per_second)
    with _changing(path):
        known = load_keys(path) if path.exists() else ()
        if any(other.name == name for other in known):
            raise SettingsError(f"there is a key named {name!r} already", "Choose another name.")
        _write(path, (*known, key))
    return plaintext


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of the file; running servers refuse it within about a second.

    Raises
    ------
    SettingsError
        When there is no such key.
    """
    with _changing(path):
        known = load_keys(path)
        kept = tuple(key for key in known if key.name != name)
        if kept == known:
            names = ", ".join(key.name for key in known) or "(none)"
            raise SettingsError(f"there is no key named {name!r}", f"Choose from {names}.")
        _write(path, kept)


def load_keys(path: Path) -> Keys:
    """Read the keys file.

    Raises
    ------
    SettingsError
        When it is missing or cannot be read as one.
    """
    try:
        return _KEYS_JSON.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SettingsError(f"no keys file {path}", "Create a key first.") from None
    except OSError as error:
        raise SettingsError(
            f"cannot read the keys file {path}: {error.strerror}",
            "[serving] keys names the file; its owner alone may read it, so serve as that user.",
        ) from None
    except ValidationError:
        raise SettingsError(
            f"{path} is not a keys file", "Restore it, or remove it and create the keys again."
        ) from None


def find_key(keys: Keys, plaintext: str) -> Key | None:
    """Return the key that this is; the time taken does not depend on which one."""
    presented = _hash(plaintext)
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, presented):
            found = key
    return found


def refuse_open_bind(host: str, keys: Keys | None) -> None:
    """Refuse to listen beyond this machine without keys.

    Raises
    ------
    SettingsError
        When there are no keys and ``host`` is not a loopback address.
    """
    if keys is None and not _is_loopback(host):
        raise SettingsError(
            f"without keys the server listens on this machine only, not on {host}",
            "Make a key with `regulars keys create NAME --scope storefront` and name its file "
            'under [serving] keys = "keys.json", or use --host 127.0.0.1.',
        )


@lru_cache(maxsize=64)
def names_this_machine(host_header: bytes) -> bool:
    """Return whether a ``Host`` header holds a loopback name, with any port or none.

    A web page can point a name of its own at 127.0.0.1 and have the browser call it (DNS
    rebinding); the name that was called is what gives it away.
    """
    return _LOOPBACK_HOST.fullmatch(host_header) is not None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Let no other process change the file meanwhile; what was written survives a power cut.

    The folder is locked (``flock``, of Unix): the file itself is replaced, a file beside it would
    be left over, and whoever is killed leaves no lock behind.

    Raises
    ------
    SettingsError
        When there is no such folder.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise SettingsError(
            f"cannot keep keys in {path.parent}: {error.strerror}", "Name a file in a folder."
        ) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, keys: Keys) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(_KEYS_JSON.dump_json(keys, indent=1) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _hash(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()
