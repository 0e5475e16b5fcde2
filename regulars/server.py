"""The server as the shop's settings describe it, its store and the bundle that it answers from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from features.errors import BundleError
from regulars.settings import Settings

if TYPE_CHECKING:
    from serving.decisions.gates.contact_policy import ContactHistory
    from serving.storage.sql_store import SqlStore


def serve_shop(
    settings: Settings,
    host: str | None,
    port: int | None,
    workers: int | None = None,
    *,
    access_log: bool = True,
) -> None:
    """Serve the current bundle until interrupted, and score customers again beside it."""
    from regulars.rescoring.child import rescoring_beside
    from serving.run import serve

    serving = settings.serving
    settings.workspace.mkdir(parents=True, exist_ok=True)
    with rescoring_beside(settings) if serving.rescore else nullcontext():
        serve(
            settings.bundles,
            host or serving.host,
            port or serving.port,
            settings.database_url,
            None if serving.keys is None else settings.base / serving.keys,
            serving,
            workers=workers or serving.workers,
            access_log=access_log,
        )


def served_version(settings: Settings) -> str:
    """Return the version of the bundle that is served.

    Raises
    ------
    BundleError
        There is none yet.
    """
    from models.bundle.folder import current_version

    version = current_version(settings.bundles)
    if version is None:
        raise BundleError(f"there is no bundle in {settings.bundles}", "run `regulars train` first")
    return version


def erased_customers(settings: Settings) -> set[str]:
    """Return the hashes of customers who asked to be forgotten; nobody before the first serve."""
    with existing_store(settings) as store:
        return set() if store is None else store.erased()


def contact_history(settings: Settings, since: datetime) -> dict[str, ContactHistory]:
    """Return whom offers were made to since then; nobody before the first serve."""
    with existing_store(settings) as store:
        return {} if store is None else store.contacts.history(None, since)


def rejected_products(settings: Settings, now: datetime) -> dict[str, set[str]]:
    """Return the products that customers rejected, by customer; none before the first serve.

    Parameters
    ----------
    now
        Naive UTC.
    """
    found: dict[str, set[str]] = {}
    at = now.replace(tzinfo=UTC)
    with existing_store(settings) as store:
        for event in () if store is None else store.shopper_events(at, at, at):
            if event.type == "reject" and event.customer_id and event.product_id:
                found.setdefault(event.customer_id, set()).add(event.product_id)
    return found


@contextmanager
def existing_store(settings: Settings) -> Iterator[SqlStore | None]:
    """Open the store, where there is one: none before the first serve."""
    from serving.storage.sql_store import SqlStore

    if settings.serving.database is None and not settings.events_file.exists():
        yield None
        return
    store = SqlStore(settings.database_url)
    try:
        yield store
    finally:
        store.close()
