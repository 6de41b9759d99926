"""Pools whose image is looked up, made by an operator and against the emulator's list of images."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive, get_or_none
from airflow_provider_batch.exceptions import BatchOwnershipError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import AutoPoolSpec, JobSpec, PoolSpec, VmImage
from tests.integration.pool_try import PoolTry, silent
from tests.integration.task_try import RUN_STARTED, FakeTaskInstance, TaskTry

NEWEST = VmImage.newest(publisher="Canonical")


@pytest.fixture
def pool_id(request: pytest.FixtureRequest, hook: AzureBatchHook) -> Any:
    """Id of a pool of the test's own; the pool is deleted afterwards."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:64].strip("-")
    yield name
    if pool_of(hook, name) is not None:
        hook.send(requests.delete_pool(name))


def pool_of(hook: AzureBatchHook, pool_id: str) -> dict[str, Any] | None:
    look = get_or_none(requests.get_pool(pool_id))
    found: requests.Answer | None = drive(look, WorkerEffects(hook.get_conn(), silent()))
    return None if found is None else dict(found.json)


def machine_of(hook: AzureBatchHook, pool_id: str) -> tuple[str, str, str]:
    """Offer, SKU and node agent of a pool."""
    machine = (pool_of(hook, pool_id) or {})["virtualMachineConfiguration"]
    return machine["imageReference"]["offer"], machine["imageReference"]["sku"], machine["nodeAgentSKUId"]


def create(pool_id: str, image: VmImage | dict[str, Any], **more: Any) -> PoolTry:
    spec = PoolSpec(
        pool_id=pool_id, vm_size="standard_d2s_v5", image=image, target_dedicated_nodes=more.pop("nodes", 0)
    )
    more.setdefault("wait_until_usable", False)
    return PoolTry(AzureBatchCreatePoolOperator, {"batch_pool": spec, **more})


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])
def test_pool_with_the_newest_image_gets_nodes(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    made = create(pool_id, NEWEST, nodes=1, wait_until_usable=True, deferrable=deferrable)
    result = made.run(monkeypatch)
    assert (result["pool"], result["usable_nodes"]) == ("created", 1)
    # In the list, images of 22.04 come before it, and one of 20.04 that is not supported any more.
    assert machine_of(hook, pool_id) == ("ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04")
    assert "Image canonical ubuntu-24_04-lts server (the newest of 4 verified that match" in made.text


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (
            VmImage.newest(publisher="canonical", offer="*JAMMY", sku="*gen2"),
            ("0001-com-ubuntu-server-jammy", "22_04-lts-gen2", "batch.node.ubuntu 22.04"),
        ),
        (
            VmImage.newest(publisher="microsoft-dsvm", capabilities=["NvidiaTeslaDriverInstalled"]),
            ("ubuntu-hpc", "2404", "batch.node.ubuntu 24.04"),
        ),
        (
            VmImage(publisher="Debian", offer="Debian-12", sku="12"),
            ("debian-12", "12", "batch.node.debian 12"),
        ),
        (
            VmImage(publisher="almalinux", offer="almalinux-x86_64", sku="9-gen2"),
            ("almalinux-x86_64", "9-gen2", "batch.node.el 9"),
        ),
    ],
    ids=["pattern", "capability", "node-agent", "unverified"],
)
def test_what_was_left_open_is_found(
    pool_id: str,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    image: VmImage,
    found: tuple[str, str, str],
) -> None:
    create(pool_id, image).run(monkeypatch)
    assert tuple(name.lower() for name in machine_of(hook, pool_id)) == found


