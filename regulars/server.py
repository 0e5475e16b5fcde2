"""The server as this shop's settings describe it, and what the rest needs to know of its store."""

from __future__ import annotations

from regulars.settings import Settings


def serve_shop(
    settings: Settings,
    host: str | None,
    port: int | None,
    workers: int | None = None,
    *,
    access_log: bool = True,
) -> None:
    """Serve the current bundle until interrupted."""
    from serving.run import serve

    serving = settings.serving
    settings.workspace.mkdir(parents=True, exist_ok=True)
    serve(
        settings.bundles,
        host or serving.host,
        port or serving.port,
        database_url(settings),
        None if serving.keys is None else settings.base / serving.keys,
        workers=workers or serving.workers,
        access_log=access_log,
    )


def database_url(settings: Settings) -> str:
    """Return where events and decisions are kept."""
    if settings.serving.database is not None:
        return settings.serving.database
    return f"sqlite:///{settings.workspace.resolve() / 'events.db'}"


def erased_customers(settings: Settings) -> set[str]:
    """Return the hashes of customers who asked to be forgotten; nobody before the first serve."""
    from serving.sql_store import SqlStore

    if settings.serving.database is None and not (settings.workspace / "events.db").exists():
        return set()
    store = SqlStore(database_url(settings))
    try:
        return store.erased()
    finally:
        store.close()
