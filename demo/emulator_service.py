"""The emulator as a service of the demo, and the connection that leads to it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.ports import free_port
from demo.processes import Service, Services
from demo.waiting import wait_for

#: the connection that operators use when none is named
CONNECTION_ID = "azure_batch_account_default"
ACCOUNT_NAME = "devbatch"

_LISTENING = re.compile(r"^batch-emulator listening on (?P<url>\S+)$", re.MULTILINE)
_KEY = re.compile(r"^batch-emulator: account key (?P<key>\S+)$", re.MULTILINE)


class EmulatorService:
    """
    A Batch account on this machine.

    :param services: starts and ends the process.
    :param root: folder for the nodes' files.
    :param preferred_port: its port when it is free.
    :param arguments: further arguments of its command line.
    """

    def __init__(
        self, services: Services, root: Path, *, preferred_port: int = 0, arguments: Sequence[str] = ()
    ) -> None:
        self._services = services
        self._root = root.resolve()
        self._preferred_port = preferred_port
        self._arguments = tuple(arguments)
        self.url = ""
        self._key = ""

    def start(self) -> None:
        """
        Start it and return when it listens.

        :raises demo.processes.ServiceDied: when it ends instead.
        """
        # A key of its own: the default one is public, and the emulator runs what it is told.
        service = self._services.start(
            "batch-emulator",
            [
                *(sys.executable, "-m", "airflow_provider_batch.emulator", "serve"),
                *("--port", str(free_port(self._preferred_port))),
                *("--account-name", ACCOUNT_NAME, "--account-key", "random"),
                *("--root", str(self._root)),
                *self._arguments,
            ],
            # The example's programs run with this Python, whatever else the machine has.
            environment={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
        )
        listening = wait_for(lambda: _listening(service), "the emulator to listen", limit_seconds=60)
        self.url = listening["url"]
        self._key = _KEY.search(service.log_text())["key"]  # type: ignore[index] # printed before it listens

    @property
    def connection(self) -> dict[str, object]:
        """The Airflow connection as a JSON object."""
        return {
            "conn_type": "azure_batch_account",
            "login": ACCOUNT_NAME,
            "password": self._key,
            "extra": {"account_url": self.url},
        }


def _listening(service: Service) -> re.Match[str] | None:
    service.check()
    return _LISTENING.search(service.log_text())
