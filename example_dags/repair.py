"""
Run only again what failed.

* ``convert`` fails at first and has a retry. Its Batch task is run again in the same job, and then Batch
  starts what depends on it.
* ``check`` has no retries. Trigger the DAG with ``accident`` and the run fails: ``check`` is failed,
  ``publish`` is ``upstream_failed``. When the cause is mended (here it is after one run), choose the failed
  task in the grid and *Clear task*, with *Downstream* and *Only failed*: ``check`` runs again, then
  ``publish``, and nothing else does. The job of the run has ended by then, so they run in a new Batch job,
  whose metadata name the same DAG, run and group.

With the API it is ``POST /api/v2/dags/repair/clearTaskInstances`` with the body ``{"dry_run": false,
"dag_run_id": "...", "only_failed": true, "include_downstream": true, "task_ids": ["conversion.check"]}``.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.models.param import Param

# [START howto_job_task_group_repair]
# One node: a task finds what its earlier run left in the node's shared folder.
ONE_NODE = PoolSpec(
    pool_id="examples",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=4,
)


def shell(commands: str) -> str:
    """Run commands in a folder that all tasks of this run share."""
    return f"/bin/bash -c 'work=$AZ_BATCH_NODE_SHARED_DIR/$RUN; mkdir -p $work && cd $work && {commands}'"


def fails_at_first(name: str) -> str:
    """Return commands that fail unless they have run before."""
    return f"if [ -e {name} ]; then echo mended; else touch {name}; echo no input; exit 1; fi"


with (
    DAG(
        "repair",
        description="A Batch job of which only what failed runs again",
        schedule=None,
        catchup=False,
        params={"accident": Param(False, type="boolean", description="Let a task fail that has no retries")},
        default_args={
            "environment": {"RUN": "repair-{{ run_id }}", "ACCIDENT": "{{ params.accident }}"},
            "poll_interval": 1,
        },
        doc_md=__doc__,
        tags=["azure-batch", "example"],
    ) as dag,
    AzureBatchJobTaskGroup(group_id="conversion", batch_pool=ONE_NODE),
):
    fetch = AzureBatchTaskOperator(task_id="fetch", command_line=shell("echo fetched >> fetched.txt"))
    convert = AzureBatchTaskOperator(
        task_id="convert",
        command_line=shell(fails_at_first("converted")),
        retries=1,
        retry_delay=timedelta(seconds=2),
    )
    check = AzureBatchTaskOperator(
        task_id="check",
        command_line=shell(f"if [ $ACCIDENT = True ]; then {fails_at_first('checked')}; fi"),
    )
    publish = AzureBatchTaskOperator(task_id="publish", command_line=shell("cat fetched.txt"))
    fetch >> convert >> check >> publish
# [END howto_job_task_group_repair]
