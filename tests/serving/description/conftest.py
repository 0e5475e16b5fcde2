"""The OpenAPI as a thing to test with: its operations, their examples, and what fits a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
import pytest

from models.bundle.folder import write_bundle
from models.bundle.manifest import activate

KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


@dataclass(frozen=True)
class Request:
    """One request; ``body`` is None where nothing is sent."""

    method: str
    url: str
    body: Any = None


@dataclass(frozen=True)
class Operation:
    """One call of the OpenAPI."""

    api: Any = field(repr=False)
    method: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def said(self) -> Any:
        return self.api["paths"][self.path][self.method.lower()]

    def parameters(self, place: str) -> dict[str, Any]:
        listed = self.said.get("parameters", [])
        return {each["name"]: each for each in listed if each["in"] == place}

    @property
    def body(self) -> Any:
        """The schema of what is sent, or None."""
        if "requestBody" not in self.said:
            return None
        return self.said["requestBody"]["content"]["application/json"]["schema"]

    def schema(self, reference: Any) -> Any:
        """Follow a reference."""
        if "$ref" not in reference:
            return reference
        return self.api["components"]["schemas"][reference["$ref"].rsplit("/", 1)[1]]

    def request(self, path: dict[str, str], query: dict[str, Any], body: Any = None) -> Request:
        url = self.path.format(**{name: quote(value, safe="") for name, value in path.items()})
        asked = urlencode(query, doseq=True, errors="surrogatepass")
        return Request(self.method, f"{url}?{asked}" if asked else url, body)

    def examples(self) -> Iterator[Request]:
        """Yield the request of each of its examples."""
        path = {name: _example(each) for name, each in self.parameters("path").items()}
        query = {name: _example(each) for name, each in self.parameters("query").items()}
        query = {name: value for name, value in query.items() if value is not None}
        bodies = [None] if self.body is None else self.schema(self.body)["examples"]
        for body in bodies:
            yield self.request(path, query, body)

    def misfits(self, status: int, media_type: str, answer: Any) -> list[str]:
        """Say how an answer differs from what is described."""
        described = self.said["responses"].get(str(status))
        if described is None:
            return [f"status {status} is not described"]
        content = described.get("content", {})
        if content and media_type not in content:
            return [f"{media_type} is not described"]
        schema = content.get(media_type, {}).get("schema", {})
        return [] if media_type.startswith("text/") else list(self._misfits(schema, answer, "$"))

    def _misfits(self, schema: Any, value: Any, place: str) -> Iterator[str]:
        schema = self.schema(schema)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            if all(any(self._misfits(choice, value, place)) for choice in choices):
                yield f"{place} is none of the choices"
            return
        if (kind := schema.get("type")) is not None:
            fits = isinstance(value, KINDS[kind])
            if not fits or (isinstance(value, bool) and kind in {"integer", "number"}):
                yield f"{place} is not of type {kind}"
                return
        if value not in schema.get("enum", [value]) or schema.get("const", value) != value:
            yield f"{place} is not one of its values"
        if isinstance(value, dict):
            yield from self._misfits_of_object(schema, value, place)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from self._misfits(schema.get("items", {}), item, f"{place}[{number}]")

    def _misfits_of_object(self, schema: Any, value: Any, place: str) -> Iterator[str]:
        known = schema.get("properties", {})
        others = schema.get("additionalProperties", not known)
        yield from (
            f"{place} lacks {name}" for name in schema.get("required", []) if name not in value
        )
        for name, item in value.items():
            if name not in known and others is False:
                yield f"{place}.{name} is not described"
            else:
                kind = known.get(name, others if isinstance(others, dict) else {})
                yield from self._misfits(kind, item, f"{place}.{name}")


def _example(parameter: Any) -> Any:
    said = parameter["schema"].get("examples")
    assert said or not parameter.get("required"), f"{parameter['name']} has no example"
    return said[0] if said else None


@pytest.fixture(scope="session")
def publish_examples(tiny_bundle: Callable[..., Any]) -> Callable[[Path], None]:
    """Publish the tiny shop under the ids that examples name."""

    def renamed(table: Any, names: dict[str, str]) -> Any:
        ids = [names.get(each, each) for each in table.column(0).to_pylist()]
        return table.set_column(0, table.column_names[0], pa.array(ids))

    def publish(folder: Path) -> None:
        tiny = tiny_bundle()
        people, goods = {"ada": "C0007804"}, {"p0": "P0007", "p1": "P0012"}
        bundle = replace(
            tiny,
            customers=renamed(tiny.customers, people),
            vectors=renamed(tiny.vectors, people),
            products=renamed(tiny.products, goods),
        )
        write_bundle(folder / "bundles", bundle)
        activate(folder / "bundles", bundle.manifest.version)

    return publish


@pytest.fixture(scope="session")
def operations_of() -> Callable[[Any], list[Operation]]:
    """Return all operations of a server, those that destroy last."""

    def operations(client: Any) -> list[Operation]:
        api = client.get("/openapi.json").json()
        found = [
            Operation(api, method.upper(), path)
            for path, item in api["paths"].items()
            for method in item
        ]
        return sorted(found, key=lambda each: (each.method == "DELETE", each.name))

    return operations
