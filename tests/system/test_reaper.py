"""The example of the reaper in a real Airflow: what it says, what it does, and what it leaves alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.batch import models

from demo.waiting import wait_for
from tests.system.conftest import REAPED_DEPLOYMENT, Stack
from tests.system.test_examples import Example

pytestmark = pytest.mark.system

#: more than the grace time of the hasty reapers and a second
QUIET = timedelta(seconds=2.5)


def labels(run: Example, **more: str) -> dict[str, str]:
    """The labels of a pool that a run has made."""
    return {
        "AIRFLOW_BATCH_OWNER": "of-the-run",
        "airflow_dag_id": run.dag_id,
        "airflow_run_id": run.run_id,
        "airflow_deployment_id": REAPED_DEPLOYMENT,
        **more,
    }


def make_pool(stack: Stack, pool_id: str, metadata: dict[str, str]) -> None:
    """Make a pool of one node, and wait until that is idle."""
    stack.batch.create_pool(
        models.BatchPoolCreateOptions(
            id=pool_id,
            vm_size="standard_d2s_v5",
            virtual_machine_configuration=models.VirtualMachineConfiguration(
                image_reference=models.BatchVmImageReference(
                    publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts"
                ),
                node_agent_sku_id="batch.node.ubuntu 22.04",
            ),
            target_dedicated_nodes=1,
            metadata=[models.BatchMetadataItem(name=name, value=value) for name, value in metadata.items()],
        )
    )
    wait_for(
        lambda: [node.state for node in stack.batch.list_nodes(pool_id)] == ["idle"],
        f"the node of {pool_id} to be idle",
        limit_seconds=30,
    )


def wait_for_quiet(stack: Stack, *pool_ids: str) -> None:
    """Wait until the grace time of the hasty reapers is over, by a clock that tells whole seconds only."""

    def is_quiet() -> bool:
        changes = [
            node.state_transition_time for pool_id in pool_ids for node in stack.batch.list_nodes(pool_id)
        ]
        return all(change and datetime.now(timezone.utc) - change > QUIET for change in changes)

    wait_for(is_quiet, "the end of the grace time", limit_seconds=30)


def nodes(stack: Stack, *pool_ids: str) -> list[int | None]:
    return [stack.batch.get_pool(pool_id).target_dedicated_nodes for pool_id in pool_ids]


def report(run: Example) -> dict[str, dict[str, Any]]:
    found = run.stack.rest.xcom(run.dag_id, run.run_id, run.tasks()["reap"])
    return {pool["batch_pool_id"]: pool for pool in found}


def log_of(run: Example, task: str) -> str:
    return "\n".join(run.stack.rest.log_page(run.dag_id, run.run_id, run.tasks()[task])[0])


def test_reaper_touches_only_idle_pools_of_ended_runs_with_our_labels(stack: Stack) -> None:
    ended = Example(stack, "reaper_says")
    stack.rest.set_run_state(ended.dag_id, ended.run_id, "failed")
    make_pool(stack, "left-behind", labels(ended))
    make_pool(stack, "of-others", labels(ended, airflow_deployment_id="another"))
    make_pool(stack, "without-labels", {"team": "films"})
    make_pool(stack, "of-an-unknown-run", labels(ended, airflow_run_id="no such run"))
    make_pool(stack, "of-a-neighbour", {"team": "music"})
    pools = ["left-behind", "of-others", "without-labels", "of-an-unknown-run"]
    wait_for_quiet(stack, *pools)

    says = Example(stack, "reaper_says", {"batch_pool_id": "of-a-neighbour"})
    wait_for(lambda: says.states().get("reap") == "success", "the reaper's word", limit_seconds=60)
    said = report(says)
    assert said.keys() == {"left-behind", "of-an-unknown-run"}
    assert said["left-behind"]["reason"] == "dry run: it would be given up (scale_to_zero)"
    assert "has not ended, as far as Airflow knows" in said["of-an-unknown-run"]["reason"]
    assert nodes(stack, *pools) == [1, 1, 1, 1]

    make_pool(stack, "of-another-neighbour", {"team": "music"})
    acts = Example(stack, "reaper_acts", {"batch_pool_id": "of-another-neighbour"})
    assert acts.ended() == "success"
    assert {name: pool["done"] for name, pool in report(acts).items()} == {
        "left-behind": "scale_to_zero",
        "of-an-unknown-run": None,
    }
    assert nodes(stack, *pools) == [0, 1, 1, 1]

    assert says.ended() == "success"
    assert "Pool of-a-neighbour (1 node) has been idle since" in log_of(says, "until_idle")
    assert nodes(stack, "of-a-neighbour") == [0], "the sensor and what follows are for pools of others"
