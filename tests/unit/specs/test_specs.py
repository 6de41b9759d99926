"""The classes become the bodies that the service wants."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from datetime import timedelta
from enum import Enum
from typing import Any

import azure.batch.models as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch import specs
from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import (
    ApplicationPackage,
    Autoscale,
    ContainerConfiguration,
    ContainerRegistry,
    ContainerSettings,
    ExitConditions,
    ExitOptions,
    JobConstraints,
    JobSpec,
    NetworkConfiguration,
    OutputFile,
    OutputFileDestination,
    PoolSpec,
    PublicIpAddresses,
    ResourceFile,
    StartTask,
    TaskConstraints,
    TaskDependencies,
    TaskSpec,
    UserAccount,
    UserIdentity,
    VmImage,
    decided_later,
    job_to_rest,
    pool_to_rest,
    task_to_rest,
)

GALLERY_IMAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/films/images/i"
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
UBUNTU = {
    "imageReference": {
        "publisher": "canonical",
        "offer": "0001-com-ubuntu-server-jammy",
        "sku": "22_04-lts",
        "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}


def test_a_pool_becomes_its_create_body_without_what_is_not_set():
    spec = PoolSpec(
        pool_id="render",
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu("22.04"),
        target_low_priority_nodes=4,
        resize_timeout=timedelta(minutes=20),
        task_slots_per_node=2,
        node_fill_type="pack",
        start_task=StartTask(
            command_line="/bin/true",
            environment_settings={"A": "1"},
            user_identity=UserIdentity.automatic(scope="pool", elevation_level="admin"),
            wait_for_success=True,
        ),
        metadata={"team": "films"},
    )
    assert spec.to_rest() == {
        "id": "render",
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": UBUNTU,
        "resizeTimeout": "PT20M",
        "targetLowPriorityNodes": 4,
        "taskSlotsPerNode": 2,
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
        "startTask": {
            "commandLine": "/bin/true",
            "environmentSettings": [{"name": "A", "value": "1"}],
            "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}},
            "waitForSuccess": True,
        },
        "metadata": [{"name": "team", "value": "films"}],
    }


def test_a_container_pool_in_a_subnet_becomes_its_create_body():
    spec = PoolSpec(
        pool_id="render",
        vm_size="standard_d2s_v5",
        image=VmImage.ubuntu_hpc("22.04"),
        autoscale=Autoscale(formula="$TargetDedicatedNodes=1;", evaluation_interval=timedelta(minutes=5)),
        container_configuration=ContainerConfiguration(
            container_image_names=["films.azurecr.io/render:4"],
            container_registries=[
                ContainerRegistry(registry_server="films.azurecr.io", identity_resource_id=GALLERY_IMAGE)
            ],
        ),
        network_configuration=NetworkConfiguration(
            subnet_id=SUBNET,
            public_ip_addresses=PublicIpAddresses(provision="nopublicipaddresses"),
        ),
        application_package_references=[ApplicationPackage("/subscriptions/a/applications/b", version="1")],
        user_accounts=[UserAccount(name="u", password="p", extra={"linuxUserConfiguration": {"uid": 1}})],
    )
    assert spec.to_rest() == {
        "id": "render",
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "microsoft-dsvm",
                "offer": "ubuntu-hpc",
                "sku": "2204",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.ubuntu 22.04",
            "containerConfiguration": {
                "type": "dockerCompatible",
                "containerImageNames": ["films.azurecr.io/render:4"],
                "containerRegistries": [
                    {
                        "registryServer": "films.azurecr.io",
                        "identityReference": {"resourceId": GALLERY_IMAGE},
                    }
                ],
            },
        },
        "enableAutoScale": True,
        "autoScaleFormula": "$TargetDedicatedNodes=1;",
        "autoScaleEvaluationInterval": "PT5M",
        "networkConfiguration": {
            "subnetId": SUBNET,
            "publicIPAddressConfiguration": {"provision": "nopublicipaddresses"},
        },
        "applicationPackageReferences": [
            {"applicationId": "/subscriptions/a/applications/b", "version": "1"}
        ],
        "userAccounts": [{"name": "u", "password": "p", "linuxUserConfiguration": {"uid": 1}}],
    }


def test_a_job_becomes_its_create_body():
    spec = JobSpec(
        job_id="film",
        pool_id="render",
        priority=100,
        max_parallel_tasks=10,
        constraints=JobConstraints(max_wall_clock_time=timedelta(days=1), max_task_retry_count=1),
        common_environment_settings={"A": "1"},
        uses_task_dependencies=True,
        on_all_tasks_complete="noaction",
        on_task_failure="performexitoptionsjobaction",
        job_preparation_task={"commandLine": "/bin/true"},
        job_release_task={"commandLine": "/bin/false"},
        metadata={"run": "1"},
        extra={"allowTaskPreemption": False},
    )
    assert spec.to_rest() == {
        "id": "film",
        "usesTaskDependencies": True,
        "priority": 100,
        "allowTaskPreemption": False,
        "maxParallelTasks": 10,
        "constraints": {"maxWallClockTime": "P1D", "maxTaskRetryCount": 1},
        "jobPreparationTask": {"commandLine": "/bin/true"},
        "jobReleaseTask": {"commandLine": "/bin/false"},
        "commonEnvironmentSettings": [{"name": "A", "value": "1"}],
        "poolInfo": {"poolId": "render"},
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "performexitoptionsjobaction",
        "metadata": [{"name": "run", "value": "1"}],
    }


def test_a_pool_spec_without_an_id_describes_an_auto_pool():
    auto = {
        "poolLifetimeOption": "job",
        "pool": PoolSpec(vm_size="standard_a1", image=VmImage.ubuntu("22.04")),
    }
    body = JobSpec(job_id="j", auto_pool_specification=auto).to_rest()
    assert body["poolInfo"] == {
        "autoPoolSpecification": {
            "poolLifetimeOption": "job",
            "pool": {"vmSize": "standard_a1", "virtualMachineConfiguration": UBUNTU},
        }
    }


def test_a_task_becomes_its_create_body():
    spec = TaskSpec(
        task_id="frame-17",
        command_line="/bin/bash -c 'echo hi'",
        environment_settings={"QUALITY": "high"},
        resource_files=[
            ResourceFile(http_url="https://a/in", file_path="in", file_mode="0640"),
            ResourceFile(auto_storage_container_name="c", blob_prefix="w/", identity_resource_id="/i"),
        ],
        output_files=[
            OutputFile(
                file_pattern="../std*.txt",
                destination=OutputFileDestination(
                    container_url="https://a/out", path="logs", upload_headers={"Content-Type": "text/plain"}
                ),
            )
        ],
        constraints=TaskConstraints(
            max_wall_clock_time=timedelta(hours=1), retention_time=timedelta(days=2), max_task_retry_count=-1
        ),
        container_settings=ContainerSettings(image_name="render:4", container_run_options="--rm"),
        user_identity=UserIdentity(username="render"),
        required_slots=2,
        exit_conditions=ExitConditions(
            exit_codes={3: ExitOptions(dependency_action="satisfy")},
            exit_code_ranges={(10, 19): ExitOptions(job_action="terminate")},
            default=ExitOptions(dependency_action="block"),
        ),
        depends_on=TaskDependencies(task_ids=["split"], task_id_ranges=[(0, 239)]),
        application_package_references=[ApplicationPackage("blender", version="4.2")],
        affinity_id="TVM:1",
    )
    assert spec.to_rest() == {
        "id": "frame-17",
        "exitConditions": {
            "exitCodes": [{"code": 3, "exitOptions": {"dependencyAction": "satisfy"}}],
            "exitCodeRanges": [{"start": 10, "end": 19, "exitOptions": {"jobAction": "terminate"}}],
            "default": {"dependencyAction": "block"},
        },
        "commandLine": "/bin/bash -c 'echo hi'",
        "containerSettings": {"imageName": "render:4", "containerRunOptions": "--rm"},
        "resourceFiles": [
            {"httpUrl": "https://a/in", "filePath": "in", "fileMode": "0640"},
            {"autoStorageContainerName": "c", "blobPrefix": "w/", "identityReference": {"resourceId": "/i"}},
        ],
        "outputFiles": [
            {
                "filePattern": "../std*.txt",
                "destination": {
                    "container": {
                        "containerUrl": "https://a/out",
                        "path": "logs",
                        "uploadHeaders": [{"name": "Content-Type", "value": "text/plain"}],
                    }
                },
                "uploadOptions": {"uploadCondition": "taskcompletion"},
            }
        ],
        "environmentSettings": [{"name": "QUALITY", "value": "high"}],
        "affinityInfo": {"affinityId": "TVM:1"},
        "constraints": {"maxWallClockTime": "PT1H", "retentionTime": "P2D", "maxTaskRetryCount": -1},
        "requiredSlots": 2,
        "userIdentity": {"username": "render"},
        "dependsOn": {"taskIds": ["split"], "taskIdRanges": [{"start": 0, "end": 239}]},
        "applicationPackageReferences": [{"applicationId": "blender", "version": "4.2"}],
    }


# --- extra ---------------------------------------------------------------------------------------


def test_extra_is_merged_into_what_the_fields_made():
    spec = PoolSpec(
        pool_id="p",
        vm_size="standard_a1",
        image=VmImage.ubuntu("22.04"),
        extra={
            "virtualMachineConfiguration": {"osDisk": {"diskSizeGB": 64}},
            "upgradePolicy": {"mode": "manual"},
        },
    )
    body = spec.to_rest()
    assert body["virtualMachineConfiguration"] == {**UBUNTU, "osDisk": {"diskSizeGB": 64}}
    assert body["upgradePolicy"] == {"mode": "manual"}


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"vmSize": "standard_b1"}, "pool.vmSize"),
        ({"vmSize": "standard_a1"}, "pool.vmSize"),
        (
            {"virtualMachineConfiguration": {"nodeAgentSKUId": "x"}},
            "pool.virtualMachineConfiguration.nodeAgentSKUId",
        ),
    ],
)
def test_extra_that_sets_what_a_field_sets_is_a_contradiction(extra, path):
    with pytest.raises(SpecError, match="is set twice") as caught:
        pool_to_rest(PoolSpec(pool_id="p", vm_size="standard_a1", image=VmImage.ubuntu("22.04"), extra=extra))
    assert caught.value.path == path


def test_an_unknown_field_in_extra_is_named_with_its_path():
    with pytest.raises(SpecError, match=r"^task\.constraint: unknown field; did you mean 'constraints'\?"):
        task_to_rest(TaskSpec(task_id="t", command_line="x", extra={"constraint": {}}))


# --- every form ----------------------------------------------------------------------------------


def test_a_mapping_an_sdk_object_and_a_spec_give_the_same_body():
    spec = TaskSpec(
        task_id="t",
        command_line="x",
        constraints=TaskConstraints(max_wall_clock_time=timedelta(hours=1, minutes=5)),
        user_identity=UserIdentity.automatic(scope="pool"),
    )
    model = sdk.BatchTaskCreateOptions(
        id="t",
        command_line="x",
        constraints=sdk.BatchTaskConstraints(max_wall_clock_time=timedelta(hours=1, minutes=5)),
        user_identity=sdk.UserIdentity(auto_user=sdk.AutoUserSpecification(scope=sdk.AutoUserScope.POOL)),
    )
    mapping = {
        "id": "t",
        "commandLine": "x",
        "constraints": {"maxWallClockTime": "PT65M"},
        "userIdentity": {"autoUser": {"scope": "pool"}},
    }
    assert task_to_rest(spec) == task_to_rest(model) == task_to_rest(mapping)
    assert type(task_to_rest(model)["userIdentity"]["autoUser"]["scope"]) is str


def test_a_member_of_any_enumeration_stands_for_its_value():
    class Quality(Enum):
        HIGH = "high"

    body = TaskSpec(task_id="t", command_line="x", environment_settings={"QUALITY": Quality.HIGH}).to_rest()  # type: ignore[dict-item]
    assert body["environmentSettings"] == [{"name": "QUALITY", "value": "high"}]


def test_a_null_in_extra_sets_nothing():
    spec = TaskSpec(task_id="t", command_line="x", extra={"commandLine": None, "displayName": None})
    assert spec.to_rest() == {"id": "t", "commandLine": "x"}


def test_a_part_may_be_a_mapping_or_an_sdk_object():
    image = sdk.VirtualMachineConfiguration(
        image_reference=sdk.BatchVmImageReference(publisher="c", offer="o", sku="s"), node_agent_sku_id="n"
    )
    body = pool_to_rest({"id": "p", "vmSize": "standard_a1", "virtualMachineConfiguration": image})
    assert body == PoolSpec(pool_id="p", vm_size="standard_a1", image=image).to_rest()
    task = TaskSpec(
        task_id="t", command_line="x", constraints=sdk.BatchTaskConstraints(max_task_retry_count=1)
    )
    assert task.to_rest()["constraints"] == {"maxTaskRetryCount": 1}


def test_an_object_of_an_old_sdk_is_refused_with_the_rest_spelling():
    class OldModel:
        def as_dict(self) -> dict[str, Any]:
            return {"id": "t", "command_line": "x"}

    with pytest.raises(
        SpecError, match=r"task\.command_line: unknown field; REST JSON spells it 'commandLine'"
    ):
        task_to_rest(OldModel())  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("value", ["render", None, 5, [], TaskSpec(command_line="x")])
def test_what_is_no_pool_is_refused(value):
    with pytest.raises(SpecError, match=r"^pool: must be a PoolSpec"):
        pool_to_rest(value)


def test_a_wrong_part_is_refused_with_its_path():
    with pytest.raises(
        SpecError, match=r"^pool\.virtualMachineConfiguration: must be an object, found 'ubuntu'"
    ):
        pool_to_rest(PoolSpec(pool_id="p", vm_size="standard_a1", image="ubuntu"))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"^pool\.autoscale: must be a specification or an object, found str"):
        pool_to_rest(PoolSpec(pool_id="p", vm_size="standard_a1", autoscale="$x=1;"))  # type: ignore[arg-type]


def test_the_path_of_the_caller_leads_every_message():
    with pytest.raises(SpecError, match=r"^tasks\[3\]\.commandLine: must not be empty"):
        task_to_rest(TaskSpec(task_id="t", command_line=""), path="tasks[3]")


def test_ids_that_a_caller_knows_fill_only_what_is_missing():
    assert (
        pool_to_rest(PoolSpec(vm_size="standard_a1", image=VmImage.ubuntu("22.04")), batch_pool_id="mine")[
            "id"
        ]
        == "mine"
    )
    assert job_to_rest(JobSpec(), batch_job_id="j", batch_pool_id="p") == {
        "id": "j",
        "poolInfo": {"poolId": "p"},
    }
    assert job_to_rest(JobSpec(job_id="own", pool_id="q"), batch_job_id="j", batch_pool_id="p") == {
        "id": "own",
        "poolInfo": {"poolId": "q"},
    }
    assert task_to_rest({"commandLine": "x"}, batch_task_id="t") == {"id": "t", "commandLine": "x"}


# --- values that are decided later ---------------------------------------------------------------


def test_a_spec_may_hold_templates_everywhere_and_is_checked_again_when_they_are_rendered():
    spec = PoolSpec(
        pool_id="{{ params.pool }}",
        vm_size="{{ params.size }}",
        image=VmImage.ubuntu("22.04"),
        target_dedicated_nodes="{{ params.n }}",
        resize_timeout="{{ params.timeout }}",
        application_package_references="{{ params.packages }}",
    )
    body = spec.to_rest()
    assert pool_to_rest(body) == body
    rendered = {
        **body,
        "id": "p",
        "vmSize": "standard_a1",
        "targetDedicatedNodes": "3",
        "resizeTimeout": "PT300S",
    }
    rendered["applicationPackageReferences"] = []
    assert pool_to_rest(rendered)["targetDedicatedNodes"] == 3
    with pytest.raises(SpecError, match=r"pool\.targetDedicatedNodes: must be at least 0, found -3"):
        pool_to_rest({**rendered, "targetDedicatedNodes": "-3"})


class Reference:
    """Has the two methods that Airflow's references to later values share."""

    def iter_references(self) -> tuple[()]:
        return ()

    def resolve(self, context: Any) -> None:
        return None


