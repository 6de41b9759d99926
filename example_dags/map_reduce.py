"""
Search texts for words side by side: two mapped tasks and the sum of their results, as one Batch job.

Two ways to say over what a task is mapped, and both leave the edges to Batch:

* ``write`` is mapped over a list in this file.
* ``count`` is mapped over what ``words`` returns when the DAG runs. ``words`` is drawn before the whole
  group, so its list is known when ``launch`` gives the tasks to Batch. Without that edge the group could
  start before the list is there: the outcome would be the same, but Airflow would start these tasks.

``add_up`` depends on every index of ``count``.
"""

from __future__ import annotations

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.decorators import task

# [START howto_job_task_group_mapped]
TEXTS = ["the cat and the dog", "the dog and the bird", "a bird"]

# One node: the tasks share files through the node's shared folder.
ONE_NODE = PoolSpec(
    pool_id="examples",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=4,
)


def shell(commands: str) -> str:
    """Run commands in a folder that all tasks of this run share."""
    work = "$AZ_BATCH_NODE_SHARED_DIR/map-reduce-{{ run_id }}"
    return f"/bin/bash -c 'mkdir -p {work} && cd {work} && {commands}'"


with DAG(
    "map_reduce",
    description="Mapped tasks and the sum of their results, as one Batch job",
    schedule=None,
    catchup=False,
    default_args={"poll_interval": 1},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:

    @task
    def words() -> list[dict[str, str]]:
        """Return the environment of each task that searches for a word."""
        return [{"WORD": word} for word in ("bird", "cat", "dog", "the")]

    searched = words()
    with AzureBatchJobTaskGroup(group_id="search", batch_pool=ONE_NODE) as search:
        write = AzureBatchTaskOperator.partial(task_id="write").expand(
            command_line=[shell(f"echo {text} > {number}.txt") for number, text in enumerate(TEXTS)]
        )
        count = AzureBatchTaskOperator.partial(
            task_id="count",
            command_line=shell("grep -ow $WORD *.txt | wc -l > $WORD.count; echo $WORD $(cat $WORD.count)"),
        ).expand(environment=searched)
        add_up = AzureBatchTaskOperator(
            task_id="add_up",
            command_line=shell(
                "total=0; for n in $(cat *.count); do total=$((total + n)); done; echo $total"
            ),
        )
        write >> count >> add_up
    searched >> search
# [END howto_job_task_group_mapped]
