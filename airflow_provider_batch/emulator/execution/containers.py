"""
Commands in containers, by the program that the emulator was given for them (``docker``, ``podman``, ...).

Every call is a list of arguments, no shell. Passwords go through standard input, variables through a file
that only this user can read.

Source: reference of the service, sections 2.4 and 4.6; "Run container workloads" for what a container sees.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled
from airflow_provider_batch.emulator.execution.layout import WORKING_DIRECTORY
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.containers import (
    BindMount,
    ContainerInfo,
    ContainerRegistry,
    ContainerSettings,
    ContainerWorkingDirectory,
    HostDataPath,
)

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.05
_REMOVE_SECONDS = 30.0
#: exit code of docker and podman for what is their own fault, not the command's
_RUNTIME_FAILED = 125
#: what is said of a runtime that says a lot
_SAID_CHARACTERS = 500
#: of this process, for the runtime itself: none of it reaches the container
_RUNTIME_VARIABLES = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "TMPDIR")
_RUNTIME_PREFIXES = ("DOCKER_", "CONTAINER_", "CONTAINERS_", "PODMAN_")


@dataclass(frozen=True)
class NodePlaces:
    """
    Directories of a node, as containers may see them; the same inside as outside.

    :param job_preparation: None for a job without a preparation task.
    """

    root: Path
    task: Path
    job_preparation: Path | None = None

    def of(self, source: HostDataPath) -> Path | None:
        """Return one of them."""
        return {
            HostDataPath.SHARED: self.root / "shared",
            HostDataPath.STARTUP: self.root / "startup",
            HostDataPath.VFS_MOUNTS: self.root / "fsmounts",
            HostDataPath.TASK: self.task,
            HostDataPath.JOB_PREP: self.job_preparation,
            HostDataPath.APPLICATIONS: self.root / "applications",
        }[source]


class Container:
    """
    The container of one run, from its image to its end; several instances need two of them, one by one.

    :param runtime: program that runs containers; None when the emulator was given none.
    :param registries: of the pool; None for a pool that takes no containers.
    """

    def __init__(
        self,
        settings: ContainerSettings,
        places: NodePlaces,
        runtime: str | None,
        registries: Sequence[ContainerRegistry] | None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._runtime = runtime
        self._registries = registries
        self._names: list[str] = []
        self._private: Path | None = None

    # --- before ---------------------------------------------------------------------------------------

    def prepare(self, cancelled: Cancelled) -> None:
        """
        Fetch the image, unless it is there.

        :raises PreparationFailed: there is no way to run containers, or the image cannot be had.
        """
        if self._registries is None:
            raise PreparationFailed(
                failures.container_invalid_settings("The pool has no containerConfiguration.")
            )
        runtime = self._found_runtime()
        self._private = Path(tempfile.mkdtemp(dir=self._places.root / "volatile", prefix="container-"))
        for registry in self._logins():
            login = [runtime, "login", "--username", registry.username or "", "--password-stdin"]
            said = _ask([*login, registry.server], self.environment(), cancelled, registry.password or "")
            if said is not None:
                raise PreparationFailed(failures.container_invalid_registry(registry.server, said))
        image = self._settings.image
        if _ask([runtime, "image", "inspect", image], self.environment(), cancelled) is not None:
            said = _ask([runtime, "pull", image], self.environment(), cancelled)
            if said is not None:
                raise PreparationFailed(failures.container_invalid_image(image, said))

    def _found_runtime(self) -> str:
        if self._runtime is None:
            reason = "The emulator runs containers only when it was started with --container-runtime."
            raise PreparationFailed(failures.container_failed(reason))
        found = shutil.which(self._runtime)
        if found is None:
            raise PreparationFailed(
                failures.container_failed(f"There is no program {self._runtime!r} to run containers.")
            )
        return found

    def _logins(self) -> list[ContainerRegistry]:
        own = [] if self._settings.registry is None else [self._settings.registry]
        return [registry for registry in (*(self._registries or ()), *own) if registry.username is not None]

    # --- the command ----------------------------------------------------------------------------------

    def words(self, command_line: str, variables: Mapping[str, str]) -> list[str]:
        """
        Return program and arguments.

        :param command_line: empty for what the image says.
        :param variables: what the command inside shall see.
        :raises PreparationFailed: the options or the command line cannot be split.
        """
        settings = self._settings
        self._names.append(f"batch-{uuid.uuid4().hex}")
        return [
            self._found_runtime(),
            *("run", "--rm", "--name", self._names[-1], "--cidfile", str(self._id_file)),
            *self._mounts(),
            *self._variables(variables),
            *self._working_directory(),
            *_split(settings.run_options),
            settings.image,
            *_split(command_line),
        ]

    def environment(self) -> dict[str, str]:
        """Return the variables of the runtime itself; what logs in is kept apart, and goes with the task."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _RUNTIME_VARIABLES or name.startswith(_RUNTIME_PREFIXES)
        }
        # By this name the guard knows what belongs to us.
        kept["AZ_BATCH_NODE_ROOT_DIR"] = str(self._places.root)
        if self._private is not None and self._logins():
            kept["DOCKER_CONFIG"] = str(self._private)
            kept["REGISTRY_AUTH_FILE"] = str(self._private / "auth.json")
        return kept

    def _mounts(self) -> list[str]:
        mounts = self._settings.mounts
        if mounts is None:
            return ["--volume", f"{self._places.root}:{self._places.root}"]
        words: list[str] = []
        for mount in mounts:
            words += self._mount(mount)
        return words

    def _mount(self, mount: BindMount) -> list[str]:
        place = self._places.of(mount.source)
        if place is None:
            return []
        return ["--volume", f"{place}:{place}:ro" if mount.is_read_only else f"{place}:{place}"]

    def _variables(self, variables: Mapping[str, str]) -> list[str]:
        file = self._file("variables")
        lines = [f"{name}={value}\n" for name, value in variables.items() if not _needs_argument(name, value)]
        file.touch(mode=0o600)
        file.write_text("".join(lines), encoding="utf-8")
        words = ["--env-file", str(file)]
        for name, value in variables.items():
            if _needs_argument(name, value):
                words += ["--env", f"{name}={value}"]
        return words

    def _working_directory(self) -> list[str]:
        if self._settings.working_directory is ContainerWorkingDirectory.IMAGE_DEFAULT:
            return []
        return ["--workdir", str(self._places.task / WORKING_DIRECTORY)]

    @property
    def _id_file(self) -> Path:
        return self._file(f"{self._names[-1]}.id")

    def _file(self, name: str) -> Path:
        if self._private is None:
            raise RuntimeError("the container was not prepared")
        return self._private / name

    # --- after ----------------------------------------------------------------------------------------

    def info(self) -> ContainerInfo | None:
        """Return what is known of the container after its end; None when there never was one."""
        try:
            container_id = self._id_file.read_text().strip()
        except OSError:
            return None
        return ContainerInfo(container_id, "exited")

    def check(self, exit_code: int) -> None:
        """
        See whether the runtime itself has failed, rather than the command inside.

        :raises PreparationFailed: it has; stderr.txt holds what it said.
        """
        if exit_code == _RUNTIME_FAILED and not self._id_file.exists():
            reason = "The container runtime refused; stderr.txt says why."
            raise PreparationFailed(failures.container_invalid_settings(reason))

    def close(self, *, is_killed: bool) -> None:
        """
        Leave nothing behind.

        :param is_killed: the runtime's client was ended from outside, which need not reach the container.
        """
        if self._private is None:
            return
        for name in self._names if is_killed else ():
            _remove([self._found_runtime(), "rm", "--force", name], self.environment())
        shutil.rmtree(self._private, ignore_errors=True)


def _needs_argument(name: str, value: str) -> bool:
    """A line of the file of variables holds neither line breaks nor a name that looks like a comment."""
    return "\n" in value or "\r" in value or name.startswith("#") or name != name.strip()


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise PreparationFailed(failures.container_invalid_settings(str(error))) from None


def _ask(
    words: list[str], environment: Mapping[str, str], cancelled: Cancelled, entered: str = ""
) -> str | None:
    """Run a short command of the runtime; return the end of what it complains about, None when it is well."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(entered.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                words,
                env=dict(environment),
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise PreparationFailed(failures.container_failed(error.strerror or "not started")) from None
        while process.poll() is None:
            if cancelled():
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise Abandoned
            time.sleep(_PAUSE_SECONDS)
        if process.returncode == 0:
            return None
        said.seek(0)
        return said.read().decode("utf-8", "replace").strip()[-_SAID_CHARACTERS:] or "no reason was given"


def _remove(words: list[str], environment: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            words,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_REMOVE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("The container %s may still be there: %s", words[-1], type(error).__name__)
