"""What is wrong with a task is said while the DAG is parsed, with the name of the field."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.domain.redaction import secrets_in
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.operators.launch import AzureBatchLaunchOperator
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import (
    PoolSpec,
    ResourceFile,
    TaskConstraints,
    TaskSpec,
    VmImage,
    pool_to_rest,
)

POOL = PoolSpec(
    pool_id="p1", vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), target_dedicated_nodes=1
)
PLACE: dict[str, Any] = {"batch_pool_id": "p1"}
COMMAND: dict[str, Any] = {"command_line": "/bin/true"}


class Reference:
    """What a value of another task looks like before it is known."""

    def iter_references(self) -> tuple[()]:
        return ()

    def resolve(self, _context: Any) -> str:
        return "x"


def operator(**arguments: Any) -> AzureBatchTaskOperator:
    return AzureBatchTaskOperator(task_id="t", **arguments)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({**COMMAND}, "batch_pool_id"),
        ({**COMMAND, **PLACE, "batch_job_id": "j"}, "batch_pool_id"),
        ({**COMMAND, "batch_pool": POOL, "batch_job_id": "j"}, "batch_pool"),
        ({**COMMAND, "batch_job": {"priority": 1}, "batch_job_id": "j"}, "batch_job"),
        ({**COMMAND, "batch_pool": POOL, **PLACE}, "batch_pool_id"),
        ({**COMMAND, "batch_pool_id": "my pool"}, "batch_pool_id"),
        ({**COMMAND, "batch_pool_id": ""}, "batch_pool_id"),
        ({**COMMAND, "batch_pool_id": "p" * 65}, "batch_pool_id"),
        ({**COMMAND, "batch_job_id": "a.b"}, "batch_job_id"),
        ({**COMMAND, **PLACE, "batch_task": {"id": "mine"}}, "batch_task.id"),
        ({**PLACE, "batch_task": TaskSpec(command_line="x", task_id="mine")}, "batch_task.id"),
        ({**COMMAND, **PLACE, "batch_task": TaskSpec(command_line="x")}, "batch_task.commandLine"),
        ({**COMMAND, **PLACE, "batch_task": {"commandLine": "x"}}, "batch_task.commandLine"),
        ({**COMMAND, **PLACE, "batch_task": {"requiredSlotz": 2}}, "batch_task.requiredSlotz"),
        ({**COMMAND, **PLACE, "batch_task": {"constraints": {"x": 1}}}, "batch_task.constraints.x"),
        ({**COMMAND, **PLACE, "batch_task": "commandLine"}, "batch_task"),
        ({**PLACE}, "batch_task.commandLine"),
        ({"command_line": "x" * 200_000, **PLACE}, "batch_task.commandLine"),
        ({"command_line": "", **PLACE}, "batch_task.commandLine"),
        ({**COMMAND, **PLACE, "batch_job": {"id": "mine"}}, "batch_job.id"),
        ({**COMMAND, **PLACE, "batch_job": {"poolInfo": {"poolId": "x"}}}, "batch_job.poolInfo"),
        ({**COMMAND, **PLACE, "batch_job": {"poolInfo": Reference()}}, "batch_job.poolInfo"),
        ({**COMMAND, **PLACE, "batch_job": {"prio": 1}}, "batch_job.prio"),
        ({**COMMAND, "batch_pool": {"id": "p1"}}, "batch_pool.vmSize"),
        ({**COMMAND, **PLACE, "environment": ["A=1"]}, "environment"),
        (
            {
                **COMMAND,
                **PLACE,
                "environment": {"A": "1"},
                "batch_task": {"environmentSettings": [{"name": "B", "value": "2"}]},
            },
            "batch_task.environmentSettings",
        ),
        ({**COMMAND, **PLACE, "resource_files": [{"filePath": "x"}]}, "batch_task.resourceFiles[0]"),
        ({**COMMAND, **PLACE, "poll_interval": 0}, "poll_interval"),
        ({**COMMAND, **PLACE, "poll_interval": -1.5}, "poll_interval"),
        ({**COMMAND, **PLACE, "max_output_bytes": 0}, "max_output_bytes"),
        ({**COMMAND, **PLACE, "skip_on_exit_code": 0}, "skip_on_exit_code"),
        ({**COMMAND, **PLACE, "skip_on_exit_code": [True]}, "skip_on_exit_code"),
        ({**COMMAND, **PLACE, "skip_on_exit_code": ["3"]}, "skip_on_exit_code"),
        ({**COMMAND, **PLACE, "fail_on_exit_code": [0, 1]}, "fail_on_exit_code"),
        ({**COMMAND, **PLACE, "skip_on_exit_code": 3, "fail_on_exit_code": [3]}, "skip_on_exit_code"),
    ],
)
def test_a_wrong_field_is_named(arguments: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError) as caught:
        operator(**arguments)
    assert caught.value.path == path


def test_specifications_become_plain_json() -> None:
    found = operator(
        batch_pool=POOL,
        batch_task=TaskSpec(
            command_line="python3 split.py", constraints=TaskConstraints(max_task_retry_count=2)
        ),
        resource_files=[ResourceFile(http_url="https://a/b", file_path="b")],
    )
    assert found.batch_task == {
        "commandLine": "python3 split.py",
        "constraints": {"maxTaskRetryCount": 2},
    }
    assert found.resource_files == [{"httpUrl": "https://a/b", "filePath": "b"}]
    assert isinstance(found.batch_pool, dict)
    assert found.batch_pool["id"] == "p1"


def test_a_vendor_object_is_accepted() -> None:
    from azure.batch import models

    given = models.BatchTaskCreateOptions(id="ignored", command_line="/bin/true")
    del given["id"]
    assert operator(batch_task=given, **PLACE).batch_task == {"commandLine": "/bin/true"}


@pytest.mark.parametrize("codes", [3, [3], {3}, (3, 3)])
def test_exit_codes_may_be_one_or_many(codes: Any) -> None:
    assert set(operator(**COMMAND, **PLACE, skip_on_exit_code=codes).skip_on_exit_code) == {3}


def test_templates_are_not_checked_before_they_are_rendered() -> None:
    operator(
        command_line="echo {{ ds }}",
        batch_pool_id="{{ var.value.pool }}",
        batch_task="{{ params.task }}",
        environment={"A": "{{ ds }}"},
    )


def test_nested_fields_are_rendered() -> None:
    found = operator(
        command_line="echo {{ x }}",
        batch_pool_id="pool-{{ x }}",
        batch_task={"constraints": {"maxWallClockTime": "PT{{ x }}H"}},
        environment={"A": "{{ x }}"},
        resource_files=[{"httpUrl": "https://a/{{ x }}", "filePath": "{{ x }}"}],
        batch_job={"metadata": [{"name": "n", "value": "{{ x }}"}]},
    )
    context: Any = {"x": "7"}
    found.render_template_fields(context)
    assert found.command_line == "echo 7"
    assert found.batch_pool_id == "pool-7"
    assert found.batch_task == {"constraints": {"maxWallClockTime": "PT7H"}}
    assert found.environment == {"A": "7"}
    assert found.resource_files == [{"httpUrl": "https://a/7", "filePath": "7"}]
    assert found.batch_job == {"metadata": [{"name": "n", "value": "7"}]}


def test_a_value_of_another_task_makes_an_edge() -> None:
    from airflow.providers.common.compat.sdk import task

    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):

        @task
        def before() -> dict[str, str]:
            return {}

        value: Any = before()
        found = operator(
            command_line="x",
            environment=value,
            batch_pool_id=value["pool"],
            batch_task={"constraints": {"maxTaskRetryCount": value["retries"]}},
        )
    assert found.upstream_task_ids == {"before"}


@pytest.mark.parametrize(
    ("operator_class", "arguments"),
    [(AzureBatchTaskOperator, {"command_line": "x"}), (AzureBatchLaunchOperator, {"group_id": "g"})],
)
@pytest.mark.parametrize("is_brought", [True, False])
def test_what_is_secret_once_it_is_rendered_is_masked(
    operator_class: Any, arguments: dict[str, Any], is_brought: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[Any] = []
    monkeypatch.setattr("airflow_provider_batch.operators.rendered_fields.mask_sas", masked.append)
    start_task = {"commandLine": "x", "resourceFiles": [{"httpUrl": "{{ params.url }}", "filePath": "b"}]}
    body = {name: value for name, value in pool_to_rest(POOL).items() if name != "id"}
    body["startTask"] = start_task
    given: dict[str, Any] = {"batch_pool": {**body, "id": "p1"}}
    if is_brought:
        auto_pool = {"poolLifetimeOption": "job", "pool": body}
        given = {"batch_job": {"poolInfo": {"autoPoolSpecification": auto_pool}}}
    found = operator_class(task_id="t", **given, **arguments)
    found.render_template_fields({"params": {"url": "https://a/b?sig=czNjcjN0c2VjcmV0"}})
    assert "czNjcjN0c2VjcmV0" in list(secrets_in(masked[-1]))


def test_a_mapped_task_is_made_for_each_value() -> None:
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
        mapped = AzureBatchTaskOperator.partial(
            task_id="m", batch_pool_id="p1", poll_interval=2, skip_on_exit_code=9
        ).expand(command_line=["/bin/a", "/bin/b"])
    unmapped = mapped.unmap({"command_line": "/bin/a"})
    assert isinstance(unmapped, AzureBatchTaskOperator)
    assert (unmapped.command_line, unmapped.poll_interval) == ("/bin/a", 2)
    assert list(unmapped.skip_on_exit_code) == [9]


def test_a_dag_with_the_operator_survives_serialization() -> None:
    module = importlib.import_module("airflow.serialization.serialized_objects")
    serialized: Any = getattr(module, "DagSerialization", None) or module.SerializedDAG
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        operator(command_line="x", batch_pool=POOL, environment={"A": "1"})
    data = serialized.to_dict(dag)
    task = serialized.from_dict(data).get_task("t")
    assert {link.name for link in task.operator_extra_links} == {
        "Azure Batch task",
        "Azure Batch job",
        "Azure Batch pool",
    }
    assert '"p1"' in str(data).replace("'", '"')


def test_importing_the_operator_imports_no_azure_module() -> None:
    code = (
        "import sys; import airflow_provider_batch.operators.task; "
        "print([m for m in sys.modules if m == 'azure' or m.startswith('azure.')])"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


IDENTITIES = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
INPUT = ResourceFile(
    http_url="https://films.blob.core.windows.net/in/f",
    file_path="f",
    identity_resource_id=f"{IDENTITIES}/writer",
)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"resource_files": [INPUT]}, "resource_files[0]"),
        ({"batch_task": {"resourceFiles": [INPUT]}}, "batch_task.resourceFiles[0]"),
    ],
)
def test_a_task_names_no_identity_that_its_described_pool_has_not(
    arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        operator(**COMMAND, batch_pool=with_identities("reader"), **arguments)
    assert caught.value.path == f"{path}.identityReference.resourceId"
    operator(**COMMAND, batch_pool=with_identities("reader", "Writer"), **arguments)
    operator(**COMMAND, batch_pool=POOL, **arguments)  # one that exists may have it


def with_identities(*names: str) -> PoolSpec:
    return replace(POOL, user_assigned_identities=[f"{IDENTITIES}/{name}" for name in names])
