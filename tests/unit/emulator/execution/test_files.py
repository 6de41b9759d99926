"""Resource files and output files of real commands, against a small storage that does what it is told."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_batch.emulator.execution import downloads
from airflow_provider_batch.emulator.execution.errands import Errand
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed, no_room
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.execution.storage_access import StorageAccess
from airflow_provider_batch.emulator.model.commands import OutputFile, ResourceContainer, ResourceFile
from airflow_provider_batch.emulator.model.multi_instance import InstancePlace, MultiInstanceSettings
from airflow_provider_batch.emulator.model.states import OutputFileUploadCondition
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage
from tests.unit.emulator.execution.conftest import WAIT_SECONDS, Node

ALWAYS = OutputFileUploadCondition.TASK_COMPLETION


class Storage:
    """What the storage has been told: names that it lists, what was put, and who waits for an answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.names: list[str] = []
        self.put: dict[str, bytes] = {}
        self.reached = threading.Event()
        self.enough = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, storage: Storage, *arguments: object) -> None:
        self.storage = storage
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = b"blob"
        if "comp=list" in parts.query:
            blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in self.storage.names)
            body = f"<EnumerationResults><Blobs>{blobs}</Blobs></EnumerationResults>".encode()
        self._answer(200, body)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = unquote(urlsplit(self.path).path)
        if name.startswith("/silent/"):
            self.storage.reached.set()
            # Longer than anybody waits for the end of a run.
            self.storage.enough.wait(3 * WAIT_SECONDS)
        status = {"/conflict/": 409, "/late/": 408, "/broken/": 500}.get(name[: name.find("/", 1) + 1], 201)
        self.storage.put[name] = content
        self._answer(status, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Storage("")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, made)) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.enough.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def settings() -> ExecutionSettings:
    return ExecutionSettings(kill_grace_seconds=0.1)


# --- in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil"])
def test_blob_whose_name_leads_out_fails_the_task(node: Node, storage: Storage, name: str) -> None:
    storage.names = [name]
    heard = node.run("/bin/true", resource_files=(ResourceContainer(f"{storage.url}/c"),))
    assert heard.failure is not None
    assert heard.failure.code == "ResourceFileCreateFailed"
    assert not list(node.layout.root.rglob("evil"))


def test_mark_of_an_empty_directory_is_no_file(node: Node, storage: Storage) -> None:
    storage.names = ["dir/", "dir/x"]
    heard = node.run("/bin/cat dir/x", resource_files=(ResourceContainer(f"{storage.url}/c"),))
    assert heard.exit_code == 0
    assert node.stdout == "blob"


def test_directory_that_cannot_be_made_has_a_code_of_its_own(node: Node, storage: Storage) -> None:
    files = (ResourceFile(f"{storage.url}/c/x", "x"), ResourceFile(f"{storage.url}/c/y", "x/y"))
    heard = node.run("/bin/true", resource_files=files)
    assert heard.failure is not None
    assert heard.failure.code == "ResourceDirectoryCreateFailed"


