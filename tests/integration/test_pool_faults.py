"""What goes wrong with a pool while an operator is at work on it: the right error, in bounded time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchDeadlineError,
    BatchPoolLostError,
    BatchPoolUnusableError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.pools import (
    AzureBatchDeletePoolOperator,
    AzureBatchNodeActionOperator,
    AzureBatchRemoveNodesOperator,
    AzureBatchResizePoolOperator,
    AzureBatchStopPoolResizeOperator,
)
from tests.emulator_process import EmulatorProcess
from tests.integration.pool_try import Make, PoolTry, body, both_modes, create, existing, node_ids, scaled
from tests.integration.task_try import in_background
from tests.integration.test_task_operator import wait_until

SLOW = {"commandLine": "sleep 600"}


@contextmanager
def meanwhile(task: PoolTry, act: Callable[[], Any], after: str = "Waiting") -> Iterator[None]:
    """Let somebody do something to the pool once the operator has said that it waits."""

    def when_it_waits() -> Any:
        wait_until(lambda: after in task.text)
        return act()

    thread, results = in_background(when_it_waits)
    yield
    thread.join(30)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert not errors, errors


@pytest.fixture
def frozen(emulator: EmulatorProcess) -> Iterator[EmulatorProcess]:
    """The emulator, whose time stands still: what allocates nodes goes on allocating."""
    emulator.run_at(0)
    yield emulator
    emulator.run_at(1)


# --- resizes that fail ---------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccountCoreQuotaReached", "request a higher quota"),
        ("AccountVMSeriesCoreQuotaReached", "request a higher quota"),
        ("AllocationFailed", "look at VM size, region, image and network"),
        ("AllocationTimedout", "another VM size helps"),
        ("SubnetNotFound", "Batch may not join it"),
    ],
)
def test_failed_allocation_is_told_with_what_helps(
    pool_id: str,
    emulator: EmulatorProcess,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
    code: str,
    remedy: str,
) -> None:
    emulator.fail_resize(pool_id, code=code, nodes=1)
    told = create(pool_id, deferrable=deferrable).failure(monkeypatch, BatchPoolUnusableError)
    assert code in told
    assert remedy in told
    # One of two nodes came, and is there.
    assert "stays, with 1 dedicated and 0 spot nodes" in told


@both_modes
def test_formula_is_given_time_to_try_again_and_not_more(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    emulator.fail_resize(pool_id, code="AllocationTimedout")
    task = create(
        pool_id,
        batch_pool=scaled(pool_id, "$TargetDedicatedNodes = 2;"),
        deferrable=deferrable,
        allocation_timeout=timedelta(seconds=2),
    )
    told = task.failure(monkeypatch, BatchDeadlineError)
    assert "not allocated within 2 s" in told
    assert "AllocationTimedout" in told


def test_formula_whose_resize_meets_a_quota_fails_before_its_time(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.fail_resize(pool_id, code="AccountCoreQuotaReached")
    told = create(pool_id, batch_pool=scaled(pool_id, "$TargetDedicatedNodes = 2;")).failure(
        monkeypatch, BatchPoolUnusableError
    )
    assert "the formula's resize failed, and would again" in told


# --- start tasks ---------------------------------------------------------------------------------


@both_modes
@pytest.mark.parametrize("failing", [1, 2])
def test_start_task_that_fails_on_some_or_all_nodes(
    pool_id: str, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, deferrable: bool, failing: int
) -> None:
    with_start = body(pool_id, 2, startTask={"commandLine": "/bin/true"})
    emulator.fail_start_tasks(pool_id, exit_code=9, times=failing)
    task = create(pool_id, batch_pool=with_start, usable_nodes=1, deferrable=deferrable)
    if failing == 1:
        assert task.run(monkeypatch)["nodes"] == {"idle": 1, "starttaskfailed": 1}
        assert "exit code 9" in task.text
        return
    told = task.failure(monkeypatch, BatchPoolUnusableError)
    assert "exit code 9" in told
    assert "broken nodes are not replaced" in told


# --- spot ----------------------------------------------------------------------------------------


@both_modes
def test_storm_of_preemptions_is_waited_for_until_the_limit(
    pool_id: str,
    emulator: EmulatorProcess,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
) -> None:
    spot = body(pool_id, 0, targetLowPriorityNodes=3)
    create(pool_id, batch_pool=spot).run(monkeypatch)
    for node_id in node_ids(hook, pool_id):
        emulator.preempt_node(pool_id, node_id, seconds=600)
    waits = create(
        pool_id,
        batch_pool=spot,
        deferrable=deferrable,
        allocation_timeout=timedelta(seconds=2),
        node_timeout=timedelta(seconds=2),
    )
    told = waits.failure(monkeypatch, BatchDeadlineError)
    assert "3 preempted" in told
    assert "0 usable of 3 wanted" in told


def test_storm_of_preemptions_that_ends_is_no_failure(
    pool_id: str, emulator: EmulatorProcess, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot = body(pool_id, 0, targetLowPriorityNodes=3)
    create(pool_id, batch_pool=spot).run(monkeypatch)
    for node_id in node_ids(hook, pool_id):
        emulator.preempt_node(pool_id, node_id, seconds=600)
    task = create(pool_id, batch_pool=spot)

    def end_the_storm() -> None:
        emulator.advance(601)

    with meanwhile(task, end_the_storm):
        assert task.run(monkeypatch)["usable_nodes"] == 3


# --- others at work on the pool ------------------------------------------------------------------


@both_modes
def test_pool_that_somebody_makes_smaller_cannot_become_ready(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task = create(pool_id, batch_pool=body(pool_id, 2, startTask=SLOW), deferrable=deferrable)

    def make_smaller() -> None:
        wait_until(lambda: (existing(hook, pool_id) or {})["allocationState"] == "steady")
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 1}))

    with meanwhile(task, make_smaller):
        told = task.failure(monkeypatch, BatchPoolUnusableError)
    assert "its size is 1, not 2" in told


def test_pool_that_somebody_makes_larger_is_ready_all_the_same(
    pool_id: str, frozen: EmulatorProcess, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = create(pool_id)

    def enlarge() -> None:
        frozen.run_at(1)
        wait_until(lambda: (existing(hook, pool_id) or {})["allocationState"] == "steady")
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 4}))

    with meanwhile(task, enlarge):
        assert task.run(monkeypatch)["usable_nodes"] >= 2


@both_modes
def test_resize_that_somebody_stops_is_told(
    pool_id: str,
    frozen: EmulatorProcess,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
) -> None:
    task = create(pool_id, deferrable=deferrable)

    def stop() -> None:
        hook.send(requests.stop_pool_resize(pool_id))
        frozen.run_at(1)

    with meanwhile(task, stop):
        told = task.failure(monkeypatch, BatchPoolUnusableError)
    assert "ResizeStopped" in told
    assert "somebody stopped the resize" in told


@both_modes
def test_pool_that_is_made_anew_meanwhile_is_another_one(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    slow = body(pool_id, 1, startTask=SLOW)
    create(pool_id, batch_pool=slow, wait_until_usable=False).run(monkeypatch)
    task = create(pool_id, batch_pool=slow, deferrable=deferrable, poll_interval=1)

    def make_anew() -> None:
        hook.send(requests.delete_pool(pool_id))
        wait_until(lambda: _created(hook, body(pool_id, 1)))

    with meanwhile(task, make_anew):
        assert "delet" in task.failure(monkeypatch, BatchPoolLostError)


def _created(hook: AzureBatchHook, wanted: dict[str, Any]) -> bool:
    try:
        hook.send(requests.create_pool(wanted))
    except BatchConflictError:  # the old one is there still
        return False
    return True


# --- time limits ---------------------------------------------------------------------------------


@both_modes
def test_allocation_has_a_limit_of_its_own(
    pool_id: str, frozen: EmulatorProcess, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task = create(
        pool_id,
        deferrable=deferrable,
        allocation_timeout=timedelta(seconds=1),
        node_timeout=timedelta(hours=1),
    )
    told = task.failure(monkeypatch, BatchDeadlineError)
    assert "its machines were not allocated within 1 s" in told


@both_modes
def test_nodes_have_a_limit_of_their_own(
    pool_id: str, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    task = create(
        pool_id,
        batch_pool=body(pool_id, 1, startTask=SLOW),
        deferrable=deferrable,
        allocation_timeout=timedelta(hours=1),
        node_timeout=timedelta(seconds=1),
    )
    told = task.failure(monkeypatch, BatchDeadlineError)
    assert "its nodes were not usable within 1 s" in told


# --- stop of a resize ----------------------------------------------------------------------------


@both_modes
def test_resize_that_is_under_way_is_stopped(
    pool_id: str,
    make: Make,
    emulator: EmulatorProcess,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    emulator.run_at(0)
    try:
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 4}))
        task = make(AzureBatchStopPoolResizeOperator, deferrable=deferrable)
        with meanwhile(task, lambda: emulator.run_at(1), after="is being stopped"):
            result = task.run(monkeypatch)
    finally:
        emulator.run_at(1)
    assert result["nodes"] == {"idle": 1}
    assert (existing(hook, pool_id) or {})["allocationState"] == "steady"


def test_stop_of_a_scaled_pool_names_the_remedy(
    pool_id: str, make: Make, frozen: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=scaled(pool_id, "$TargetDedicatedNodes = 2;"), wait_until_usable=False).run(
        monkeypatch
    )
    with pytest.raises(AzureBatchConfigurationError, match="disable automatic scaling"):
        make(AzureBatchStopPoolResizeOperator).run(monkeypatch)


# --- nodes ---------------------------------------------------------------------------------------


@both_modes
def test_more_nodes_than_one_request_takes_are_removed(
    pool_id: str, make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    create(pool_id, batch_pool=body(pool_id, 130)).run(monkeypatch)
    task = make(AzureBatchRemoveNodesOperator, node_states=["idle"], deferrable=deferrable)
    assert len(task.run(monkeypatch)["removed_nodes"]) == 130
    assert node_ids(hook, pool_id) == []
    assert (existing(hook, pool_id) or {})["targetDedicatedNodes"] == 0


@both_modes
@pytest.mark.parametrize("action", ["reboot", "drain"])
def test_node_that_vanishes_while_it_is_waited_for(
    pool_id: str,
    make: Make,
    hook: AzureBatchHook,
    emulator: EmulatorProcess,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
    action: str,
) -> None:
    create(pool_id, batch_pool=body(pool_id, 1, taskSlotsPerNode=1)).run(monkeypatch)
    [node_id] = node_ids(hook, pool_id)
    hook.send(requests.create_job({"id": pool_id, "poolInfo": {"poolId": pool_id}}))
    try:
        hook.send(requests.create_task(pool_id, {"id": "t", "commandLine": "sleep 600"}))
        key = requests.TaskKey(pool_id, "t")
        wait_until(lambda: hook.send(requests.get_task(key)).json["state"] == "running")
        task = make(
            AzureBatchNodeActionOperator,
            action=action,
            node_ids=[node_id],
            tasks="taskcompletion",
            deferrable=deferrable,
        )
        with meanwhile(task, lambda: hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 0}))):
            if action == "drain":
                # What is gone runs nothing.
                assert task.run(monkeypatch)["node_ids"] == [node_id]
            else:
                told = task.failure(monkeypatch, BatchPoolUnusableError)
                assert "instead of coming back" in told
    finally:
        hook.send(requests.delete_job(pool_id))


class Race:
    """Takes a node out of its pool between the operator's look and its request."""

    def __init__(
        self, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, pool_id: str, node_id: str, request: str
    ) -> None:
        self.hook, self.pool_id, self.node_id = hook, pool_id, node_id
        self.remove, self.request = requests.remove_nodes, getattr(requests, request)
        self.is_over = False
        monkeypatch.setattr(requests, request, self)

    def __call__(self, *arguments: Any) -> requests.Request:
        if not self.is_over:
            self.is_over = True
            self.hook.send(self.remove(self.pool_id, {"nodeList": [self.node_id]}))
            wait_until(self._is_gone)
        made: requests.Request = self.request(*arguments)
        return made

    def _is_gone(self) -> bool:
        pool = existing(self.hook, self.pool_id) or {}
        return self.node_id not in node_ids(self.hook, self.pool_id) and pool["allocationState"] == "steady"


