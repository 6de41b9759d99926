"""Commands as real processes: directories, environment, output, ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.machine.instructions import DeleteDirectory
from airflow_provider_batch.emulator.model.commands import ResourceFile
from tests.unit.emulator.execution.conftest import Node
from tests.unit.emulator.execution.processes import wait_until_gone


def _variables(node: Node) -> dict[str, str]:
    assert node.run("/usr/bin/env").exit_code == 0
    return dict(line.split("=", 1) for line in node.stdout.splitlines())


def test_node_has_the_directories_that_the_service_shows(node: Node) -> None:
    root = node.layout.node("p", "n")
    names = sorted(path.name for path in root.iterdir())
    assert names == ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"]


def test_command_runs_in_wd_and_writes_its_streams_to_files(node: Node) -> None:
    heard = node.run("/bin/sh -c 'pwd; echo error >&2; echo made > file'")
    assert (heard.started, heard.exit_code) == (True, 0)
    assert node.stdout == f"{node.directory}/wd\n"
    assert (node.directory / "stderr.txt").read_text() == "error\n"
    assert (node.directory / "wd" / "file").read_text() == "made\n"


def test_command_line_does_not_go_through_a_shell(node: Node) -> None:
    node.run("/bin/echo $HOME '*' \"a  b\" > x; && |")
    assert node.stdout == "$HOME * a  b > x; && |\n"


def test_command_reads_nothing(node: Node) -> None:
    assert node.run("/bin/cat").exit_code == 0


@pytest.mark.parametrize(
    ("command_line", "exit_code"), [("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)]
)
def test_exit_code_is_what_a_shell_reports(node: Node, command_line: str, exit_code: int) -> None:
    assert node.run(f"/bin/sh -c '{command_line}'").exit_code == exit_code


def test_output_can_be_read_while_the_command_runs(node: Node) -> None:
    run_id = node.start("/bin/sh -c 'echo first; exec sleep 1000'")
    node.wait_for_output("first\n")
    assert not node.listener.runs[run_id].over


# --- environment --------------------------------------------------------------------------------------


def test_service_variables_name_the_account_the_node_the_job_and_the_task(node: Node) -> None:
    variables = _variables(node)
    root = node.layout.node("p", "n")
    expected = {
        "AZ_BATCH_ACCOUNT_NAME": "devbatch",
        "AZ_BATCH_ACCOUNT_URL": "http://127.0.0.1:10010/",
        "AZ_BATCH_POOL_ID": "p",
        "AZ_BATCH_NODE_ID": "n",
        "AZ_BATCH_JOB_ID": "j",
        "AZ_BATCH_TASK_ID": "t",
        "AZ_BATCH_TASK_DIR": str(node.directory),
        "AZ_BATCH_TASK_WORKING_DIR": str(node.directory / "wd"),
        "AZ_BATCH_NODE_ROOT_DIR": str(root),
        "AZ_BATCH_NODE_SHARED_DIR": str(root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(root / "startup"),
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": str(root / "startup" / "wd"),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(root / "fsmounts"),
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "HOME": str(node.directory / "wd"),
    }
    assert {name: variables.get(name) for name in expected} == expected


def test_environment_of_the_emulator_does_not_reach_the_task(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SECRET", "x")
    assert "SOME_SECRET" not in _variables(node)


def test_service_variables_win_over_the_users(node: Node) -> None:
    node.run("/usr/bin/env", environment={"AZ_BATCH_TASK_ID": "mine", "LANG": "mine", "OWN": "mine"})
    assert "AZ_BATCH_TASK_ID=t\n" in node.stdout
    assert "LANG=mine\n" in node.stdout
    assert "OWN=mine\n" in node.stdout


# --- what cannot start --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command_line", "code"),
    [
        ("no-such-program x", "CommandProgramNotFound"),
        ("/no/such/program", "CommandProgramNotFound"),
        ("/etc/passwd", "CommandLaunchFailed"),
        ("/bin/echo 'open", "CommandLaunchFailed"),
        ("   ", "CommandLaunchFailed"),
    ],
)
def test_command_that_cannot_start_is_reported_with_the_services_code(
    node: Node, command_line: str, code: str
) -> None:
    heard = node.run(command_line)
    assert heard.failure is not None
    assert heard.failure.code == code
    assert not heard.started


def test_program_without_execute_bit_format_is_reported(node: Node) -> None:
    node.run("/bin/sh -c 'echo not a program > x; chmod +x x'")
    heard = node.run("./x")
    assert heard.failure is not None
    assert heard.failure.code == "CommandLaunchFailed"


# --- ends ---------------------------------------------------------------------------------------------


def test_ended_command_takes_its_children_with_it(node: Node) -> None:
    run_id = node.start("/bin/sh -c 'sleep 1000 & echo $!; wait'")
    node.wait_for_output("\n")
    child = int(node.stdout)
    assert node.end(run_id).exit_code == 143
    wait_until_gone(child)


def test_children_that_a_command_leaves_behind_end_with_it(node: Node) -> None:
    assert node.run("/bin/sh -c 'sleep 1000 & echo $!'").exit_code == 0
    wait_until_gone(int(node.stdout))


class TestShortGrace:
    """With little time between SIGTERM and SIGKILL."""

    @pytest.fixture
    def settings(self) -> ExecutionSettings:
        return ExecutionSettings(kill_grace_seconds=0.1)

    def test_command_that_ignores_sigterm_is_killed(self, node: Node) -> None:
        run_id = node.start("/bin/sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'")
        node.wait_for_output("ready")
        assert node.end(run_id).exit_code == 128 + signal.SIGKILL


def test_close_ends_everything_even_what_has_left_its_process_group(node: Node) -> None:
    node.start("/bin/sh -c 'setsid sleep 1000 & sleep 1000 & echo $$; wait'")
    node.wait_for_output("\n")
    leader = int(node.stdout)
    root = node.layout.node("p", "n")
    node.executor.close()
    wait_until_gone(leader)
    assert _processes_of(root) == []


def _processes_of(root: Path) -> list[str]:
    mark = f"AZ_BATCH_NODE_ROOT_DIR={root}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


# --- files --------------------------------------------------------------------------------------------


def test_second_run_starts_its_output_again_and_keeps_wd(node: Node) -> None:
    node.run("/bin/sh -c 'echo first; touch kept'")
    node.run("/bin/sh -c 'echo second; ls'")
    assert node.stdout == "second\nkept\n"


def test_second_run_continues_the_output_when_it_is_told_to(node: Node) -> None:
    node.append_output = True
    node.run("/bin/echo first")
    node.run("/bin/echo second")
    assert node.stdout == "first\nsecond\n"


def test_deleted_directory_is_out_of_sight_at_once_while_a_process_still_writes(node: Node) -> None:
    node.start("/bin/sh -c 'echo x; while :; do echo x > $RANDOM; done'")
    node.wait_for_output("x")
    node.executor.delete(DeleteDirectory("p", "n", "workitems/j/job-1/t"))
    assert not node.directory.exists()
    node.start("/bin/sh -c 'echo new; sleep 1000'")
    node.wait_for_output("new")
    node.executor.close()
    assert list(node.layout.removed.iterdir()) == []


def test_directory_that_a_task_has_closed_is_deleted(node: Node) -> None:
    node.run("/bin/sh -c 'mkdir -p a/b; touch a/b/c; chmod 500 a/b'")
    node.executor.delete(DeleteDirectory("p"))
    node.executor.close()
    assert list(node.layout.removed.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".removed", "a/b", ""])
def test_name_that_is_no_id_never_becomes_a_path(node: Node, name: str) -> None:
    with pytest.raises(ValueError, match="not usable"):
        node.executor.delete(DeleteDirectory(name))


# --- resource files -----------------------------------------------------------------------------------


def test_resource_file_is_in_wd_before_the_command_runs(node: Node, blobs: str) -> None:
    heard = node.run("/bin/cat in/blob.txt", resource_files=(ResourceFile(f"{blobs}/200", "in/blob.txt"),))
    assert heard.exit_code == 0
    assert node.stdout == "blob"
    mode = (node.directory / "wd" / "in" / "blob.txt").stat().st_mode
    assert mode & 0o7777 == 0o770


def test_resource_file_gets_the_mode_that_is_asked_for(node: Node, blobs: str) -> None:
    node.run("/bin/true", resource_files=(ResourceFile(f"{blobs}/200", "x", "0640"),))
    assert (node.directory / "wd" / "x").stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("404", "BlobNotFound"),
        ("403", "BlobAccessDenied"),
        ("500", "BlobDownloadMiscError"),
        ("to-file", "BlobDownloadMiscError"),
        ("torn", "BlobDownloadMiscError"),
        ("not-encoded-é", "BlobDownloadMiscError"),
        ("not encoded", "BlobDownloadMiscError"),
    ],
)
def test_resource_file_that_cannot_be_had_fails_the_task_before_it_starts(
    node: Node, blobs: str, name: str, code: str
) -> None:
    address = f"{blobs}/{name}?sig=secret-signature"
    heard = node.run("/bin/true", resource_files=(ResourceFile(address, "x"),))
    assert heard.failure is not None
    assert heard.failure.code == code
    assert "secret-signature" not in repr(heard.failure)
    assert list((node.directory / "wd").iterdir()) == []


@pytest.mark.parametrize("host", ["[bad", "host:port", "a" * 100])
def test_malformed_address_is_a_download_error_that_does_not_quote_it(node: Node, host: str) -> None:
    address = f"http://{host}/x?sig=secret-signature"
    heard = node.run("/bin/true", resource_files=(ResourceFile(address, "x"),))
    assert heard.failure is not None
    assert heard.failure.code == "BlobDownloadMiscError"
    assert "secret-signature" not in repr(heard.failure)


@pytest.mark.parametrize("name", ["silent", "trickling"])
def test_end_of_a_run_does_not_wait_for_its_resource_files(node: Node, blobs: str, name: str) -> None:
    run_id = node.start("/bin/true", resource_files=(ResourceFile(f"{blobs}/{name}", "x"),))
    heard = node.end(run_id)
    assert (heard.started, heard.exit_code, heard.failure) == (False, None, None)
    assert not (node.directory / "wd" / "x").exists()


def test_server_that_is_not_there_is_a_download_error(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    heard = node.run("/bin/true", resource_files=(ResourceFile("http://127.0.0.1:1/x", "x"),))
    assert heard.failure is not None
    assert heard.failure.code == "BlobDownloadMiscError"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/tmp/x", ""])
def test_resource_file_outside_of_wd_is_refused(node: Node, blobs: str, path: str) -> None:
    heard = node.run("/bin/true", resource_files=(ResourceFile(f"{blobs}/200", path),))
    assert heard.failure is not None
    assert heard.failure.code == "ResourceFileCreateFailed"


def test_resource_file_behind_a_link_out_of_wd_is_refused(node: Node, blobs: str, tmp_path: Path) -> None:
    node.run(f"/bin/ln -s {tmp_path} link")
    heard = node.run("/bin/true", resource_files=(ResourceFile(f"{blobs}/200", "link/x"),))
    assert heard.failure is not None
    assert heard.failure.code == "ResourceFileCreateFailed"
    assert not (tmp_path / "x").exists()


def test_address_of_another_scheme_is_never_opened(node: Node) -> None:
    heard = node.run("/bin/true", resource_files=(ResourceFile("file:///etc/passwd", "x"),))
    assert heard.failure is not None
    assert heard.failure.code == "BlobDownloadMiscError"
