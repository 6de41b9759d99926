"""What a DAG calls when its run has failed, so that nothing of it goes on billing."""

from __future__ import annotations

import logging
from typing import Any

from airflow_provider_batch.hooks.batch import AzureBatchHook

__all__ = ["AzureBatchRunCleanup"]

_log = logging.getLogger(__name__)


class AzureBatchRunCleanup:
    """
    Callback of a DAG: end the Batch jobs of a failed run, and delete the pools that it has made.

    A teardown deletes the pool of a run whatever becomes of its tasks, with one exception: when the
    ``dagrun_timeout`` of the DAG passes, Airflow skips what has not ended, teardowns too. This is for that
    case; where the teardown ran, it finds nothing to do. It runs in Airflow's DAG processor, waits for
    nothing, and what it did is in that process's log. Safe to repeat.

    It touches what carries the labels of this very run. A pool that others have adopted, with an open job on
    it, stays. Airflow may call it some time after the run has failed: what a run that was cleared meanwhile
    has made anew carries the same labels, and goes too.

    Example::

        with DAG(
            "films", dagrun_timeout=timedelta(hours=6), on_failure_callback=AzureBatchRunCleanup()
        ):
            ...

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    """

    def __init__(self, azure_batch_conn_id: str = AzureBatchHook.default_conn_name) -> None:
        self.azure_batch_conn_id = azure_batch_conn_id

    def __call__(self, context: Any) -> None:
        """
        Clean up.

        :param context: what Airflow tells a callback of a DAG.
        """
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.domain.run_cleanup import clean_up_run
        from airflow_provider_batch.operators.effects import WorkerEffects

        dag_id, run_id = context["dag"].dag_id, str(context["run_id"])
        with AzureBatchHook(self.azure_batch_conn_id) as hook:
            deployment_id = hook.connection.deployment_id or ""
            flow = clean_up_run(dag_id, run_id, deployment_id)
            deleted = drive(flow, WorkerEffects(hook.get_conn(), _log))
        if not deleted:
            _log.info("Run %s of DAG %s has left no pool in Batch.", run_id, dag_id)
