"""Files of tasks and nodes through the vendor SDK."""

from __future__ import annotations

import shlex

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.contract.clients import Batch, SyncBatch, code_of, completed, wait_for
from tests.contract.raw import send
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "
WRITE = '/bin/sh -c \'printf hello; mkdir "a b"; printf inner > "a b/ü.bin"; ln -s /etc/passwd link\''


@pytest.fixture
def written(batch: Batch, job_id: str) -> str:
    """A job with a completed task that wrote files."""
    batch.call("create_task", job_id, {"id": "t", "commandLine": WRITE})
    completed(batch, job_id, "t")
    return job_id


@pytest.mark.verified(on="azure-sdk-for-node recordings", api_version="2020-03-01.11.0")
def test_files_of_a_task_are_listed_level_by_level(batch: Batch, written: str):
    files = {file.name: file for file in batch.call("list_task_files", written, "t")}
    assert sorted(files) == ["stderr.txt", "stdout.txt", "wd"]
    assert (files["stdout.txt"].properties.content_length, files["stdout.txt"].properties.content_type) == (
        5,
        "text/plain",
    )
    assert (files["wd"].is_directory, files["wd"].properties) == (True, None)
    deep = batch.call("list_task_files", written, "t", recursive=True, max_results=2)
    assert {"wd/a b", "wd/a b/ü.bin"} <= {file.name for file in deep}
    some = batch.call("list_task_files", written, "t", recursive=True, filter="startswith(name,'wd')")
    assert {file.name.partition("/")[0] for file in some} == {"wd"}


@pytest.mark.verified(on="azure-cli test_batch_file_download_cmd", api_version="2024-02-01.19.0")
def test_range_of_a_file_is_answered_with_200_and_the_slice(batch: Batch, written: str):
    assert batch.call("download_task_file", written, "t", "stdout.txt") == b"hello"
    assert batch.call("download_task_file", written, "t", "stdout.txt", ocp_range="bytes=1-2") == b"el"
    assert batch.call("download_task_file", written, "t", "stdout.txt", ocp_range="bytes=3-99") == b"lo"
    assert batch.call("download_task_file", written, "t", "stderr.txt") == b""


@pytest.mark.assumed(source=REFERENCE + "section 2.7")
def test_path_with_slash_space_and_umlaut_is_found(batch: Batch, written: str):
    assert batch.call("download_task_file", written, "t", "wd/a b/ü.bin") == b"inner"
    facts = batch.call("get_task_file_properties", written, "t", "wd/a b/ü.bin")
    assert (facts.content_length, facts.is_directory) == (5, False)
    assert "ocp" not in facts.url
    assert facts.file_mode.startswith("0o100")


@pytest.mark.emulator_only(reason="the names that a Linux file may have; no recording has such ones")
def test_every_listed_file_is_found_by_its_name(sync_batch: SyncBatch, job_id: str):
    # The aio client decodes some of these in the address that it has signed, so they reach no service.
    names = [
        "line\nbreak",
        "100%",
        "a+b&c=d",
        "#h?",
        "back\\slash",
        "..two",
        "-dash",
        "qu'o\"te",
        "semi;colon",
    ]
    words = " ".join(shlex.quote(name) for name in names)
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": f"/usr/bin/touch -- {words}"})
    completed(sync_batch, job_id, "t")
    listed = [file.name for file in sync_batch.call("list_task_files", job_id, "t", recursive=True)]
    assert sorted(listed) == sorted(["stderr.txt", "stdout.txt", "wd", *(f"wd/{name}" for name in names)])
    for name in names:
        assert sync_batch.call("download_task_file", job_id, "t", f"wd/{name}") == b""


@pytest.mark.assumed(source=REFERENCE + "section 2.7")
def test_range_behind_the_end_answers_416(batch: Batch, written: str):
    for wanted in ("bytes=5-", "bytes=7-9"):
        with pytest.raises(HttpResponseError) as caught:
            batch.call("download_task_file", written, "t", "stdout.txt", ocp_range=wanted)
        assert caught.value.status_code == 416


@pytest.mark.assumed(source=REFERENCE + "section 2.7")
def test_file_that_is_not_there_answers_404(batch: Batch, written: str):
    for operation in ("download_task_file", "get_task_file_properties", "delete_task_file"):
        with pytest.raises(ResourceNotFoundError):
            batch.call(operation, written, "t", "absent.txt")


@pytest.mark.assumed(source=REFERENCE + "section 1.10: files take only the two date headers")
def test_file_that_was_not_modified_answers_304(emulator: EmulatorProcess, written: str):
    path = f"/jobs/{written}/tasks/t/files/stdout.txt"
    modified = send(emulator, "HEAD", path).headers["last-modified"]
    answer = send(emulator, "GET", path, headers={"If-Modified-Since": modified})
    assert (answer.status, answer.body) == (304, b"")
    assert send(emulator, "GET", path, headers={"If-Unmodified-Since": modified}).status == 200


@pytest.mark.assumed(source=REFERENCE + "section 2.7")
def test_directory_has_facts_and_no_content(batch: Batch, written: str):
    assert batch.call("get_task_file_properties", written, "t", "wd").is_directory is True
    with pytest.raises(ResourceNotFoundError):
        batch.call("download_task_file", written, "t", "wd")


