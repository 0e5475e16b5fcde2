"""The tokeniser of rules: words, numbers, texts, days and signs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from models.offers.errors import RuleError, Span
from models.offers.syntax import Value

Kind = Literal["word", "constant", "sign", "end"]

_SPACE: Final = re.compile(r"\s*")
_PATTERNS: Final = (
    ("day", re.compile(r"\d{4}-\d{2}-\d{2}(?!\w)")),
    ("number", re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?![\w.])")),
    ("word", re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)),
    ("text", re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'", re.DOTALL)),
    ("sign", re.compile(r"<=|>=|==|!=|[<>+\-*/()\[\],]")),
)
_REMEDIES: Final = {
    "=": "compare with ==",
    "!": "write: not",
    "&": "write: and",
    "|": "write: or",
    "%": "write shares as numbers between 0 and 1",
    '"': "close the text with the quote that it began with",
    "'": "close the text with the quote that it began with",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``value`` is set for constants."""

    kind: Kind
    text: str
    span: Span
    value: Value | None = None


def tokens(text: str) -> list[Token]:
    """Split a rule's text into tokens; the last one marks the end.

    Raises
    ------
    RuleError
        At the first character that begins nothing.
    """
    found: list[Token] = []
    at = 0
    while True:
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            return [*found, Token("end", "", Span(at))]
        token = _token(text, at)
        found.append(token)
        at += token.span.width


def _token(text: str, at: int) -> Token:
    for kind, pattern in _PATTERNS:
        if match := pattern.match(text, at):
            literal, span = match[0], Span(at, len(match[0]))
            match kind:
                case "word":
                    if literal in ("true", "false"):
                        return Token("constant", literal, span, literal == "true")
                    return Token("word", literal, span)
                case "sign":
                    return Token("sign", literal, span)
                case "day":
                    return Token("constant", literal, span, _day(literal, text, span))
                case "number":
                    return Token("constant", literal, span, _number(literal, text, span))
                case _:
                    inside = re.sub(r"\\(.)", r"\1", literal[1:-1], flags=re.DOTALL)
                    return Token("constant", literal, span, inside)
    sign = text[at]
    remedy = _REMEDIES.get(sign, "leave it out, or put texts between quotes")
    raise RuleError(f"{sign!r} is not allowed here", text, Span(at), remedy)


def _day(literal: str, text: str, span: Span) -> date:
    try:
        return date.fromisoformat(literal)
    except ValueError as error:
        remedy = "write a day of the calendar, as 2026-12-31"
        raise RuleError(f"there is no day {literal}", text, span, remedy) from error


def _number(literal: str, text: str, span: Span) -> float:
    value = float(literal)
    if math.isinf(value):
        raise RuleError("this number is too large", text, span, "write a smaller one")
    return value
