"""The command line on a small shop: what people type, read and get."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer.core
import typer.main

from models.bundle.folder import current_version, read_bundle
from regulars import __version__
from regulars.cli import app
from regulars.settings import read_settings

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"help"}
PROMISED = [
    "customer_id", "as_of", "churn_probability", "p_alive", "clv_predicted", "tier", "segment",
    "stage", "value_at_risk", "value_basis", "churn_horizon_days", "value_horizon_days", "currency",
]  # fmt: skip


def every_command(group: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Find all commands and groups, by the words that reach them."""
    found = {path: group}
    for name, command in getattr(group, "commands", {}).items():
        found |= every_command(command, (*path, name))
    return found


COMMANDS = every_command(typer.main.get_command(app))
LEAVES = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


def test_the_main_commands_exist() -> None:
    words = {" ".join(path) for path in COMMANDS}
    assert {"init", "check", "refresh", "features", "vectors", "train", "score customers",
            "score recommendations", "serve", "ui", "simulate", "demo",
            "keys create"} <= words  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "regulars")
def test_help_says_what_a_command_and_each_of_its_words_do(regulars: Any, path: Any) -> None:
    shown = regulars(*path, "--help")
    assert shown.code == 0
    assert "Usage: " in shown.out
    assert COMMANDS[path].help
    for parameter in COMMANDS[path].params:
        assert parameter.name in NOT_OURS or parameter.help, f"{path} {parameter.name}"


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_an_example_that_it_understands(path: Any) -> None:
    (line,) = (line for line in COMMANDS[path].help.splitlines() if line.startswith("Example: "))
    words = line.removeprefix("Example: ").split()
    assert tuple(words[: len(path) + 1]) == ("regulars", *path)
    COMMANDS[path].make_context(path[-1], words[len(path) + 1 :])


def test_the_version_is_that_of_the_package(regulars: Any) -> None:
    assert regulars("--version").out == f"regulars {__version__}\n"


def test_it_runs_as_a_module_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "regulars", "--version"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"regulars {__version__}\n"


