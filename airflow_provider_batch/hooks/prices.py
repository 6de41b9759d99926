"""Prices for an account, as its connection says where to take them."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Collection
from importlib import import_module
from typing import Any, TypeAlias

from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["aprice_table", "price_table"]


def price_table(connection: BatchConnection, machines: Collection[Machine], log: Any) -> PriceTable | None:
    """
    Return the prices of some nodes, as far as they are known within a few seconds; never an error.

    :param connection: settings of the connection.
    :param machines: the nodes.
    :param log: where it is said when prices could not be asked for.
    :return: the prices; None when the connection asks for no costs.
    """
    settings = connection.prices
    if settings is None:
        return None
    if not _is_to_ask(connection, machines):
        return settings.table
    region = settings.region or connection.region
    if region is None:
        log.info("Prices are not known: say the region in the connection's prices, see docs/cost.md.")
        return settings.table
    # It imports an HTTP client: only who asks for list prices imports it.
    retail = import_module("airflow_provider_batch.client.retail_prices")
    asked = retail.RetailPrices(region, settings.table.currency, cache=retail.default_cache_folder())
    table: PriceTable
    table, problem = asked.complete(settings, machines)
    if problem is not None:
        log.info("List prices of region %s are not known: %s", region, problem)
    return table


def _is_to_ask(connection: BatchConnection, machines: Collection[Machine]) -> bool:
    settings = connection.prices
    if settings is None or not settings.asks_retail:
        return False
    return any(settings.table.per_hour(machine) is None for machine in machines)


_Questions: TypeAlias = dict[tuple[str, ...], asyncio.Task[PriceTable | None]]
#: what is being asked now, by loop
_ASKING: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Questions] = weakref.WeakKeyDictionary()


async def aprice_table(
    connection: BatchConnection, machines: Collection[Machine], log: Any
) -> PriceTable | None:
    """
    Return what :func:`price_table` does, without blocking the loop; of many who ask the same, one asks.

    :param connection: settings of the connection, which were read before.
    :param machines: the nodes.
    :param log: see :func:`price_table`; it is that of the one who asks.
    """
    if not _is_to_ask(connection, machines):
        return None if connection.prices is None else connection.prices.table
    loop = asyncio.get_running_loop()
    asking = _ASKING.setdefault(loop, {})
    question = (repr(connection.prices), str(connection.region), *sorted(map(repr, machines)))
    asked = asking.get(question)
    if asked is None:
        asked = asking[question] = loop.create_task(asyncio.to_thread(price_table, connection, machines, log))
        asked.add_done_callback(lambda _: asking.pop(question, None))
    # Who is cancelled takes no answer from the others.
    return await asyncio.shield(asked)
