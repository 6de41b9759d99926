"""What a pool may cost, said before it does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.domain.cost import estimate
from airflow_provider_batch.hooks.prices import price_table

if TYPE_CHECKING:
    from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["log_estimate"]


def log_estimate(
    pool: Mapping[str, Any], connection: BatchConnection, log: Any, life: timedelta | None = None
) -> None:
    """
    Say in the log the most that a pool may cost; never an error.

    :param pool: its description (REST JSON).
    :param connection: settings of the connection, with prices or without.
    :param log: the Airflow task log.
    :param life: longest time that the job may last; None when there is none to go by.
    """
    most = estimate(pool)
    prices = price_table(connection, (most.machines or {}).keys(), log)
    log.info("%s", most.text(prices, life))
