"""
Tasks that Batch cannot start by itself: Airflow starts them, in the same Batch job.

Batch starts a task when those that it depends on have succeeded, and knows no other rule. Where Airflow's
answer may be another one, the member of the group is *late*: Airflow decides that it may run, and its Batch
task is added to the job then. The graph is written as any other; ``python -m airflow_provider_batch explain``
tells which members are late, and why. Here they are:

* ``quick`` and ``full``: a branch outside the group chooses between them.
* ``merge``: its trigger rule lets it run although one of them was skipped.
* ``publish``: its environment has a value that only ``merge``'s result tells.
* ``clean_up``: runs only after a failure.

The others are *eager*: Batch gets them at once. ``look_for_news`` ends with an exit code that skips it, and
with it ``announce``, which Batch does not start.
"""

from __future__ import annotations

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task
    from airflow.models.param import Param

# [START howto_job_task_group_late]
ONE_NODE = PoolSpec(
    pool_id="examples",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=4,
)

with DAG(
    "late_members",
    description="A Batch job some of whose tasks are started by Airflow",
    schedule=None,
    catchup=False,
    params={"full": Param(False, type="boolean", description="Take the long way")},
    default_args={"poll_interval": 1},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:

    @task.branch
    def choose(params: dict[str, bool] | None = None) -> str:
        """Return the id of the task to run."""
        return "nightly.full" if params and params["full"] else "nightly.quick"

    with AzureBatchJobTaskGroup(group_id="nightly", batch_pool=ONE_NODE):
        prepare = AzureBatchTaskOperator(task_id="prepare", command_line="echo prepared")
        quick = AzureBatchTaskOperator(task_id="quick", command_line="echo the short way")
        full = AzureBatchTaskOperator(task_id="full", command_line="echo the long way")
        merge = AzureBatchTaskOperator(
            task_id="merge", command_line="echo merged", trigger_rule="none_failed_min_one_success"
        )
        publish = AzureBatchTaskOperator(
            task_id="publish",
            command_line="/bin/bash -c 'echo $MERGED_ON has the result'",
            environment={"MERGED_ON": "{{ ti.xcom_pull(task_ids='nightly.merge')['node_id'] }}"},
        )
        clean_up = AzureBatchTaskOperator(
            task_id="clean_up", command_line="echo cleaned up", trigger_rule="one_failed"
        )
        look_for_news = AzureBatchTaskOperator(
            task_id="look_for_news",
            command_line="/bin/bash -c 'echo no news; exit 99'",
            skip_on_exit_code=99,
        )
        announce = AzureBatchTaskOperator(task_id="announce", command_line="echo news")

        prepare >> [quick, full] >> merge >> [publish, clean_up]
        look_for_news >> announce
    choose() >> [quick, full]
# [END howto_job_task_group_late]
