"""Lists: filter, select and pages over resources, as the service combines them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.wire.fields import Fields, Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.odata import Filter, Properties, parse_filter
from airflow_provider_batch.emulator.wire.paging import Position, next_link, take_page
from airflow_provider_batch.emulator.wire.query import Query

T = TypeVar("T")


@dataclass(frozen=True)
class Listing(Generic[T]):
    """
    How one kind of resource is listed.

    :param suffix: of ``odata.metadata``, for example ``tasks``.
    :param fields: the resource's table.
    :param filterable: what a filter may name.
    :param position: an element's place in the order; unique.
    :param kept: properties that ``$select`` never drops.
    """

    suffix: str
    fields: Fields[T]
    filterable: Properties
    position: Callable[[T], Position]
    kept: Collection[str] = field(default=())

    def page(self, elements: Iterable[T], path: str, query: Query, links: Links) -> Json:
        """
        Write the page of a list that a request asks for.

        :param elements: all elements, in any order.
        :param path: path of the list, as the client sent it.
        :raises ServiceError: ``InvalidQueryParameterValue``.
        """
        query.check_expand()
        only = self._selected(query)
        passes = self._passing(query, links)
        page = take_page(sorted(elements, key=self.position), self.position, query, passes)
        body: Json = {
            "odata.metadata": links.metadata(self.suffix),
            "value": [render(self.fields, element, links, only) for element in page.elements],
        }
        if page.last is not None:
            body["odata.nextLink"] = next_link(links, path, query, page.last)
        return body

    def _passing(self, query: Query, links: Links) -> Callable[[T], bool]:
        text = query.text("$filter")
        if text is None:
            return lambda element: True
        where: Filter = parse_filter(text, self.filterable)
        names = where.names()
        return lambda element: where.matches(render(self.fields, element, links, names))

    def _selected(self, query: Query) -> Collection[str] | None:
        chosen = select(query, self.fields)
        return None if chosen is None else chosen.union(self.kept)


#: Properties that resources have in Azure and never have here; selecting them is valid and adds nothing.
_NEVER_HERE = frozenset(
    {
        "stats",
        "autoScaleFormula",
        "autoScaleEvaluationInterval",
        "autoScaleRun",
        "identity",
        "ipv6Address",
    }
)


def select(query: Query, fields: Fields[T]) -> frozenset[str] | None:
    """
    The top-level properties that a request selects; None for all.

    :raises ServiceError: ``InvalidQueryParameterValue`` for a name that the resource does not have.
    """
    names = query.select()
    if names is None:
        return None
    top = frozenset(name.partition("/")[0] for name in names)
    for name in sorted(top):
        if name not in fields and name not in _NEVER_HERE:
            reason = f"The property {name!r} does not exist"
            raise errors.invalid_query_parameter_value("$select", query.text("$select") or "", reason)
    return top
