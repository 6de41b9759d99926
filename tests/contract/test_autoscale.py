"""Automatic scaling through the vendor SDK."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.clients import (
    Batch,
    SyncBatch,
    batches,
    code_of,
    new_id,
    pool_body,
    property_of,
    wait_for,
)
from tests.contract.raw import send
from tests.contract.test_golden import golden, same_shape
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "
NOTHING = "$TargetDedicatedNodes=0;"
PENDING = """
enough = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second) >= 70;
$TargetDedicatedNodes = min(2, enough ? max($PendingTasks.GetSample(180 * TimeInterval_Second)) : 0);
$NodeDeallocationOption = taskcompletion;
"""


@pytest.fixture(scope="module")
def own_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator whose time may be moved."""
    with EmulatorProcess.start(tmp_path_factory.mktemp("autoscale")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def own_batch(own_emulator: EmulatorProcess) -> Iterator[Batch]:
    """A client of it."""
    yield from batches("sync", own_emulator)


def steady(batch: Batch, pool_id: str) -> Any:
    """The pool, once it is steady."""
    return wait_for(lambda: batch.call("get_pool", pool_id), lambda pool: pool.allocation_state == "steady")


def scaled_pool(batch: Batch, formula: str = NOTHING, **more: Any) -> str:
    """A pool that was created with a formula, steady."""
    name = new_id("scaled")
    body = pool_body(name, enableAutoScale=True, autoScaleFormula=formula, **more)
    batch.call("create_pool", body)
    steady(batch, name)
    return name


def refusal(batch: Batch, operation: str, *arguments: Any) -> HttpResponseError:
    with pytest.raises(HttpResponseError) as caught:
        batch.call(operation, *arguments)
    return caught.value


@pytest.mark.assumed(source=REFERENCE + "sections 2.1 and 6.3")
def test_pool_created_with_a_formula_shows_it_with_its_run(batch: Batch):
    name = scaled_pool(batch, "$TargetDedicatedNodes = 1; x = 2;")
    pool = batch.call("get_pool", name)
    assert pool.enable_auto_scale is True
    assert pool.auto_scale_formula == "$TargetDedicatedNodes = 1; x = 2;"
    assert pool.auto_scale_evaluation_interval == timedelta(minutes=15)
    assert pool.auto_scale_run.results == (
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;$x=2"
    )
    assert pool.auto_scale_run.timestamp == pool.creation_time
    assert pool.auto_scale_run.error is None
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (1, 1)


@pytest.mark.assumed(source=REFERENCE + "sections 3.1 and 6.3")
def test_automatic_scaling_is_enabled_evaluated_and_disabled(batch: Batch):
    name = new_id("pool")
    batch.call("create_pool", pool_body(name))
    before = steady(batch, name)
    interval = timedelta(minutes=6)
    options = {"autoScaleFormula": "$TargetDedicatedNodes=1;", "autoScaleEvaluationInterval": interval}
    batch.call("enable_pool_auto_scale", name, options | {"autoScaleEvaluationInterval": "PT06M"})
    pool = steady(batch, name)
    assert (pool.enable_auto_scale, pool.auto_scale_evaluation_interval) == (True, interval)
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (1, 1)
    assert pool.etag != before.etag
    run = batch.call("evaluate_pool_auto_scale", name, {"autoScaleFormula": "$TargetDedicatedNodes=7;"})
    assert run.results.startswith("$TargetDedicatedNodes=7;")
    assert batch.call("get_pool", name).target_dedicated_nodes == 1
    batch.call("disable_pool_auto_scale", name)
    after = batch.call("get_pool", name)
    assert (after.enable_auto_scale, after.auto_scale_formula, after.auto_scale_run) == (False, None, None)
    assert after.target_dedicated_nodes == 1
    assert after.allocation_state_transition_time > pool.allocation_state_transition_time


@pytest.mark.verified(on="azure-powershell TestAutoScaleActions", api_version="2024-02-01.19.0")
def test_evaluation_has_the_recorded_shape_and_results(emulator: EmulatorProcess, sync_batch: SyncBatch):
    name = scaled_pool(sync_batch)
    answer = send(
        emulator,
        "POST",
        f"/pools/{name}/evaluateautoscale",
        {"autoScaleFormula": "$TargetDedicatedNodes=1;"},
        headers={"content-type": "application/json; odata=minimalmetadata"},
    )
    assert answer.status == 200
    same_shape("autoscale_evaluate_ok", answer.json())
    recorded = golden("autoscale_evaluate_ok")
    assert answer.json()["results"] == recorded["results"]
    assert answer.json()["odata.metadata"].partition("$")[2] == recorded["odata.metadata"].partition("$")[2]
    assert answer.headers["dataserviceid"].endswith(f"/pools/{name}/evaluateautoscale")
    assert "etag" not in answer.headers


@pytest.mark.verified(
    on="azure-sdk-for-node fail_to_evaluate_invalid_autoscale_formula", api_version="2020-03-01.11.0"
)
@pytest.mark.parametrize("formula", ["something_useless", "$something_useless"])
def test_failed_evaluation_has_the_recorded_shape_and_text(
    emulator: EmulatorProcess, sync_batch: SyncBatch, formula: str
):
    name = scaled_pool(sync_batch, "$TargetDedicatedNodes=2;")
    answer = send(
        emulator,
        "POST",
        f"/pools/{name}/evaluateautoscale",
        {"autoScaleFormula": formula},
        headers={"content-type": "application/json; odata=minimalmetadata"},
    )
    assert answer.status == 200
    same_shape("autoscale_evaluate_error", answer.json())
    recorded = golden("autoscale_evaluate_error")
    assert {**answer.json(), "timestamp": None, "odata.metadata": None} == {
        **recorded,
        "timestamp": None,
        "odata.metadata": None,
    }


@pytest.mark.assumed(source=REFERENCE + "section 6.3")
def test_broken_formula_is_evaluated_to_an_error_in_the_body(sync_batch: Batch):
    name = scaled_pool(sync_batch)
    run = sync_batch.call("evaluate_pool_auto_scale", name, {"autoScaleFormula": "x = ("})
    assert run.error.code == "AutoScalingFormulaSyntaxError"
    too_long = {"autoScaleFormula": "x=1;".ljust(8193)}
    assert code_of(refusal(sync_batch, "evaluate_pool_auto_scale", name, too_long)) == (
        "AutoScalingFormulaTooLong"
    )


@pytest.mark.assumed(source=REFERENCE + "sections 6.1 and 7.2")
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"autoScaleFormula": "x = ("}, "AutoScalingFormulaSyntaxError", None),
        ({"autoScaleFormula": "x=1;" * 101}, "AutoScalingFormulaSyntaxError", None),
        ({"autoScaleFormula": "x=1;".ljust(8193)}, "AutoScalingFormulaTooLong", None),
        ({"autoScaleFormula": 5}, "InvalidPropertyValue", "autoScaleFormula"),
        ({"autoScaleEvaluationInterval": "PT4M59S"}, "InvalidPropertyValue", "autoScaleEvaluationInterval"),
        ({"autoScaleEvaluationInterval": "P7DT1S"}, "InvalidPropertyValue", "autoScaleEvaluationInterval"),
        ({"autoScaleEvaluationInterval": "soon"}, "InvalidPropertyValue", "autoScaleEvaluationInterval"),
    ],
)
def test_wrong_settings_are_refused_on_creating_and_enabling(
    sync_batch: Batch, change: dict[str, Any], code: str, named: str | None
):
    name = new_id("pool")
    settings = {"autoScaleFormula": NOTHING, **change}
    created = refusal(sync_batch, "create_pool", pool_body(name, enableAutoScale=True, **settings))
    assert (created.status_code, code_of(created), property_of(created)) == (400, code, named)
    assert code_of(refusal(sync_batch, "get_pool", name)) == "PoolNotFound"
    sync_batch.call("create_pool", pool_body(name))
    steady(sync_batch, name)
    enabled = refusal(sync_batch, "enable_pool_auto_scale", name, settings)
    assert (enabled.status_code, code_of(enabled), property_of(enabled)) == (400, code, named)
    assert sync_batch.call("get_pool", name).enable_auto_scale is False


