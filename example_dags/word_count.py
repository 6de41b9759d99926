"""
Count the words of a text with Azure Batch: split it, count the parts side by side, add the counts up.

Each task is a Batch task that runs one of the programs in ``word_count/``; its output appears in the log of
the Airflow task while it runs. ``make demo`` runs this DAG against the emulator.
"""

from __future__ import annotations

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage

try:
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.11
    from airflow import DAG
    from airflow.models.param import Param

PARTS = 4

# [START howto_operator_azure_batch_task]
# One node: the tasks share files through the node's shared folder. Four slots: four parts at once.
ONE_NODE = PoolSpec(
    pool_id="word-count",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=PARTS,
)


def fetched(name: str) -> dict[str, str]:
    """Let Batch download a file into the task's working folder before the task starts."""
    return {"httpUrl": "{{ params.files_url }}/" + name, "filePath": name}


with DAG(
    "word_count",
    description="Count the words of a text in parallel Batch tasks",
    schedule=None,
    catchup=False,
    params={
        "files_url": Param(
            "http://127.0.0.1:8000",
            type="string",
            description="Where the nodes can fetch the files of example_dags/word_count",
        ),
    },
    default_args={
        "batch_pool": ONE_NODE,
        "environment": {"WORD_COUNT_RUN": "word-count-{{ run_id }}"},
        "deferrable": True,
        "poll_interval": 1,
    },
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    split = AzureBatchTaskOperator(
        task_id="split",
        command_line=f"python3 split.py declaration.txt --parts {PARTS}",
        resource_files=[fetched("split.py"), fetched("declaration.txt")],
    )
    count = AzureBatchTaskOperator.partial(
        task_id="count",
        resource_files=[fetched("count_words.py")],
    ).expand(command_line=[f"python3 count_words.py {part}" for part in range(PARTS)])
    merge = AzureBatchTaskOperator(
        task_id="merge",
        command_line=f"python3 merge.py --parts {PARTS}",
        resource_files=[fetched("merge.py")],
    )
    split >> count >> merge
# [END howto_operator_azure_batch_task]
