"""A server over example bundles, run in the test's process, and what tests open it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from models.bundle.folder import Bundle, read_bundle, write_bundle
from models.bundle.manifest import activate
from serving.app import create_app
from serving.bundles import BundleFolder
from serving.catalogue import Catalogue, open_catalogue
from serving.decisions.policies.settings import BEST_BY_VALUE, PolicySettings
from serving.http.keys import Keys
from serving.server import Server
from serving.storage.sql_store import SqlStore
from tests.in_process import Client, running
from tests.serving.example_bundles import AS_OF, NOW, random_bundle, tiny_bundle


@dataclass
class Shop:
    """A running server in a folder of its own."""

    folder: Path
    keys: Keys | None = None
    store: Any = None
    now: Callable[[], datetime] = field(default=lambda: NOW)
    policies: PolicySettings = BEST_BY_VALUE

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'events.db'}"

    def server(self) -> Server:
        """The parts without the HTTP around them."""
        bundles = BundleFolder(self.folder / "bundles")
        return Server(bundles, SqlStore(self.database_url), None, self.now, lambda: "id")

    def app(self) -> FastAPI:
        return create_app(
            BundleFolder(self.folder / "bundles"),
            self.store or SqlStore(self.database_url),
            self.keys,
            self.now,
            policies=self.policies,
        )

    @contextmanager
    def open(self, change: Callable[[FastAPI], None] = lambda _app: None) -> Iterator[Client]:
        app = self.app()
        change(app)
        with running(app) as client:
            yield client

    def publish(self, version: str, as_of: date = AS_OF, created_at: datetime = NOW) -> None:
        bundle = tiny_bundle(version)
        said = replace(bundle.manifest, as_of=as_of, created_at=created_at)
        write_bundle(self.folder / "bundles", replace(bundle, manifest=said))
        activate(self.folder / "bundles", version)


@pytest.fixture(scope="session")
def open_shop() -> Callable[..., Any]:
    """Open a server in a folder, after a change to its application."""

    @contextmanager
    def opened(folder: Path, change: Callable[[FastAPI], None]) -> Iterator[Client]:
        made = Shop(folder)
        made.publish("v1")
        with made.open(change) as client:
            yield client

    return opened


@pytest.fixture(scope="session")
def app_of() -> Callable[[Path, datetime], FastAPI]:
    """Return the application, at some time, on what is published in a folder."""
    return lambda folder, now: Shop(folder, now=lambda: now).app()


@pytest.fixture(scope="session")
def open_folder() -> Callable[[Path], Any]:
    """Open a server on what is published in a folder."""
    return lambda folder: Shop(folder).open()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.publish("v1")
    return made


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One server that is shared by tests which change nothing."""
    made = Shop(tmp_path_factory.mktemp("reader"))
    made.publish("v1")
    with made.open() as opened:
        yield opened


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    with shop.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Bundle], Bundle]:
    """Write a bundle and read it back, as the server gets it."""
    return lambda bundle: read_bundle(write_bundle(tmp_path_factory.mktemp("bundles"), bundle))


@pytest.fixture(scope="session", name="tiny_bundle")
def tiny_bundle_fixture() -> Callable[..., Bundle]:
    return tiny_bundle


@pytest.fixture(scope="session")
def tiny(bundle_of: Callable[[Bundle], Bundle]) -> Catalogue:
    return open_catalogue(bundle_of(tiny_bundle()))


@pytest.fixture(scope="session")
def random_catalogues(bundle_of: Callable[[Bundle], Bundle]) -> list[Catalogue]:
    sizes = [(0, 1), (1, 0), (3, 1), (5, 7), (20, 30), (20, 300)]
    return [
        open_catalogue(bundle_of(random_bundle(seed, customers, products)))
        for seed, (customers, products) in enumerate(sizes)
    ]
