"""
One run of a command, from what it needs before to what it leaves behind.

A task on one node: resource files and packages, the command, the output files. An instance of a task on
several nodes begins with the coordination command, whose children live on until the whole task is over; the
primary then runs the task's own command.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from airflow_provider_batch.emulator.execution import resources
from airflow_provider_batch.emulator.execution.containers import Container, NodePlaces
from airflow_provider_batch.emulator.execution.environment import BASE_VARIABLES
from airflow_provider_batch.emulator.execution.errands import Cancelled, Errand
from airflow_provider_batch.emulator.execution.guard import Guard
from airflow_provider_batch.emulator.execution.layout import WORKING_DIRECTORY, Layout
from airflow_provider_batch.emulator.execution.packages import Packages
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed
from airflow_provider_batch.emulator.execution.processes import ProcessGroup, split
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.execution.storage_access import StorageAccess
from airflow_provider_batch.emulator.execution.uploads import Uploads, wanted
from airflow_provider_batch.emulator.machine.instructions import RunKind, RunProcess
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.containers import ContainerInfo
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.model.multi_instance import PRIMARY


@dataclass(frozen=True)
class Means:
    """What runs share: the ways to the network, to processes and to directories."""

    layout: Layout
    guard: Guard
    access: StorageAccess
    packages: Packages
    settings: ExecutionSettings


@dataclass(frozen=True)
class RunEnd:
    """
    How a run ended.

    :param exit_code: None when it was ended before it began.
    :param upload_failure: why an output file could not be uploaded.
    """

    exit_code: int | None
    upload_failure: FailureInfo | None = None
    container: ContainerInfo | None = None


class Work(Protocol):
    """What the executor does with a run; :meth:`end`, :meth:`proceed` and :meth:`freeze` come from others."""

    def make_directories(self) -> None:
        """Make the directories; trouble is kept for :meth:`start`, whose failure is reported."""
        ...

    def start(self) -> bool:
        """
        Prepare everything and start; whether something runs now.

        :raises PreparationFailed: why it cannot be started.
        """
        ...

    def finish(self, coordinated: Callable[[], None]) -> RunEnd:
        """
        Wait for the end of what :meth:`start` has started, if it has.

        :param coordinated: called when the coordination command of an instance has succeeded.
        :raises PreparationFailed: why a second command could not be started.
        """
        ...

    def proceed(self) -> None:
        """Let the primary of several instances run the task's own command."""
        ...

    def freeze(self, *, frozen: bool) -> None:
        """Stop the processes where they are, or let them go on."""
        ...

    def end(self, grace_seconds: float) -> None:
        """End it, or keep it from starting."""
        ...

    def close(self) -> None:
        """Tidy up, whatever came of it."""
        ...


def work_of(instruction: RunProcess, variables: dict[str, str], means: Means) -> Work:
    """Return what performs an instruction."""
    if instruction.kind is RunKind.PACKAGES:
        return PackageRun(instruction, means)
    return CommandRun(instruction, variables, means)


class PackageRun:
    """Brings the packages of a pool to one of its nodes; nothing is left running."""

    def __init__(self, instruction: RunProcess, means: Means) -> None:
        node = means.layout.node(instruction.pool_id, instruction.node_id)

        def deploy(cancelled: Cancelled) -> None:
            means.packages.deploy_to_node(instruction.command.packages, node, cancelled)

        self._errand = Errand(deploy, f"batch-packages-{instruction.run_id}")
        self._exit_code: int | None = None

    def make_directories(self) -> None:
        """Nothing is needed beyond what a node has."""

    def start(self) -> bool:
        """Deploy; when this returns all is over."""
        if self._errand.run():
            self._exit_code = 0
        return False

    def finish(self, coordinated: Callable[[], None]) -> RunEnd:
        """Tell whether the packages are there."""
        return RunEnd(self._exit_code)

    def proceed(self) -> None:
        """There are no instances of this."""

    def freeze(self, *, frozen: bool) -> None:
        """There are no processes."""

    def end(self, grace_seconds: float) -> None:
        """Leave it."""
        self._errand.cancel()

    def close(self) -> None:
        """Nothing is left."""


