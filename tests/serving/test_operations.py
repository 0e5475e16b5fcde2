"""Reloading, health, metrics, logs, starting, and the description of it all."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter

from features.errors import BundleError, SettingsError
from models.bundle.folder import activate
from serving import answers
from serving.customers import answers as customer_answers
from serving.http.keys import refuse_open_bind
from serving.http.routes_admin import Erased
from serving.run import bind, serve

ROUTES = {
    ("get", "/v1/customers/{customer_id}/recommendations"): answers.Recommendations,
    ("post", "/v1/recommendations"): answers.Recommendations,
    ("post", "/v1/cross-sell"): answers.Recommendations,
    ("get", "/v1/products/{product_id}/cross-sell"): answers.Recommendations,
    ("post", "/v1/next-best-offer"): answers.NextBestOffer,
    ("get", "/v1/customers/{customer_id}/next-best-offer"): answers.NextBestOffer,
    ("get", "/v1/customers/{customer_id}"): customer_answers.CustomerProfile,
    ("get", "/v1/churn"): customer_answers.ChurnList,
    ("post", "/v1/events"): answers.EventsReceipt,
    ("get", "/v1/models"): answers.Models,
    ("post", "/v1/models/reload"): answers.Reloaded,
    ("delete", "/v1/customers/{customer_id}"): Erased,
}
BODIES: dict[str, Any] = {
    "/v1/recommendations": {"customer_id": "ada"},
    "/v1/cross-sell": {"items": ["p0"]},
    "/v1/next-best-offer": {"customer_id": "ada"},
    "/v1/events": {"events": [{"type": "view", "customer_id": "ada", "product_id": "p0"}]},
}


def call(client: Any, method: str, path: str) -> Any:
    url = path.format(customer_id="ada", product_id="p0")
    return client.request(method.upper(), url, json=BODIES.get(path))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_call_answers_as_documented(client: Any, method: str, path: str) -> None:
    response = call(client, method, path)
    assert response.status_code == 200
    adapter = TypeAdapter(ROUTES[method, path])
    again = json.loads(adapter.dump_json(adapter.validate_json(response.content)))
    assert again.keys() == response.json().keys()


def test_the_description_lists_every_call_and_its_errors(reader: Any) -> None:
    description = reader.get("/openapi.json").json()
    described = {(m, path) for path, item in description["paths"].items() for m in item}
    operations = {("get", path) for path in ("/health/live", "/health/ready", "/metrics")}
    assert described == set(ROUTES) | operations
    for method, path in ROUTES:
        operation = description["paths"][path][method]
        assert operation["security"] == [{"HTTPBearer": []}]
        assert {"200", "401", "403", "421", "500"} <= set(operation["responses"])
        assert ("422" in operation["responses"]) == (not path.startswith("/v1/models"))
        for status, answer in operation["responses"].items():
            if status != "200":
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemAnswer"}
    assert "409" in description["paths"]["/v1/models/reload"]["post"]["responses"]
    assert "404" in description["paths"]["/v1/customers/{customer_id}"]["get"]["responses"]
    assert "413" in description["paths"]["/v1/events"]["post"]["responses"]
    assert_references_resolve(description, description)


def assert_references_resolve(description: Any, part: Any) -> None:
    if isinstance(part, dict):
        if isinstance(target := part.get("$ref"), str):
            assert (
                target.removeprefix("#/components/schemas/") in description["components"]["schemas"]
            ), target
        for value in part.values():
            assert_references_resolve(description, value)
    elif isinstance(part, list):
        for value in part:
            assert_references_resolve(description, value)


def test_a_reload_swaps_to_the_active_bundle(client: Any, shop: Any) -> None:
    shop.publish("v2")
    assert client.get("/v1/customers/ada/recommendations").json()["model_version"] == "v1"
    assert client.post("/v1/models/reload").json() == {
        "model_version": "v2",
        "previous_version": "v1",
        "as_of": "2026-06-01",
    }
    assert client.get("/v1/customers/ada/recommendations").json()["model_version"] == "v2"
    models = client.get("/v1/models").json()
    assert models["available"] == ["v1", "v2"]
    assert models["manifest"]["models"]["churn"]["metrics"] == {"roc_auc": 0.81}


def test_a_damaged_bundle_is_refused_and_the_old_one_goes_on(client: Any, shop: Any) -> None:
    shop.publish("v2")
    damaged = shop.folder / "bundles" / "v2" / "candidates.score.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    response = client.post("/v1/models/reload")
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert "candidates.score.npy of bundle v2 is damaged" in response.json()["detail"]
    assert "Export the bundle again" in response.json()["detail"]
    assert client.get("/v1/customers/ada/recommendations").json()["model_version"] == "v1"
    activate(shop.folder / "bundles", "v1")
    assert client.post("/v1/models/reload").status_code == 200


def test_a_reload_keeps_dismissals_and_drops_purchases_now_in_the_bundle(
    client: Any, shop: Any
) -> None:
    who = {"customer_id": "cleo", "ts": "2026-06-01T10:00:00Z"}
    events = [
        {"type": "reject", "product_id": "p6"} | who,
        {"type": "purchase", "product_id": "p5"} | who,
    ]
    client.post("/v1/events", json={"events": events})
    assert client.get("/v1/customers/cleo").json()["history"][0]["product_id"] == "p5"
    shop.publish("v2", as_of=date(2026, 6, 2))
    client.post("/v1/models/reload")
    answer = client.get("/v1/customers/cleo/recommendations?n=8")
    assert '"p6"' not in answer.text
    assert client.get("/v1/customers/cleo").json()["history"] == []


def test_health_needs_no_key_and_says_what_is_served(reader: Any) -> None:
    live = {"status": "live", "model_version": None, "degraded": [], "scores": None}
    assert reader.get("/health/live").json() == live
    ready = {"status": "ready", "model_version": "v1", "degraded": [], "scores": "bundle"}
    assert reader.get("/health/ready").json() == ready


def test_metrics_count_by_route_version_and_fallback_errors_included(client: Any) -> None:
    client.get("/v1/customers/ada/recommendations")
    client.get("/v1/customers/nobody/recommendations")
    client.get("/v1/customers/ada/recommendations?n=0")
    client.get("/wp-admin")
    client.post("/v1/events", json=BODIES["/v1/events"])
    lines = client.get("/metrics").text.splitlines()
    counts = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    def requests(endpoint: str, status: int, fallback: str = "") -> str:
        labels = f'endpoint="{endpoint}",fallback="{fallback}",method="GET",model_version="v1"'
        name = "regulars_request_duration_seconds_count"
        return counts[f'{name}{{{labels},status="{status}"}}']

    route = "/v1/customers/{customer_id}/recommendations"
    assert requests(route, 200) == "1.0"
    assert requests(route, 200, "new_customer") == "1.0"
    assert requests(route, 422) == "1.0"
    assert requests("unmatched", 404) == "1.0"
    assert counts['regulars_events_total{outcome="accepted"}'] == "1.0"
    assert counts["regulars_lost_decisions_total"] == "0.0"


def test_logs_name_the_route_and_no_person(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "regulars"):
        response = client.get("/v1/customers/ada/recommendations?exclude=p3")
    (record,) = caplog.records
    line = json.loads(record.getMessage())
    assert line.pop("milliseconds") >= 0
    assert line == {
        "request_id": response.headers["x-request-id"],
        "method": "GET",
        "route": "/v1/customers/{customer_id}/recommendations",
        "status": 200,
        "model_version": "v1",
        "fallback": "",
        "degraded": "",
        "key": None,
    }


def test_without_a_bundle_the_server_does_not_start(shop: Any) -> None:
    (shop.folder / "bundles" / "current").unlink()
    with pytest.raises(BundleError, match="no bundle is active") as caught, shop.open():
        pass
    assert "regulars train" in caught.value.remedy


def test_a_taken_port_is_reported_before_anything_is_loaded(shop: Any) -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} is taken") as caught:
            serve(shop.folder / "no bundles", "127.0.0.1", port, shop.database_url)
    assert "--port" in caught.value.remedy


def test_an_address_of_another_machine_is_reported(shop: Any) -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 8000)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_without_keys_this_machine_may_call(host: str) -> None:
    refuse_open_bind(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "example.org", ""])  # noqa: S104
def test_without_keys_no_other_machine_may_call(host: str, shop: Any) -> None:
    with pytest.raises(SettingsError, match="without keys") as caught:
        serve(shop.folder / "bundles", host, 0, shop.database_url)
    assert "regulars keys create" in caught.value.remedy
    refuse_open_bind(host, ())
