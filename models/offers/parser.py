"""The parser of rules: recursive descent over the grammar in :mod:`models.offers.syntax`."""

from __future__ import annotations

from typing import Final, cast

from models.offers.errors import RuleError, Span
from models.offers.syntax import (
    And,
    Arithmetic,
    Calculating,
    Comparing,
    Comparison,
    Constant,
    Expression,
    Membership,
    Name,
    Negative,
    Not,
    Or,
    Presence,
    Value,
)
from models.offers.tokens import Token, tokens

_COMPARING: Final = ("<", "<=", ">", ">=", "==", "!=")
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "is", "missing", "known"})
# Far more than anyone writes by hand, and far less than Python's stack holds.
_DEEPEST: Final = 50


def parse(text: str) -> Expression:
    """Parse a rule.

    Raises
    ------
    RuleError
        At the first token that is not allowed where it is.
    """
    reader = _Reader(text)
    if not text.strip():
        raise RuleError("the rule is empty", text, Span(0), "leave it out where all may pass")
    expression = reader.either()
    if reader.token.kind != "end":
        raise reader.unexpected("and, or, or the end")
    return expression


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._place = 0
        self._depth = 0
        self._calculations = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._place]

    def unexpected(self, wanted: str) -> RuleError:
        found = f"{self.token.text!r}" if self.token.kind != "end" else "the end of the rule"
        return RuleError(
            f"{found} is not allowed here", self._text, self.token.span, f"write {wanted}"
        )

    def either(self) -> Expression:
        parts = [self._all()]
        while self._took("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts), parts[0].span)

    def _all(self) -> Expression:
        parts = [self._not()]
        while self._took("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts), parts[0].span)

    def _not(self) -> Expression:
        start = self.token.span
        if not self._took("not"):
            return self._test()
        self._deeper()
        inside = self._not()
        self._depth -= 1
        return Not(inside, start)

    def _test(self) -> Expression:
        left, sign = self._sum(), self.token
        if sign.kind == "sign" and sign.text in _COMPARING:
            self._place += 1
            right = self._sum()
            if self.token.text in _COMPARING:
                remedy = "compare two things at a time: a < b and b < c"
                raise RuleError("a comparison has two sides", self._text, self.token.span, remedy)
            return Comparison(cast("Comparing", sign.text), left, right, sign.span)
        if self._took("is"):
            if self._took("missing"):
                return Presence(left, missing=True, span=sign.span)
            if self._took("known"):
                return Presence(left, missing=False, span=sign.span)
            raise self.unexpected("missing or known; compare values with ==")
        negated = self._took("not")
        if self._took("in"):
            return Membership(left, self._values(), negated, sign.span)
        if negated:
            raise self.unexpected("in, as in: not in [...]")
        return left

    def _values(self) -> tuple[Value, ...]:
        self._must_take("[", 'a list, as in: tier in ["top_1", "top_5"]')
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._must_take("]", "a comma or ]")
        return tuple(values)

    def _value(self) -> Value:
        negative = self._took("-")
        token = self.token
        if token.value is None or (negative and type(token.value) is not float):
            raise self.unexpected("a number, a text between quotes, a day, true or false")
        self._place += 1
        return -cast("float", token.value) if negative else token.value

    def _sum(self) -> Expression:
        left = self._product()
        while (sign := self.token).text in ("+", "-") and sign.kind == "sign":
            self._place += 1
            left = self._calculated(sign, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while (sign := self.token).text in ("*", "/") and sign.kind == "sign":
            self._place += 1
            left = self._calculated(sign, left, self._signed())
        return left

    def _calculated(self, sign: Token, left: Expression, right: Expression) -> Arithmetic:
        self._calculations += 1
        if self._calculations > _DEEPEST:
            remedy = "calculate it in the records, and name the column"
            raise RuleError("the rule calculates too much", self._text, sign.span, remedy)
        return Arithmetic(cast("Calculating", sign.text), left, right, sign.span)

    def _signed(self) -> Expression:
        token = self.token
        self._deeper()
        if self._took("-"):
            inside: Expression = Negative(self._signed(), token.span)
        elif self._took("("):
            inside = self.either()
            self._must_take(")", "and, or, or )")
        elif token.value is not None:
            self._place += 1
            inside = Constant(token.value, token.span)
        elif token.kind == "word" and token.text not in _KEYWORDS:
            self._place += 1
            inside = Name(token.text, token.span)
        else:
            raise self.unexpected("a column, a number, a text between quotes, or (")
        self._depth -= 1
        return inside

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            remedy = "write it with fewer parentheses"
            raise RuleError("the rule is nested too deeply", self._text, self.token.span, remedy)

    def _took(self, text: str) -> bool:
        """Consume the next token if it is this sign or keyword; a quoted text never is."""
        token = self.token
        if token.text != text or token.kind not in ("sign", "word"):
            return False
        self._place += 1
        return True

    def _must_take(self, text: str, wanted: str) -> None:
        if not self._took(text):
            raise self.unexpected(wanted)