def test_init_writes_a_file_that_can_be_read(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    done = regulars("init", path)
    assert done.code == 0
    assert "regulars check" in done.one_line
    assert read_settings(path).shop.currency == "EUR"


def test_simulate_then_check(regulars: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert regulars("simulate", folder, "--customers", "30", "--seed", "1").code == 0
    path = tmp_path / "regulars.toml"
    path.write_text('[tables.orders]\npath = "data/orders/*.parquet"\n', encoding="utf-8")
    shown = regulars("check", "-c", path)
    assert shown.code == 0
    lines = pd.read_parquet(folder / "orders")
    assert f"{len(lines):,}" in shown.out
    assert f"by {lines['customer_id'].nunique():,} customers" in shown.one_line
    money = (lines["quantity"] * lines["unit_price"] - lines["discount"].fillna(0)).sum()
    assert f"revenue {money:,.2f} EUR net of returns" in shown.one_line
    assert "quarantine" not in shown.out


def test_a_simulated_shop_may_write_every_week(regulars: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    plan = ("--customers", "30", "--mailing", "weekly")
    assert regulars("simulate", folder, *plan).code == 0
    assert pd.read_parquet(folder / "contacts")["campaign_id"].nunique() > 90


def test_check_says_where_bad_rows_are_and_what_to_do(regulars: Any, tmp_path: Path) -> None:
    rows = ["1,ann,tea,2025-01-01,1,10"] * 200
    rows[7] = "1,ann,tea,2025-01-01,1,£10"
    header = "order_id,customer_id,product_id,ts,quantity,unit_price"
    (tmp_path / "orders.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    path = tmp_path / "regulars.toml"
    path.write_text('[tables.orders]\npath = "orders.csv"\n', encoding="utf-8")
    shown = regulars("check", "-c", path).one_line
    assert "orders: 1 row bad: unit_price is not a number" in shown
    assert "with a decimal point" in shown
    assert "orders: 198 rows repeating an earlier one of the same files exactly: kept" in shown
    assert str(tmp_path / ".regulars" / "quarantine") in shown


def test_refresh_says_what_it_took_and_vectors_are_written_by_cutoff(
    regulars: Any, tmp_path: Path
) -> None:
    assert regulars("simulate", tmp_path / "data", "--customers", "30", "--seed", "1").code == 0
    path = tmp_path / "regulars.toml"
    path.write_text('[tables.orders]\npath = "data/orders/*.parquet"\n', encoding="utf-8")
    assert "orders: rebuilt" in regulars("refresh", "-c", path).one_line
    assert "orders: nothing new" in regulars("refresh", "-c", path).one_line
    assert "roll-ups: rebuilt" in regulars("refresh", "-c", path, "--rebuild").one_line
    out = tmp_path / "vectors"
    days = ("2026-02-01", "2026-04-01")
    shown = regulars(
        "vectors", "-c", path, "--out", out, *(w for d in days for w in ("--as-of", d))
    )
    assert shown.code == 0, shown.err
    assert "at 2 cutoffs" in shown.one_line
    frame = pd.read_parquet(out)
    assert pd.to_datetime(frame["as_of_day"].unique(), unit="D").strftime("%F").tolist() == list(
        days
    )
    assert frame.groupby("as_of_day")["recency_days"].min().gt(0).all()
    assert regulars("vectors", "-c", path, "--as-of", "2031-01-01").code == 1


def test_train_shows_the_scorecard_beside_baselines_and_the_verdict(
    regulars: Any, trained: Path
) -> None:
    shown = regulars("train", "churn", "-c", trained)
    assert shown.code == 0
    output = shown.one_line
    assert "Churn within 60 days: set in training.horizon_days" in output
    for word in ("roc_auc", "logistic_regression", "recency", "base_rate"):
        assert word in output
    assert "promoted:" in output or "not promoted:" in output
    version = current_version(read_settings(trained).bundles)
    assert version is not None
    assert version in "".join(shown.out.split())
    bundle = read_bundle(read_settings(trained).bundles / version)
    assert bundle.manifest.currency == "SEK"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_scores_of_everyone_go_to_a_file(
    regulars: Any, trained: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"scores{suffix}"
    shown = regulars("score", "customers", "-c", trained, "--out", out)
    assert shown.code == 0
    frame = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)
    assert frame.columns.tolist() == PROMISED
    assert frame["customer_id"].is_unique
    assert f"Wrote {len(frame):,} customers" in shown.one_line
    assert "in SEK" in shown.one_line
    assert list(tmp_path.iterdir()) == [out]


def test_only_the_customers_in_a_file_are_scored_and_unknown_ones_are_named(
    regulars: Any, trained: Path, tmp_path: Path
) -> None:
    everyone, few = tmp_path / "all.csv", tmp_path / "few.csv"
    regulars("score", "customers", "-c", trained, "--out", everyone)
    wanted = pd.read_csv(everyone)["customer_id"].iloc[[3, 40]].tolist()
    asked = tmp_path / "asked.txt"
    asked.write_text("\n".join([*wanted, "stranger"]), encoding="utf-8")
    shown = regulars("score", "customers", "-c", trained, "--out", few, "--customers", asked)
    assert shown.code == 0
    assert (
        "1 of the customers asked for have no history, and are not in the file: stranger"
        in shown.one_line
    )
    lines = everyone.read_text().splitlines()
    assert few.read_text().splitlines() == [lines[0], lines[4], lines[41]]


def test_recommendations_are_n_for_each_and_strangers_get_the_popular(
    regulars: Any, trained: Path, tmp_path: Path
) -> None:
    asked, out = tmp_path / "asked.csv", tmp_path / "recs.csv"
    asked.write_text("customer_id\nstranger\nC0000003\n", encoding="utf-8")
    shown = regulars(
        "score", "recommendations", "-c", trained, "--out", out, "--n", "7", "--customers", asked
    )
    assert shown.code == 0
    assert "have no history, and get the most popular products: stranger" in shown.one_line
    frame = pd.read_csv(out)
    assert frame.columns.tolist() == ["customer_id", "product_id", "rank", "score"]
    for _, rows in frame.groupby("customer_id"):
        assert rows["rank"].tolist() == list(range(1, 8))
        assert rows["product_id"].is_unique
    assert set(frame["customer_id"]) == {"C0000003", "stranger"}


def test_scores_of_the_past_warn_of_hindsight(regulars: Any, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    shown = regulars("score", "customers", "-c", trained, "--out", out, "--as-of", "2026-03-01")
    assert shown.code == 0
    assert "do not judge it by these scores" in shown.one_line
    assert set(pd.read_csv(out)["as_of"]) == {"2026-03-01"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("train",), "On a settings file with [labelled]"),
        (("evaluate", "policy"), "set share under [serving.exploration]"),
        (("outcomes",), "[tables.contacts] path = OUT"),
    ],
)
def test_help_keeps_the_names_of_sections(regulars: Any, command: Any, words: str) -> None:
    shown = regulars(*command, "--help").out.replace("│", " ")
    assert words in " ".join(shown.split())