class CommandRun:
    """One run of a command; see the module."""

    def __init__(self, instruction: RunProcess, variables: dict[str, str], means: Means) -> None:
        self._instruction = instruction
        self._command = instruction.command
        self._variables = variables
        self._means = means
        self._node = means.layout.node(instruction.pool_id, instruction.node_id)
        self._directory = means.layout.inside_node(
            instruction.pool_id, instruction.node_id, instruction.directory
        )
        self._lock = threading.Lock()
        self._unwanted = False
        self._frozen = False
        self._may_go_on = threading.Event()
        self._groups: list[ProcessGroup] = []
        self._container = self._container_of(instruction, variables)
        self._trouble: OSError | None = None
        self._errand = Errand(self._prepare, f"batch-preparation-{instruction.run_id}")

    def _container_of(self, instruction: RunProcess, variables: Mapping[str, str]) -> Container | None:
        settings = instruction.command.container
        if settings is None:
            return None
        preparation = variables.get("AZ_BATCH_JOB_PREP_DIR")
        places = NodePlaces(self._node, self._directory, None if preparation is None else Path(preparation))
        return Container(settings, places, self._means.settings.container_runtime, instruction.registries)

    def make_directories(self) -> None:
        """Make the directories; trouble is kept for :meth:`start`, whose failure is reported."""
        try:
            (self._directory / WORKING_DIRECTORY).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._trouble = error

    # --- before ---------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Fetch what is needed and start the first command; whether it was started."""
        if self._trouble is not None:
            raise PreparationFailed(failures.node_failed(self._trouble.strerror or "no directory"))
        if not self._errand.run():
            return False
        instance = self._instruction.instance
        line = self._command.command_line if instance is None else instance.settings.coordination_command_line
        return self._spawn(line, append=self._instruction.append_output)

    def _prepare(self, cancelled: Cancelled) -> None:
        """Fetch everything; runs in a thread that may be left behind."""
        means, instance = self._means, self._instruction.instance
        timeout = means.settings.download_timeout_seconds
        found = means.packages.deploy(self._command.packages, self._node, cancelled)
        self._variables.update(found)
        if instance is not None:
            common = instance.settings.common_resource_files
            resources.fetch(common, self._directory, means.access, timeout, cancelled)
        if instance is None or instance.number == PRIMARY:
            directory = self._directory / WORKING_DIRECTORY
            resources.fetch(self._command.resource_files, directory, means.access, timeout, cancelled)
        if self._container is not None:
            self._container.prepare(cancelled)

    # --- processes ------------------------------------------------------------------------------------

    def _spawn(self, command_line: str, *, append: bool) -> bool:
        if self._container is None:
            words, environment = split(command_line), self._variables
        else:
            own = {setting.name for setting in self._command.environment_settings}
            words = self._container.words(command_line, _for_container(self._variables, own))
            environment = self._container.environment()
        with self._lock:
            if self._unwanted:
                return False
            group = ProcessGroup(words, self._directory, environment, self._means.guard, append=append)
            self._groups.append(group)
            if self._frozen:
                group.freeze(frozen=True)
        return True

    def finish(self, coordinated: Callable[[], None]) -> RunEnd:
        """
        Wait for the end of what was started, and upload what it has left.

        :raises PreparationFailed: the primary's own command, or the container, could not be started.
        """
        if not self._groups:
            return RunEnd(None)
        exit_code = self._outcome(coordinated)
        info = None if self._container is None else self._container.info()
        if self._container is not None and not self._unwanted:
            self._container.check(exit_code)
        return RunEnd(exit_code, self._upload(exit_code), info)

    def _outcome(self, coordinated: Callable[[], None]) -> int:
        try:
            exit_code = self._groups[0].outcome()
            if self._instruction.instance is not None and exit_code == 0:
                coordinated()
                exit_code = self._go_on()
            return exit_code
        finally:
            for group in self._groups:
                group.close()

    def _go_on(self) -> int:
        """Wait for what the machine wants after the coordination; return the exit code of what was done."""
        self._may_go_on.wait()
        if self._unwanted or not self._spawn(self._command.command_line, append=True):
            return 0
        return self._groups[-1].outcome()

    def proceed(self) -> None:
        """Let the primary run the task's own command."""
        self._may_go_on.set()

    def freeze(self, *, frozen: bool) -> None:
        """Stop the processes where they are, or let them go on."""
        with self._lock:
            self._frozen = frozen
            for group in self._groups:
                group.freeze(frozen=frozen)

    def end(self, grace_seconds: float) -> None:
        """End the commands, or keep them from starting; an upload is left."""
        with self._lock:
            self._unwanted = True
            groups, errand = list(self._groups), self._errand
        errand.cancel()
        for group in groups:
            group.end(grace_seconds)
        self._may_go_on.set()

    # --- after ----------------------------------------------------------------------------------------

    def _upload(self, exit_code: int) -> FailureInfo | None:
        """Upload what the exit code asks for; of several instances only the primary does, if not ended."""
        instance = self._instruction.instance
        outputs = wanted(self._command.output_files, exit_code)
        if not outputs or (instance is not None and instance.number != PRIMARY):
            return None
        means = self._means
        timeout = means.settings.upload_timeout_seconds
        uploads = Uploads(outputs, self._directory, self._variables, means.access, timeout)
        errand = Errand(uploads.run, f"batch-uploads-{self._instruction.run_id}")
        with self._lock:
            if self._unwanted:
                return None
            self._errand = errand
        try:
            return uploads.failure if errand.run() else None
        except OSError as error:
            return failures.upload_failed("", error.strerror or "unknown")

    def close(self) -> None:
        """Remove what containers leave behind."""
        if self._container is not None:
            self._container.close(is_killed=self._unwanted)


def _for_container(variables: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """The node's search path and home mean nothing in an image; what the user has set does."""
    return {name: value for name, value in variables.items() if name not in BASE_VARIABLES or name in own}
