"""Cuts a formula into tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from airflow_provider_batch.emulator.autoscale.errors import FormulaSyntaxError, Position


class TokenKind(Enum):
    """What a token is."""

    NUMBER = "number"
    TEXT = "string"
    NAME = "name"
    OPERATOR = "operator"
    END = "end of the formula"


@dataclass(frozen=True)
class Token:
    """
    One token.

    :param text: as written; of a string without its quotes.
    """

    kind: TokenKind
    text: str
    position: Position


_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|//[^\n]*)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |"(?P<string>[^"\n]*)"
    |(?P<name>\$?[A-Za-z_]\w*)
    |(?P<operator><=|>=|==|!=|&&|\|\||[-+*/<>!?:=;,.()])
    """,
    re.VERBOSE | re.ASCII,
)


def tokens(formula: str) -> Iterator[Token]:
    """
    Give the tokens of a formula, the end last; comments and space are skipped.

    :raises FormulaSyntaxError: a character that begins no token.
    """
    line, line_start, at = 1, 0, 0
    while at < len(formula):
        position = Position(line, at - line_start + 1)
        match = _TOKEN.match(formula, at)
        if match is None:
            raise FormulaSyntaxError(_unknown(formula[at]), position)
        if match.lastgroup == "skip":
            newlines = match[0].count("\n")
            if newlines:
                line += newlines
                line_start = at + match[0].rindex("\n") + 1
        else:
            kind = TokenKind(match.lastgroup)
            yield Token(kind, match[match.lastgroup or 0], position)
        at = match.end()
    yield Token(TokenKind.END, "", Position(line, at - line_start + 1))


def _unknown(character: str) -> str:
    if character == '"':
        return "A string has no closing quote"
    return f"Unexpected character: {character}"