@pytest.mark.parametrize(
    ("action", "request_name"),
    [
        ("reboot", "reboot_node"),
        ("reimage", "reimage_node"),
        ("drain", "disable_node_scheduling"),
        ("enable", "enable_node_scheduling"),
    ],
)
def test_node_that_vanishes_between_the_look_and_the_act(
    pool_id: str,
    make: Make,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    request_name: str,
) -> None:
    create(pool_id).run(monkeypatch)
    chosen = sorted(node_ids(hook, pool_id))
    Race(hook, monkeypatch, pool_id, chosen[0], request_name)
    task = make(AzureBatchNodeActionOperator, action=action, node_ids=chosen)
    if action in ("reboot", "reimage"):
        told = task.failure(monkeypatch, BatchPoolUnusableError)
        assert f"nodes {chosen[0]} left pool" in told
    else:
        assert task.run(monkeypatch)["node_ids"] == chosen
    assert f"WARNING Node {chosen[0]} has left pool" in task.text


def test_node_that_is_gone_when_nodes_are_removed_is_no_error(
    pool_id: str, make: Make, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, batch_pool=body(pool_id, 3)).run(monkeypatch)
    chosen = sorted(node_ids(hook, pool_id))
    Race(hook, monkeypatch, pool_id, chosen[1], "remove_nodes")
    result = make(AzureBatchRemoveNodesOperator, node_ids=chosen).run(monkeypatch)
    assert result["removed_nodes"] == chosen
    assert node_ids(hook, pool_id) == []


