"""Settings: ``regulars.toml`` plus environment variables, checked and frozen.

Each package declares its own settings; they are read here and nowhere else, and passed down as
values. ``REGULARS_SHOP__CURRENCY=GBP`` overrides ``[shop] currency``. A misspelt key is an
error. Secrets come from the environment alone.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as EnvironmentSettingsError

from features.errors import SettingsError
from features.settings import (
    CheckSettings,
    DataSettings,
    EngineSettings,
    Frozen,
    ShopSettings,
    Sources,
)
from features.wording import own_words
from serving.decisions.policies.settings import PolicySettings
from training.given_label.settings import LabelledSettings
from training.settings import TrainingSettings

FILE_NAME = "regulars.toml"


class PathSettings(Frozen):
    """Where things are kept; relative to the settings file."""

    workspace: Path = Field(Path(".regulars"), description="checked tables, roll-ups, bundles")
    mlruns: Path = Field(Path("mlruns"), description="MLflow's database and artifacts")


class ServingSettings(PolicySettings):
    """How the server listens, and how it explores and experiments."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    keys: Path | None = Field(None, description="file of hashed keys; needed off loopback")
    workers: int = Field(1, ge=1, description="processes that answer")
    database: str | None = Field(
        None,
        description="of events and decisions, postgresql://user@host/name where several machines "
        "serve; by default a SQLite file in the workspace",
    )
    offers: Path | None = Field(None, description="TOML file of offers, their rules and caps")
    rescore: bool = Field(
        default=True,
        description="score customers again within a minute of their events, in a process beside "
        "the workers; where several machines share a store, one is enough",
    )


class Settings(BaseSettings):
    """Everything in ``regulars.toml``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REGULARS_", env_nested_delimiter="__",
        env_ignore_empty=True,  # compose passes what is not set as an empty text
    )  # fmt: skip

    shop: ShopSettings = ShopSettings()
    tables: dict[str, Sources] = Field(default_factory=dict)
    labelled: LabelledSettings | None = Field(
        None, description="a plain table whose outcomes are known, instead of orders"
    )
    checks: CheckSettings = CheckSettings()
    engine: EngineSettings = EngineSettings()
    training: TrainingSettings = TrainingSettings()
    serving: ServingSettings = ServingSettings()
    paths: PathSettings = PathSettings()
    base: Path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, which arrives as constructor arguments."""
        return EnvSettingsSource(settings_cls), init_settings

    @model_validator(mode="after")
    def _one_kind(self) -> Settings:
        if self.labelled is not None and self.tables:
            raise ValueError(
                "labelled and tables cannot be combined: a shop is described by orders or by a "
                "labelled table; keep a settings file for each"
            )
        return self

    @property
    def data(self) -> DataSettings:
        """The part for the features package.

        Raises
        ------
        SettingsError
            There are no orders: the settings name a labelled table.
        """
        if self.labelled is not None:
            raise SettingsError(
                "these settings name a labelled table and no orders",
                "use check, train churn and score customers, or name [[tables.orders]] instead",
            )
        return DataSettings(
            shop=self.shop,
            tables=self.tables,
            checks=self.checks,
            engine=self.engine,
            base=self.base,
            workspace=self.paths.workspace,
        )

    @property
    def workspace(self) -> Path:
        """Folder of derived tables."""
        return self.base / self.paths.workspace

    @property
    def bundles(self) -> Path:
        """Folder of exported bundles."""
        return self.workspace / "bundles"

    @property
    def events_file(self) -> Path:
        """SQLite file of events and decisions, used unless ``serving.database`` names a server."""
        return self.workspace / "events.db"

    @property
    def database_url(self) -> str:
        """Address of the database of events and decisions."""
        return self.serving.database or f"sqlite:///{self.events_file.resolve()}"

    @property
    def mlruns(self) -> Path:
        """MLflow's folder."""
        return self.base / self.paths.mlruns


def read_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises
    ------
    SettingsError
        No such file, not TOML, an unknown key, or a value out of range.
    """
    if not path.is_file():
        raise SettingsError(
            f"there is no settings file {path}",
            f"write one with `regulars init`, or name it: --config path/to/{FILE_NAME}",
        )
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not in UTF-8: {error}", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}",
            "correct that line; write texts, paths and column names in double quotes",
        ) from error
    if "base" in content:  # set below, to the file's folder
        raise SettingsError(f"{path}: base: no such setting", "remove that line")
    try:
        settings = Settings(**content, base=path.resolve().parent)
        if settings.labelled is None:
            settings.data  # noqa: B018  cross-checks between parts happen here
    except ValidationError as error:
        raise SettingsError(*_explain(path, error)) from error
    except EnvironmentSettingsError as error:
        raise SettingsError(
            f"an environment variable cannot be read: {error}",
            "name one setting with two underscores, such as REGULARS_SHOP__CURRENCY=GBP",
        ) from error
    return settings


def _suggestion(place: tuple[int | str, ...]) -> str:
    """Return a phrase with the setting that was probably meant, or with the known ones."""
    model: Any = Settings
    for part in place[:-1]:
        model = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return ""
    known = sorted(set(model.model_fields) - {"base"})
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _explain(path: Path, error: ValidationError) -> tuple[str, str]:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        message = own_words(problem["msg"])
        if problem["type"] == "extra_forbidden":
            message = "no such setting" + _suggestion(problem["loc"])
        elif isinstance(problem["input"], int | float):
            message += f", and not {problem['input']}"
        lines.append(f"    {place}: {message}" if place else f"    {message}")
    listed = "\n".join(lines)
    return f"{path} has settings that cannot be used:\n{listed}", "correct the keys named above"
