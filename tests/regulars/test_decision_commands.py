"""Deciding from the command line: files of decisions and lists, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from features.progress import silent
from models.bundle.folder import Bundle, activate, current_version, read_bundle, write_bundle
from models.offers.bundling import with_offers
from models.offers.declarations import Declaration, Declarations
from models.registry import open_client
from models.segments import BANK_TIERS
from regulars.decisions import spreadsheet_safe
from regulars.settings import read_settings
from regulars.shop import open_shop
from serving.catalogue import open_catalogue
from serving.decisions.inputs import open_decision_inputs
from serving.decisions.next_best_offer import next_best_offer
from serving.decisions.offer_outcome import Decider, OfferAsk
from serving.decisions.ready_offer import ready_offer
from serving.products.shoppers import Shopper
from serving.storage.sql_store import SqlStore
from serving.storage.store import Decision
from training.publishing.champions import load_champions
from training.publishing.publish import publish
from training.publishing.task import ScoringTask

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOW = datetime(2026, 7, 1, 6, 30)  # noqa: DTZ001  the code counts in naive UTC
LATER = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def published(trained: Path) -> Path:
    settings = read_settings(trained)
    champions = load_champions(open_client(settings.mlruns), "corner shop")
    with open_shop(settings, NOW, silent) as shop:
        task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, shop.as_of(None))
        publish(task, NOW, settings.bundles, silent)
    return trained


def test_decide_writes_a_row_for_each_customer_asked_for(
    regulars: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "some.csv"
    wanted.write_text("customer_id\nC0000001\nC0000002\nstranger\n", encoding="utf-8")
    out = tmp_path / "decisions.parquet"
    printed = regulars(
        "decide", "-c", published, "--customers", wanted, "--channel", "web", "--out", out
    )
    assert printed.code == 0, printed.err
    assert "1 of the customers asked for are not in the bundle: stranger" in printed.one_line
    assert "Evidence: risk_only" in printed.one_line
    rows = pd.read_parquet(out)
    assert rows["customer_id"].tolist() == ["C0000001", "C0000002"]
    assert set(rows["action"]) <= {"offer", "product", "do_nothing"}
    assert (rows["offer_value"] >= 0).all()
    assert {"p_accept", "margin", "retention", "contact_cost", "evidence"} <= set(rows)
    assert set(rows["bank_tier"].dropna()) <= set(BANK_TIERS)
    # This shop has no contracts.
    assert rows[["next_product", "next_product_probability"]].isna().all(axis=None)


def test_the_retention_list_keeps_its_limit_and_its_word(
    regulars: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "list.csv"
    printed = regulars("retention-list", "-c", published, "--contacts", "5", "--out", out)
    assert printed.code == 0, printed.err
    assert "no expected_gain" in printed.one_line
    rows = pd.read_csv(out)
    assert len(rows) == 5
    assert rows["value_at_risk"].is_monotonic_decreasing
    assert rows["expected_gain"].isna().all()
    assert set(rows["evidence"]) == {"risk_only"}
    assert rows["reasons"].str.len().gt(0).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("retention-list", "--out", "list.csv"), "add --contacts N, --budget MONEY"),
        (("decide", "--as-of", "tomorrow"), "write now, or a day"),
        (("decide", "--as-of", "2020-01-01"), "every bundle knows of days after 2020-01-01"),
        (("decide", "--out", "decisions.xlsx"), "use .parquet or .csv"),
    ],
)
def test_a_mistake_is_explained(
    regulars: Callable[..., Any], published: Path, words: tuple[str, ...], message: str
) -> None:
    printed = regulars(*words, "-c", published)
    assert printed.code == 1
    assert message in printed.err


def test_before_any_training_it_says_what_to_do(
    regulars: Callable[..., Any], tmp_path: Path
) -> None:
    config = tmp_path / "regulars.toml"
    config.write_text('[tables.orders]\npath = "orders.csv"\n', encoding="utf-8")
    printed = regulars("retention-list", "-c", config, "--contacts", "3")
    assert printed.code == 1
    assert "regulars train" in printed.err


def test_no_text_is_a_formula_in_a_spreadsheet() -> None:
    risky = ["=1+1", "+49 30", "-2", "@name", "\tx", "plain", None, "a=b"]
    safe = spreadsheet_safe(pd.DataFrame({"name": risky, "gain": [-1.0] * len(risky)}))
    assert safe["name"].tolist()[:6] == ["'=1+1", "'+49 30", "'-2", "'@name", "'\tx", "plain"]
    assert safe["name"].isna().tolist() == [False] * 6 + [True, False]
    assert safe["name"][7] == "a=b"
    assert safe["gain"].tolist() == [-1.0] * len(risky)


Serve = Callable[[Callable[[Bundle], Bundle]], None]


@pytest.fixture
def serve_instead(published: Path) -> Iterator[Serve]:
    """Return what makes another bundle the current one, for a while."""
    root = read_settings(published).bundles
    before = current_version(root)
    assert before is not None

    def serve(change: Callable[[Bundle], Bundle]) -> None:
        made = change(read_bundle(root / before))
        write_bundle(root, made)
        activate(root, made.manifest.version)

    yield serve
    activate(root, before)


@pytest.fixture
def with_offers_too(published: Path, serve_instead: Serve) -> Path:
    """The same, for a while, with two offers."""
    declared = Declarations(
        offers=(
            Declaration(offer_id="all", name="A twentieth off", discount_rate=0.05),
            Declaration(offer_id="rich", name="For a few", eligible="orders > 1000"),
        )
    )
    serve_instead(lambda bundle: with_offers(bundle, declared, NOW))
    return published


def _knowing_little(bundle: Bundle) -> Bundle:
    """Return the bundle of a shop with orders alone, and without margins."""
    customers = bundle.customers
    for name in ("email_consent", "value_at_risk"):
        field = customers.schema.field(name)
        place = customers.schema.get_field_index(name)
        customers = customers.set_column(place, field, pa.nulls(len(customers), field.type))
    manifest = replace(bundle.manifest, version=f"{bundle.manifest.version}-little")
    return replace(bundle, manifest=manifest, customers=customers)


def test_an_empty_list_says_why_and_what_to_bring(
    regulars: Callable[..., Any], published: Path, serve_instead: Serve, tmp_path: Path
) -> None:
    serve_instead(_knowing_little)
    out = tmp_path / "list.csv"
    printed = regulars("retention-list", "-c", published, "--contacts", "5", "--out", out)
    assert printed.code == 0, printed.err
    assert pd.read_csv(out).empty
    assert "nothing says whether the customer agreed" in printed.one_line
    assert "Bring a customers table with email_consent" in printed.one_line
    assert "No offer is declared on an outbound channel" in printed.one_line
    assert "No customer has a value at risk" in printed.one_line


def test_an_empty_list_names_the_rules_that_nobody_meets(
    regulars: Callable[..., Any], published: Path, serve_instead: Serve, tmp_path: Path
) -> None:
    rich = Declaration(
        offer_id="rich", name="For a few", eligible="orders > 1000", channels=("email",)
    )
    serve_instead(lambda bundle: with_offers(bundle, Declarations(offers=(rich,)), LATER))
    out = tmp_path / "list.csv"
    printed = regulars("retention-list", "-c", published, "--contacts", "5", "--out", out)
    assert "rules are against it. `regulars offers check` counts" in printed.one_line
    assert "No offer is declared" not in printed.one_line


def test_a_shop_without_offers_is_told_how_to_have_some(
    regulars: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    why = regulars("why", "C0000001", "-c", published)
    assert why.code == 0, why.err
    decided = regulars("decide", "-c", published, "--out", tmp_path / "decisions.csv")
    for printed in (why, decided):
        assert "No offers are declared" in printed.one_line
        assert "name it under [serving] offers, and run `regulars offers apply`" in printed.one_line
    assert "where it stopped" not in why.out


def test_why_prints_each_gate_and_each_term(
    regulars: Callable[..., Any], with_offers_too: Path, tmp_path: Path
) -> None:
    published = with_offers_too
    out = tmp_path / "decisions.parquet"
    assert regulars("decide", "-c", published, "--channel", "web", "--out", out).code == 0
    rows = pd.read_parquet(out).sort_values(["offers_allowed", "customer_id"])
    most = rows.iloc[-1]
    printed = regulars("why", most["customer_id"], "-c", published, "--channel", "web")
    assert printed.code == 0, printed.err
    assert f"worth {most['offer_value']:.2f}" in printed.one_line
    assert "orders > 1000 does not hold: orders is" in printed.one_line
    assert "P(accept) x margin" in printed.one_line
    stranger = regulars("why", "stranger", "-c", published)
    assert stranger.code == 1
    assert "customer stranger is not in the bundle" in stranger.err
    assert "no customer is named" in regulars("why", "-c", published).err
    unknown = regulars("why", most["customer_id"], "-c", published, "--offer", "al")
    assert unknown.code == 1
    assert "there is no offer al in the bundle" in unknown.err
    assert "choose from all, rich" in unknown.err


def test_why_explains_a_logged_decision(regulars: Callable[..., Any], published: Path) -> None:
    settings = read_settings(published)
    version = current_version(settings.bundles)
    assert version is not None
    inputs = open_decision_inputs(open_catalogue(read_bundle(settings.bundles / version)))
    at = NOW.replace(tzinfo=UTC)
    outcome = next_best_offer(inputs, Shopper(), OfferAsk("C0000001"), Decider("d-1", at))
    ready = ready_offer(inputs, OfferAsk("C0000001"), outcome, None, None)
    store = SqlStore(settings.database_url)
    store.add_decisions(
        [
            Decision(
                "d-1", at, "next_best_offer", "C0000001", None, version, ready.variant,
                ready.fallback, ready.under("d-1").decode(), ready.propensity, ready.considered,
                "{}", ready.choices,
            )
        ]
    )  # fmt: skip
    store.close()
    printed = regulars("why", "--decision", "d-1", "-c", published)
    assert printed.code == 0, printed.err
    first = outcome.items[0]
    assert f"Decided: {first.name or 'do nothing'}, worth {first.terms.offer_value:.2f}" in (
        printed.one_line
    )
    assert "no decision d-2 is logged" in regulars("why", "--decision", "d-2", "-c", published).err
