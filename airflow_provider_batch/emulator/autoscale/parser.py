"""
Reads a formula.

Grammar (precedence as in C, lowest first; the page shows the operators and leaves their precedence open)::

    formula := statement? (";" statement?)*
    statement := name "=" expression | expression
    expression := or ("?" expression ":" expression)?
    or := and ("||" and)*
    and := equality ("&&" equality)*
    equality := comparison (("==" | "!=") comparison)*
    comparison := sum (("<" | "<=" | ">=" | ">") sum)*
    sum := product (("+" | "-") product)*
    product := unary (("*" | "/") unary)*
    unary := ("-" | "!") unary | postfix
    postfix := primary ("." name arguments?)*
    primary := number | string | name | name arguments | "(" expression ")"
    arguments := "(" (expression ("," expression)*)? ")"
"""

from __future__ import annotations

from airflow_provider_batch.emulator.autoscale.errors import FormulaSyntaxError, FormulaTooLongError
from airflow_provider_batch.emulator.autoscale.lexer import Token, TokenKind, tokens
from airflow_provider_batch.emulator.autoscale.syntax import (
    Binary,
    Call,
    Expression,
    Literal,
    Member,
    MethodCall,
    Name,
    Statement,
    Ternary,
    Unary,
)

MAX_LENGTH = 8192
"""Longest formula, in characters."""

MAX_STATEMENTS = 100
"""Most statements of a formula."""

MAX_DEPTH = 40
"""Deepest nesting that is read here; the service names no limit."""

_LEVELS = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", "<=", ">=", ">"), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/"), 6),
}


def check_formula(formula: str) -> None:
    """
    Check what can be known of a formula before it is evaluated.

    :raises FormulaTooLongError: it has more than 8,192 characters.
    :raises FormulaSyntaxError: it is not of the language, or has more than 100 statements.
    """
    parse(formula)


def parse(formula: str) -> tuple[Statement, ...]:
    """Read a formula; raises as :func:`check_formula` does."""
    if len(formula) > MAX_LENGTH:
        raise FormulaTooLongError(f"The formula has more than {MAX_LENGTH} characters")
    return _Parser(formula).formula()


class _Parser:
    def __init__(self, formula: str) -> None:
        self._tokens = list(tokens(formula))
        self._at = 0
        self._depth = 0

    # --- tokens ---------------------------------------------------------------------------------------

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _ended(self) -> bool:
        return self._next.kind is TokenKind.END

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _sees(self, *operators: str) -> bool:
        return self._next.kind is TokenKind.OPERATOR and self._next.text in operators

    def _skip(self, operator: str) -> bool:
        if self._sees(operator):
            self._at += 1
            return True
        return False

    def _expect(self, operator: str) -> None:
        if not self._skip(operator):
            raise self._unexpected(f"'{operator}' is expected")

    def _unexpected(self, wanted: str) -> FormulaSyntaxError:
        token = self._next
        found = token.kind.value if token.kind is TokenKind.END else f"'{token.text}'"
        return FormulaSyntaxError(f"Unexpected {found}: {wanted}", token.position)

    # --- statements -----------------------------------------------------------------------------------

    def formula(self) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        while not self._ended():
            if self._skip(";"):
                continue
            statements.append(self._statement())
            if len(statements) > MAX_STATEMENTS:
                raise FormulaSyntaxError(
                    f"The formula has more than {MAX_STATEMENTS} statements", statements[-1].position
                )
            if not self._ended():
                self._expect(";")
        if not statements:
            raise FormulaSyntaxError("The formula has no statement", self._next.position)
        return tuple(statements)

    def _statement(self) -> Statement:
        start = self._next
        if start.kind is TokenKind.NAME:
            after = self._tokens[self._at + 1]
            if after.kind is TokenKind.OPERATOR and after.text == "=":
                self._at += 2
                return Statement(start.position, start.text, self._expression())
        return Statement(start.position, None, self._expression())

    # --- expressions ----------------------------------------------------------------------------------

    def _expression(self) -> Expression:
        self._deeper()
        condition = self._binary(1)
        if self._sees("?"):
            position = self._take().position
            chosen = self._expression()
            self._expect(":")
            condition = Ternary(position, condition, chosen, self._expression())
        self._depth -= 1
        return condition

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FormulaSyntaxError("The formula is nested too deeply", self._next.position)

    def _binary(self, lowest: int) -> Expression:
        left = self._unary()
        while (level := self._level()) >= lowest:
            operator = self._take()
            left = Binary(operator.position, operator.text, left, self._binary(level + 1))
        return left

    def _level(self) -> int:
        return _LEVELS.get(self._next.text, 0) if self._next.kind is TokenKind.OPERATOR else 0

    def _unary(self) -> Expression:
        if not self._sees("-", "!"):
            return self._postfix()
        self._deeper()
        operator = self._take()
        operand = Unary(operator.position, operator.text, self._unary())
        self._depth -= 1
        return operand

    def _postfix(self) -> Expression:
        subject = self._primary()
        links = 0
        while self._skip("."):
            name = self._name()
            links += 1
            if links > MAX_DEPTH:
                raise FormulaSyntaxError("The formula is nested too deeply", name.position)
            if self._sees("("):
                subject = MethodCall(name.position, subject, name.text, self._arguments())
            else:
                subject = Member(name.position, subject, name.text)
        return subject

    def _name(self) -> Token:
        if self._next.kind is not TokenKind.NAME or self._next.text.startswith("$"):
            raise self._unexpected("a member is expected")
        return self._take()

    def _primary(self) -> Expression:
        token = self._next
        if token.kind is TokenKind.NUMBER:
            return Literal(self._take().position, float(token.text))
        if token.kind is TokenKind.TEXT:
            return Literal(self._take().position, token.text)
        if token.kind is TokenKind.NAME:
            self._take()
            if self._sees("("):
                return Call(token.position, token.text, self._arguments())
            return Name(token.position, token.text)
        if self._skip("("):
            inner = self._expression()
            self._expect(")")
            return inner
        raise self._unexpected("a value is expected")

    def _arguments(self) -> tuple[Expression, ...]:
        self._expect("(")
        if self._skip(")"):
            return ()
        arguments = [self._expression()]
        while self._skip(","):
            arguments.append(self._expression())
        self._expect(")")
        return tuple(arguments)