@pytest.mark.parametrize(
    ("image", "field", "said"),
    [
        (VmImage.newest(publisher="canonicl"), "imageReference.publisher", "did you mean 'canonical'"),
        (VmImage.newest(publisher="almalinux"), "imageReference", "unverified"),
        (VmImage.newest(publisher="canonical", offer="*focal"), "imageReference", "until 2025-05-31"),
        (
            VmImage(
                publisher="canonical",
                offer="0001-com-ubuntu-server-jamy",
                sku="22_04-lts",
                node_agent_sku_id="batch.node.ubuntu 22.04",
            ),
            "imageReference.offer",
            "did you mean '0001-com-ubuntu-server-jammy'",
        ),
        (
            VmImage(
                publisher="canonical",
                offer="ubuntu-24_04-lts",
                sku="server",
                node_agent_sku_id="batch.node.ubuntu 22.04",
            ),
            "nodeAgentSKUId",
            "needs 'batch.node.ubuntu 24.04'",
        ),
    ],
    ids=["misspelt", "unverified", "ended", "in-full", "node-agent"],
)
def test_image_that_does_not_exist_is_told_before_anything_is_created(
    pool_id: str,
    hook: AzureBatchHook,
    monkeypatch: pytest.MonkeyPatch,
    image: VmImage,
    field: str,
    said: str,
) -> None:
    told = create(pool_id, image).failure(monkeypatch, SpecError)
    assert f"pool.virtualMachineConfiguration.{field}: " in told
    assert said in told
    assert pool_of(hook, pool_id) is None


def test_pool_of_an_older_image_is_adopted_as_long_as_it_matches(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, VmImage.ubuntu("22.04")).run(monkeypatch)
    again = create(pool_id, NEWEST)
    assert again.run(monkeypatch)["pool"] == "adopted"
    assert "Image " not in again.text
    with pytest.raises(BatchOwnershipError, match="wanted 'ubuntu-24"):
        create(pool_id, VmImage.newest(publisher="canonical", offer="ubuntu-24*")).run(monkeypatch)


def test_empty_pool_is_changed_to_what_is_found(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(pool_id, VmImage.ubuntu("22.04")).run(monkeypatch)
    image = VmImage.newest(publisher="canonical", offer="ubuntu-24*")
    assert create(pool_id, image, update="allowed").run(monkeypatch)["pool"] == "updated"
    assert machine_of(hook, pool_id)[1:] == ("server", "batch.node.ubuntu 24.04")


# --- tasks ---------------------------------------------------------------------------------------


def task(name: str, **arguments: Any) -> TaskTry:
    with DAG("integration", schedule=None, start_date=RUN_STARTED):
        operator = AzureBatchTaskOperator(
            task_id="work", command_line="true", poll_interval=0.2, deferrable=False, **arguments
        )
    return TaskTry(operator, FakeTaskInstance("work", name))


def test_pool_that_a_task_describes_gets_the_newest_image(
    pool_id: str, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = PoolSpec(pool_id=pool_id, vm_size="standard_d2s_v5", image=NEWEST, target_dedicated_nodes=1)
    assert task(pool_id, batch_pool=pool).run(monkeypatch)["exit_code"] == 0
    assert machine_of(hook, pool_id)[2] == "batch.node.ubuntu 24.04"


def bringing(image: VmImage) -> JobSpec:
    pool = PoolSpec(vm_size="standard_d2s_v5", image=image, target_dedicated_nodes=1)
    return JobSpec(auto_pool_specification=AutoPoolSpec(pool=pool))


def test_pool_that_a_job_brings_gets_the_newest_image(
    request: pytest.FixtureRequest, hook: AzureBatchHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = task(request.node.name, batch_job=bringing(NEWEST)).run(monkeypatch)
    job = hook.send(requests.get_job(result["batch_job_id"])).json
    machine = job["poolInfo"]["autoPoolSpecification"]["pool"]["virtualMachineConfiguration"]
    assert machine["imageReference"]["offer"] == "ubuntu-24_04-lts"
    unknown = task(f"{request.node.name}-2", batch_job=bringing(VmImage.newest(publisher="nobody")))
    with pytest.raises(SpecError, match=r"^batch_job\.poolInfo\..*publisher: no supported image"):
        unknown.run(monkeypatch)
