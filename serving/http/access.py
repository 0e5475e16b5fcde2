"""Which keys may call a route, and answers written as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.types import Scope as ASGIScope

from serving.answers import Answered
from serving.http.keys import Key, Keys, Scope
from serving.http.problems import Problem

_BEARER = HTTPBearer(auto_error=False, description="A key created for this server.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


def requires(keys: Keys | None, *scopes: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets keys of any of these scopes pass; all pass without keys."""

    async def check(request: Request, _shown_in_the_documentation: Credentials) -> None:
        # A request without any key was refused before: see serving.http.protection.
        if not may_call(keys, request.scope, *scopes):
            raise Problem(403, f"Use a key with the scope {' or '.join(scopes)}.")

    return check


def may_call(keys: Keys | None, request: ASGIScope, *scopes: Scope) -> bool:
    """Return whether a request's key has any of these scopes; without keys all may call."""
    if keys is None:
        return True
    key: Key | None = request["state"]["key"]
    return key is not None and bool(set(scopes) & set(key.scopes))


def answered(request: Request, answer: Answered) -> Response:
    """Send an answer, and note its fallback for logs and metrics."""
    request.state.fallback = answer.fallback
    return Response(answer.json, media_type="application/json")


def as_json(answer: Any) -> Response:
    """Write an answer; NaN becomes null."""
    return Response(orjson.dumps(answer), media_type="application/json")
