"""The one settings file: what it may say, what it may not, and what the environment overrides."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from features.errors import SettingsError
from features.vocabulary import TABLES
from regulars.settings import Settings, read_settings
from regulars.starter import write_starter

ORDERS = '[tables.orders]\npath = "orders.csv"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a shop"
    place.mkdir()
    return place


def read(folder: Path, text: str) -> Settings:
    path = folder / "regulars.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def problem(folder: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as raised:
        read(folder, text)
    assert raised.value.remedy
    return raised.value


def test_orders_are_all_that_is_needed(folder: Path) -> None:
    settings = read(folder, ORDERS)
    assert settings.shop.name == "shop"
    assert settings.serving.host == "127.0.0.1"
    assert [source.path for source in settings.tables["orders"]] == ["orders.csv"]


def test_places_are_relative_to_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "regulars.toml").write_text(ORDERS, encoding="utf-8")
    settings = read_settings(Path("a shop/regulars.toml"))
    assert settings.base == folder
    assert settings.workspace == folder / ".regulars"
    assert settings.bundles == folder / ".regulars" / "bundles"
    assert settings.mlruns == folder / "mlruns"
    assert settings.data.base == folder


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[shop]\nnmae = "x"\n', "shop.nmae: no such setting"),
        ("[shpo]\n", "shpo: no such setting"),
        ("[training]\nstep_days = 0\n", "training.step_days"),
        ('[serving]\nport = "high"\n', "serving.port"),
        ("[shop]\nmargin_rate = 1.5\n", "shop.margin_rate"),
        ('base = "/elsewhere"\n', "base: no such setting"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_place(folder: Path, text: str, named: str) -> None:
    assert named in problem(folder, text + ORDERS).problem


def test_every_mistake_is_named_at_once(folder: Path) -> None:
    text = "[shop]\nnmae = 1\n[training]\nseed = 'x'\n" + ORDERS
    message = problem(folder, text).problem
    assert "shop.nmae" in message
    assert "training.seed" in message


def test_unknown_tables_and_columns_are_named_beside_the_known_ones(folder: Path) -> None:
    message = problem(folder, '[tables.ordrs]\npath = "a.csv"\n').problem
    assert "tables.ordrs: no such table; known: orders, products" in message
    message = problem(folder, ORDERS + '[tables.orders.columns]\ncustomer = "c"\n').problem
    assert "tables.orders.columns.customer: no such column" in message
    assert "customer_id" in message


def test_without_orders_nothing_works(folder: Path) -> None:
    message = problem(folder, '[tables.products]\npath = "a.csv"\n').problem
    assert "tables.orders is missing" in message
    assert "tables" in problem(folder, "").problem


def test_broken_toml_names_its_line(folder: Path) -> None:
    error = problem(folder, "[shop]\nname = corner\n" + ORDERS)
    assert "is not valid TOML" in error.problem
    assert "line 2" in error.problem


def test_another_encoding_is_named(folder: Path) -> None:
    path = folder / "regulars.toml"
    path.write_bytes('[shop]\nname = "Köhler"\n'.encode("latin-1"))
    with pytest.raises(SettingsError, match="not in UTF-8") as raised:
        read_settings(path)
    assert raised.value.remedy == "save it as UTF-8"


def test_a_missing_file_says_how_to_get_one(folder: Path) -> None:
    with pytest.raises(SettingsError, match="there is no settings file") as raised:
        read_settings(folder / "nothing.toml")
    assert "regulars init" in raised.value.remedy


def test_the_environment_overrides_one_setting_and_leaves_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_SHOP__CURRENCY", "GBP")
    monkeypatch.setenv("REGULARS_TRAINING__SEED", "5")
    settings = read(folder, '[shop]\nname = "corner"\ncurrency = "EUR"\n' + ORDERS)
    assert (settings.shop.currency, settings.shop.name) == ("GBP", "corner")
    assert settings.training.seed == 5


def test_an_empty_variable_is_one_that_is_not_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_SERVING__KEYS", "")
    assert read(folder, ORDERS + '[serving]\nkeys = "keys.json"').serving.keys == Path("keys.json")


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("REGULARS_SHOP__CURENCY", "GBP", "shop.curency: no such setting"),
        ("REGULARS_SERVING__PORT", "high", "serving.port"),
        ("REGULARS_SHOP", "corner", "environment variable"),
    ],
)
def test_mistakes_in_the_environment_are_mistakes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    assert named in problem(folder, ORDERS).problem


def test_settings_are_frozen(folder: Path) -> None:
    settings = read(folder, ORDERS)
    with pytest.raises(ValidationError, match="frozen"):
        settings.shop.name = "other"


def test_the_starter_parses_and_names_every_required_column(folder: Path) -> None:
    path = folder / "regulars.toml"
    write_starter(path)
    settings = read_settings(path)
    (orders,) = settings.tables["orders"]
    assert set(orders.columns) == set(TABLES["orders"].required)


def test_the_starter_parses_with_every_line_uncommented(folder: Path) -> None:
    """What it offers for every other table is right too."""
    path = folder / "regulars.toml"
    write_starter(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    settings = read(folder, "\n".join(_uncommented(line) for line in lines))
    assert set(settings.tables) == set(TABLES)
    for name, (source,) in settings.tables.items():
        assert set(source.columns) == {column.name for column in TABLES[name].columns}


def test_the_starter_names_every_setting_with_the_value_that_holds(folder: Path) -> None:
    path = folder / "regulars.toml"
    write_starter(path)
    text = path.read_text(encoding="utf-8")
    settings = read(folder, "\n".join(_uncommented(line) for line in text.splitlines()))
    plain = read(folder, ORDERS)
    for section in ("checks", "engine", "training", "serving", "paths"):
        assert getattr(settings, section) == getattr(plain, section)
        for name in type(getattr(plain, section)).model_fields:
            assert any(
                line.startswith((f"# {name} =", f"# {name}:", f"# [{section}.{name}]"))
                for line in text.splitlines()
            ), name


def _uncommented(line: str) -> str:
    bare = line.removeprefix("# ")
    return bare if bare.startswith("[") or " = " in bare else line


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            "[shop]\nmargin_rat = 0.3\n",
            "shop.margin_rat: no such setting; did you mean margin_rate?",
        ),
        ("[check]\ntolerance = 0.1\n", "check: no such setting; did you mean checks?"),
        ("[shop]\nzzz = 1\n", "; there are currency, discount_rate, lookback_days, margin_rate"),
        ("[shop]\nmargin_rate = 30\n", "less than or equal to 1, and not 30"),
    ],
)
def test_a_mistake_is_answered_with_what_was_probably_meant(
    folder: Path, text: str, hint: str
) -> None:
    assert hint in problem(folder, ORDERS + text).problem


def test_the_starter_overwrites_nothing_and_makes_no_folders(folder: Path) -> None:
    path = folder / "regulars.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="exists already"):
        write_starter(path)
    assert path.read_text(encoding="utf-8") == "mine"
    with pytest.raises(SettingsError, match="there is no folder"):
        write_starter(folder / "nowhere" / "regulars.toml")
