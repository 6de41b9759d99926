"""Prices for an account, as its connection says where to take them."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["price_table"]


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
    known = all(settings.table.per_hour(machine) is not None for machine in machines)
    if known or not settings.asks_retail:
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
