"""Tasks in containers through the vendor SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.container_runtime import fake_runtime
from tests.contract.clients import (
    IMAGE,
    Batch,
    SyncBatch,
    batches,
    code_of,
    completed,
    new_id,
    pool_body,
    property_of,
    wait_for,
)
from tests.contract.conftest import nodes_idle
from tests.emulator_process import EmulatorProcess, emulator_processes

ASSUMED = pytest.mark.assumed(source="reference of the service, sections 2.4 and 4.6")
REGISTRY = {"registryServer": "reg.io", "username": "me", "password": "right"}


@pytest.fixture(scope="module")
def container_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator that has a program to run containers."""
    folder = tmp_path_factory.mktemp("containers")
    program = fake_runtime(folder / "runtime")
    yield from emulator_processes(folder / "root", arguments=["--container-runtime", str(program)])


@pytest.fixture(scope="module", params=["sync", "aio"])
def container_batch(request: pytest.FixtureRequest, container_emulator: EmulatorProcess) -> Iterator[Batch]:
    yield from batches(request.param, container_emulator)


def container_pool(batch: Batch, name: str) -> dict[str, Any]:
    configuration = {
        "type": "dockerCompatible",
        "containerImageNames": ["present"],
        "containerRegistries": [REGISTRY],
    }
    body = pool_body(name, targetDedicatedNodes=1)
    body["virtualMachineConfiguration"] = {**IMAGE, "containerConfiguration": configuration}
    batch.call("create_pool", body)
    wait_for(lambda: nodes_idle(batch, name, 1))
    return body


def job_on(batch: Batch, pool_id: str) -> str:
    name = new_id("job")
    batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool_id}})
    return name


def run(batch: Batch, job: str, command_line: str = "/bin/true", **settings: Any) -> Any:
    container = {"imageName": "present", **settings}
    name = new_id("task")
    batch.call("create_task", job, {"id": name, "commandLine": command_line, "containerSettings": container})
    return completed(batch, job, name)


@ASSUMED
def test_task_runs_in_its_container_and_shows_it(container_batch: Batch) -> None:
    name = new_id("containers")
    container_pool(container_batch, name)
    job = job_on(container_batch, name)
    task = run(container_batch, job, "/bin/sh -c 'echo in; exit 4'", registry=REGISTRY)
    info = task.execution_info
    assert info.exit_code == 4
    assert (info.container_info.container_id, info.container_info.state) == ("0123abcd", "exited")
    assert container_batch.call("download_task_file", job, task.id, "stdout.txt") == b"in\n"
    assert task.container_settings.image_name == "present"
    container_batch.call("begin_delete_pool", name)


@pytest.mark.emulator_only(reason="keys and passwords are never shown again")
def test_passwords_of_registries_are_not_shown(container_batch: Batch) -> None:
    name = new_id("containers")
    container_pool(container_batch, name)
    shown = container_batch.call("get_pool", name).virtual_machine_configuration.container_configuration
    assert shown.container_image_names == ["present"]
    assert (shown.container_registries[0].username, shown.container_registries[0].password) == ("me", None)
    task = run(container_batch, job_on(container_batch, name), registry=REGISTRY)
    assert task.container_settings.registry.password is None
    container_batch.call("begin_delete_pool", name)


@ASSUMED
@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"imageName": "absent"}, "ContainerInvalidImage"),
        ({"registry": {**REGISTRY, "password": "wrong"}}, "ContainerInvalidRegistry"),
        ({"containerRunOptions": "--refuse"}, "ContainerInvalidSettings"),
    ],
)
def test_container_that_cannot_be_fails_the_task(
    container_batch: Batch, settings: dict[str, Any], code: str
) -> None:
    name = new_id("containers")
    container_pool(container_batch, name)
    info = run(container_batch, job_on(container_batch, name), **settings).execution_info
    assert (info.failure_info.code, info.failure_info.category) == (code, "usererror")
    assert info.exit_code is None
    container_batch.call("begin_delete_pool", name)


@ASSUMED
def test_pool_without_containers_fails_a_task_in_one(batch: Batch, job_id: str) -> None:
    info = run(batch, job_id).execution_info
    assert info.failure_info.code == "ContainerInvalidSettings"


@pytest.mark.emulator_only(reason="containers need a program that the emulator was given")
def test_task_in_a_container_fails_where_there_is_no_program_for_it(batch: Batch) -> None:
    name = new_id("containers")
    container_pool(batch, name)
    info = run(batch, job_on(batch, name)).execution_info
    assert info.failure_info.code == "ContainerMiscError"
    assert "--container-runtime" in info.failure_info.details[0].value
    batch.call("begin_delete_pool", name)


@ASSUMED
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"imageName": "--privileged"}, "containerSettings.imageName"),
        ({"registry": {"registryServer": "-x"}}, "containerSettings.registry.registryServer"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    sync_batch: SyncBatch, job_id: str, settings: dict[str, Any], name: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        run(sync_batch, job_id, **settings)
    assert (code_of(caught.value), property_of(caught.value)) == ("InvalidPropertyValue", name)
