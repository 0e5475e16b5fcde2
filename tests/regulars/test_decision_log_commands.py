"""Learning from the decision log by command: policies, experiments, outcomes for training."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from features.vocabulary import CONTACTS
from models.bundle.folder import write_bundle
from models.bundle.manifest import activate
from regulars.settings import read_settings
from serving.decisions.learning.logged_choices import write_choices
from serving.decisions.policies.experiments import Experiments
from serving.decisions.policies.exploration import NOTHING_ID, Allowed, choose
from serving.events import Event
from serving.storage.sql_store import SqlStore
from serving.storage.store import Decision
from tests.regulars.small_bundles import small_bundle

START = datetime(2026, 6, 1, tzinfo=UTC)
SETTINGS = """
[tables]
orders = { path = "orders.csv" }

[serving]
attribution_days = 5

[serving.exploration]
share = 0.4

[serving.experiments.spring]
starts_on = 2026-06-01
holdout = 0.2
hoped_difference = 1.0
[serving.experiments.spring.variants.value]
[serving.experiments.spring.variants.never]
policy = "nothing"
"""
CERTAIN = '[tables]\norders = { path = "orders.csv" }\n'
ONE_OFFER = Allowed(
    ids=[NOTHING_ID, "offer:o1"],
    values=np.array([0.0, 1.9]),
    acceptance=np.array([0.0, 0.5]),
    deviations=np.zeros(2),
    nothing=0,
)


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes a settings file, beside a bundle with one product of margin 4."""

    def write(settings: str) -> Path:
        write_bundle(tmp_path / ".regulars" / "bundles", small_bundle())
        activate(tmp_path / ".regulars" / "bundles", "v1")
        path = tmp_path / "regulars.toml"
        path.write_text(settings, encoding="utf-8")
        return path

    return write


def log(config: Path, customers: int, seed: int = 0) -> None:
    """Decide for customers as the server does; half of those who get the offer take it."""
    settings = read_settings(config)
    experiments = Experiments(settings.serving)
    settings.workspace.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    decisions, events = [], []
    for k in range(customers):
        policy = experiments.policy_of(f"c{k}", START.date())
        chosen = choose(policy, ONE_OFFER, f"d{k}")
        offered = chosen.slots[0].shown == (1,)
        item: dict[str, Any] = {"rank": 1, "action": NOTHING_ID, "terms": {"contact_cost": 0.0}}
        if offered:
            item |= {"action": "offer", "offer_id": "o1", "product_id": "p1"}
            item |= {"terms": {"contact_cost": 0.1, "margin": 4.0}}
        decisions.append(
            Decision(
                id=f"d{k}",
                ts=START + timedelta(minutes=k),
                kind="next_best_offer",
                customer_id=f"c{k}",
                session_id=None,
                model_version="v1",
                variant=chosen.variant,
                fallback=None,
                answer=orjson.dumps({"items": [item]}).decode(),
                propensity=chosen.propensity,
                candidates=2,
                context="{}",
                choices=write_choices(chosen, ONE_OFFER),
            )
        )
        if offered and rng.random() < 0.5:
            ts = START + timedelta(minutes=k, days=2)
            bought = {"event_id": f"e{k}", "type": "purchase", "ts": ts, "customer_id": f"c{k}"}
            events.append(Event.model_validate(bought | {"product_id": "p1"}))
    store = SqlStore(settings.database_url)
    store.add_decisions(decisions)
    store.add_events(events, START)
    store.close()


def figures(printed: str, row: str) -> list[float]:
    """Return the numbers of a printed table's row."""
    (line,) = [line for line in printed.splitlines() if f"│ {row}" in line]
    cells = [cell.strip() for cell in line.split("│")]
    return [float(cell.replace(",", "")) for cell in cells if _is_number(cell)]


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("-", "").isdigit()


