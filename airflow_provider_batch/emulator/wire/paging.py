"""
Pages of a list: a stable order, a token that names the last element sent, and the link to the next page.

A token holds a position in the order and not an offset, so that elements which come or go between two pages
neither hide others nor show them twice.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.query import Query

_PREFIX = "WATV2:"

T = TypeVar("T")
Position = tuple[str, ...]


@dataclass(frozen=True)
class Page(Generic[T]):
    """Elements of one page, and where it ended when more follow."""

    elements: Sequence[T]
    last: Position | None


def take_page(
    ordered: Iterable[T], position_of: Callable[[T], Position], query: Query, passes: Callable[[T], bool]
) -> Page[T]:
    """
    Take the page that a request asks for.

    :param ordered: all elements, sorted by their position.
    :param position_of: an element's position in the order.
    :param passes: whether an element belongs to the list; asked only for elements that may be on the page.
    :raises ServiceError: ``InvalidQueryParameterValue`` for a bad ``maxresults`` or ``$skiptoken``.
    """
    limit = query.max_results()
    after = _read_token(query.text("$skiptoken"))
    taken: list[T] = []
    for element in ordered:
        if (after is not None and position_of(element) <= after) or not passes(element):
            continue
        if len(taken) == limit:
            return Page(taken, position_of(taken[-1]))
        taken.append(element)
    return Page(taken, None)


def next_link(links: Links, path: str, query: Query, last: Position) -> str:
    """
    The address of the page after ``last``; it repeats the parameters of the request.

    :param path: path of the list, encoded.
    """
    pairs = [(name, value) for name, value in query.sent if name.lower() != "$skiptoken"]
    pairs.append(("$skiptoken", _write_token(last)))
    return f"{links.endpoint}{path}?" + "&".join(
        f"{quote(name, safe='$')}={quote(value, safe='$,:/')}" for name, value in pairs
    )


def _write_token(position: Position) -> str:
    text = json.dumps(list(position), separators=(",", ":")).encode("utf-8")
    return _PREFIX + base64.urlsafe_b64encode(text).decode("ascii").rstrip("=")


def _read_token(token: str | None) -> Position | None:
    if token is None:
        return None
    encoded = token.removeprefix(_PREFIX)
    try:
        parts = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise errors.invalid_query_parameter_value(
            "$skiptoken", token, "The token is not one of this service"
        )
    return tuple(parts)