@pytest.mark.assumed(source=REFERENCE + "section 7.4")
def test_files_of_a_task_that_never_ran_are_unavailable(batch: Batch, job_id: str):
    batch.call("create_task", job_id, {"id": "t", "commandLine": "true", "dependsOn": {"taskIds": ["x"]}})
    with pytest.raises(ResourceExistsError) as caught:
        batch.call("list_task_files", job_id, "t")
    assert code_of(caught.value) == "TaskFilesUnavailable"
    with pytest.raises(ResourceExistsError):
        batch.call("download_task_file", job_id, "t", "stdout.txt")


@pytest.mark.assumed(source=REFERENCE + "section 2.7: a file is served while it grows")
def test_output_is_readable_while_the_task_writes_it(batch: Batch, job_id: str, tmp_path):
    go_on = tmp_path / "go-on"
    script = f"echo one; while [ ! -e {go_on} ]; do sleep 0.05; done; echo two"
    batch.call("create_task", job_id, {"id": "t", "commandLine": f"/bin/sh -c '{script}'"})
    wait_for(lambda: batch.call("get_task", job_id, "t").state == "running")
    wait_for(lambda: batch.call("download_task_file", job_id, "t", "stdout.txt") == b"one\n")
    go_on.touch()
    completed(batch, job_id, "t")
    assert batch.call("download_task_file", job_id, "t", "stdout.txt", ocp_range="bytes=4-") == b"two\n"


@pytest.mark.assumed(source=REFERENCE + "section 1.12")
def test_deleted_file_is_gone_and_a_full_directory_needs_recursive(batch: Batch, written: str):
    batch.call("delete_task_file", written, "t", "stdout.txt")
    with pytest.raises(ResourceNotFoundError):
        batch.call("download_task_file", written, "t", "stdout.txt")
    with pytest.raises(HttpResponseError):
        batch.call("delete_task_file", written, "t", "wd")
    batch.call("delete_task_file", written, "t", "wd", recursive=True)
    assert [file.name for file in batch.call("list_task_files", written, "t")] == ["stderr.txt"]


@pytest.mark.verified(on="azure-sdk-for-node list_files_from_compute_node", api_version="2020-03-01.11.0")
def test_root_of_a_node_has_the_directories_of_the_service(batch: Batch, written: str):
    task = batch.call("get_task", written, "t")
    where = (task.node_info.pool_id, task.node_info.node_id)
    names = [file.name for file in batch.call("list_node_files", *where)]
    assert names == ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"]
    path = f"{task.node_info.task_root_directory}/stdout.txt"
    assert batch.call("download_node_file", *where, path) == b"hello"
    assert batch.call("get_node_file_properties", *where, path).content_length == 5


@pytest.mark.emulator_only(reason="what a path may reach is the emulator's own safety")
@pytest.mark.parametrize(
    "path",
    [
        *(
            "../../../../../../etc/passwd",
            "..%2f..%2f..%2f..%2fetc%2fpasswd",
            "%2fetc%2fpasswd",
            "/etc/passwd",
        ),
        *("wd/link", "wd/../../t/stdout.txt", "wd%00", ".", "..", "wd/..", "%2e%2e/%2e%2e", "wd//stdout.txt"),
    ],
)
def test_path_out_of_the_task_directory_does_not_exist(emulator: EmulatorProcess, sync_batch, job_id, path):
    sync_batch.call("create_task", job_id, {"id": "t", "commandLine": WRITE})
    completed(sync_batch, job_id, "t")
    for method in ("GET", "HEAD", *(["DELETE"] if "link" not in path else [])):
        answer = send(emulator, method, f"/jobs/{job_id}/tasks/t/files/{path}")
        assert answer.status in (400, 404), (method, answer.status)
        assert b"root:" not in answer.body


@pytest.mark.emulator_only(reason="what a path may reach is the emulator's own safety")
def test_deleting_a_link_leaves_what_it_points_to(batch: Batch, job_id: str, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("kept")
    script = f"ln -s {outside} file; ln -s {tmp_path} directory"
    batch.call("create_task", job_id, {"id": "t", "commandLine": f"/bin/sh -c '{script}'"})
    completed(batch, job_id, "t")
    batch.call("delete_task_file", job_id, "t", "wd", recursive=True)
    assert outside.read_text() == "kept"
    assert "wd" not in [file.name for file in batch.call("list_task_files", job_id, "t")]


@pytest.mark.verified(on="azure-sdk-for-node get_file_from_task", api_version="2020-03-01.11.0")
def test_download_is_chunked_and_facts_carry_the_length(emulator: EmulatorProcess, written: str):
    path = f"/jobs/{written}/tasks/t/files/stdout.txt"
    download, facts = send(emulator, "GET", path), send(emulator, "HEAD", path)
    assert (download.status, download.body) == (200, b"hello")
    assert "content-length" not in download.headers
    assert download.headers["transfer-encoding"] == "chunked"
    assert facts.headers["content-length"] == "5"
    for answer in (download, facts):
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["ocp-batch-file-isdirectory"] == "False"
        assert answer.headers["ocp-batch-file-url"].startswith("http%3A%2F%2F127.0.0.1")
        assert answer.headers["last-modified"].endswith(" GMT")
        assert "etag" not in answer.headers