def test_an_airflow_reference_is_decided_later():
    body = task_to_rest({"id": "t", "commandLine": Reference(), "requiredSlots": Reference()})
    assert isinstance(body["commandLine"], Reference)
    assert not decided_later("plain")
    assert not decided_later({"a": "{{ b }}"})


def test_airflows_own_xcom_reference_is_decided_later():
    try:
        from airflow.sdk import XComArg
    except ImportError:  # Airflow 2.11
        from airflow.models.xcom_arg import XComArg

    class Anything(XComArg):
        __init__ = object.__init__

    Anything.__abstractmethods__ = frozenset()
    assert decided_later(object.__new__(Anything))


# --- the classes themselves ----------------------------------------------------------------------

CLASSES = [value for name in specs.__all__ if dataclasses.is_dataclass(value := getattr(specs, name))]


def test_every_name_that_is_exported_is_found_in_its_module():
    assert sorted(specs._MODULE_OF) == specs.__all__ == dir(specs)
    for name in specs.__all__:
        assert getattr(specs, name).__module__ == f"airflow_provider_batch.specs.{specs._MODULE_OF[name]}"


def test_a_name_that_does_not_exist_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'PoolSpecs'"):
        specs.PoolSpecs  # noqa: B018


def test_what_operators_need_loads_no_class():
    script = (
        "import sys; from airflow_provider_batch.specs import pool_to_rest, job_to_rest, task_to_rest;"
        "print('airflow_provider_batch.specs.pool' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_is_frozen_and_shows_an_example_of_itself(cls):
    assert cls.__dataclass_params__.frozen
    assert "Example::" in (cls.__doc__ or "")
    assert f"{cls.__name__}(" in cls.__doc__ or f"{cls.__name__}." in cls.__doc__


@pytest.mark.parametrize("cls", CLASSES)
def test_every_field_of_a_class_is_documented(cls):
    for field in dataclasses.fields(cls):
        assert f":param {field.name}:" in cls.__doc__, field.name


def test_secrets_are_not_in_the_representation():
    written = (
        ContainerRegistry(username="u", password="hidden"),
        UserAccount(name="u", password="hidden"),
        ResourceFile(http_url="https://a/b?sig=hidden", file_path="b"),
        OutputFileDestination(container_url="https://a/b?sig=hidden"),
        TaskSpec(command_line="x", environment_settings={"TOKEN": "hidden"}),
    )
    assert "hidden" not in repr(written)


def test_a_spec_can_be_pickled_and_compared():
    spec = PoolSpec(pool_id="p", vm_size="standard_a1", image=VmImage.ubuntu("22.04"))
    assert pickle.loads(pickle.dumps(spec)) == spec  # noqa: S301 - made here


def test_specs_load_neither_airflow_nor_azure():
    script = (
        "import sys; from airflow_provider_batch.specs import *;"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'azure', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- whatever is written becomes a body of the schema --------------------------------------------

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TEXT = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and not decided_later(text))
DURATIONS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=200))
ENVIRONMENTS = st.dictionaries(TEXT, TEXT, max_size=3)
SIZES = st.from_regex(r"(Standard|basic)_[A-Za-z]{1,3}[0-9]{1,3}[a-z]{0,3}(_v[2-6])?", fullmatch=True)
RETRIES = st.integers(-1, 100)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


