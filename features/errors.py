"""The small family of errors that a person is meant to read.

Each says what is wrong and what to do about it. The command line prints them without a
traceback; the server answers them as ``application/problem+json``.
"""

from __future__ import annotations


class RegularsError(Exception):
    """Something that the user can put right.

    Parameters
    ----------
    problem
        What is wrong, naming the table, column, row or file.
    remedy
        What to do about it, as an imperative sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  Remedy: {remedy}")
        self.problem = problem
        self.remedy = remedy


class SettingsError(RegularsError):
    """The settings file is missing, misspelt or contradicts itself."""


class DataError(RegularsError):
    """The records cannot be used as they are."""


class TrainingError(RegularsError):
    """There is too little history, or of the wrong kind, to learn from."""


class BundleError(RegularsError):
    """A bundle is missing, damaged or does not fit this version."""


class RegistryError(RegularsError):
    """The registry has no such model or cannot be reached."""
