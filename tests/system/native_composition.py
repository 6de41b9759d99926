"""
``docker-compose.yaml`` without containers: each service's own command, environment, order and health check.

What is run stands in the file; only what containers alone have is replaced, text by text:

==================================  =====================================================================
in the file                         here
==================================  =====================================================================
``<service>:<its port>``            127.0.0.1 and a free port; any other port of that name stays, and fails
the service's own port              the same free port, in its own command and health check only
``0.0.0.0``                         127.0.0.1: containers have a network of their own, this machine has not
target of a volume, AIRFLOW_HOME    the same path below a folder of the service; volumes are links in there
``${NAME:-default}``                the default
the image                           :class:`Image`: folders with the programs, and the environment it sets
==================================  =====================================================================

Not imitated: ``restart`` (a service that ends fails the test), ``:ro``, ``init``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demo.ports import LOOPBACK, free_port
from demo.processes import Service, Services
from demo.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "docker-compose.yaml"
COMPOSITION: Mapping[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSITION["services"]

#: how long ``airflow db migrate`` may take on two busy cores, seconds
COMPLETION_LIMIT_SECONDS = 180.0

#: where services listen whose port is not published
_UNPUBLISHED_PORTS = {"example-files": "8000", "postgres": "5432"}
#: what an image of a Unix has; and where this project's image, as each of its kind, has Python's programs
_SYSTEM_FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin"))


def dockerfile_environment() -> dict[str, str]:
    """Return what ``docker/Dockerfile`` sets for all services of its image."""
    text = (PROJECT / "docker" / "Dockerfile").read_text()
    assignments = re.findall(r"^ENV (.+)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for line in assignments for word in line.split())


@dataclass(frozen=True)
class Image:
    """
    What stands in for an image.

    :param programs: folders with its programs.
    :param environment: what it sets itself.
    :param command: what it runs when the service says nothing.
    :param more_arguments: appended to the command, such as ports that the image settles by its default.
    :param user: whom it runs as; None for this process' own user.
    :param folder: working directory; None for the service's own folder.
    """

    programs: Sequence[Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    more_arguments: Sequence[str] = ()
    user: str | None = None
    folder: Path | None = None


def own_image() -> Image:
    """Return the image of ``docker/Dockerfile``: the environment that this runs in has the same programs."""
    return Image([Path(sys.executable).parent], dockerfile_environment())


class NativeComposition:
    """
    The services as processes of this machine.

    :param folder: gets the services' folders and the volumes.
    :param services: starts and ends the processes.
    """

    def __init__(self, folder: Path, services: Services) -> None:
        self._folder = folder
        self._services = services
        self._started: dict[str, Service] = {}
        self._images: dict[str, Image] = {}
        self.ports = {name: free_port() for name in SERVICES if _container_port(name)}

    def start(self, name: str, images: Mapping[str, Image]) -> None:
        """
        Start a service, after those that it depends on and once what it waits for has come true.

        Safe to repeat.

        :param images: by service; this project's own for the rest.
        """
        if name in self._started:
            return
        service = SERVICES[name]
        for needed, need in service.get("depends_on", {}).items():
            self.start(needed, images)
            if need["condition"] == "service_completed_successfully":
                self._wait_until_completed(needed)
            else:
                self.wait_until_healthy(needed)
        image = self._images[name] = images.get(name) or own_image()
        command = [self._native(name, word) for word in service.get("command", image.command)]
        self._link_volumes(name)
        self._started[name] = self._services.start(
            name,
            [*command, *image.more_arguments],
            environment=self._environment(name),
            folder=image.folder or self._root(name),
            user=image.user,
        )

    def wait_until_healthy(self, name: str) -> None:
        """
        Return when the service's own health check passes, within the time that the file gives it.

        :raises TimeoutError: with what the last check printed.
        :raises demo.processes.ServiceDied: when the service ends instead.
        """
        check = SERVICES[name]["healthcheck"]
        kind, *words = check["test"]
        assert kind == "CMD", f"{name}: only an argument list is run here"
        command = [self._native(name, word) for word in words]
        printed = ""

        def passes() -> bool:
            nonlocal printed
            self._started[name].check()
            try:
                result = subprocess.run(
                    command,
                    env=self._environment(name),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=_seconds(check["timeout"]),
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                printed = str(error)
                return False
            printed = result.stdout
            return result.returncode == 0

        limit = _seconds(check.get("start_period", "0s")) + check["retries"] * _seconds(check["interval"])
        try:
            wait_for(passes, f"{name} to be healthy", limit_seconds=limit)
        except TimeoutError as error:
            log = self._started[name].log_tail()
            raise TimeoutError(f"{error}; its check printed:\n{printed}\nits log ends:\n{log}") from None

    def volume(self, name: str) -> Path:
        """Return the folder that stands in for a named volume."""
        folder = self._folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _wait_until_completed(self, name: str) -> None:
        service = self._started[name]
        wait_for(
            lambda: service.popen.poll() is not None,
            f"{name} to complete",
            limit_seconds=COMPLETION_LIMIT_SECONDS,
        )
        assert service.popen.returncode == 0, f"{name} failed:\n{service.log_text()}"

    def _root(self, name: str) -> Path:
        return self._folder / "containers" / name

    def _link_volumes(self, name: str) -> None:
        root = self._root(name)
        root.mkdir(parents=True)
        # The image's own folders first: a volume lies within one of them.
        if home := self._images[name].environment.get("AIRFLOW_HOME"):
            _below(root, home).mkdir(parents=True)
        for volume in SERVICES[name].get("volumes", []):
            source, target = volume.split(":")[:2]
            link = _below(root, target)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(PROJECT / source if source.startswith("./") else self.volume(source))

    def _environment(self, name: str) -> dict[str, str]:
        """Return the whole environment of a service: nothing of this process' own may make up for a gap."""
        image = self._images[name]
        given = {**image.environment, **SERVICES[name].get("environment", {})}
        return {
            "LANG": "C.UTF-8",
            "PATH": ":".join(map(str, [*image.programs, *_SYSTEM_FOLDERS])),
            **{key: self._native(name, value) for key, value in given.items()},
        }

    def _native(self, name: str, text: str) -> str:
        """Replace, in a text of the service, what only containers have."""
        natives = {"0.0.0.0": LOOPBACK}  # noqa: S104 # what is not listened on
        for other, port in self.ports.items():
            natives[f"{other}:{_container_port(other)}"] = f"{LOOPBACK}:{port}"
        if name in self.ports:
            natives[str(_container_port(name))] = str(self.ports[name])
        paths = [volume.split(":")[1] for volume in SERVICES[name].get("volumes", [])]
        if home := self._images[name].environment.get("AIRFLOW_HOME"):
            paths.append(home)
        natives |= {path: str(_below(self._root(name), path)) for path in paths}

        longest_first = sorted(natives, key=len, reverse=True)
        pattern = rf"(?<![\w.])({'|'.join(map(re.escape, longest_first))})(?![\w.])"
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        return re.sub(pattern, lambda found: natives[found[0]], text)


def _container_port(name: str) -> str | None:
    """Where the service listens in its container."""
    for published in SERVICES[name].get("ports", []):
        return str(published.split(":")[2])
    return _UNPUBLISHED_PORTS.get(name)


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _seconds(duration: str) -> float:
    assert re.fullmatch(r"\d+s", duration), duration
    return float(duration[:-1])