IDENTITIES = st.builds(UserIdentity, username=TEXT) | st.builds(
    UserIdentity.automatic,
    scope=st.sampled_from([None, "pool", "Task"]),
    elevation_level=st.sampled_from(["admin", "nonadmin"]),
)
FILES = st.builds(ResourceFile, http_url=st.just("https://a/b?sig=s"), file_path=IDS) | st.builds(
    ResourceFile, auto_storage_container_name=IDS, blob_prefix=maybe(TEXT), file_path=maybe(IDS)
)
OUTPUTS = st.builds(
    OutputFile,
    file_pattern=TEXT,
    destination=st.builds(
        OutputFileDestination,
        container_url=st.just("https://a/b"),
        path=maybe(TEXT),
        upload_headers=maybe(ENVIRONMENTS),
    ),
    upload_condition=st.sampled_from(["tasksuccess", "TaskFailure", "taskcompletion"]),
)
OPTIONS = st.builds(ExitOptions, dependency_action=st.sampled_from([None, "block", "satisfy"]))
TASKS = st.builds(
    TaskSpec,
    task_id=IDS,
    command_line=TEXT,
    display_name=maybe(TEXT),
    environment_settings=maybe(ENVIRONMENTS),
    resource_files=maybe(st.lists(FILES, max_size=2)),
    output_files=maybe(st.lists(OUTPUTS, max_size=2)),
    constraints=maybe(
        st.builds(
            TaskConstraints,
            max_wall_clock_time=maybe(DURATIONS),
            retention_time=maybe(DURATIONS),
            max_task_retry_count=maybe(RETRIES),
        )
    ),
    user_identity=maybe(IDENTITIES),
    required_slots=maybe(st.integers(1, 256)),
    exit_conditions=maybe(
        st.builds(
            ExitConditions, exit_codes=st.dictionaries(st.integers(1, 255), OPTIONS), default=maybe(OPTIONS)
        )
    ),
    depends_on=maybe(
        st.builds(TaskDependencies, task_ids=st.lists(IDS, max_size=3), task_id_ranges=st.just([(0, 9)]))
    ),
    affinity_id=maybe(TEXT),
)
JOBS = st.builds(
    JobSpec,
    job_id=IDS,
    pool_id=IDS,
    priority=maybe(st.integers(-1000, 1000)),
    constraints=maybe(
        st.builds(JobConstraints, max_wall_clock_time=maybe(DURATIONS), max_task_retry_count=maybe(RETRIES))
    ),
    common_environment_settings=maybe(ENVIRONMENTS),
    uses_task_dependencies=maybe(st.booleans()),
    metadata=maybe(ENVIRONMENTS),
)
IMAGES = st.sampled_from(
    [
        VmImage.ubuntu("22.04"),
        VmImage.ubuntu_hpc("24.04"),
        VmImage.compute_gallery(GALLERY_IMAGE, node_agent_sku_id="batch.node.el 9"),
    ]
)
FIXED = st.fixed_dictionaries(
    {
        "target_dedicated_nodes": maybe(st.integers(0, 100)),
        "target_low_priority_nodes": maybe(st.integers(0, 100)),
    }
)
AUTOMATIC = st.fixed_dictionaries(
    {
        "autoscale": st.builds(
            Autoscale,
            formula=TEXT,
            evaluation_interval=maybe(st.timedeltas(timedelta(minutes=5), timedelta(hours=168))),
        )
    }
)


