"""Whatever is secret in a request body is masked where Airflow shows the fields that it rendered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.operators.launch import AzureBatchLaunchOperator
from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator
from airflow_provider_batch.operators.rendered_fields import MASKED_LEVELS, hide_secrets, shallow, whole
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs.kinds import Kind, members
from airflow_provider_batch.specs.schema import JOB, POOL, TASK
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

#: in 3.0 only the API server masks fields, and it does not know the values
masks_fields = pytest.mark.skipif(
    airflow_version.startswith("3.0."), reason="Airflow 3.0 masks no values in fields"
)


def shown(task: Any) -> dict[str, Any]:
    """What Airflow's page shows of the fields of a task."""
    if AIRFLOW_V_3_0_PLUS:
        from airflow.sdk.execution_time import task_runner

        return dict(task_runner._serialize_rendered_fields(task))
    from airflow.serialization.helpers import serialize_template_field

    masker = import_module("airflow.utils.log.secrets_masker")
    return {
        name: masker.redact(serialize_template_field(getattr(task, name), name), name)
        for name in task.template_fields
    }


@pytest.fixture(autouse=True)
def fields_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long is shown as one text, where depth is no matter."""
    monkeypatch.setenv("AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH", "1000000")


_SECRET = "a1B2c3D4e5F6g7H8"


def everything(definition: str, number: Iterator[int]) -> dict[str, Any]:
    """Body with every field that the schema knows, and another secret wherever a text may stand."""
    return {name: value_of(member.kind, number) for name, member in members(definition).items()}


def value_of(kind: Kind, number: Iterator[int]) -> Any:
    if kind.definition:
        return everything(kind.definition, number)
    if kind.name == "list" and kind.of:
        return [value_of(kind.of, number), value_of(kind.of, number)]
    if kind.name == "map" and kind.of:
        return {"a/b": value_of(kind.of, number), "a~1b": value_of(kind.of, number)}
    if kind.name == "secret":
        return f"{_SECRET}{next(number):03}"
    if kind.name in ("text", "caseless", "command", "url"):
        return f"https://a/b?sv=1&sig={_SECRET}{next(number):03}&se=2"
    return (
        kind.values[0] if kind.values else {"boolean": True, "duration": "PT1H", "id": "x"}.get(kind.name, 7)
    )


class Task:
    """A task with one templated field."""

    template_fields = ("body",)

    def __init__(self, body: Any) -> None:
        self.body = body
        hide_secrets(self)


@masks_fields
@pytest.mark.parametrize("definition", [POOL, JOB, TASK])
def test_no_text_of_any_body_stands_where_airflow_masks_nothing(definition: str) -> None:
    number = count()
    body = everything(definition, number)
    assert levels(body) > MASKED_LEVELS
    text = json.dumps(shown(Task(body)))
    assert next(number) > 20
    assert _SECRET not in text
    assert text.count("***") >= next(number) - 1
    assert list(whole(Task(body).body)) == list(body)
    assert whole(Task(body).body) == body


def levels(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((1 + levels(each) for each in inner), default=0)


#: a pool without an id, and a job
_CONTAINERS = {
    "type": "dockerCompatible",
    "containerImageNames": ["r.io/i"],
    "containerRegistries": [{"registryServer": "r.io", "username": "u", "password": f"{_SECRET}1"}],
}
_BROUGHT = {
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2204"},
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
        "containerConfiguration": _CONTAINERS,
        "extensions": [
            {"name": "e", "publisher": "p", "type": "t", "protectedSettings": {"k": f"{_SECRET}2"}}
        ],
    },
    "targetDedicatedNodes": 1,
    "startTask": {
        "commandLine": "x",
        "resourceFiles": [{"httpUrl": "{{ params.url }}", "filePath": "f"}],
        "containerSettings": {
            "imageName": "r.io/i",
            "registry": {"registryServer": "r.io", "username": "u", "password": f"{_SECRET}3"},
        },
    },
    "userAccounts": [
        {"name": "u", "password": f"{_SECRET}4", "linuxUserConfiguration": {"sshPrivateKey": f"{_SECRET}5"}}
    ],
    "mountConfiguration": [
        {
            "azureBlobFileSystemConfiguration": {
                "accountName": "a",
                "containerName": "c",
                "accountKey": f"{_SECRET}6",
                "relativeMountPath": "m",
            }
        }
    ],
}
_UPLOAD = {
    "filePattern": "*",
    "destination": {
        "container": {
            "containerUrl": "{{ params.url }}",
            "uploadHeaders": [{"name": "x-ms-copy-source", "value": "{{ params.url }}"}],
        }
    },
    "uploadOptions": {"uploadCondition": "tasksuccess"},
}
_JOB = {
    "jobManagerTask": {"id": "m", "commandLine": "x", "outputFiles": [_UPLOAD, _UPLOAD]},
    "poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": _BROUGHT}},
}


@masks_fields
@pytest.mark.parametrize(
    ("operator_class", "arguments"),
    [
        (
            AzureBatchTaskOperator,
            {"command_line": "x", "batch_job": _JOB, "batch_task": {"outputFiles": [_UPLOAD]}},
        ),
        (AzureBatchLaunchOperator, {"group_id": "g", "batch_job": _JOB}),
        (AzureBatchCreatePoolOperator, {"batch_pool": {**_BROUGHT, "id": "p"}}),
    ],
)
def test_secrets_of_an_operator_are_masked_and_reach_batch(operator_class: Any, arguments: Any) -> None:
    found = operator_class(task_id="t", **arguments)
    found.render_template_fields({"params": {"url": f"https://a/b?sig={_SECRET}7&se=2"}})
    page = json.dumps(shown(found))
    assert _SECRET not in page
    assert "sig=***" in page
    sent = [found._body()] if operator_class is AzureBatchCreatePoolOperator else [found._job_body()]
    if operator_class is AzureBatchTaskOperator:
        sent.append(found.task_body())
    text = json.dumps(sent)
    expected = json.dumps(
        [arguments.get("batch_pool") or arguments["batch_job"], arguments.get("batch_task")]
    )
    assert "params" not in text
    assert text.count(_SECRET) == expected.count(_SECRET) + expected.count("params")


@masks_fields
def test_secrets_of_a_mapped_task_are_masked() -> None:
    """Airflow renders its fields past ``render_template_fields``."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:
        partial = AzureBatchTaskOperator.partial(
            task_id="t", batch_pool_id="p", batch_task={"outputFiles": [_UPLOAD]}
        )
        partial.expand(command_line=["a", "b"])
    mapped: Any = dag.get_task("t")
    found = mapped.unmap({"command_line": "a"})
    fields = found.template_fields
    context = {"params": {"url": f"https://a/b?sig={_SECRET}8&se=2"}}
    found._do_render_template_fields(found, fields, context, dag.get_template_env(), set())
    page = json.dumps(shown(found))
    assert _SECRET not in page
    assert "sig=***" in page
    assert _SECRET in json.dumps(found.task_body())


JSON = st.recursive(
    st.none() | st.booleans() | st.text("a/~0", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.text("a~/1", min_size=1, max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a~1", "0"]), st.lists(st.lists(JSON)) | JSON, max_size=3))
def test_what_was_moved_comes_back(body: dict[str, Any]) -> None:
    kept = shallow(body)
    assert whole(kept) == body
    assert shallow(kept) == kept


def test_what_stands_high_enough_stays_where_it_is() -> None:
    body = {"poolInfo": {"poolId": "p"}, "metadata": [{"name": "a", "value": "b"}]}
    assert shallow(body) is body
    assert whole(body) is body
    assert shallow("{{ var.json.job }}") == "{{ var.json.job }}"


@pytest.mark.parametrize("pointer", ["/nothing/here", "/metadata/9", "/priority/0", "/", "/metadata"])
def test_a_pointer_to_nothing_that_was_moved_is_left_for_the_checks(pointer: str) -> None:
    body = {"priority": 3, "metadata": [{"name": "a"}], pointer: {"value": "b"}}
    assert whole(body) == body
