"""Errors of offers and their rules, with the position of the mistake."""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import RegularsError


class OfferError(RegularsError):
    """The offers' declarations cannot be used."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a rule's text: its first character, and how many."""

    at: int
    width: int = 1


class RuleError(OfferError):
    """A rule that cannot be parsed, or uses an unknown name.

    Parameters
    ----------
    message
        What is wrong.
    text
        The rule.
    span
        Which part of it is wrong.
    """

    def __init__(self, message: str, text: str, span: Span, remedy: str) -> None:
        super().__init__(f"{message}\n{_marked(text, span)}", remedy)
        self.message, self.text, self.span = message, text, span

    def within(self, place: str) -> RuleError:
        """Return the same mistake, naming the offer and gate that it is in."""
        return RuleError(f"{place}: {self.message}", self.text, self.span, self.remedy)


def _marked(text: str, span: Span) -> str:
    """Return the rule, indented, with carets under the part."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(f"    {line}")
        if start <= span.at <= start + len(line):
            width = max(1, min(span.width, start + len(line) - span.at))
            lines.append("    " + " " * (span.at - start) + "^" * width)
        start += len(line) + 1
    return "\n".join(lines)
