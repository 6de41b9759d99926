"""What is wrong with a pool is told before anything of it exists, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.client.session import BatchSession
from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import (
    AutoScaleFormulaError,
    AzureBatchConfigurationError,
    BatchDeadlineError,
    SpecError,
)
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.launch import AzureBatchLaunchOperator
from airflow_provider_batch.operators.pools import (
    AzureBatchCreatePoolOperator,
    AzureBatchEnableAutoScaleOperator,
)
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import (
    Autoscale,
    ContainerConfiguration,
    ContainerRegistry,
    PoolSpec,
    VmImage,
)
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from tests.integration.pool_try import create, existing, scaled, tried
from tests.integration.task_try import RUN_STARTED, FakeTaskInstance, TaskTry

IMAGE = VmImage.ubuntu("22.04")


def spec(**more: Any) -> PoolSpec:
    return PoolSpec(**{"pool_id": "p", "vm_size": "standard_d2s_v5", "image": IMAGE, **more})


def rest(**more: Any) -> dict[str, Any]:
    return {"id": "p", "vmSize": "standard_d2s_v5", "virtualMachineConfiguration": IMAGE.to_rest(), **more}


def sdk_object(**more: Any) -> Any:
    models = pytest.importorskip("azure.batch.models")
    image = models.BatchVmImageReference(
        publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts"
    )
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04"
    )
    return models.BatchPoolCreateOptions(
        **{"id": "p", "vm_size": "standard_d2s_v5", "virtual_machine_configuration": machine, **more}
    )


FORMULA = "$TargetDedicatedNodes = 1;"
REGISTRY = ContainerRegistry(registry_server="films.azurecr.io", username="u", password="p")
WRONG: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: spec(target_dedicated_nodes=1, autoscale=Autoscale(formula=FORMULA)),
        "targetDedicatedNodes: contrad",
    ),
    (
        lambda: rest(targetLowPriorityNodes=1, enableAutoScale=True, autoScaleFormula=FORMULA),
        "targetLowPriorityNodes: contradicts",
    ),
    (
        lambda: sdk_object(target_dedicated_nodes=1, enable_auto_scale=True, auto_scale_formula=FORMULA),
        "targetDedicatedNodes: contradicts",
    ),
    (lambda: rest(enableAutoScale=True), "autoScaleFormula: is required"),
    (lambda: rest(autoScaleFormula=FORMULA), "autoScaleFormula: has no effect"),
    (lambda: spec(vm_size="d2s_v5"), "vmSize: 'd2s_v5' is no name of a VM size; did you mean"),
    (lambda: sdk_object(vm_size="a big one"), "vmSize: 'a big one' is no name"),
    (lambda: spec(autoscale=Autoscale(formula=" ")), "autoScaleFormula: must not be empty"),
    (lambda: rest(enableAutoScale=True, autoScaleFormula="x" * 8193), "autoScaleFormula: must have"),
    (
        lambda: spec(autoscale=Autoscale(formula=FORMULA, evaluation_interval=timedelta(minutes=1))),
        "autoScaleEvaluationInterval: must be PT5M to P7D, found PT1M",
    ),
    (
        lambda: rest(enableAutoScale=True, autoScaleFormula=FORMULA, autoScaleEvaluationInterval="P8D"),
        "autoScaleEvaluationInterval: must be PT5M to P7D",
    ),
    (
        lambda: sdk_object(
            enable_auto_scale=True,
            auto_scale_formula=FORMULA,
            auto_scale_evaluation_interval=timedelta(minutes=1),
        ),
        "autoScaleEvaluationInterval: must be PT5M to P7D",
    ),
    (lambda: spec(resize_timeout=timedelta(minutes=1)), "resizeTimeout: must be at least PT5M"),
    (lambda: spec(task_slots_per_node=257), "taskSlotsPerNode: must be 1 to 256"),
    (
        lambda: spec(
            container_configuration=ContainerConfiguration(
                container_image_names=["busybox"], container_registries=[REGISTRY]
            )
        ),
        "registryServer: none of the images comes from 'films.azurecr.io'",
    ),
]


def create_operator(pool: Any) -> None:
    AzureBatchCreatePoolOperator(task_id="t", batch_pool=pool)


def task_operator(pool: Any) -> None:
    AzureBatchTaskOperator(task_id="t", command_line="/bin/true", batch_pool=pool)


def group(pool: Any) -> None:
    with AzureBatchJobTaskGroup("film", batch_pool=pool):
        AzureBatchTaskOperator(task_id="t", command_line="/bin/true")


@pytest.mark.parametrize("place", [create_operator, task_operator, group])
@pytest.mark.parametrize(("make_pool", "told"), WRONG, ids=[told.partition(":")[0] for _, told in WRONG])
def test_wrong_pool_fails_while_the_dag_is_parsed(
    make_pool: Callable[[], Any], told: str, place: Callable[[Any], None]
) -> None:
    with DAG("parsed", schedule=None, start_date=RUN_STARTED), pytest.raises(SpecError) as caught:
        place(make_pool())
    assert told in str(caught.value)


def test_more_usable_nodes_than_rules_ever_ask_for_fail_while_the_dag_is_parsed() -> None:
    pool = spec(autoscale=Autoscale.pending_tasks(max_nodes=2))
    with DAG("parsed", schedule=None, start_date=RUN_STARTED):
        AzureBatchCreatePoolOperator(task_id="enough", batch_pool=pool, usable_nodes=2)
        with pytest.raises(SpecError, match=r"usable_nodes: 3 .* \(at most 2, by its formula\)"):
            AzureBatchCreatePoolOperator(task_id="never", batch_pool=pool, usable_nodes=3)
        by_hand = spec(autoscale=Autoscale(formula=FORMULA))
        AzureBatchCreatePoolOperator(task_id="who_knows", batch_pool=by_hand, usable_nodes=3)


# --- rendered late -------------------------------------------------------------------------------

LATE = [
    ({"resizeTimeout": "{{ 'PT1M' }}"}, "resizeTimeout: must be at least PT5M"),
    ({"targetDedicatedNodes": "{{ 0 - 1 }}"}, "targetDedicatedNodes: must be at least 0"),
    ({"vmSize": "{{ 'd2s_v5' }}"}, "vmSize: 'd2s_v5' is no name"),
    (
        {
            "enableAutoScale": "{{ true }}",
            "autoScaleFormula": FORMULA,
            "targetDedicatedNodes": 1,
        },
        "targetDedicatedNodes: contradicts",
    ),
    (
        {
            "enableAutoScale": True,
            "autoScaleFormula": FORMULA,
            "autoScaleEvaluationInterval": "{{ 'PT1M' }}",
        },
        "autoScaleEvaluationInterval: must be PT5M to P7D",
    ),
]


@pytest.mark.parametrize(("fields", "told"), LATE)
def test_wrong_value_of_a_template_is_told_before_anything_is_created(
    pool_id: str,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    told: str,
) -> None:
    wrong = {**rest(), "id": pool_id, **fields}
    task = create(pool_id, batch_pool=wrong)
    task.operator.render_template_fields({})
    with pytest.raises(SpecError) as caught:
        task.run(monkeypatch)
    assert told in str(caught.value)

    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        operator = AzureBatchTaskOperator(task_id="work", command_line="/bin/true", batch_pool=wrong)
    operator.render_template_fields({})
    with pytest.raises(SpecError) as caught:
        TaskTry(operator, FakeTaskInstance("work", pool_id)).run(monkeypatch)
    assert told in str(caught.value)

    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        launch = AzureBatchLaunchOperator(task_id="launch", group_id="film", batch_pool=wrong)
    launch.render_template_fields({})
    context: Any = {"ti": FakeTaskInstance("launch", pool_id)}
    with pytest.raises(SpecError) as caught:
        launch.job_plan(context, hook)
    assert told in str(caught.value)
    assert existing(hook, pool_id) is None


# --- what only the service or the connection knows -----------------------------------------------


@pytest.mark.parametrize("alone", [True, False], ids=["create", "task"])
def test_formula_that_does_not_parse_is_told_with_its_line_and_creates_nothing(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    wrong = scaled(pool_id, "$A = 1;\n$TargetDedicatedNodes = (;")
    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        operator = AzureBatchTaskOperator(task_id="work", command_line="/bin/true", batch_pool=wrong)
    task = TaskTry(operator, FakeTaskInstance("work", pool_id))
    told = "pool.autoScaleFormula: AutoScalingFormulaSyntaxError: line 2"
    with pytest.raises(AutoScaleFormulaError, match=told):
        (create(pool_id, batch_pool=wrong) if alone else task).run(monkeypatch)
    assert existing(hook, pool_id) is None


def test_rule_whose_formula_cannot_be_evaluated_is_named_while_the_pool_is_waited_for(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = Autoscale.pending_tasks(max_nodes=2).formula.replace("= pending_known", "= pending_unknown")
    task = create(
        pool_id,
        batch_pool=scaled(pool_id, formula),
        usable_nodes=1,
        allocation_timeout=timedelta(seconds=1),
        deferrable=False,
    )
    with pytest.raises(BatchDeadlineError, match=r"rule \[pending tasks\], line \d+"):
        task.run(monkeypatch)


@pytest.mark.parametrize("scales", [False, True])
def test_rule_whose_formula_cannot_be_evaluated_is_named_before_it_counts(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, scales: bool
) -> None:
    before = scaled(pool_id, FORMULA) if scales else {**rest(), "id": pool_id}
    create(pool_id, batch_pool=before).run(monkeypatch)
    formula = Autoscale.pending_tasks(max_nodes=2).formula.replace("= pending_known", "= pending_unknown")
    task = tried(
        AzureBatchEnableAutoScaleOperator, {"batch_pool_id": pool_id, "auto_scale_formula": formula}, None
    )
    with pytest.raises(AutoScaleFormulaError, match=r"rule \[pending tasks\], line \d+"):
        task.run(monkeypatch)
    assert (existing(hook, pool_id) or {})["enableAutoScale"] is scales


SUBNET = {
    "subnetId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
}


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (requests.create_pool(rest(networkConfiguration=SUBNET)), "pool.networkConfiguration.subnetId"),
        (
            requests.create_job(
                {
                    "id": "j",
                    "poolInfo": {
                        "autoPoolSpecification": {
                            "poolLifetimeOption": "job",
                            "pool": {"networkConfiguration": SUBNET},
                        }
                    },
                }
            ),
            "job.poolInfo.autoPoolSpecification.pool.networkConfiguration.subnetId",
        ),
    ],
)
def test_subnet_needs_a_sign_in_with_entra_id(request_: requests.Request, path: str) -> None:
    account = AccountSettings("https://films.westeurope.batch.azure.com", SharedKey("films", "a2V5"))
    session = BatchSession(account)
    try:
        with pytest.raises(
            AzureBatchConfigurationError, match="needs a sign-in with Microsoft Entra ID"
        ) as caught:
            session.send(request_)
    finally:
        session.close()
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.usefixtures("connection")
def test_emulator_takes_a_subnet_with_its_key(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_subnet = {**rest(targetDedicatedNodes=1, networkConfiguration=SUBNET), "id": pool_id}
    assert create(pool_id, batch_pool=with_subnet).run(monkeypatch)["usable_nodes"] == 1
