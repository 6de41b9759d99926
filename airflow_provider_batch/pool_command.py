"""The command line's ``pool``: how a pool is, for the person who has to find out what holds the tasks up."""

from __future__ import annotations

import json
import os

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.batch import AzureBatchHook

__all__ = ["show_pool"]


def show_pool(batch_pool_id: str, azure_batch_conn_id: str, *, as_json: bool) -> tuple[str, str, int]:
    """
    Read a pool and its nodes, and say how they are.

    :param batch_pool_id: the pool.
    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param as_json: one JSON object instead of lines for a person.
    :return: text for stdout, text for stderr, and the exit status: 0, or 1 when the pool cannot be seen.
    """
    # Airflow 3 reads connections from its database only in what calls itself a server, as its own commands.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    with AzureBatchHook(azure_batch_conn_id) as hook:
        try:
            report = hook.report_of_pool(batch_pool_id)
        except AirflowNotFoundException as error:
            return "", f"{error}; --conn-id names another connection of this Airflow\n", 1
        except AzureBatchError as error:
            return "", f"{error}\n", 1
    return f"{json.dumps(report.data, indent=2) if as_json else report.text}\n", "", 0
