"""Errors at the command line: the problem, the remedy, exit code 1 and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]


def assert_error(shown: Any, *words: str) -> None:
    """Check that the problem and then the remedy are printed, on standard error only."""
    assert shown.code == 1
    assert "Traceback" not in shown.err + shown.out
    assert shown.err.startswith("Error: ")
    assert "\nRemedy: " in shown.err
    for word in words:
        assert word in shown.err


@pytest.mark.parametrize(
    "words",
    [["check"], ["train"], ["score", "customers"], ["score", "recommendations"], ["serve"], ["ui"]],
    ids=" ".join,
)
def test_a_missing_settings_file_is_named_by_every_command(
    regulars: Any, tmp_path: Path, words: list[str]
) -> None:
    shown = regulars(*words, "-c", tmp_path / "nothing.toml")
    assert_error(shown, f"there is no settings file {tmp_path / 'nothing.toml'}", "regulars init")


def test_a_misspelt_key_is_named(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    path.write_text('[shop]\ncurency = "GBP"\n[tables.orders]\npath = "a.csv"\n', encoding="utf-8")
    assert_error(regulars("check", "-c", path), "shop.curency: no such setting", str(path))


def test_an_unknown_table_is_named_beside_the_known(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    path.write_text('[tables.ordrs]\npath = "a.csv"\n', encoding="utf-8")
    assert_error(regulars("train", "-c", path), "tables.ordrs: no such table; known: orders")


def test_a_table_without_its_file_is_named(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    path.write_text('[tables.orders]\npath = "missing.csv"\n', encoding="utf-8")
    assert_error(regulars("check", "-c", path), "missing.csv", "[[tables.orders]]")


@pytest.mark.parametrize("kind", ["customers", "recommendations"])
def test_a_file_of_an_unknown_kind_is_refused_before_the_work(
    regulars: Any, tmp_path: Path, kind: str
) -> None:
    shown = regulars("score", kind, "-c", tmp_path / "nothing.toml", "--out", tmp_path / "s.xlsx")
    assert_error(shown, "unknown kind '.xlsx'", "use .parquet or .csv")
    shown = regulars("score", kind, "--out", tmp_path / "nowhere" / "s.csv")
    assert_error(shown, f"there is no folder {tmp_path / 'nowhere'}")


@pytest.mark.parametrize("words", [["train"], ["score", "customers"], ["score", "recommendations"]])
def test_a_day_before_the_data_is_refused_with_the_days_there_are(
    regulars: Any, trained: Path, tmp_path: Path, words: list[str]
) -> None:
    out = [] if words == ["train"] else ["--out", tmp_path / "s.csv"]
    shown = regulars(*words, "-c", trained, "--as-of", "2019-05-01", *out)
    assert_error(shown, "there are no orders before 2019-05-01", "2026-07-01 with --as-of")
    assert list(tmp_path.iterdir()) == []


def test_a_day_too_early_to_learn_from_names_the_days_needed(regulars: Any, trained: Path) -> None:
    shown = regulars("train", "churn", "-c", trained, "--as-of", "2025-06-01")
    assert_error(shown, "cannot teach a horizon of 60 days: 510 are needed")


def test_scores_without_champions_say_what_to_train(
    regulars: Any, config: Path, tmp_path: Path
) -> None:
    """The same shop under another name has no champions."""
    other = config.with_name("other.toml")
    text = config.read_text(encoding="utf-8").replace("corner shop", "other shop")
    other.write_text(text + '[paths]\nworkspace = ".other"\n', encoding="utf-8")
    shown = regulars("score", "customers", "-c", other, "--out", tmp_path / "s.csv")
    assert_error(shown, "other shop has no champion for churn yet", "regulars train churn")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no file"), (b"", "names no customer"), (b"PAR1\xff\xfe", "not a text file")],
)
def test_a_bad_list_of_customers_is_named(
    regulars: Any, config: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    asked = tmp_path / "asked.txt"
    if content is not None:
        asked.write_bytes(content)
    shown = regulars(
        "score", "customers", "-c", config, "--out", tmp_path / "s.csv", "--customers", asked
    )
    assert_error(shown, message, str(asked))


def test_init_does_not_overwrite(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    path.write_text("mine", encoding="utf-8")
    assert_error(regulars("init", path), "exists already")
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_shop_without_customers_cannot_be_simulated(regulars: Any, tmp_path: Path) -> None:
    shown = regulars("simulate", tmp_path / "data", "--customers", "0")
    assert_error(shown, "a shop of 0 customers")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    assert_error(regulars("simulate", tmp_path / "mine", "--customers", "5"), "is not empty")


def test_a_key_of_an_unknown_scope_is_refused(regulars: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    shown = regulars("keys", "create", "crm", "--scope", "everything", "--keys", keys)
    assert_error(shown, "storefront, retention, admin")
    assert not keys.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["trian"],
        ["train", "profit"],
        ["train", "--as-of", "yesterday"],
        ["serve", "--port", "0"],
        ["simulate", "data", "--mailing", "daily"],
        ["evaluate", "policy", "--policy", "best"],
    ],
)
def test_unknown_commands_and_values_end_with_exit_code_2(regulars: Any, words: list[str]) -> None:
    shown = regulars(*words)
    assert shown.code == 2
    assert "Usage: " in shown.err
    assert "Traceback" not in shown.err
    assert "Value error" not in shown.err


def test_an_unknown_choice_is_named_beside_those_that_there_are(
    regulars: Any, tmp_path: Path
) -> None:
    shown = regulars("simulate", tmp_path, "--mailing", "daily")
    words = " ".join(shown.err.replace("│", " ").split())
    assert "Invalid value for '--mailing': 'daily' is not one of 'monthly', 'weekly'." in words


def test_a_pattern_that_is_none_is_a_mistake_in_the_settings(regulars: Any, tmp_path: Path) -> None:
    path = tmp_path / "regulars.toml"
    path.write_text(
        '[tables.orders]\npath = "a.csv"\n[checks]\nproduct_id_pattern = "["\n', encoding="utf-8"
    )
    shown = regulars("check", "-c", path)
    assert_error(shown, "checks.product_id_pattern: not a regular expression", "unterminated")


def test_brackets_in_a_message_are_not_read_as_markup(regulars: Any, tmp_path: Path) -> None:
    folder = tmp_path / "[red]folder[/red]"
    shown = regulars("check", "-c", folder / "regulars.toml")
    assert_error(shown, "[red]folder[/red]")


def test_a_separate_process_prints_the_same_error(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-m", "regulars", "check", "-c", str(tmp_path / "nothing.toml")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: there is no settings file")
    assert len(done.stderr.splitlines()) == 2