class _FullDisk:
    def write(self, chunk: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_has_a_code_of_its_own() -> None:
    resource = ResourceFile("http://h/x", "x")
    with pytest.raises(PreparationFailed) as caught:
        downloads._write(resource, _FullDisk(), b"x")  # type: ignore[arg-type]
    assert caught.value.failure.code == "DiskFull"
    assert no_room(OSError(errno.EACCES, "denied"), "x") is None


def test_common_files_are_for_every_instance_and_others_for_the_primary(node: Node, storage: Storage) -> None:
    storage.names = ["common"]
    multi = MultiInstanceSettings(2, "/bin/sh -c 'ls ..; ls'", (ResourceContainer(f"{storage.url}/c"),))
    own = (ResourceFile(f"{storage.url}/c/own", "own"),)
    run_id = node.start(
        "/bin/true", resource_files=own, instance=InstancePlace(1, ("10.0.0.4", "10.0.0.5"), multi)
    )
    node.listener.wait(lambda: node.listener.runs[run_id].coordinated)
    assert node.stdout == "common\nstderr.txt\nstdout.txt\nwd\n"
    assert node.end(run_id).exit_code == 0


# --- out ----------------------------------------------------------------------------------------------


def output(storage: Storage, container: str, pattern: str = "../stdout.txt") -> tuple[OutputFile, ...]:
    return (OutputFile(pattern, f"{storage.url}/{container}?sig=s3cret", ALWAYS),)


@pytest.mark.parametrize(
    ("container", "code"),
    [
        ("conflict", "FileUploadConflict"),
        ("late", "FileUploadTimedOut"),
        ("broken", "FileUploadMiscError"),
    ],
)
def test_cause_of_a_failed_upload_is_told(node: Node, storage: Storage, container: str, code: str) -> None:
    heard = node.run("/bin/sh -c 'exit 5'", output_files=output(storage, container))
    assert heard.exit_code == 5
    assert heard.upload_failure is not None
    assert heard.upload_failure.code == code
    told = (node.directory / "fileuploaderr.txt").read_text()
    assert code in told
    assert "s3cret" not in told


def test_task_runs_while_it_uploads_and_can_be_ended_then(node: Node, storage: Storage) -> None:
    run_id = node.start("/bin/echo said", output_files=output(storage, "silent"))
    assert storage.reached.wait(WAIT_SECONDS)
    assert not node.listener.runs[run_id].over
    heard = node.end(run_id)
    assert heard.upload_failure is None
    assert not (node.directory / "fileuploaderr.txt").read_text()


def test_task_that_was_ended_uploads_nothing(node: Node, storage: Storage) -> None:
    run_id = node.start("/bin/sh -c 'echo up; exec sleep 1000'", output_files=output(storage, "c"))
    node.wait_for_output("up\n")
    node.end(run_id)
    assert not storage.put


def test_files_are_uploaded_as_they_are_when_the_command_has_ended(node: Node, storage: Storage) -> None:
    node.run("/bin/sh -c 'echo 1 > a b; mkdir d; echo 2 > d/c'", output_files=output(storage, "c", "**/*"))
    assert storage.put == {"/c/a": b"1 b\n", "/c/d/c": b"2\n"}


def test_malformed_address_fails_the_upload_without_its_signature(node: Node) -> None:
    bad = (OutputFile("../stdout.txt", "http://[bad?sig=s3cret", ALWAYS),)
    heard = node.run("/bin/true", output_files=bad)
    assert heard.upload_failure is not None
    assert "s3cret" not in str(heard.upload_failure)


# --- addresses ----------------------------------------------------------------------------------------

ACCOUNT = AutoStorage("acct", "a2V5", "http://127.0.0.1:1/acct")


@pytest.mark.parametrize(
    ("url", "is_signed"),
    [
        ("http://127.0.0.1:1/acct/c/blob", True),
        ("http://127.0.0.1:1/acct/c?sig=own", False),
        ("http://127.0.0.1:1/acct2/c/blob", False),
        ("http://elsewhere/acct/c", False),
    ],
)
def test_identity_opens_only_the_account_whose_key_is_known(url: str, is_signed: bool) -> None:
    access = StorageAccess(ACCOUNT)
    for signed in (access.readable(url, has_identity=True), access.writable(url, has_identity=True)):
        assert (signed != url) is is_signed
        assert signed.startswith(url)
    assert access.readable(url, has_identity=False) == url
    assert StorageAccess().readable(url, has_identity=True) == url


def test_container_by_name_needs_an_account() -> None:
    assert StorageAccess().auto_storage_container("c") is None
    signed = StorageAccess(ACCOUNT).auto_storage_container("c")
    assert signed is not None
    assert signed.startswith("http://127.0.0.1:1/acct/c?")
    later = datetime.now(timezone.utc) + timedelta(hours=3)
    assert f"se={later.strftime('%Y')}" in signed


# --- errands ------------------------------------------------------------------------------------------


def test_errand_that_is_cancelled_before_it_begins_does_nothing() -> None:
    done: list[bool] = []
    errand = Errand(lambda cancelled: done.append(cancelled()), "test")
    errand.cancel()
    assert not errand.run()
    assert not done


def test_error_of_an_errand_comes_from_its_run() -> None:
    def fail(_cancelled: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    with pytest.raises(PermissionError):
        Errand(fail, "test").run()
