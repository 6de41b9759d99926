"""Operators for pools against the emulator: what is ready, what is said, what is left."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import (
    AutoScaleFormulaError,
    AzureBatchConfigurationError,
    BatchDeadlineError,
    BatchOwnershipError,
    BatchPoolLostError,
    BatchPoolUnusableError,
    SpecError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.pools import (
    AzureBatchCreatePoolOperator,
    AzureBatchDeletePoolOperator,
    AzureBatchDisableAutoScaleOperator,
    AzureBatchEnableAutoScaleOperator,
    AzureBatchEvaluateAutoScaleOperator,
    AzureBatchNodeActionOperator,
    AzureBatchRemoveNodesOperator,
    AzureBatchResizePoolOperator,
    AzureBatchStopPoolResizeOperator,
)
from airflow_provider_batch.specs import Autoscale, ContainerConfiguration, PoolSpec, VmImage
from tests.emulator_process import EmulatorProcess
from tests.integration.pool_try import (
    FORMULA,
    Make,
    PoolTry,
    body,
    both_modes,
    create,
    existing,
    found_pool,
    node_ids,
    scaled,
)
from tests.integration.test_task_operator import wait_until

# --- create or adopt -----------------------------------------------------------------------------


@both_modes
def test_pool_is_created_and_ready_when_its_nodes_are(
    pool_id: str, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    result = create(pool_id, deferrable=deferrable).run(monkeypatch)
    assert result["pool"] == "created"
    assert (result["usable_nodes"], result["nodes"]) == (2, {"idle": 2})
    assert result["vm_size"] == "standard_d2s_v5"


def test_retry_adopts_the_pool_that_an_earlier_try_created(
    pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(pool_id)
    first.defer()
    second = create(pool_id, ti=first.ti.next_try())
    assert second.run(monkeypatch)["pool"] == "adopted"


def test_pool_says_whose_it_is_and_what_it_was_made_from(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, wait_until_usable=False).run(monkeypatch)
    names = {pair["name"] for pair in (existing(hook, pool_id) or {})["metadata"]}
    assert {"airflow_dag_id", "airflow_run_id", "AIRFLOW_BATCH_OWNER", "AIRFLOW_BATCH_DEFINITION"} <= names


def test_pool_that_differs_is_refused_field_by_field(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, wait_until_usable=False).run(monkeypatch)
    other = body(pool_id, 3, taskSlotsPerNode=1, vmSize="standard_d4s_v5")
    with pytest.raises(BatchOwnershipError) as caught:
        create(pool_id, batch_pool=other).run(monkeypatch)
    for part in ("targetDedicatedNodes: wanted 3, found 2", "taskSlotsPerNode: wanted 1", "vmSize: wanted"):
        assert part in str(caught.value)
    assert (existing(hook, pool_id) or {})["targetDedicatedNodes"] == 2


def test_part_that_is_not_described_any_more_is_a_difference(
    pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_start = body(pool_id, 0, startTask={"commandLine": "/bin/true"})
    create(pool_id, batch_pool=with_start).run(monkeypatch)
    with pytest.raises(BatchOwnershipError, match="startTask: found, not wanted"):
        create(pool_id, batch_pool=body(pool_id, 0)).run(monkeypatch)


def test_update_changes_what_the_service_lets_change(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    changed = body(
        pool_id, 1, startTask={"commandLine": "/bin/true"}, metadata=[{"name": "team", "value": "film"}]
    )
    result = create(pool_id, batch_pool=changed, update="allowed").run(monkeypatch)
    assert (result["pool"], result["target_dedicated_nodes"]) == ("updated", 1)
    found = existing(hook, pool_id) or {}
    assert found["startTask"]["commandLine"] == "/bin/true"
    names = {pair["name"] for pair in found["metadata"]}
    assert {"team", "AIRFLOW_BATCH_OWNER"} <= names
    again = create(pool_id, batch_pool=changed).run(monkeypatch)
    assert again["pool"] == "adopted"


def test_update_changes_nothing_when_one_difference_cannot_be_changed(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    changed = body(pool_id, 1, vmSize="standard_d4s_v5")
    with pytest.raises(BatchOwnershipError, match="does not let us change, now: vmSize"):
        create(pool_id, batch_pool=changed, update="allowed").run(monkeypatch)
    assert (existing(hook, pool_id) or {})["targetDedicatedNodes"] == 2


def test_update_says_what_can_never_be_changed_and_what_helps(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 0)).run(monkeypatch)
    changed = body(pool_id, 1, vmSize="standard_d4s_v5", taskSlotsPerNode=2)
    with pytest.raises(
        BatchOwnershipError, match=r"cannot be changed: taskSlotsPerNode.*\. Choose another id"
    ):
        create(pool_id, batch_pool=changed, update="allowed").run(monkeypatch)
    assert (existing(hook, pool_id) or {})["targetDedicatedNodes"] == 0


def test_update_switches_a_pool_to_a_formula(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    result = create(pool_id, batch_pool=scaled(pool_id, FORMULA), update="allowed", usable_nodes=2).run(
        monkeypatch
    )
    assert (result["auto_scale"], result["usable_nodes"]) == (True, 2)


def test_pool_of_rules_is_ready_with_the_nodes_that_they_want_now(
    pool_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = Autoscale.pending_tasks(max_nodes=3, min_nodes=1).formula
    result = create(pool_id, batch_pool=scaled(pool_id, formula)).run(monkeypatch)
    assert (result["auto_scale"], result["usable_nodes"]) == (True, 1)


# --- readiness -----------------------------------------------------------------------------------


def test_b5_busy_pool_is_adopted_at_once(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = body(pool_id, 1, taskSlotsPerNode=1)
    create(pool_id, batch_pool=one).run(monkeypatch)
    hook.send(requests.create_job({"id": pool_id, "poolInfo": {"poolId": pool_id}}))
    hook.send(requests.create_task(pool_id, {"id": "t", "commandLine": "sleep 600"}))
    key = requests.TaskKey(pool_id, "t")
    wait_until(lambda: hook.send(requests.get_task(key)).json["state"] == "running")
    try:
        result = create(pool_id, batch_pool=one).run(monkeypatch)
        assert result["nodes"] == {"running": 1}
    finally:
        hook.send(requests.delete_job(pool_id))


@both_modes
def test_b6_b14_failed_start_task_is_explained_and_what_bills_is_said(
    pool_id: str, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    broken = body(pool_id, 2, startTask={"commandLine": "/bin/bash -c 'echo no such mount >&2; exit 7'"})
    told = create(pool_id, batch_pool=broken, deferrable=deferrable).failure(
        monkeypatch, BatchPoolUnusableError
    )
    assert "exit code 7" in told
    assert "no such mount" in told
    assert told.count("End of the start task's stderr") <= 2  # once when it is seen, once in the error
    assert f"Pool {pool_id} (standard_d2s_v5) stays, with 2 dedicated and 0 spot nodes" in told


def test_b7_wait_ends_in_time_and_says_what_it_waited_for(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = body(pool_id, 1, startTask={"commandLine": "sleep 600"})
    told = create(pool_id, batch_pool=slow, node_timeout=timedelta(seconds=1)).failure(
        monkeypatch, BatchDeadlineError
    )
    assert "its nodes were not usable within 1 s" in told
    assert "1 waitingforstarttask" in told
    assert "stays, with 1 dedicated" in told


@pytest.mark.parametrize("usable", [None, 1])
def test_b8_scaled_pool_at_zero_is_ready_only_for_who_wants_no_node(
    pool_id: str, monkeypatch: pytest.MonkeyPatch, usable: int | None
) -> None:
    task = create(
        pool_id,
        batch_pool=scaled(pool_id, "$TargetDedicatedNodes = 0;"),
        usable_nodes=usable,
        allocation_timeout=timedelta(seconds=1),
    )
    if usable is None:
        assert task.run(monkeypatch)["usable_nodes"] == 0
    else:
        assert "its formula asks for none now" in task.failure(monkeypatch, BatchDeadlineError)


def test_b9_old_resize_error_is_no_failure_and_a_new_one_is(
    pool_id: str, emulator: EmulatorProcess, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    emulator.fail_resize(pool_id, code="AccountCoreQuotaReached")
    resize = {"batch_pool_id": pool_id, "target_dedicated_nodes": 3}
    told = PoolTry(AzureBatchResizePoolOperator, dict(resize)).failure(monkeypatch, BatchPoolUnusableError)
    assert "AccountCoreQuotaReached" in told
    assert "quota" in told
    assert (existing(hook, pool_id) or {})["resizeErrors"]
    # The error is there still, and of another resize than the one that is begun now.
    assert PoolTry(AzureBatchResizePoolOperator, dict(resize)).run(monkeypatch)["usable_nodes"] == 3


def test_adopting_a_pool_whose_resize_failed_resizes_it_again(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 0)).run(monkeypatch)
    emulator.fail_resize(pool_id, code="AllocationTimedout", nodes=1)
    resize = {"batch_pool_id": pool_id, "target_dedicated_nodes": 2}
    PoolTry(AzureBatchResizePoolOperator, resize).failure(monkeypatch, BatchPoolUnusableError)
    assert create(pool_id).run(monkeypatch)["usable_nodes"] == 2


def test_b12_b13_spot_only_pool_with_containers_is_created_and_waited_for(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot = PoolSpec(
        pool_id=pool_id,
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        container_configuration=ContainerConfiguration(),
        target_low_priority_nodes=2,
    )
    result = create(pool_id, batch_pool=spot).run(monkeypatch)
    assert (result["target_low_priority_nodes"], result["usable_nodes"]) == (2, 2)
    machines = (existing(hook, pool_id) or {})["virtualMachineConfiguration"]
    assert machines["containerConfiguration"]["type"].lower() == "dockercompatible"


def test_b10_whatever_can_be_given_to_a_resize_reaches_the_service(
    pool_id: str, make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    make(
        AzureBatchResizePoolOperator,
        target_dedicated_nodes=1,
        target_low_priority_nodes=1,
        resize_timeout=timedelta(minutes=7),
        node_deallocation_option="taskcompletion",
    ).run(monkeypatch)
    found = existing(hook, pool_id) or {}
    assert (found["targetDedicatedNodes"], found["targetLowPriorityNodes"]) == (1, 1)
    assert found["resizeTimeout"] == "PT7M"


def test_preempted_node_is_waited_for(
    pool_id: str, emulator: EmulatorProcess, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot = body(pool_id, 0, targetLowPriorityNodes=1)
    create(pool_id, batch_pool=spot).run(monkeypatch)
    emulator.preempt_node(pool_id, node_ids(hook, pool_id)[0], seconds=1)
    task = create(pool_id, batch_pool=spot)
    assert task.run(monkeypatch)["usable_nodes"] == 1
    assert "1 preempted" in task.text


def test_broken_node_is_told_of_and_does_not_count(
    pool_id: str, emulator: EmulatorProcess, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    emulator.break_node(pool_id, node_ids(hook, pool_id)[0], code="DiskFull", message="No space.")
    told = create(pool_id).failure(monkeypatch, BatchPoolUnusableError)
    assert "DiskFull: No space." in told
    some = create(pool_id, usable_share=0.5)
    assert some.run(monkeypatch)["usable_nodes"] == 1
    assert "WARNING Not all is well: node" in some.text


@both_modes
def test_pool_that_somebody_deletes_meanwhile_is_told_at_once(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    slow = body(pool_id, 1, startTask={"commandLine": "sleep 600"})
    task = create(pool_id, batch_pool=slow, deferrable=deferrable)

    def delete_when_it_waits() -> None:
        wait_until(lambda: "Waiting" in task.text)
        hook.send(requests.delete_pool(pool_id))

    thread = threading.Thread(target=delete_when_it_waits)
    thread.start()
    told = task.failure(monkeypatch, BatchPoolLostError)
    thread.join()
    assert "deleted" in told


def test_poll_without_an_answer_says_nothing_about_the_pool(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = emulator.answer("list_nodes", status=500, times=12)
    try:
        assert create(pool_id).run(monkeypatch)["usable_nodes"] == 2
        assert emulator.met(fault) > 0
    finally:
        emulator.forget(fault)


# --- kill and time-out ---------------------------------------------------------------------------


@pytest.mark.parametrize("delete_on_kill", [True, False])
def test_kill_in_the_triggerer_deletes_the_pool_or_says_what_bills(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, delete_on_kill: bool
) -> None:
    task = create(pool_id, delete_on_kill=delete_on_kill)
    task.kill(task.defer(), monkeypatch)
    assert (existing(hook, pool_id) is None) == delete_on_kill
    assert ("is being deleted" if delete_on_kill else "it bills until") in task.text


def test_kill_on_the_worker_deletes_the_pool(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = body(pool_id, 1, startTask={"commandLine": "sleep 600"})
    task = create(pool_id, batch_pool=slow, deferrable=False, delete_on_kill=True)
    done: list[Any] = []

    def work() -> None:
        try:
            task.run(monkeypatch)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            done.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: "Waiting" in task.text)
    task.operator.on_kill()
    thread.join(30)
    assert done
    assert existing(hook, pool_id) is None


def test_kill_in_the_middle_of_the_creation_leaves_no_pool(
    pool_id: str, hook: AzureBatchHook, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = create(pool_id, deferrable=False, delete_on_kill=True)
    fault = emulator.delay("create_pool", seconds=1)
    done: list[BaseException] = []

    def work() -> None:
        try:
            task.run(monkeypatch)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            done.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: emulator.met(fault) > 0)
    task.operator.on_kill()
    assert f"Pool {pool_id} does not exist" in task.text
    thread.join(30)
    assert done
    assert existing(hook, pool_id) is None


def test_late_kill_of_an_earlier_try_leaves_the_pool_to_the_new_one(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create(pool_id, delete_on_kill=True)
    trigger = first.defer()
    # The new try has begun, and its claim is what the late kill reads.
    newer = replace(first.ti, try_number=2, xcoms=first.ti.xcoms)
    create(pool_id, ti=newer, delete_on_kill=True).defer()
    first.kill(trigger, monkeypatch)
    assert existing(hook, pool_id) is not None


def test_b14_pool_that_does_not_become_ready_is_deleted_when_told_to(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = body(pool_id, 1, startTask={"commandLine": "/bin/false"})
    task = create(pool_id, batch_pool=broken, delete_on_failure=True)
    told = task.failure(monkeypatch, BatchPoolUnusableError)
    assert "its start task failed" in told
    assert existing(hook, pool_id) is None


def test_kill_leaves_a_pool_that_was_adopted(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    other = create(pool_id, delete_on_kill=True)
    other.kill(other.defer(), monkeypatch)
    assert existing(hook, pool_id) is not None


def test_execution_timeout_deletes_the_pool_when_told_to(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = body(pool_id, 1, startTask={"commandLine": "sleep 600"})
    task = create(pool_id, batch_pool=slow, delete_on_kill=True, execution_timeout=timedelta(seconds=3))
    assert "execution_timeout" in task.failure(monkeypatch, BatchDeadlineError)
    assert existing(hook, pool_id) is None


# --- delete --------------------------------------------------------------------------------------


@both_modes
def test_own_pool_is_deleted_and_gone(
    pool_id: str, hook: AzureBatchHook, make: Make, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    create(pool_id).run(monkeypatch)
    result = make(AzureBatchDeletePoolOperator, deferrable=deferrable).run(monkeypatch)
    assert (result["batch_pool_id"], result["deleted"]) == (pool_id, True)
    assert found_pool(hook, pool_id) is None
    assert make(AzureBatchDeletePoolOperator).run(monkeypatch)["deleted"]


def test_pool_of_somebody_else_is_deleted_only_when_told(
    pool_id: str, hook: AzureBatchHook, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.send(requests.create_pool(body(pool_id, 0)))
    with pytest.raises(BatchOwnershipError, match="does not carry our labels"):
        make(AzureBatchDeletePoolOperator).run(monkeypatch)
    assert existing(hook, pool_id) is not None
    make(AzureBatchDeletePoolOperator, delete_any=True).run(monkeypatch)
    assert existing(hook, pool_id) is None


# --- size ----------------------------------------------------------------------------------------


def test_resize_up_and_down_waits_for_both(pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    up = make(AzureBatchResizePoolOperator, target_dedicated_nodes="3", target_low_priority_nodes=1)
    assert up.run(monkeypatch)["nodes"] == {"idle": 4}
    assert "already" in _text(make(AzureBatchResizePoolOperator, target_dedicated_nodes=3), monkeypatch)
    down = make(AzureBatchResizePoolOperator, target_dedicated_nodes=0, target_low_priority_nodes=0)
    assert down.run(monkeypatch)["nodes"] == {}


def _text(task: PoolTry, monkeypatch: pytest.MonkeyPatch) -> str:
    task.run(monkeypatch)
    return task.text


def test_resize_of_a_scaled_pool_names_the_remedy(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=scaled(pool_id, FORMULA)).run(monkeypatch)
    with pytest.raises(AzureBatchConfigurationError, match="disable automatic scaling"):
        make(AzureBatchResizePoolOperator, target_dedicated_nodes=1).run(monkeypatch)


def test_stop_of_a_steady_pool_has_nothing_to_do(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    task = make(AzureBatchStopPoolResizeOperator)
    assert task.run(monkeypatch)["usable_nodes"] == 2
    assert "there is no resize to stop" in task.text


def test_change_of_a_pool_that_does_not_exist_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for operator_class, arguments in (
        (AzureBatchResizePoolOperator, {"target_dedicated_nodes": 1}),
        (AzureBatchStopPoolResizeOperator, {}),
        (AzureBatchEnableAutoScaleOperator, {"auto_scale_formula": FORMULA}),
        (AzureBatchDisableAutoScaleOperator, {}),
        (AzureBatchRemoveNodesOperator, {"node_ids": ["n"]}),
    ):
        with pytest.raises(BatchPoolLostError, match="does not exist"):
            make(operator_class, **arguments).run(monkeypatch)


# --- formulas ------------------------------------------------------------------------------------


def test_formula_is_enabled_evaluated_and_disabled(
    pool_id: str, hook: AzureBatchHook, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 0)).run(monkeypatch)
    enabled = make(AzureBatchEnableAutoScaleOperator, auto_scale_formula=FORMULA).run(monkeypatch)
    assert enabled["target_dedicated_nodes"] == 2
    again = make(AzureBatchEnableAutoScaleOperator, auto_scale_formula=FORMULA)
    assert "already" in _text(again, monkeypatch)
    tried = make(AzureBatchEvaluateAutoScaleOperator, auto_scale_formula="$TargetDedicatedNodes = 5;")
    assert tried.run(monkeypatch)["target_dedicated_nodes"] == 5
    assert "the formula comes to 5 dedicated and 0 spot nodes now" in _text(tried, monkeypatch)
    assert make(AzureBatchEvaluateAutoScaleOperator).run(monkeypatch)["target_dedicated_nodes"] == 2
    assert not make(AzureBatchDisableAutoScaleOperator).run(monkeypatch)["auto_scale"]
    assert not make(AzureBatchDisableAutoScaleOperator).run(monkeypatch)["auto_scale"]
    assert not (existing(hook, pool_id) or {})["enableAutoScale"]


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize(
    "formula", ["$A = 1;\n$TargetDedicatedNodes = useless;", "$A = 1;\n$TargetDedicatedNodes = (;"]
)
def test_formula_that_fails_is_told_with_its_line_and_changes_nothing(
    pool_id: str,
    hook: AzureBatchHook,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    scales: bool,
    formula: str,
) -> None:
    wanted = scaled(pool_id, FORMULA) if scales else body(pool_id, 1)
    create(pool_id, batch_pool=wanted).run(monkeypatch)
    with pytest.raises(AutoScaleFormulaError, match="line 2"):
        make(AzureBatchEnableAutoScaleOperator, auto_scale_formula=formula).run(monkeypatch)
    found = existing(hook, pool_id) or {}
    assert found["enableAutoScale"] is scales
    assert found.get("autoScaleFormula") == (FORMULA if scales else None)


# --- nodes ---------------------------------------------------------------------------------------


def test_nodes_are_removed_once(
    pool_id: str, hook: AzureBatchHook, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    first = node_ids(hook, pool_id)[0]
    result = make(AzureBatchRemoveNodesOperator, node_ids=[first]).run(monkeypatch)
    assert result["removed_nodes"] == [first]
    assert "nothing to remove" in _text(make(AzureBatchRemoveNodesOperator, node_ids=[first]), monkeypatch)
    assert len(node_ids(hook, pool_id)) == 1


@pytest.mark.parametrize("action", ["reboot", "reimage"])
def test_broken_start_task_is_cured_by_a_restart(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, action: str
) -> None:
    create(pool_id).run(monkeypatch)
    chosen = node_ids(hook, pool_id)
    result = make(AzureBatchNodeActionOperator, action=action, node_ids=chosen).run(monkeypatch)
    assert result["node_ids"] == sorted(chosen)
    assert create(pool_id).run(monkeypatch)["usable_nodes"] == 2


def test_restart_that_ends_in_a_failed_start_task_fails_with_its_output(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook, emulator: EmulatorProcess
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1, startTask={"commandLine": "/bin/true"})).run(monkeypatch)
    chosen = node_ids(hook, pool_id)
    emulator.fail_start_tasks(pool_id, node_ids=chosen, exit_code=9)
    task = make(AzureBatchNodeActionOperator, action="reboot", node_ids=chosen)
    assert "exit code 9" in task.failure(monkeypatch, BatchPoolUnusableError)


def test_drained_node_runs_nothing_and_gets_nothing(
    pool_id: str, make: Make, monkeypatch: pytest.MonkeyPatch, hook: AzureBatchHook
) -> None:
    create(pool_id).run(monkeypatch)
    chosen = node_ids(hook, pool_id)[:1]
    for _ in range(2):
        make(AzureBatchNodeActionOperator, action="drain", node_ids=chosen).run(monkeypatch)
    told = create(pool_id, allocation_timeout=timedelta(seconds=1)).failure(
        monkeypatch, BatchPoolUnusableError
    )
    assert "1 offline" in told
    for _ in range(2):
        make(AzureBatchNodeActionOperator, action="enable", node_ids=chosen).run(monkeypatch)
    assert create(pool_id).run(monkeypatch)["usable_nodes"] == 2


# --- what is refused while the DAG is parsed -----------------------------------------------------


@pytest.mark.parametrize(
    ("operator_class", "arguments", "field"),
    [
        (AzureBatchCreatePoolOperator, {"batch_pool": body("p", 2), "usable_nodes": 3}, "usable_nodes"),
        (AzureBatchCreatePoolOperator, {"batch_pool": body("p", 2), "usable_share": 0}, "usable_share"),
        (
            AzureBatchCreatePoolOperator,
            {"batch_pool": body("p", 2), "usable_share": 0.5, "usable_nodes": 2},
            "together with usable_share",
        ),
        (AzureBatchCreatePoolOperator, {"batch_pool": body("p", 2), "update": "yes"}, "update"),
        (AzureBatchCreatePoolOperator, {"batch_pool": body("p/1", 2)}, "id"),
        (AzureBatchCreatePoolOperator, {"batch_pool": body("p"), "poll_interval": 0}, "poll_interval"),
        (AzureBatchResizePoolOperator, {"batch_pool_id": "p"}, "target_dedicated_nodes"),
        (
            AzureBatchResizePoolOperator,
            {"batch_pool_id": "p", "target_dedicated_nodes": -1},
            "target_dedicated_nodes",
        ),
        (
            AzureBatchResizePoolOperator,
            {"batch_pool_id": "p", "target_dedicated_nodes": 1, "resize_timeout": timedelta(minutes=1)},
            "resize_timeout",
        ),
        (
            AzureBatchEnableAutoScaleOperator,
            {
                "batch_pool_id": "p",
                "auto_scale_formula": FORMULA,
                "evaluation_interval": timedelta(minutes=1),
            },
            "evaluation_interval",
        ),
        (
            AzureBatchEnableAutoScaleOperator,
            {"batch_pool_id": "p", "auto_scale_formula": " "},
            "auto_scale_formula",
        ),
        (
            AzureBatchEnableAutoScaleOperator,
            {"batch_pool_id": "p", "auto_scale_formula": FORMULA, "evaluation_interval": "PT1M"},
            "evaluation_interval: must be at least PT5M and at most P7D, found PT1M",
        ),
        (
            AzureBatchEnableAutoScaleOperator,
            {"batch_pool_id": "p", "auto_scale_formula": FORMULA, "evaluation_interval": "soon"},
            "evaluation_interval: 'soon' is no ISO 8601 duration",
        ),
        (
            AzureBatchEnableAutoScaleOperator,
            {"batch_pool_id": "p", "auto_scale_formula": None},
            "auto_scale_formula: missing",
        ),
        (
            AzureBatchResizePoolOperator,
            {"batch_pool_id": "p", "target_dedicated_nodes": 1, "resize_timeout": 5},
            "resize_timeout: 5 is no duration",
        ),
        (
            AzureBatchResizePoolOperator,
            {"batch_pool_id": "p", "target_dedicated_nodes": 1, "usable_share": "half"},
            "usable_share: 'half'",
        ),
        (
            AzureBatchResizePoolOperator,
            {"batch_pool_id": "p", "target_dedicated_nodes": 1, "poll_interval": "5"},
            "poll_interval: '5'",
        ),
        (AzureBatchStopPoolResizeOperator, {"batch_pool_id": None}, "batch_pool_id: None"),
        (
            AzureBatchRemoveNodesOperator,
            {"batch_pool_id": "p", "node_ids": ["n"], "resize_timeout": timedelta(minutes=1)},
            "resize_timeout: must be at least PT5M",
        ),
        (
            AzureBatchRemoveNodesOperator,
            {"batch_pool_id": "p", "node_states": ["unusuable"]},
            "node_states: 'unusuable' is none of",
        ),
        (
            AzureBatchRemoveNodesOperator,
            {"batch_pool_id": "p", "node_states": "unusable"},
            "node_states: 'unusable' is a string",
        ),
        (
            AzureBatchNodeActionOperator,
            {"batch_pool_id": "p", "action": "enable", "node_ids": ["n"], "tasks": "requeue"},
            "tasks: has no effect",
        ),
        (AzureBatchRemoveNodesOperator, {"batch_pool_id": "p"}, "node_ids"),
        (AzureBatchRemoveNodesOperator, {"batch_pool_id": "p", "node_ids": "n1"}, "node_ids"),
        (
            AzureBatchNodeActionOperator,
            {"batch_pool_id": "p", "action": "burn", "node_ids": ["n"]},
            "action",
        ),
    ],
)
def test_wrong_argument_fails_while_the_dag_is_parsed(
    operator_class: Any, arguments: dict[str, Any], field: str
) -> None:
    with DAG("parsed", schedule=None), pytest.raises(SpecError, match=field):
        operator_class(task_id="t", **arguments)