@pytest.mark.assumed(source=REFERENCE + "sections 6.2, 7.4 and 10")
def test_states_that_forbid_an_operation_answer_409(sync_batch: Batch):
    scaled, fixed = scaled_pool(sync_batch), new_id("pool")
    sync_batch.call("create_pool", pool_body(fixed))
    steady(sync_batch, fixed)
    formula = {"autoScaleFormula": NOTHING}
    calls: list[tuple[Any, ...]] = [
        ("begin_resize_pool", scaled, {"targetDedicatedNodes": 1}),
        ("begin_stop_pool_resize", scaled),
        ("evaluate_pool_auto_scale", fixed, formula),
        ("disable_pool_auto_scale", fixed),
    ]
    for call in calls:
        error = refusal(sync_batch, *call)
        assert (error.status_code, code_of(error)) == (409, "OperationNotValidOnPool"), call
    for operation in ("enable_pool_auto_scale", "evaluate_pool_auto_scale"):
        assert code_of(refusal(sync_batch, operation, "nowhere", formula)) == "PoolNotFound"
    assert code_of(refusal(sync_batch, "disable_pool_auto_scale", "nowhere")) == "PoolNotFound"
    nothing = refusal(sync_batch, "enable_pool_auto_scale", fixed, {"autoScaleEvaluationInterval": "PT10M"})
    assert (nothing.status_code, code_of(nothing)) == (400, "InvalidAutoScalingSettings")


