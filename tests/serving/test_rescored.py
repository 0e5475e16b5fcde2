"""Scores made since the bundle stand in the place of its own, on every worker and at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from serving.customers.rescored import Rescored, RescoredCustomers
from serving.events import Event
from serving.freshness import Freshness, ScoreGauges
from serving.http.thin_customer import ThinCustomer
from serving.storage.score_store import Mark
from serving.storage.sql_store import SqlStore
from serving.storage.store import RescoringState, Store, StoreError

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
SCORES = {"churn_probability": 0.05, "clv_predicted": 40.0, "tier": "top_5", "orders": 3,
          "uplift": 0.4, "uplift_lower": 0.3, "uplift_upper": 0.5, "value_if_orders": 500.0,
          "drivers": '[{"feature": "views_7d"}]'}  # fmt: skip


def made(customer_id: str = "ben", **said: Any) -> Rescored:
    given = {
        "customer_id": customer_id,
        "model_version": "v1",
        "as_of": date(2026, 6, 3),
        "scored_at": NOW,
        "scores": json.dumps(SCORES),
        "vector": "[8.0]",
        "orders": '["o1"]',
    }
    return Rescored(**given | said)


def keep(store: SqlStore, *rescored: Rescored) -> None:
    mark = store.scores.begin("v1", AS_OF, NOW, NOW)
    assert store.scores.keep(rescored, mark, store.latest_group(), NOW)


def event(event_id: str, kind: str = "purchase", customer_id: str | None = "ben") -> Event:
    said = {"event_id": event_id, "type": kind, "ts": NOW, "product_id": "p0", "query": "q"}
    return Event.model_validate(said | {"customer_id": customer_id, "session_id": "s"})


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, shop: Any) -> Iterator[SqlStore]:
    url = shop.database_url
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_store_url")
    opened = SqlStore(url)
    yield opened
    opened.close()


@pytest.fixture
def beside(shop: Any) -> Iterator[SqlStore]:
    """The store of a running shop, as the process that rescores has it open."""
    opened = SqlStore(shop.database_url)
    yield opened
    opened.close()


def test_every_worker_answers_new_scores_at_once_and_says_how_fresh_they_are(
    shop: Any, beside: SqlStore
) -> None:
    with shop.open() as one, shop.open() as other:
        before = one.get("/v1/customers/ben").json()
        assert (before["scored_at"], before["as_of"]) == (None, "2026-06-01")
        keep(beside, made())
        for worker in (one, other):
            after = worker.get("/v1/customers/ben").json()
            assert after["scored_at"] == "2026-06-02T12:00:00+00:00"
            assert after["as_of"] == "2026-06-03"
            scores = SCORES | {"drivers": [{"feature": "views_7d"}]}
            assert {name: after.get(name, said) for name, said in scores.items()} == scores
            assert after["vector"] == {"nps": 8.0}
            assert after["p_alive"] == before["p_alive"], "what was not scored is the bundle's"
            assert worker.get("/v1/customers/ada").json()["scored_at"] is None
        (row,) = (r for r in one.get("/v1/churn").json()["items"] if r["customer_id"] == "ben")
        assert row["churn_probability"] == 0.9, "the list is of one day"
    with shop.open() as later:
        assert later.get("/v1/customers/ben").json()["churn_probability"] == 0.05


def test_the_thin_look_up_answers_new_scores_as_its_documented_route_does(
    shop: Any, beside: SqlStore
) -> None:
    def without_thin(app: Any) -> None:
        app.user_middleware = [m for m in app.user_middleware if m.cls is not ThinCustomer]

    with shop.open() as thin, shop.open(without_thin) as documented:
        for customer in ("ben", "newcomer", "nobody"):
            thin.get(f"/v1/customers/{customer}")
            if customer != "nobody":
                keep(beside, made(customer))
            answers = [each.get(f"/v1/customers/{customer}") for each in (thin, documented)]
            assert answers[0].status_code == answers[1].status_code
            if customer != "nobody":
                assert answers[0].json() == answers[1].json()
                assert answers[0].json()["scored_at"] is not None


def test_a_newcomer_has_a_profile_once_scored(client: Any, beside: SqlStore) -> None:
    assert client.get("/v1/customers/newcomer").status_code == 404
    keep(beside, made("newcomer"))
    profile = client.get("/v1/customers/newcomer").json()
    assert profile["customer_id"] == "newcomer"
    assert (profile["churn_probability"], profile["email_consent"]) == (0.05, None)
    assert profile["history"] == []


def test_orders_that_new_scores_count_are_not_listed_as_uncounted(
    client: Any, beside: SqlStore
) -> None:
    def buy(order: str) -> None:
        sent = event(f"e-{order}").model_dump(mode="json") | {"order_id": order}
        assert client.post("/v1/events", json={"events": [sent]}).json()["accepted"] == 1

    def unknown() -> Any:
        since = client.get("/v1/customers/ben").json()["ordered_since"]
        return since and since["orders"]

    buy("o1")
    assert unknown() == 1
    keep(beside, made())
    assert unknown() is None
    buy("o2")
    assert unknown() == 1


def test_offers_are_priced_and_ruled_by_new_scores(client: Any, beside: SqlStore) -> None:
    def answer(customer: str) -> Any:
        return client.get(f"/v1/customers/{customer}/next-best-offer").json()

    before = answer("ben")
    assert before["scored_at"] is None
    assert before["items"][0]["terms"]["p_buys"] == pytest.approx(0.1)
    keep(beside, made(), made("newcomer"))
    for customer in ("ben", "newcomer"):
        after = answer(customer)
        assert after["items"][0]["terms"]["p_buys"] == pytest.approx(0.95)
        assert (after["scored_at"], after["as_of"]) == ("2026-06-02T12:00:00+00:00", "2026-06-03")
    keep(beside, made(scores='{"churn_probability": null}'))
    assert answer("ben")["fallback"] == "no_churn_score"


def test_another_bundle_drops_them(shop: Any, beside: SqlStore) -> None:
    keep(beside, made(), made("cleo"))
    shop.publish("v2")
    with shop.open() as client:
        answer = client.get("/v1/customers/ben").json()
        assert (answer["model_version"], answer["scored_at"]) == ("v2", None)
        assert answer["churn_probability"] == 0.9
        keep(beside, made("ada"))
        assert client.get("/v1/customers/ada").json()["scored_at"] is None, "v1 scored it"
    beside.scores.begin("v2", AS_OF, NOW, NOW)
    assert beside.rescored("v1", 10) == []


def test_an_erased_customer_has_no_scores_and_gets_none(shop: Any, beside: SqlStore) -> None:
    with shop.open() as one, shop.open() as other:
        keep(beside, made(), made("newcomer"), made("cleo"))
        for customer in ("ben", "newcomer"):
            assert one.request("DELETE", f"/v1/customers/{customer}").status_code == 200
        assert [each.customer_id for each in beside.rescored("v1", 10)] == ["cleo"]
        # Whoever rescored them meanwhile writes nothing of them.
        keep(beside, made(), made("newcomer"))
        assert [each.customer_id for each in beside.rescored("v1", 10)] == ["cleo"]
        for worker in (one, other):
            assert worker.get("/v1/customers/ben").status_code == 404
            assert worker.get("/v1/customers/newcomer").status_code == 404
            assert worker.get("/v1/customers/cleo").json()["scored_at"] is not None


def test_a_mark_begins_before_what_the_bundle_does_not_hold(store: SqlStore) -> None:
    old = event("old").model_copy(update={"ts": AS_OF - timedelta(days=3)})
    store.add_events([old], NOW - timedelta(days=3))
    store.add_events([event("new")], NOW)
    mark = store.scores.begin("v1", AS_OF, NOW - timedelta(days=1), NOW)
    assert (mark, mark.last_sequence) == (store.scores.mark(), 1)
    store.add_events([old.model_copy(update={"event_id": "late", "customer_id": "cleo"})], NOW)
    touched = store.scores.touched(mark.last_sequence)
    assert touched.customer_ids == ["ben", "cleo"]
    assert (touched.last_sequence, touched.more) == (3, False)
    sent = store.scores.events_of(["ben", "cleo"], AS_OF, NOW - timedelta(days=1))
    assert [each["event_id"] for each in sent] == ["late", "new"]
    assert store.scores.begin("v1", NOW, NOW, NOW) == mark, "begun once"
    later = store.scores.begin("v2", NOW + timedelta(1), NOW, NOW)
    assert later.last_sequence == 3, "nothing is new"


def test_only_what_scores_count_touches_a_customer(store: SqlStore) -> None:
    kinds = ("view", "search", "cart_add", "purchase", "return", "reject", "click", "impression")
    store.add_events([event(kind, kind, f"by-{kind}") for kind in kinds], NOW)
    store.add_events([event("nobody", "view", None)], NOW)
    touched = store.scores.touched(0).customer_ids
    assert sorted(touched) == sorted(f"by-{kind}" for kind in kinds[:5])


def test_many_events_are_taken_in_whole_groups(store: SqlStore) -> None:
    for group in range(4):
        store.add_events([event(f"{group}-{n}", "view", f"c{group}{n}") for n in range(3)], NOW)
    last_sequence, seen = 0, []
    while True:
        touched = store.scores.touched(last_sequence, most_events=5)
        seen.append(list(touched.customer_ids))
        last_sequence = touched.last_sequence
        if not touched.more:
            break
    assert [len(customers) for customers in seen] == [6, 6]
    assert len({customer for customers in seen for customer in customers}) == 12


def test_who_was_overtaken_writes_nothing(store: SqlStore) -> None:
    store.add_events([event("e1")], NOW)
    mark = store.scores.begin("v1", AS_OF, NOW, NOW)
    assert store.scores.keep([made()], mark, 1, NOW)
    later = made(scores="{}", scored_at=NOW + timedelta(hours=1))
    assert not store.scores.keep([later], mark, 1, NOW)
    assert store.rescored("v1", 10) == [made()]
    assert store.scores.mark() == Mark("v1", 1, NOW)


def test_workers_read_scores_as_they_read_events(store: SqlStore) -> None:
    heard = store.latest_group()
    keep(store, made(), made("cleo"))
    news = store.news(heard)
    assert sorted(each.customer_id for each in news.rescored) == ["ben", "cleo"]
    assert made() in news.rescored
    # The same customer again: the last one counts, and the group before has nobody left.
    again = made(scored_at=NOW + timedelta(seconds=9))
    keep(store, again)
    assert store.news(news.latest_group).rescored == [again]
    assert store.rescored("v1", 1) == [again], "of many the latest"


def test_how_far_scoring_has_come_is_reported(store: SqlStore) -> None:
    assert store.rescoring() is None
    mark = store.scores.begin("v1", AS_OF, NOW, NOW)
    state = store.rescoring()
    assert state is not None
    assert (state.model_version, state.seen_at, state.waiting_since) == ("v1", NOW, None)
    store.add_events([event("e1")], NOW + timedelta(seconds=5))
    store.scores.seen(mark, NOW + timedelta(seconds=20))
    state = store.rescoring()
    assert state is not None
    assert state.seen_at == NOW + timedelta(seconds=20)
    assert state.waiting_since == NOW + timedelta(seconds=5)


def gauges_after(store: Any, now: datetime, rescored: RescoredCustomers) -> dict[str, float]:
    registry = CollectorRegistry()
    freshness = Freshness(store, lambda: now, ScoreGauges(registry))
    asyncio.run(freshness.read(rescored))
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.split()[0].removeprefix("regulars_"): float(line.split()[1])
        for line in lines
        if not line.startswith("#")
    }


def test_operators_see_whether_scores_follow_and_how_far_behind_they_are(store: SqlStore) -> None:
    known = RescoredCustomers("v1", [made()])
    names = ("scores_are_live", "rescored_customers", "unscored_event_age_seconds")

    def told(now: datetime, of: RescoredCustomers = known) -> tuple[float, ...]:
        gauges = gauges_after(store, now, of)
        return tuple(gauges[name] for name in names)

    assert told(NOW) == (0, 1, 0), "nobody ever rescored"
    store.scores.begin("v1", AS_OF, NOW, NOW)
    assert told(NOW) == (1, 1, 0)
    store.add_events([event("e1")], NOW)
    assert told(NOW + timedelta(seconds=30)) == (1, 1, 30)
    assert told(NOW + timedelta(seconds=600)) == (0, 1, 600), "not seen for long"
    assert told(NOW, RescoredCustomers("v2"))[0] == 0, "of another bundle"

    class Away:
        def rescoring(self) -> None:
            raise StoreError("the disk is full", "Make room.")

    gauges = gauges_after(Away(), NOW, known)
    assert gauges["scores_are_live"] == 0


def test_scores_are_not_live_while_the_store_cannot_say_so(store: SqlStore) -> None:
    store.scores.begin("v1", AS_OF, NOW, NOW)

    class Failing:
        away = False

        def rescoring(self) -> RescoringState | None:
            if self.away:
                raise StoreError("the disk is full", "Make room.")
            return store.rescoring()

    shown = Failing()
    freshness = Freshness(cast("Store", shown), lambda: NOW, ScoreGauges(CollectorRegistry()))
    asyncio.run(freshness.read(RescoredCustomers("v1")))
    assert freshness.live
    shown.away = True
    asyncio.run(freshness.read(RescoredCustomers("v1")))
    assert not freshness.live


def test_an_event_from_a_clock_ahead_has_not_waited(store: SqlStore) -> None:
    store.scores.begin("v1", AS_OF, NOW, NOW)
    store.add_events([event("e1")], NOW + timedelta(seconds=30))
    assert gauges_after(store, NOW, RescoredCustomers("v1"))["unscored_event_age_seconds"] == 0


def test_memory_holds_the_latest_and_only_of_its_bundle() -> None:
    kept = RescoredCustomers("v1", [made("a"), made("b"), made("a"), made("c")], most=2)
    kept.record(made("d", model_version="v2"))
    assert [kept.find(id_) is not None for id_ in "abcd"] == [True, False, True, False]
    kept.record(made("a", scored_at=NOW - timedelta(1), scores="{}"))
    found = kept.find("a")
    assert found is not None
    assert found.by_column == SCORES, "an older one came late"
