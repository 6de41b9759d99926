"""The official operator of apache-airflow-providers-microsoft-azure, as fairly as it can be compared."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

from airflow.providers.microsoft.azure.hooks.batch import AzureBatchHook
from airflow.providers.microsoft.azure.operators.batch import AzureBatchOperator


class _PromptHook(AzureBatchHook):
    """
    The official hook with a poll interval; its own is 15 seconds and cannot be set.

    :param azure_batch_conn_id: Airflow connection.
    :param seconds: between two polls.
    """

    def __init__(self, azure_batch_conn_id: str, seconds: float) -> None:
        super().__init__(azure_batch_conn_id)
        self._seconds = seconds

    def wait_for_job_tasks_to_complete(self, job_id: str, timeout: int) -> list[Any]:
        """
        Wait as the original does.

        :param job_id: the job.
        :param timeout: minutes.
        """
        deadline = time.monotonic() + timeout * 60
        while time.monotonic() < deadline:
            tasks = list(self.connection.list_tasks(job_id))
            left = [task for task in tasks if task.state != "completed"]
            if not left:
                return [t for t in tasks if t.execution_info and t.execution_info.result == "failure"]
            for task in left:
                self.log.info("Waiting for %s to complete, currently on %s state", task.id, task.state)
            time.sleep(self._seconds)
        raise TimeoutError("Timed out waiting for tasks to complete")


class PromptAzureBatchOperator(AzureBatchOperator):
    """The official operator, whose ``poll_interval`` also holds when it does not defer."""

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook."""
        return _PromptHook(self.azure_batch_conn_id, self.poll_interval)