@st.composite
def pools(draw: st.DrawFn) -> PoolSpec:
    return PoolSpec(
        pool_id=draw(IDS),
        vm_size=draw(SIZES),
        image=draw(IMAGES),
        resize_timeout=draw(maybe(st.timedeltas(timedelta(minutes=5), timedelta(days=1)))),
        task_slots_per_node=draw(maybe(st.integers(1, 256))),
        start_task=draw(
            maybe(
                st.builds(
                    StartTask,
                    command_line=TEXT,
                    environment_settings=maybe(ENVIRONMENTS),
                    resource_files=maybe(st.lists(FILES, max_size=2)),
                    user_identity=maybe(IDENTITIES),
                    max_task_retry_count=maybe(RETRIES),
                    wait_for_success=maybe(st.booleans()),
                )
            )
        ),
        metadata=draw(maybe(ENVIRONMENTS)),
        **draw(FIXED | AUTOMATIC),
    )


def assert_is_stable(body: dict[str, Any], model: type, again: Any) -> None:
    """The body is JSON, a second check changes nothing, and the vendor SDK takes it as it is."""
    assert json.loads(json.dumps(body)) == body
    assert again(body) == body
    assert model(body).as_dict() == body


@given(TASKS)
def test_every_task_spec_gives_a_body_of_its_own_schema(spec):
    assert_is_stable(spec.to_rest(), sdk.BatchTaskCreateOptions, task_to_rest)


