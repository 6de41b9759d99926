"""What the last run of one Batch task held and cost, for one more read, which many tasks of a pool share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.cost import cost_of, figures
from airflow_provider_batch.domain.flow import Flow, Log, Prices, Shared
from airflow_provider_batch.domain.node_hours import NO_HOURS, PoolMachines, task_hours
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.pool_machines import POOL_SELECT
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["with_figures"]

#: greatest age of what is known of a pool, in seconds: its VM size and slots never change while it has nodes
POOL_AGE = 300.0


def with_figures(outcome: TaskOutcome, task: Mapping[str, Any]) -> Flow[TaskOutcome]:
    """
    Flow: add what a task held and cost to how it ended; never an error.

    Whether its node is spot is told by the pool, or by the node's id: the node may be gone, and would cost a
    request more.

    :param outcome: how it ended.
    :param task: the task as the service sent it, with ``TASK_SELECT``.
    :return: the outcome; without figures when its pool cannot be read any more.
    """
    hours = NO_HOURS
    if outcome.start_time and outcome.node_id and outcome.batch_pool_id:
        try:
            pool = yield Shared(requests.get_pool(outcome.batch_pool_id, POOL_SELECT), POOL_AGE)
        except AzureBatchError as error:
            yield Log(f"What Batch task {outcome.key} held is not known: {error}")
            return outcome
        hours = task_hours(task, PoolMachines.read(pool.json))
    prices: PriceTable | None = yield Prices(hours.by_machine.keys())
    cost = None if prices is None else cost_of(hours, prices)
    return replace(outcome, **figures(hours, cost))
