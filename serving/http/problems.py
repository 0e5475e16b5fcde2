"""Errors as ``application/problem+json`` (RFC 9457): what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException

from features.wording import own_words
from serving.storage.store import StoreError, UnstorableError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5
_REFERENCE: Final = "#/components/schemas/{model}"

_DETAILS: Final[Mapping[int, str]] = {
    401: "Send a key: Authorization: Bearer <key>.",
    403: "Use a key that has this scope.",
    404: "Compare the address with those at /docs.",
    405: "Use one of the methods named in the Allow header.",
    408: "Send the whole request without pauses.",
    413: "Send fewer or smaller items per request.",
    421: "Without keys the server answers to localhost, 127.0.0.1 or [::1] only: call it by one "
    "of these names, or serve with a keys file.",
    422: "Correct the fields named in errors.",
    429: "Ask less often, or ask for a key that may ask more often.",
    500: "The fault is the server's: report it with the instance named here.",
    503: "Try again after the seconds named in Retry-After.",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its path in the request and what is wrong."""

    path: Annotated[str, Field(description="For example body.items.0 or query.n.")]
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """What every error looks like."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="What to do about it.")]
    instance: Annotated[str, Field(description="Id of this request, also in the log.")]
    errors: list[FieldError]


class Problem(HTTPException):
    """An error that ends the request; ``detail`` says what to do about it."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail or _DETAILS[status], dict(headers or {}))
        self.errors = tuple(errors)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of these error statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model=ProblemAnswer.__name__)}}
            },
        }
        for status in statuses
    }


def problem_response(
    status: int,
    request_id: str,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write an error."""
    answer = ProblemAnswer(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail or _DETAILS.get(status, HTTPStatus(status).description),
        instance=f"urn:regulars:request:{request_id}",
        errors=list(errors),
    )
    return Response(orjson.dumps(answer), status, dict(headers or {}), MEDIA_TYPE)


def retry_later() -> dict[str, str]:
    """Return the ``Retry-After`` header of a 503."""
    return {"Retry-After": str(RETRY_AFTER_SECONDS)}


def problem_of(error: HTTPException | StoreError, request_id: str) -> Response:
    """Write the error that ended a request."""
    if isinstance(error, UnstorableError):
        # Trying again would not help.
        return problem_response(422, request_id, f"{error.problem}. {error.remedy}")
    if isinstance(error, StoreError):
        detail = f"{error.problem}. {error.remedy}"
        return problem_response(503, request_id, detail, headers=retry_later())
    # The framework's own details are bare phrases ("Not Found"): ours say what to do.
    ours = error if isinstance(error, Problem) else None
    return problem_response(
        error.status_code,
        request_id,
        ours.detail if ours else None,
        ours.errors if ours else (),
        error.headers,
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the framework and of the routes as a problem."""

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.BAD_REQUEST:
            # The framework's status for a body that is not UTF-8; all other bad bodies are a 422.
            wrong = [FieldError("body", "must be JSON in UTF-8")]
            return problem_response(422, request.state.request_id, errors=wrong)
        return problem_of(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(request: Request, error: RequestValidationError) -> Response:
        # What was sent is not repeated: it may be personal.
        errors = [_field_error(part) for part in error.errors()]
        return problem_response(422, request.state.request_id, errors=errors)

    @app.exception_handler(StoreError)
    async def on_store_error(request: Request, error: StoreError) -> Response:
        return problem_of(error, request.state.request_id)


def _field_error(part: Mapping[str, Any]) -> FieldError:
    """Say what is wrong with one field, in words for its sender, not for the validator."""
    path, message = ".".join(map(str, part["loc"])), str(part["msg"])
    if part["type"] == "json_invalid":
        # The framework's path ends in how many characters were read.
        return FieldError("body", f"not JSON from character {part['loc'][-1]} on")
    if part["type"] == "extra_forbidden":
        return FieldError(path, "no such field; see /docs")
    if path == "body" and part["type"] in {"model_attributes_type", "dict_type"}:
        return FieldError(path, "must be a JSON object, sent as content-type: application/json")
    return FieldError(path, own_words(message))


def document_problems(app: FastAPI) -> None:
    """Describe errors in the OpenAPI; call it when all routes are there."""
    schema = TypeAdapter(ProblemAnswer).json_schema(ref_template=_REFERENCE)
    # The framework caches, and serves, the description that it returns.
    schemas = app.openapi()["components"]["schemas"]
    schemas |= schema.pop("$defs") | {ProblemAnswer.__name__: schema}
