"""The twin of the oracle: its groups are Batch jobs, and its members are Batch tasks."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import TaskGroup

from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import PoolSpec, VmImage
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from tests.system.oracle.shapes import FAIL_FOR_GOOD, SKIP, Node, Script, Scripts, Shape, trace_name

# One node, so that every member finds its trace in the node's shared folder.
POOL = PoolSpec(
    pool_id="oracle",
    vm_size="standard_d16s_v5",
    image=VmImage.ubuntu("22.04"),
    target_dedicated_nodes=1,
    task_slots_per_node=64,
)
# No "$#" in braces and no braces twice: Airflow would read them as its own.
COMMAND = """/bin/bash -c '
folder=$AZ_BATCH_NODE_SHARED_DIR/{dag_id}; trace=$folder/{trace}; mkdir -p $folder
echo start $(date +%s%N) >> $trace
try=$(grep -c start $trace); set -- {script}
while [ $# -gt 1 ] && [ $try -gt 1 ]; do shift; try=$((try - 1)); done
sleep 0.1; echo end $(date +%s%N) >> $trace; exit $1'"""


class Batch:
    """The same with job groups."""

    def dag_id(self, shape: Shape) -> str:
        return f"batch_{shape.name}"

    def job_group(self, group_id: str) -> TaskGroup:
        return AzureBatchJobTaskGroup(group_id=group_id, batch_pool=POOL)

    def member(self, dag_id: str, node: Node, **arguments: Any) -> Any:
        command = command_line(dag_id, trace_name(node.task_id, -1), node.script)
        return AzureBatchTaskOperator(command_line=command, **self._exit_codes([node.script]), **arguments)

    def mapped_member(self, dag_id: str, node: Node, values: Any, scripts: Scripts, **arguments: Any) -> Any:
        codes = self._exit_codes(scripts)
        return AzureBatchTaskOperator.partial(**codes, **arguments).expand(command_line=values)

    def values(self, dag_id: str, node: Node, scripts: Scripts) -> list[Any]:
        return [
            command_line(dag_id, trace_name(node.task_id, index), script)
            for index, script in enumerate(scripts)
        ]

    @staticmethod
    def _exit_codes(scripts: Scripts) -> dict[str, Any]:
        """Only what the scripts need: a member that may skip has fewer edges that Batch can hold."""
        used = {code for script in scripts for code in script}
        codes = {"skip_on_exit_code": SKIP, "fail_on_exit_code": FAIL_FOR_GOOD}
        return {"poll_interval": 1, **{name: code for name, code in codes.items() if code in used}}


def command_line(dag_id: str, trace: str, script: Script) -> str:
    """Command of a member: it counts its tries in its trace."""
    return COMMAND.format(dag_id=dag_id, trace=trace, script=" ".join(map(str, script)))
