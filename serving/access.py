"""Who may call what: scopes as dependencies of routes, and JSON written quickly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import Depends, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.keys import Keys, Scope, find_key
from serving.problems import Problem

_BEARER = HTTPBearer(auto_error=False, description="A key created for this server.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


def requires(keys: Keys | None, *scopes: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets keys of any of these scopes pass; all pass without keys."""

    async def check(credentials: Credentials) -> None:
        if keys is None:
            return
        key = find_key(keys, credentials.credentials) if credentials else None
        if key is None:
            raise Problem(401, headers={"WWW-Authenticate": "Bearer"})
        if not set(scopes) & set(key.scopes):
            raise Problem(403, f"Use a key with the scope {' or '.join(scopes)}.")

    return check


def as_json(answer: Any) -> Response:
    """Write an answer; NaN becomes null."""
    return Response(orjson.dumps(answer), media_type="application/json")