def test_pool_that_vanishes_while_it_is_deleted_by_another_is_gone(
    pool_id: str, make: Make, hook: AzureBatchHook, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id).run(monkeypatch)
    fault = emulator.answer("delete_pool", status=404, code="PoolNotFound", when="after")
    try:
        assert make(AzureBatchDeletePoolOperator).run(monkeypatch)["deleted"]
    finally:
        emulator.forget(fault)


def test_resize_waits_for_the_one_of_somebody_else(
    pool_id: str,
    make: Make,
    emulator: EmulatorProcess,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("airflow_provider_batch.domain.pool_changes.CHANGE_POLL", 0.2)
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    emulator.run_at(0)
    try:
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 2}))
        task = make(AzureBatchResizePoolOperator, target_dedicated_nodes=3)
        with meanwhile(task, lambda: emulator.run_at(1), after="is being changed (PoolBeingResized)"):
            assert task.run(monkeypatch)["usable_nodes"] == 3
    finally:
        emulator.run_at(1)


def test_resize_of_somebody_else_that_does_not_end_is_told_in_bounded_time(
    pool_id: str,
    make: Make,
    emulator: EmulatorProcess,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("airflow_provider_batch.domain.pool_changes.CHANGE_POLL", 0.2)
    create(pool_id, batch_pool=body(pool_id, 1)).run(monkeypatch)
    emulator.run_at(0)
    try:
        hook.send(requests.resize_pool(pool_id, {"targetDedicatedNodes": 2}))
        task = make(
            AzureBatchResizePoolOperator,
            target_dedicated_nodes=3,
            allocation_timeout=timedelta(seconds=1),
        )
        with pytest.raises(BatchDeadlineError, match="nothing was changed"):
            task.run(monkeypatch)
    finally:
        emulator.run_at(1)
