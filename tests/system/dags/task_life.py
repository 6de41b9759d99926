"""One DAG of one task for each thing that can happen to a task; the tests make it happen."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

POOL = PoolSpec(
    pool_id="task-life",
    vm_size="standard_d2s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=8,
)
FIRST_RUN_FAILS = """/bin/bash -c '
marker=$AZ_BATCH_NODE_SHARED_DIR/$AIRFLOW_CTX_DAG_RUN_ID
if [ -e $marker ]; then echo second run; else touch $marker; echo first run; exit 3; fi'"""
NOTE_RUN = "/bin/bash -c 'echo run >> $AZ_BATCH_NODE_SHARED_DIR/runs-$AIRFLOW_CTX_DAG_ID'"
UNTIL_TOLD = """/bin/bash -c '
echo run >> $AZ_BATCH_NODE_SHARED_DIR/runs-$AIRFLOW_CTX_DAG_ID; echo begun
while [ ! -e $AZ_BATCH_NODE_SHARED_DIR/go-$AIRFLOW_CTX_DAG_ID ]; do sleep 0.1; done; echo ended'"""


def note_success(context: object) -> None:
    """Leave a trace in the log of whoever runs the callback."""
    print("success callback ran")


class SlowHandler(logging.Handler):
    """Keeps a process from exiting, as a busy machine does: Airflow 2 flushes all handlers then."""

    def flush(self) -> None:
        """Take longer than two heartbeats of the task."""
        time.sleep(20)


class SlowToExit(AzureBatchTaskOperator):
    def defer(self, **arguments: Any) -> Any:
        """Slow down what comes after the deferral."""
        logging.getLogger("slow").addHandler(SlowHandler())
        super().defer(**arguments)


LIVES: dict[str, dict[str, Any]] = {
    "succeeds_with_callback": {"command_line": "echo fine", "on_success_callback": note_success},
    "fails": {"command_line": "/bin/bash -c 'echo no input >&2; exit 3'"},
    "skips": {"command_line": "/bin/bash -c 'exit 99'", "skip_on_exit_code": 99},
    "fails_for_good": {"command_line": "/bin/bash -c 'exit 4'", "fail_on_exit_code": 4, "retries": 3},
    "fails_once": {
        "command_line": FIRST_RUN_FAILS,
        "retries": 1,
    },
    "killed": {"command_line": "sleep 300"},
    "killed_on_worker": {"command_line": "sleep 300", "deferrable": False},
    "cleared": {"command_line": NOTE_RUN},
    "times_out": {"command_line": "sleep 300", "execution_timeout": timedelta(seconds=12)},
    "slow_to_exit": {"command_line": UNTIL_TOLD},
    "survives_triggerer": {"command_line": UNTIL_TOLD},
    "survives_worker": {"command_line": UNTIL_TOLD, "deferrable": False, "retries": 1},
}

for name, arguments in LIVES.items():
    with DAG(f"life_{name}", schedule=None, catchup=False, tags=["test"]) as dag:
        operator_class = SlowToExit if name == "slow_to_exit" else AzureBatchTaskOperator
        operator_class(
            task_id="work",
            batch_pool=POOL,
            retry_delay=timedelta(seconds=1),
            poll_interval=1,
            **{"deferrable": True, **arguments},
        )
    globals()[dag.dag_id] = dag
