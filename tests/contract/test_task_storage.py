"""Files in and files out: resource files, output files and application packages, with Azurite."""

from __future__ import annotations

import io
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from demo.ports import free_port
from tests.azurite_process import AzuriteProcess
from tests.contract.clients import (
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
from tests.contract.management_clients import ACCOUNT, Management, managements
from tests.contract.storage import StoredContainer
from tests.emulator_process import EmulatorProcess, emulator_processes

FILES_IN = pytest.mark.assumed(source="reference of the service, sections 4.6 and 5.4")
FILES_OUT = pytest.mark.assumed(source="reference of the service, sections 4.6 and 5.5")
PACKAGES = pytest.mark.assumed(source="reference of the service, section 5.3")

MakeContainer = Callable[..., StoredContainer]


@pytest.fixture(scope="module")
def stored_emulator(
    azurite: AzuriteProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmulatorProcess]:
    """An emulator with auto storage."""
    root = tmp_path_factory.mktemp("task-storage")
    yield from emulator_processes(root, arguments=["--auto-storage", azurite.connection_string])


@pytest.fixture(scope="module", params=["sync", "aio"])
def batch(request: pytest.FixtureRequest, stored_emulator: EmulatorProcess) -> Iterator[Batch]:
    yield from batches(request.param, stored_emulator)


@pytest.fixture(scope="module")
def one_batch(stored_emulator: EmulatorProcess) -> Iterator[SyncBatch]:
    client = SyncBatch(stored_emulator)
    yield client
    client.close()


@pytest.fixture(scope="module")
def management(stored_emulator: EmulatorProcess) -> Iterator[Management]:
    yield from managements("sync", stored_emulator)


@pytest.fixture(scope="module")
def pool(one_batch: SyncBatch) -> str:
    """One node of many slots."""
    one_batch.call("create_pool", pool_body("files", targetDedicatedNodes=1, taskSlotsPerNode=8))
    wait_for(lambda: nodes_idle(one_batch, "files", 1))
    return "files"


@pytest.fixture
def job(one_batch: SyncBatch, pool: str) -> str:
    name = new_id("job")
    one_batch.call("create_job", {"id": name, "poolInfo": {"poolId": pool}, "usesTaskDependencies": True})
    return name


@pytest.fixture
def container(azurite: AzuriteProcess) -> Iterator[MakeContainer]:
    """Makes containers."""
    made: list[StoredContainer] = []

    def make(**blobs: str) -> StoredContainer:
        made.append(StoredContainer(azurite, {name.replace("__", "/"): text for name, text in blobs.items()}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run(batch: Batch, job: str, command_line: str, **more: Any) -> Any:
    """Run a task to its end."""
    name = new_id("task")
    batch.call("create_task", job, {"id": name, "commandLine": command_line, **more})
    return completed(batch, job, name)


def stdout(batch: Batch, job: str, task: Any, name: str = "stdout.txt") -> str:
    return bytes(batch.call("download_task_file", job, task.id, name)).decode()


def failure(task: Any) -> tuple[str, str]:
    return task.execution_info.failure_info.code, task.execution_info.failure_info.category


# --- resource files -----------------------------------------------------------------------------------


@FILES_IN
def test_blob_is_fetched_to_its_path_with_its_mode(batch: Batch, job: str, container: MakeContainer) -> None:
    blobs = container(script="#!/bin/sh\necho ran\n")
    files = [{"httpUrl": blobs.signed_blob("script"), "filePath": "bin/run", "fileMode": "0550"}]
    task = run(batch, job, "/bin/sh -c 'stat -c %a bin/run; bin/run'", resourceFiles=files)
    assert stdout(batch, job, task) == "550\nran\n"


@FILES_IN
def test_all_blobs_of_a_container_keep_their_directories(
    batch: Batch, job: str, container: MakeContainer
) -> None:
    blobs = container(top="1", deep__er__one="2")
    files = [{"storageContainerUrl": blobs.signed("rl"), "filePath": "data"}]
    task = run(batch, job, "/bin/sh -c 'find . -type f | sort; stat -c %a data/top'", resourceFiles=files)
    assert stdout(batch, job, task) == "./data/deep/er/one\n./data/top\n770\n"


@FILES_IN
def test_prefix_chooses_blobs_and_the_whole_name_is_kept(
    batch: Batch, job: str, container: MakeContainer
) -> None:
    blobs = container(in__a="1", in__b="2", inner="3", other="4")
    files = [{"storageContainerUrl": blobs.signed("rl"), "blobPrefix": "in/"}]
    task = run(batch, job, "/bin/sh -c 'find . -type f | sort'", resourceFiles=files)
    assert stdout(batch, job, task) == "./in/a\n./in/b\n"


@FILES_IN
def test_container_of_the_auto_storage_account_is_known_by_its_name(
    batch: Batch, job: str, container: MakeContainer
) -> None:
    blobs = container(one="text")
    task = run(batch, job, "/bin/cat one", resourceFiles=[{"autoStorageContainerName": blobs.name}])
    assert stdout(batch, job, task) == "text"


@pytest.mark.emulator_only(reason="a managed identity opens the auto-storage account, and nothing else")
def test_identity_opens_the_auto_storage_account(batch: Batch, job: str, container: MakeContainer) -> None:
    blobs = container(one="text")
    identity = {"identityReference": {"resourceId": "/subscriptions/s/id"}}
    files = [
        {"httpUrl": f"{blobs.url}/one", "filePath": "a", **identity},
        {"storageContainerUrl": blobs.url, "filePath": "b", **identity},
    ]
    task = run(batch, job, "/bin/cat a b/one", resourceFiles=files)
    assert stdout(batch, job, task) == "texttext"


@FILES_IN
@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("BlobNotFound", lambda c: {"httpUrl": c.signed_blob("absent"), "filePath": "x"}),
        ("BlobAccessDenied", lambda c: {"httpUrl": c.signed_blob("one", "l"), "filePath": "x"}),
        ("ResourceContainerAccessDenied", lambda c: {"storageContainerUrl": c.signed("r")}),
        (
            "ResourceContainerNotFound",
            lambda c: {"storageContainerUrl": c.signed("rl").replace(c.name, f"{c.name}-absent")},
        ),
        ("ResourceContainerNotFound", lambda c: {"autoStorageContainerName": "absent-container"}),
    ],
)
def test_file_that_cannot_be_had_fails_the_task_before_it_starts(
    batch: Batch, job: str, container: MakeContainer, code: str, make: Callable[[StoredContainer], Any]
) -> None:
    blobs = container(one="text")
    given = make(blobs)
    if code == "ResourceContainerNotFound" and "storageContainerUrl" in given:
        # A signature is for one container: that of the absent one has to be made for it.
        blobs.name += "-absent"
        blobs.url += "-absent"
        given = {"storageContainerUrl": blobs.signed("rl")}
    constraints = {"maxTaskRetryCount": 3}
    task = run(batch, job, "/bin/true", resourceFiles=[given], constraints=constraints)
    assert failure(task) == (code, "usererror")
    assert task.execution_info.exit_code is None
    assert task.execution_info.retry_count == 0


@FILES_IN
def test_silent_storage_fails_the_task_with_a_server_error(batch: Batch, job: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/account/container"
    task = run(batch, job, "/bin/true", resourceFiles=[{"httpUrl": f"{url}/x?sig=s3cret", "filePath": "x"}])
    assert failure(task) == ("BlobDownloadMiscError", "servererror")
    task = run(batch, job, "/bin/true", resourceFiles=[{"storageContainerUrl": f"{url}?sig=s3cret"}])
    assert failure(task) == ("ResourceContainerListMiscError", "servererror")
    assert "s3cret" not in str(task.execution_info.failure_info.as_dict())


@FILES_IN
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"filePath": "x"}, "resourceFiles[0]"),
        ({"httpUrl": "http://h/x", "autoStorageContainerName": "abc"}, "resourceFiles[0]"),
        ({"httpUrl": "http://h/x", "filePath": "x", "blobPrefix": "p"}, "resourceFiles[0].blobPrefix"),
        ({"httpUrl": "ftp://h/x", "filePath": "x"}, "resourceFiles[0].httpUrl"),
        ({"httpUrl": "http://h/x", "filePath": "../x"}, "resourceFiles[0].filePath"),
        ({"httpUrl": "http://h/x", "filePath": "x", "fileMode": "rwx"}, "resourceFiles[0].fileMode"),
        ({"storageContainerUrl": "file:///etc"}, "resourceFiles[0].storageContainerUrl"),
        ({"storageContainerUrl": "http://h/c", "filePath": "/abs"}, "resourceFiles[0].filePath"),
        ({"autoStorageContainerName": "../c"}, "resourceFiles[0].autoStorageContainerName"),
    ],
)
def test_resource_file_that_cannot_be_is_refused(
    one_batch: SyncBatch, job: str, given: dict[str, Any], name: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        run(one_batch, job, "/bin/true", resourceFiles=[given])
    assert (code_of(caught.value), property_of(caught.value)) == ("InvalidPropertyValue", name)


@FILES_IN
def test_auto_storage_has_to_be_linked(sync_batch: SyncBatch, job_id: str) -> None:
    with pytest.raises(HttpResponseError) as caught:
        run(sync_batch, job_id, "/bin/true", resourceFiles=[{"autoStorageContainerName": "abc"}])
    assert code_of(caught.value) == "AccountNotEnabledForAutoStorage"


@FILES_IN
def test_start_task_gets_its_files_too(one_batch: SyncBatch, container: MakeContainer) -> None:
    blobs = container(one="text")
    files = [{"storageContainerUrl": blobs.signed("rl")}]
    start = {"commandLine": "/bin/cat one", "resourceFiles": files, "waitForSuccess": True}
    one_batch.call("create_pool", pool_body("started", targetDedicatedNodes=1, startTask=start))
    wait_for(lambda: nodes_idle(one_batch, "started", 1))
    (node,) = one_batch.call("list_nodes", "started")
    assert one_batch.call("download_node_file", "started", node.id, "startup/stdout.txt") == b"text"
    one_batch.call("begin_delete_pool", "started")


# --- output files -------------------------------------------------------------------------------------


def output(
    blobs: StoredContainer, pattern: str, condition: str = "taskcompletion", url: str = "", **destination: Any
) -> dict[str, Any]:
    return {
        "filePattern": pattern,
        "destination": {"container": {"containerUrl": url or blobs.signed("w"), **destination}},
        "uploadOptions": {"uploadCondition": condition},
    }


@FILES_OUT
def test_output_files_go_where_their_paths_say(batch: Batch, job: str, container: MakeContainer) -> None:
    blobs = container()
    outputs = [
        output(blobs, "result.txt", path="runs/1/result"),
        output(blobs, "result.txt"),
        output(blobs, "../std*.txt", path="logs"),
        output(blobs, "out/**/*.csv", path="tables/"),
        output(blobs, "$AZ_BATCH_TASK_WORKING_DIR/out/?[!b].csv", path="chosen"),
        output(blobs, "absent*"),
    ]
    command = (
        "/bin/sh -c 'echo said; echo r > result.txt; mkdir -p out/deep/.hidden; "
        "for f in aa ab .ac deep/ad deep/.hidden/ae; do echo $f > out/$f.csv; done'"
    )
    task = run(batch, job, command, outputFiles=outputs)
    assert task.execution_info.result == "success"
    assert blobs.contents() == {
        "runs/1/result": "r\n",
        "result.txt": "r\n",
        "logs/stdout.txt": "said\n",
        "logs/stderr.txt": "",
        "tables/aa.csv": "aa\n",
        "tables/ab.csv": "ab\n",
        "tables/deep/ad.csv": "deep/ad\n",
        "chosen/aa.csv": "aa\n",
    }
    told = stdout(batch, job, task, "fileuploadout.txt")
    assert "runs/1/result" in told
    assert "sig=" not in told
    assert stdout(batch, job, task, "fileuploaderr.txt") == ""


@FILES_OUT
@pytest.mark.parametrize(
    ("exit_code", "uploaded"),
    [(0, ["taskcompletion", "tasksuccess"]), (3, ["taskcompletion", "taskfailure"])],
)
def test_exit_code_decides_which_files_are_uploaded(
    batch: Batch, job: str, container: MakeContainer, exit_code: int, uploaded: list[str]
) -> None:
    blobs = container()
    conditions = ["tasksuccess", "taskfailure", "taskcompletion"]
    outputs = [output(blobs, "../stdout.txt", condition, path=condition) for condition in conditions]
    task = run(batch, job, f"/bin/sh -c 'exit {exit_code}'", outputFiles=outputs)
    assert task.execution_info.exit_code == exit_code
    assert sorted(blobs.contents()) == uploaded


@FILES_OUT
def test_upload_headers_go_with_the_blob(batch: Batch, job: str, container: MakeContainer) -> None:
    blobs = container()
    headers = [{"name": "x-ms-blob-content-type", "value": "text/html"}]
    run(batch, job, "/bin/true", outputFiles=[output(blobs, "../stdout.txt", uploadHeaders=headers)])
    settings = blobs.client.get_blob_client("stdout.txt").get_blob_properties().content_settings
    assert settings.content_type == "text/html"


@FILES_OUT
def test_failed_upload_fails_the_task_that_keeps_its_exit_code(
    batch: Batch, job: str, container: MakeContainer
) -> None:
    blobs = container()
    outputs = [output(blobs, "../stdout.txt", url=blobs.signed("r")), output(blobs, "../stderr.txt")]
    constraints = {"maxTaskRetryCount": 3}
    task = run(batch, job, "/bin/true", outputFiles=outputs, constraints=constraints)
    assert failure(task) == ("FileUploadAccessDenied", "usererror")
    info = task.execution_info
    assert (info.exit_code, info.result, info.retry_count) == (0, "failure", 0)
    assert list(blobs.contents()) == ["stderr.txt"]
    assert "FileUploadAccessDenied" in stdout(batch, job, task, "fileuploaderr.txt")


@FILES_OUT
def test_container_that_does_not_exist_fails_the_upload(
    batch: Batch, job: str, container: MakeContainer
) -> None:
    blobs = container()
    blobs.name += "-absent"
    blobs.url += "-absent"
    task = run(batch, job, "/bin/true", outputFiles=[output(blobs, "../stdout.txt")])
    assert failure(task) == ("FileUploadContainerNotFound", "usererror")


@FILES_OUT
@pytest.mark.parametrize(
    ("conditions", "runs"),
    [
        ({}, False),
        ({"fileUploadError": {"dependencyAction": "satisfy"}}, True),
        ({"default": {"dependencyAction": "satisfy"}}, True),
        (
            {
                "exitCodes": [{"code": 0, "exitOptions": {"dependencyAction": "block"}}],
                "fileUploadError": {"dependencyAction": "satisfy"},
            },
            False,
        ),
    ],
)
def test_failed_upload_has_an_exit_condition_that_a_listed_code_beats(
    one_batch: SyncBatch, job: str, container: MakeContainer, conditions: dict[str, Any], runs: bool
) -> None:
    blobs = container()
    outputs = [output(blobs, "../stdout.txt", url=blobs.signed("r"))]
    task = run(one_batch, job, "/bin/true", outputFiles=outputs, exitConditions=conditions)
    dependent = {"id": "child", "commandLine": "/bin/true", "dependsOn": {"taskIds": [task.id]}}
    one_batch.call("create_task", job, dependent)
    run(one_batch, job, "/bin/true")
    state = one_batch.call("get_task", job, "child").state
    assert (state != "active") is runs


@FILES_OUT
def test_output_files_are_shown_as_they_were_given(
    one_batch: SyncBatch, job: str, container: MakeContainer
) -> None:
    blobs = container()
    given = output(blobs, "*.txt", path="p")
    task = run(one_batch, job, "/bin/true", outputFiles=[given])
    (shown,) = task.output_files
    assert shown.destination.container.container_url == given["destination"]["container"]["containerUrl"]
    assert shown.upload_options.upload_condition == "taskcompletion"


# --- application packages -----------------------------------------------------------------------------


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


def put_package(management: Management, application: str, version: str, content: bytes) -> None:
    """Create, upload and activate a version."""
    package = management.call("application_package.create", *ACCOUNT, application, version, {})
    url = package.properties.storage_url
    request = urllib.request.Request(url, content, {"x-ms-blob-type": "BlockBlob"}, method="PUT")  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    management.call("application_package.activate", *ACCOUNT, application, version, {"format": "zip"})


@pytest.fixture(scope="module")
def tool(management: Management) -> str:
    """An application with two versions, of which the first is the default."""
    management.call("application.create", *ACCOUNT, "My-Tool", {"properties": {}})
    put_package(management, "My-Tool", "1.0", zipped(which="one", bin__run="#!/bin/sh\necho ran"))
    put_package(management, "My-Tool", "2.0-b", zipped(which="two"))
    management.call("application.update", *ACCOUNT, "My-Tool", {"properties": {"defaultVersion": "1.0"}})
    return "My-Tool"


@PACKAGES
def test_task_finds_its_packages_by_variables_of_every_case(batch: Batch, job: str, tool: str) -> None:
    references = [{"applicationId": tool}, {"applicationId": tool, "version": "2.0-b"}]
    command = (
        "/bin/sh -c 'cat $AZ_BATCH_APP_PACKAGE_My_Tool/which $AZ_BATCH_APP_PACKAGE_MY_TOOL/which "
        "$AZ_BATCH_APP_PACKAGE_my_tool_2_0_b/which; sh $AZ_BATCH_APP_PACKAGE_My_Tool/bin/run; "
        "echo $AZ_BATCH_APP_PACKAGE_My_Tool_2_0_b'"
    )
    task = run(batch, job, command, applicationPackageReferences=references)
    first, second = stdout(batch, job, task).splitlines()
    assert first == "oneonetworan"
    assert "/applications/" in second
    other = run(batch, job, "/bin/sh -c 'env | grep -c APP_PACKAGE'")
    assert stdout(batch, job, other) == "0\n"


@PACKAGES
@pytest.mark.parametrize(
    "reference", [{"applicationId": "none"}, {"applicationId": "My-Tool", "version": "9"}]
)
def test_package_that_is_not_there_fails_the_task(
    batch: Batch, job: str, tool: str, reference: dict[str, str]
) -> None:
    task = run(batch, job, "/bin/true", applicationPackageReferences=[reference])
    assert failure(task) == ("ApplicationPackageError", "usererror")


@PACKAGES
def test_package_that_leads_out_of_its_directory_fails_the_task(
    batch: Batch, job: str, management: Management, stored_emulator: EmulatorProcess
) -> None:
    name = new_id("evil")
    management.call("application.create", *ACCOUNT, name, {"properties": {}})
    put_package(management, name, "1", zipped(**{"..__..__..__escaped": "x"}))
    task = run(
        batch, job, "/bin/true", applicationPackageReferences=[{"applicationId": name, "version": "1"}]
    )
    assert failure(task) == ("ApplicationPackageError", "usererror")
    assert not list(stored_emulator.root.rglob("escaped"))


@PACKAGES
def test_node_has_the_packages_of_its_pool_before_its_start_task_and_after_a_reboot(
    one_batch: SyncBatch, management: Management, tool: str
) -> None:
    arm_id = (
        f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/a/applications/{tool}"
    )
    name = new_id("packaged")
    body = pool_body(
        name,
        targetDedicatedNodes=1,
        applicationPackageReferences=[{"applicationId": arm_id}],
        startTask={
            "commandLine": "/bin/sh -c 'cat $AZ_BATCH_APP_PACKAGE_MY_TOOL/which'",
            "waitForSuccess": True,
        },
    )
    one_batch.call("create_pool", body)
    wait_for(lambda: nodes_idle(one_batch, name, 1))
    (node,) = one_batch.call("list_nodes", name)
    assert one_batch.call("download_node_file", name, node.id, "startup/stdout.txt") == b"one"
    job = new_id("job")
    one_batch.call("create_job", {"id": job, "poolInfo": {"poolId": name}})
    look = "/bin/sh -c 'cat $(env | grep ^AZ_BATCH_APP_PACKAGE_my_tool | cut -d= -f2)/which'"
    assert stdout(one_batch, job, run(one_batch, job, look)) == "one"
    change = {"applicationPackageReferences": [{"applicationId": arm_id, "version": "2.0-b"}]}
    one_batch.call("update_pool", name, {**change, "startTask": {"commandLine": "/bin/true"}})
    # The node goes on with what it has, until it boots.
    assert stdout(one_batch, job, run(one_batch, job, look)) == "one"
    one_batch.call("begin_reboot_node", name, node.id, {"nodeRebootOption": "requeue"})
    wait_for(lambda: nodes_idle(one_batch, name, 1))
    assert stdout(one_batch, job, run(one_batch, job, look)) == "two"
    one_batch.call("begin_delete_pool", name)


@PACKAGES
def test_node_that_cannot_have_its_packages_is_unusable_and_says_why(
    one_batch: SyncBatch, management: Management
) -> None:
    application, name = new_id("broken"), new_id("packaged")
    management.call("application.create", *ACCOUNT, application, {"properties": {}})
    put_package(management, application, "1", b"no zip file")
    reference = {"applicationId": application, "version": "1"}
    one_batch.call(
        "create_pool", pool_body(name, targetDedicatedNodes=1, applicationPackageReferences=[reference])
    )
    (node,) = wait_for(
        lambda: one_batch.call("list_nodes", name),
        lambda nodes: [node.state for node in nodes] == ["unusable"],
    )
    assert [error.code for error in node.errors] == ["ApplicationPackageError"]
    one_batch.call("begin_delete_pool", name)


@PACKAGES
@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"applicationId": "no-such-application"}, "ApplicationNotFound"),
        ({"applicationId": "My-Tool", "version": "77"}, "InvalidApplicationPackageReferences"),
    ],
)
def test_pool_with_a_package_that_is_not_there_is_refused(
    one_batch: SyncBatch, tool: str, reference: dict[str, str], code: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        one_batch.call("create_pool", pool_body("unmade", applicationPackageReferences=[reference]))
    assert code_of(caught.value) == code


# --- mounts -------------------------------------------------------------------------------------------


@pytest.mark.emulator_only(reason="file systems are not mounted: their directories are there, and empty")
def test_mounts_have_their_directories_and_are_shown_without_keys(one_batch: SyncBatch) -> None:
    name = new_id("mounted")
    mount = {"accountName": "a", "containerName": "c", "accountKey": "s3cret", "relativeMountPath": "data/in"}
    body = pool_body(
        name,
        targetDedicatedNodes=1,
        mountConfiguration=[{"azureBlobFileSystemConfiguration": mount}],
    )
    one_batch.call("create_pool", body)
    wait_for(lambda: nodes_idle(one_batch, name, 1))
    (shown,) = one_batch.call("get_pool", name).mount_configuration
    assert shown.azure_blob_file_system_configuration.relative_mount_path == "data/in"
    assert shown.azure_blob_file_system_configuration.account_key is None
    job = new_id("job")
    one_batch.call("create_job", {"id": job, "poolInfo": {"poolId": name}})
    task = run(
        one_batch,
        job,
        "/bin/sh -c 'ls $AZ_BATCH_NODE_MOUNTS_DIR/data; [ $AZ_BATCH_RESERVED_DISK_SPACE_BYTES -gt 0 ]'",
    )
    assert (stdout(one_batch, job, task), task.execution_info.exit_code) == ("in\n", 0)
    one_batch.call("begin_delete_pool", name)


@pytest.mark.assumed(source="reference of the service, section 8")
@pytest.mark.parametrize("place", ["../out", "/abs", ""])
def test_mount_outside_of_the_mounts_is_refused(one_batch: SyncBatch, place: str) -> None:
    mount = {"nfsMountConfiguration": {"source": "s", "relativeMountPath": place}}
    with pytest.raises(HttpResponseError) as caught:
        one_batch.call("create_pool", pool_body("unmade", mountConfiguration=[mount]))
    assert code_of(caught.value) == "InvalidPropertyValue"
