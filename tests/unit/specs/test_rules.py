"""Contradictions between fields, and limits on a whole."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs import job_to_rest, pool_to_rest, task_to_rest
from airflow_provider_batch.specs.rules import START_TASK_CHARACTERS, TASK_BODY_BYTES

IMAGE = {"publisher": "canonical", "offer": "o", "sku": "s"}
GALLERY_IMAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/films/images/i"
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.ubuntu 22.04"}
POOL_BODY: dict[str, Any] = {"id": "p", "vmSize": "standard_d2s_v5", "virtualMachineConfiguration": MACHINE}
JOB_BODY: dict[str, Any] = {"id": "j", "poolInfo": {"poolId": "p"}}
AUTO_POOL: dict[str, Any] = {name: value for name, value in POOL_BODY.items() if name != "id"}
TASK_BODY: dict[str, Any] = {"id": "t", "commandLine": "/bin/true"}
FORMULA = {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes=1;"}


def refused_pool(**fields: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        pool_to_rest({**POOL_BODY, **fields})
    return caught.value


def refused_job(**fields: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        job_to_rest({**JOB_BODY, **fields})
    return caught.value


def refused_task(**fields: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        task_to_rest({**TASK_BODY, **fields})
    return caught.value


# --- VM size -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "meant"),
    [
        ("D2s_v5", "did you mean 'standard_d2s_v5'?"),
        ("Standard-D2s-v5", "did you mean 'standard_d2s_v5'?"),
        ("Standard D2s v5", "did you mean 'standard_d2s_v5'?"),
        ("E8-2s_v5", "did you mean 'standard_e8-2s_v5'?"),
        ("standard_d2s_v5\n", "did you mean 'standard_d2s_v5'?"),
        ("huge", "write for example standard_d2s_v5"),
        ("standard_ümlaut1", "write for example standard_d2s_v5"),
    ],
)
def test_what_is_no_name_of_a_vm_size_is_refused_with_what_was_meant(size, meant):
    error = refused_pool(vmSize=size)
    assert error.path == "pool.vmSize"
    assert error.problem == f"{size!r} is no name of a VM size; {meant}"


@pytest.mark.parametrize(
    "size",
    [
        "STANDARD_D2S_V3",
        "Standard_E8-2s_v5",
        "Standard_NC24ads_A100_v4",
        "Standard_B1ls",
        "Basic_A1",
        "Standard_M416ms_v2",
        "Experimental_Boost4",
        "{{ params.size }}",
    ],
)
def test_a_vm_size_that_may_exist_is_left_to_the_service(size):
    assert pool_to_rest({**POOL_BODY, "vmSize": size})["vmSize"] == size


# --- size of a pool ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["targetDedicatedNodes", "targetLowPriorityNodes"])
def test_autoscale_together_with_a_target_is_refused(target):
    error = refused_pool(**FORMULA, **{target: 0})
    assert error.path == f"pool.{target}"
    assert "remove one of them" in error.problem


def test_autoscale_without_a_formula_is_refused():
    assert refused_pool(enableAutoScale=True).path == "pool.autoScaleFormula"


@pytest.mark.parametrize(
    ("field", "value"), [("autoScaleFormula", "$x=1;"), ("autoScaleEvaluationInterval", "PT5M")]
)
def test_a_formula_that_nothing_enables_is_refused(field, value):
    error = refused_pool(**{field: value})
    assert error.path == f"pool.{field}"
    assert "enableAutoScale" in error.problem


@pytest.mark.parametrize(
    "size",
    [
        {},
        {"targetDedicatedNodes": 0},
        {"targetLowPriorityNodes": 3},
        FORMULA,
        {"enableAutoScale": False, "targetDedicatedNodes": 1},
    ],
)
def test_every_consistent_size_is_accepted_spot_only_included(size):
    assert size.items() <= pool_to_rest({**POOL_BODY, **size}).items()


def test_a_switch_that_is_decided_later_contradicts_nothing():
    pool_to_rest({**POOL_BODY, "enableAutoScale": "{{ params.auto }}", "targetDedicatedNodes": 1})


def test_the_size_of_an_auto_pool_follows_the_same_rules():
    pool = {
        "vmSize": "standard_a1",
        "virtualMachineConfiguration": MACHINE,
        **FORMULA,
        "targetDedicatedNodes": 1,
    }
    auto = {"poolLifetimeOption": "job", "pool": pool}
    error = refused_job(poolInfo={"autoPoolSpecification": auto})
    assert error.path == "job.poolInfo.autoPoolSpecification.pool.targetDedicatedNodes"


# --- image ---------------------------------------------------------------------------------------


def test_a_pool_without_an_image_is_refused_with_an_example():
    with pytest.raises(SpecError) as caught:
        pool_to_rest({"id": "p", "vmSize": "standard_a1"})
    assert caught.value.path == "pool.virtualMachineConfiguration"
    assert "VmImage.ubuntu" in caught.value.problem


@pytest.mark.parametrize("name", ["publisher", "offer", "sku"])
def test_a_marketplace_image_is_named_completely(name):
    image = {key: value for key, value in IMAGE.items() if key != name}
    error = refused_pool(virtualMachineConfiguration={**MACHINE, "imageReference": image})
    assert error.path == f"pool.virtualMachineConfiguration.imageReference.{name}"


@pytest.mark.parametrize("other", [IMAGE, {"version": "latest"}, {"sharedGalleryImageId": "/x"}])
def test_a_gallery_image_excludes_every_other_image(other):
    image = {"virtualMachineImageId": GALLERY_IMAGE, **other}
    error = refused_pool(virtualMachineConfiguration={**MACHINE, "imageReference": image})
    assert "more than one image" in error.problem


def test_a_gallery_image_needs_no_publisher():
    image = {"virtualMachineImageId": GALLERY_IMAGE}
    pool_to_rest({**POOL_BODY, "virtualMachineConfiguration": {**MACHINE, "imageReference": image}})


# --- parts of a pool -----------------------------------------------------------------------------


def test_a_package_of_a_pool_is_named_by_its_full_resource_id():
    error = refused_pool(applicationPackageReferences=[{"applicationId": "blender"}])
    assert error.path == "pool.applicationPackageReferences[0].applicationId"


def test_a_pool_takes_at_most_ten_packages():
    packages = [{"applicationId": f"/subscriptions/a/applications/{n}"} for n in range(11)]
    assert "at most 10 elements, found 11" in refused_pool(applicationPackageReferences=packages).problem


def test_a_start_task_as_a_whole_is_limited():
    files = [{"httpUrl": "https://a/b", "filePath": "x" * 1000} for _ in range(40)]
    error = refused_pool(startTask={"commandLine": "/bin/true", "resourceFiles": files})
    assert error.path == "pool.startTask"
    assert f"the service takes {START_TASK_CHARACTERS:,}" in error.problem


@pytest.mark.parametrize(
    ("registry", "accepted"),
    [
        ({"registryServer": "a.io"}, True),
        ({"username": "u", "password": "p"}, True),
        ({"identityReference": {"resourceId": "/x"}}, True),
        ({"username": "u"}, False),
        ({"password": "p"}, False),
        ({"username": "u", "password": "p", "identityReference": {"resourceId": "/x"}}, False),
    ],
)
def test_a_registry_has_a_password_or_an_identity_or_none(registry, accepted):
    containers = {"type": "dockerCompatible", "containerRegistries": [registry]}
    machine = {**MACHINE, "containerConfiguration": containers}
    if accepted:
        pool_to_rest({**POOL_BODY, "virtualMachineConfiguration": machine})
    else:
        error = refused_pool(virtualMachineConfiguration=machine)
        assert error.path == "pool.virtualMachineConfiguration.containerConfiguration.containerRegistries[0]"


@pytest.mark.parametrize(
    ("server", "images", "accepted"),
    [
        ("films.azurecr.io", ["films.azurecr.io/render:4"], True),
        ("https://Films.azurecr.io/", ["busybox", "films.azurecr.io/a/render@sha256:0"], True),
        ("localhost:5000", ["localhost:5000/render"], True),
        (None, ["busybox"], True),
        ("index.docker.io", ["library/busybox:1"], True),
        ("films.azurecr.io", [], True),
        ("films.azurecr.io", ["{{ params.image }}"], True),
        ("{{ params.server }}", ["busybox"], True),
        ("films.azurecr.io", ["film.azurecr.io/render:4", "render:4"], False),
        ("films.azurecr.io", ["films/render:4"], False),
        (None, ["films.azurecr.io/render:4"], False),
        ("localhost:5000", ["localhost:5001/render"], False),
    ],
)
def test_an_image_comes_from_each_registry(server, images, accepted):
    registry = {} if server is None else {"registryServer": server}
    containers = {
        "type": "dockerCompatible",
        "containerImageNames": images,
        "containerRegistries": [registry],
    }
    machine = {**MACHINE, "containerConfiguration": containers}
    if accepted:
        pool_to_rest({**POOL_BODY, "virtualMachineConfiguration": machine})
    else:
        error = refused_pool(virtualMachineConfiguration=machine)
        assert error.path.endswith("containerConfiguration.containerRegistries[0].registryServer")
        assert images[0] in error.problem


def test_the_image_of_a_task_comes_from_its_registry():
    registry = {"registryServer": "film.azurecr.io"}
    error = refused_task(containerSettings={"imageName": "films.azurecr.io/render:4", "registry": registry})
    assert error.path == "task.containerSettings.registry.registryServer"
    assert "film.azurecr.io/name:1" in error.problem


def test_a_mount_has_exactly_one_file_system():
    nfs = {"source": "a:/b", "relativeMountPath": "m"}
    cifs = {"source": "a", "username": "u", "password": "p", "relativeMountPath": "m"}
    assert refused_pool(mountConfiguration=[{}]).path == "pool.mountConfiguration[0]"
    both = {"nfsMountConfiguration": nfs, "cifsMountConfiguration": cifs}
    assert "exactly one" in refused_pool(mountConfiguration=[both]).problem


@pytest.mark.parametrize("extra", [{}, {"accountKey": "k", "sasKey": "s"}])
def test_a_blobfuse_mount_has_exactly_one_credential_and_does_not_show_it(extra):
    mount = {"accountName": "a", "containerName": "c", "relativeMountPath": "m", **extra}
    error = refused_pool(mountConfiguration=[{"azureBlobFileSystemConfiguration": mount}])
    assert "accountKey, sasKey, identityReference" in error.problem


@pytest.mark.parametrize(
    "addresses",
    [
        {"ipAddressIds": ["/x"]},
        {"provision": "batchmanaged", "ipAddressIds": ["/x"]},
        {"provision": "usermanaged"},
    ],
)
def test_own_public_addresses_and_their_provisioning_go_together(addresses):
    error = refused_pool(networkConfiguration={"publicIPAddressConfiguration": addresses})
    assert error.path == "pool.networkConfiguration.publicIPAddressConfiguration.ipAddressIds"


def endpoint(**fields: Any) -> dict[str, Any]:
    ports = {"backendPort": 80, "frontendPortRangeStart": 1000, "frontendPortRangeEnd": 1100}
    return {"name": "web", "protocol": "tcp", **ports, **fields}


def test_an_endpoint_needs_a_public_address():
    error = refused_pool(
        networkConfiguration={
            "endpointConfiguration": {"inboundNATPools": [endpoint()]},
            "publicIPAddressConfiguration": {"provision": "NoPublicIPAddresses"},
        }
    )
    assert error.path == "pool.networkConfiguration.endpointConfiguration"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"backendPort": 29877}, "backendPort"),
        ({"frontendPortRangeEnd": 1038}, "frontendPortRangeEnd"),
        ({"frontendPortRangeStart": 49_000, "frontendPortRangeEnd": 50_000}, "frontendPortRangeStart"),
    ],
)
def test_ports_that_the_service_keeps_or_too_few_of_them_are_refused(fields, name):
    pools = {"inboundNATPools": [endpoint(**fields)]}
    error = refused_pool(networkConfiguration={"endpointConfiguration": pools})
    assert error.path.endswith(f"inboundNATPools[0].{name}")


# --- jobs ----------------------------------------------------------------------------------------


def test_a_job_runs_on_exactly_one_kind_of_pool():
    auto = {"poolLifetimeOption": "job", "pool": AUTO_POOL}
    assert refused_job(poolInfo={}).path == "job.poolInfo"
    assert refused_job(poolInfo={"poolId": "p", "autoPoolSpecification": auto}).path == "job.poolInfo"


def test_an_auto_pool_is_described_and_lives_with_its_job():
    auto = {"poolLifetimeOption": "job", "pool": AUTO_POOL}
    body = {name: value for name, value in JOB_BODY.items() if name != "poolInfo"}
    assert job_to_rest({**body, "poolInfo": {"autoPoolSpecification": auto}})["poolInfo"]
    place = "job.poolInfo.autoPoolSpecification"
    for changed, path in (
        ({"pool": None}, f"{place}.pool"),
        ({"poolLifetimeOption": "jobschedule"}, f"{place}.poolLifetimeOption"),
        ({"pool": {**AUTO_POOL, "id": "p"}}, f"{place}.pool.id"),
        ({"pool": {**AUTO_POOL, "autoScaleFormula": "$x = 1;"}}, f"{place}.pool.autoScaleFormula"),
    ):
        assert refused_job(poolInfo={"autoPoolSpecification": {**auto, **changed}}).path == path


def test_a_release_task_needs_a_preparation_task():
    assert refused_job(jobReleaseTask={"commandLine": "x"}).path == "job.jobReleaseTask"


def test_no_parallel_task_at_all_is_refused():
    assert refused_job(maxParallelTasks=0).path == "job.maxParallelTasks"
    assert job_to_rest({**JOB_BODY, "maxParallelTasks": -1})["maxParallelTasks"] == -1


@pytest.mark.parametrize("prefix", ["a b", "x" * 21])
def test_an_illegal_prefix_of_an_auto_pool_is_refused(prefix):
    auto = {"poolLifetimeOption": "job", "autoPoolIdPrefix": prefix, "pool": AUTO_POOL}
    error = refused_job(poolInfo={"autoPoolSpecification": auto})
    assert error.path == "job.poolInfo.autoPoolSpecification.autoPoolIdPrefix"


# --- tasks ---------------------------------------------------------------------------------------


def test_a_task_as_a_whole_is_limited():
    settings = [{"name": f"A{n}", "value": "ä" * 10_000} for n in range(60)]
    error = refused_task(environmentSettings=settings)
    assert error.path == "task"
    assert f"less than {TASK_BODY_BYTES:,}" in error.problem


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "task.environmentSettings"),
        ([{"name": "A", "value": 5}], "task.environmentSettings[A].value"),
        ([{"name": "", "value": "1"}], "task.environmentSettings[].name"),
    ],
)
def test_environment_names_are_distinct_and_values_are_strings(settings, path):
    assert refused_task(environmentSettings=settings).path == path


def test_a_number_as_environment_value_comes_with_how_to_write_it():
    problem = refused_task(environmentSettings=[{"name": "A", "value": 5}]).problem
    assert problem == 'must be a string, found 5 (int); write "5"'


def test_too_many_characters_of_dependency_ids_are_refused():
    ids = [f"{n:064}" for n in range(1001)]
    error = refused_task(dependsOn={"taskIds": ids})
    assert error.path == "task.dependsOn.taskIds"
    assert "taskIdRanges" in error.problem


def test_ranges_that_end_before_they_start_are_refused():
    assert (
        refused_task(dependsOn={"taskIdRanges": [{"start": 3, "end": 2}]}).path
        == "task.dependsOn.taskIdRanges[0]"
    )
    codes = {"exitCodeRanges": [{"start": 3, "end": 2, "exitOptions": {}}]}
    assert refused_task(exitConditions=codes).path == "task.exitConditions.exitCodeRanges[0]"
    task_to_rest({**TASK_BODY, "dependsOn": {"taskIdRanges": [{"start": 3, "end": 3}]}})


@pytest.mark.parametrize("identity", [{}, {"username": "u", "autoUser": {"scope": "pool"}}])
def test_a_user_identity_is_exactly_one_of_an_account_and_an_auto_user(identity):
    assert refused_task(userIdentity=identity).path == "task.userIdentity"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ({}, ""),
        ({"httpUrl": "https://a/b", "filePath": "b", "autoStorageContainerName": "c"}, ""),
        ({"httpUrl": "https://a/b"}, ".filePath"),
        ({"httpUrl": "https://a/b", "filePath": "b", "blobPrefix": "c"}, ".blobPrefix"),
        ({"httpUrl": "b", "filePath": "b"}, ".httpUrl"),
        ({"autoStorageContainerName": "c", "filePath": "a/../../b"}, ".filePath"),
        ({"autoStorageContainerName": "c", "filePath": "..\\b"}, ".filePath"),
        ({"autoStorageContainerName": "c", "fileMode": "rwx"}, ".fileMode"),
    ],
)
def test_a_resource_file_has_one_source_and_stays_in_the_working_directory(file, name):
    assert refused_task(resourceFiles=[file]).path == f"task.resourceFiles[0]{name}"


def test_two_dots_in_a_file_name_are_no_way_out():
    file = {"autoStorageContainerName": "c", "filePath": "a/b..c", "fileMode": "0644"}
    task_to_rest({**TASK_BODY, "resourceFiles": [file]})


def output(**fields: Any) -> dict[str, Any]:
    container = {"container": {"containerUrl": "https://a/b?sig=secret"}}
    return {
        "filePattern": "*",
        "destination": container,
        "uploadOptions": {"uploadCondition": "taskcompletion"},
        **fields,
    }


def test_an_output_file_goes_to_a_container_on_a_known_condition():
    task_to_rest({**TASK_BODY, "outputFiles": [output()]})
    assert (
        refused_task(outputFiles=[output(destination={})]).path == "task.outputFiles[0].destination.container"
    )
    wrong = refused_task(outputFiles=[output(uploadOptions={"uploadCondition": "always"})])
    assert wrong.path == "task.outputFiles[0].uploadOptions.uploadCondition"
    assert "tasksuccess, taskfailure, taskcompletion" in wrong.problem
