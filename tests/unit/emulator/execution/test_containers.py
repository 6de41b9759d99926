"""Commands in containers, with a program in place of docker that writes down what it is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.model.containers import (
    BindMount,
    ContainerRegistry,
    ContainerSettings,
    ContainerWorkingDirectory,
    HostDataPath,
)
from tests.container_runtime import fake_runtime
from tests.unit.emulator.execution.conftest import Heard, Node

REGISTRIES = (ContainerRegistry("reg.io", "me", "right"),)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    return fake_runtime(tmp_path / "runtime")


@pytest.fixture
def settings(runtime: Path) -> ExecutionSettings:
    return ExecutionSettings(kill_grace_seconds=0.1, container_runtime=str(runtime))


@pytest.fixture
def calls(runtime: Path) -> Any:
    """Gives all calls of the program so far."""
    return lambda: [json.loads(line) for line in (runtime.parent / "calls").read_text().splitlines()]


def run(node: Node, command_line: str = "/bin/true", image: str = "present", **more: Any) -> Heard:
    registries = more.pop("registries", ())
    environment = more.pop("environment", None)
    container = ContainerSettings(image, **more)
    return node.run(command_line, container=container, registries=registries, environment=environment)


def words_of(calls: Any, verb: str) -> list[str]:
    return next(call["words"] for call in calls() if call["words"][0] == verb)


def values(words: list[str], option: str) -> list[str]:
    return [words[index + 1] for index, word in enumerate(words) if word == option]


def test_command_runs_in_the_image_as_one_list_of_arguments(node: Node, calls: Any) -> None:
    heard = run(node, "/bin/sh -c 'echo \"$0 ; |\"; pwd' 'a b'", run_options="--memory 1g --init")
    assert heard.exit_code == 0
    assert node.stdout == f"a b ; |\n{node.directory}/wd\n"
    words = words_of(calls, "run")
    image = words.index("present")
    assert words[image + 1 :] == ["/bin/sh", "-c", 'echo "$0 ; |"; pwd', "a b"]
    assert words[image - 3 : image] == ["--memory", "1g", "--init"]
    assert words[:2] == ["run", "--rm"]
    assert values(words, "--workdir") == [f"{node.directory}/wd"]
    root = node.layout.node("p", "n")
    assert values(words, "--volume") == [f"{root}:{root}"]


def test_container_is_told_of_when_it_is_over(node: Node) -> None:
    heard = run(node, "/bin/sh -c 'exit 3'")
    assert heard.exit_code == 3
    assert heard.container is not None
    assert (heard.container.container_id, heard.container.state) == ("0123abcd", "exited")


def test_container_sees_the_tasks_variables_and_not_the_nodes_search_path(node: Node) -> None:
    variables = {"PLAIN": "a b", "LINES": "1\n2", "HASH": "#x", "PATH": "/own"}
    run(
        node,
        f"{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'",
        environment=variables,
    )
    seen = json.loads(node.stdout)
    assert {name: seen[name] for name in variables} == variables
    assert seen["AZ_BATCH_TASK_ID"] == "t"
    assert "HOME" not in seen


def test_variables_are_no_arguments_that_others_could_read(node: Node, calls: Any) -> None:
    run(node, environment={"SECRET": "s3cret"})
    assert "s3cret" not in str(calls())


def test_image_decides_where_it_begins_if_asked(node: Node, calls: Any) -> None:
    run(node, working_directory=ContainerWorkingDirectory.IMAGE_DEFAULT)
    assert "--workdir" not in words_of(calls, "run")


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ((), []),
        (
            (BindMount(HostDataPath.SHARED), BindMount(HostDataPath.TASK, True)),
            ["{r}/shared:{r}/shared", "{t}:{t}:ro"],
        ),
        ((BindMount(HostDataPath.JOB_PREP),), []),
    ],
)
def test_only_the_wanted_directories_are_mounted(
    node: Node, calls: Any, mounts: tuple[BindMount, ...], expected: list[str]
) -> None:
    run(node, mounts=mounts)
    root = node.layout.node("p", "n")
    wanted = [text.format(r=root, t=node.directory) for text in expected]
    assert values(words_of(calls, "run"), "--volume") == wanted


def test_empty_command_line_runs_what_the_image_says(node: Node) -> None:
    assert run(node, "").exit_code == 0
    assert node.stdout == "what the image says\n"


def test_image_that_is_not_there_is_pulled(node: Node, calls: Any) -> None:
    assert run(node, image="far").exit_code == 0
    assert words_of(calls, "pull") == ["pull", "far"]


def test_image_that_nobody_has_fails_the_task(node: Node) -> None:
    heard = run(node, image="absent")
    assert heard.failure is not None
    assert heard.failure.code == "ContainerInvalidImage"
    assert not heard.started


def test_password_goes_through_standard_input_into_a_place_of_the_task(node: Node, calls: Any) -> None:
    run(node, registries=REGISTRIES)
    login = next(call for call in calls() if call["words"][0] == "login")
    assert login["words"] == ["login", "--username", "me", "--password-stdin", "reg.io"]
    assert login["entered"] == "right"
    assert login["config"].startswith(str(node.layout.node("p", "n") / "volatile"))
    assert not Path(login["config"]).exists()


def test_registry_that_refuses_fails_the_task(node: Node) -> None:
    heard = run(node, registry=ContainerRegistry("reg.io", "me", "wrong"))
    assert heard.failure is not None
    assert heard.failure.code == "ContainerInvalidRegistry"
    assert "wrong" not in str(heard.failure)


def test_what_the_runtime_refuses_fails_the_task(node: Node) -> None:
    heard = run(node, run_options="--refuse")
    assert heard.failure is not None
    assert heard.failure.code == "ContainerInvalidSettings"
    assert (node.directory / "stderr.txt").read_text() == "refused\n"


def test_options_that_cannot_be_split_fail_the_task(node: Node) -> None:
    heard = run(node, run_options="'open")
    assert heard.failure is not None
    assert heard.failure.code == "ContainerInvalidSettings"


def test_pool_without_containers_fails_the_task(node: Node) -> None:
    heard = run(node, registries=None)
    assert heard.failure is not None
    assert heard.failure.code == "ContainerInvalidSettings"


def test_killed_container_is_removed(node: Node, calls: Any) -> None:
    container = ContainerSettings("present")
    run_id = node.start("/bin/sh -c 'echo up; exec sleep 1000'", container=container, registries=())
    node.wait_for_output("up\n")
    node.end(run_id)
    name = values(words_of(calls, "run"), "--name")[0]
    assert words_of(calls, "rm") == ["rm", "--force", name]


class TestWithoutRuntime:
    """An emulator that was given no program for containers."""

    @pytest.fixture
    def settings(self) -> ExecutionSettings:
        return ExecutionSettings()

    def test_task_in_a_container_fails_and_says_why(self, node: Node) -> None:
        heard = run(node)
        assert heard.failure is not None
        assert heard.failure.code == "ContainerMiscError"
        assert "--container-runtime" in str(heard.failure.details)


def test_program_that_is_not_there_fails_the_task(tmp_path: Path) -> None:
    node = Node(tmp_path / "root", ExecutionSettings(container_runtime="/no/such/docker"))
    try:
        heard = run(node)
        assert heard.failure is not None
        assert heard.failure.code == "ContainerMiscError"
    finally:
        node.executor.close()