@pytest.mark.assumed(source=REFERENCE + "sections 1.10 and 6.3")
def test_stale_etag_is_refused_and_changes_nothing(emulator: EmulatorProcess, sync_batch: Batch):
    name = scaled_pool(sync_batch)
    before = sync_batch.call("get_pool", name)
    for verb, body in (("enableautoscale", {"autoScaleFormula": "x=1"}), ("disableautoscale", None)):
        headers = {"if-match": '"0x1"', "content-type": "application/json; odata=minimalmetadata"}
        answer = send(emulator, "POST", f"/pools/{name}/{verb}", body, headers=headers)
        assert (answer.status, answer.code) == (412, "ConditionNotMet")
    assert sync_batch.call("get_pool", name).etag == before.etag


@pytest.mark.assumed(source=REFERENCE + "section 6.3")
def test_enabling_twice_within_30_seconds_answers_503_with_retry_after(sync_batch: Batch):
    name = new_id("pool")
    sync_batch.call("create_pool", pool_body(name))
    steady(sync_batch, name)
    sync_batch.call("enable_pool_auto_scale", name, {"autoScaleFormula": NOTHING})
    error = refusal(sync_batch, "enable_pool_auto_scale", name, {"autoScaleFormula": NOTHING})
    assert (error.status_code, code_of(error)) == (503, "TooManyEnableAutoScaleRequests")
    response: Any = error.response
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.assumed(source=REFERENCE + "section 6.3")
def test_pool_follows_its_pending_tasks_as_time_passes(own_emulator: EmulatorProcess, own_batch: Batch):
    name = scaled_pool(own_batch, PENDING, autoScaleEvaluationInterval="PT5M")
    job = new_id("job")
    own_batch.call("create_job", {"id": job, "poolInfo": {"poolId": name}})
    own_batch.call("create_task", job, {"id": "t", "commandLine": "true"})
    assert own_batch.call("get_pool", name).target_dedicated_nodes == 0
    own_emulator.advance(300)
    wait_for(lambda: own_batch.call("get_task", job, "t").state == "completed")
    pool = steady(own_batch, name)
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (1, 1)
    assert "$enough=1" in pool.auto_scale_run.results
    run = own_batch.call(
        "evaluate_pool_auto_scale", name, {"autoScaleFormula": "x = len($CPUPercent.GetSample(1));"}
    )
    assert run.error.code == "InsufficientSampleData"
    own_emulator.advance(300)
    pool = steady(own_batch, name)
    assert pool.target_dedicated_nodes == 0
    wait_for(lambda: own_batch.call("get_pool", name).current_dedicated_nodes == 0)


@pytest.mark.emulator_only(reason="the computer that the emulator runs on stands for every node")
def test_use_of_this_computer_is_what_formulas_see(own_emulator: EmulatorProcess, own_batch: Batch):
    name = scaled_pool(own_batch, "$TargetDedicatedNodes=1;")
    own_emulator.advance(90)
    formula = "m = min($MemoryBytes.GetSample(2)); d = min($DiskBytes.GetSample(2)); n = $SampleNodeCount;"
    run = own_batch.call("evaluate_pool_auto_scale", name, {"autoScaleFormula": formula})
    assert run.error is None
    values = dict(pair.split("=") for pair in run.results.split(";"))
    assert float(values["$m"]) > 1
    assert float(values["$d"]) > 0.001
    assert values["$n"] == "1"