@given(JOBS)
def test_every_job_spec_gives_a_body_of_its_own_schema(spec):
    assert_is_stable(spec.to_rest(), sdk.BatchJobCreateOptions, job_to_rest)


@given(pools())
def test_every_pool_spec_gives_a_body_of_its_own_schema(spec):
    assert_is_stable(spec.to_rest(), sdk.BatchPoolCreateOptions, pool_to_rest)


@pytest.mark.parametrize(
    "part",
    [
        Autoscale(formula="$x=1;"),
        VmImage.ubuntu("24.04"),
        StartTask(command_line="x"),
        ContainerConfiguration(),
        ContainerSettings(image_name="a"),
        NetworkConfiguration(subnet_id=SUBNET),
        TaskConstraints(max_task_retry_count=1),
        ExitConditions(default=ExitOptions(job_action="none")),
        TaskDependencies(task_ids=["a"]),
        UserIdentity(username="u"),
        ApplicationPackage("a"),
    ],
)
def test_every_part_gives_a_checked_body_of_its_own(part):
    assert part.to_rest()


def test_a_part_is_checked_on_its_own_too():
    with pytest.raises(SpecError, match=r"^TaskConstraints\.maxTaskRetryCount: must be at least -1"):
        TaskConstraints(max_task_retry_count=-2).to_rest()
