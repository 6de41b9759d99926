"""A number of things in words."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """
    Write a number of things.

    :param number: how many.
    :param noun: one of them.
    :param plural: several; the noun with an s when left out.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