def test_a_policy_is_judged_beside_the_one_that_was_logged(
    regulars: Any, shop: Callable[[str], Path]
) -> None:
    config = shop(SETTINGS.partition("[serving.experiments")[0])
    log(config, 700)
    shown = regulars("evaluate", "policy", "-c", config)
    assert shown.code == 0, shown.err
    for method in ("ips", "snips", "dr"):
        value, low, high, decisions = figures(shown.out, method)[:4]
        assert low < value < high
        # Half take it, 0.5 x 4 - 0.1: within an interval of four standard errors each way.
        assert abs(value - 1.9) < high - low
        assert decisions == 700
    # A fifth of the decisions show nothing: 0.4 shared by two.
    logged = figures(shown.out, "logged policy")[0]
    assert logged == pytest.approx(0.8 * 1.9, abs=0.3)
    accepted = regulars("evaluate", "policy", "--reward", "accepted", "-c", config)
    assert figures(accepted.out, "snips")[0] == pytest.approx(0.5, abs=0.07)
    nothing = regulars("evaluate", "policy", "--policy", "nothing", "-c", config)
    assert figures(nothing.out, "snips")[0] == 0.0


def test_without_exploration_there_is_nothing_to_judge(
    regulars: Any, shop: Callable[[str], Path]
) -> None:
    config = shop(CERTAIN)
    log(config, 20)
    shown = regulars("evaluate", "policy", "-c", config)
    assert shown.code == 1
    assert "all 20 logged decisions were taken with certainty" in " ".join(shown.err.split())
    assert "[serving.exploration]" in shown.err


def test_before_the_first_serve_nothing_was_logged(
    regulars: Any, shop: Callable[[str], Path]
) -> None:
    shown = regulars("evaluate", "policy", "-c", shop(SETTINGS))
    assert (shown.code, "no decision was logged yet" in shown.err) == (1, True)


def test_an_experiment_is_printed_beside_its_control(
    regulars: Any, shop: Callable[[str], Path]
) -> None:
    config = shop(SETTINGS)
    log(config, 900)
    shown = regulars("experiments", "results", "-c", config)
    assert shown.code == 0, shown.err
    assert "variants are as large as designed" in shown.one_line
    for idle in ("never", "holdout"):
        customers, mean, difference, low, high = figures(shown.out, idle)[:5]
        assert (mean, customers > 100) == (0.0, True)
        assert low < difference < high < 0
        # What the offer brings, less where exploring showed nothing.
        assert low <= -0.8 * 1.9 <= high
    assert "no experiment autumn" in regulars("experiments", "results", "autumn", "-c", config).err


def test_results_of_wrong_sizes_are_not_shown(regulars: Any, shop: Callable[[str], Path]) -> None:
    """The weights were changed while the experiment ran."""
    config = shop(SETTINGS)
    log(config, 900)
    config.write_text(SETTINGS.replace('policy = "nothing"', 'policy = "nothing"\nweight = 3'))
    shown = regulars("experiments", "results", "spring", "-c", config)
    assert "sample-ratio mismatch, do not read the results" in shown.one_line
    assert "│" not in shown.out


def test_outcomes_are_written_and_come_back_as_contacts(
    regulars: Any, shop: Callable[[str], Path], tmp_path: Path
) -> None:
    config = shop(SETTINGS)
    log(config, 300)
    for name in ("outcomes.parquet", "outcomes.csv"):
        out = tmp_path / name
        assert regulars("outcomes", "--out", out, "-c", config).code == 0
        read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
        outcomes = read(out)
        assert len(outcomes) == 300
        assert 0 < outcomes["accepted"].sum() < 300
    contacts = tmp_path / "contacts.parquet"
    assert regulars("outcomes", "--contacts", "--out", contacts, "-c", config).code == 0
    written = pd.read_parquet(contacts)
    offered = outcomes["action"] == "offer"
    withheld = outcomes["variant"] == "holdout"
    assert written["treated"].sum() == offered.sum()
    assert (~written["treated"]).sum() == withheld.sum() > 0
    assert set(written) <= {column.name for column in CONTACTS.columns}
    assert set(CONTACTS.required) <= set(written)
    assert written["accepted_at"].notna().sum() == outcomes["accepted"].sum()
    none = regulars("outcomes", "--since", "2027-01-01", "--out", contacts, "-c", config)
    assert (none.code, "no offer was shown" in none.err) == (1, True)
