"""Pages of lists on the management plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.paging import Position, next_link, take_page
from airflow_provider_batch.emulator.wire.query import Query

T = TypeVar("T")


def page(
    elements: Iterable[T],
    position_of: Callable[[T], Position],
    write: Callable[[T], Json],
    request: tuple[str, Query, Links],
    passes: Callable[[T], bool] = lambda _element: True,
) -> Json:
    """
    Write the page of a list that a request asks for.

    :param elements: all elements, in any order.
    :param position_of: an element's place in the order; unique.
    :param write: an element's JSON.
    :param request: path of the list as the client sent it, query, addresses.
    :param passes: whether an element belongs to the list.
    :raises ServiceError: ``InvalidQueryParameterValue``.
    """
    path, query, links = request
    taken = take_page(sorted(elements, key=position_of), position_of, query, passes)
    body: Json = {"value": [write(element) for element in taken.elements]}
    if taken.last is not None:
        body["nextLink"] = next_link(links, path, query, taken.last)
    return body
