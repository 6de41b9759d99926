"""
Start Azurite's blob service as a process of its own, from npm: the version that docker-compose.yaml names.

Example::

    with AzuriteProcess.start(tmp_path) as azurite:
        emulator = EmulatorProcess.start(root, arguments=["--auto-storage", azurite.connection_string])
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.ports import free_port

PROJECT = Path(__file__).parents[1]
CACHE = PROJECT / ".demo"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_LIMIT_SECONDS = 60
END_LIMIT_SECONDS = 20


@dataclass(frozen=True)
class AzuriteProcess:
    """A running blob service. Make one with :meth:`start`."""

    port: int

    @property
    def endpoint(self) -> str:
        """Address of the account."""
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        return f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint}"

    @classmethod
    @contextmanager
    def start(cls, folder: Path) -> Iterator[AzuriteProcess]:
        """
        Start, wait until it listens, and end it with the block.

        :param folder: for its data; made when it is absent.
        """
        port = free_port()
        program = installed_azurite(azurite_version(), CACHE) / "node_modules" / ".bin" / "azurite-blob"
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "azurite.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    *(str(program), "--blobPort", str(port), "--location", str(folder)),
                    *("--silent", "--disableTelemetry"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _await_listening(process, port, log)
            yield cls(port)
        finally:
            process.terminate()
            try:
                process.wait(END_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(END_LIMIT_SECONDS)


def azurite_version() -> str:
    """The version that the composition runs."""
    found = re.search(r"azure-storage/azurite:(\S+)", (PROJECT / "docker-compose.yaml").read_text())
    assert found is not None
    return found[1]


def installed_azurite(version: str, cache: Path) -> Path:
    """
    Install Azurite with npm when the cache does not have it yet; return the folder.

    :param cache: keeps one installation per version.
    """
    npm = shutil.which("npm")
    assert npm is not None, "Azurite comes from npm, which is not installed"
    folder = cache / f"azurite-{version}"
    if not folder.is_dir():
        # Under another name first: an interrupted attempt must not count as installed.
        making = cache / f"{folder.name}.{os.getpid()}"
        making.mkdir(parents=True)
        try:
            result = subprocess.run(
                [npm, "install", "--no-audit", "--no-fund", "--prefix", str(making), f"azurite@{version}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert result.returncode == 0, f"npm could not install Azurite {version}:\n{result.stdout}"
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making)
            raise
    return folder


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        late = time.monotonic() > deadline
        assert process.poll() is None, f"Azurite ended:\n{log.read_text()}"
        assert not late, f"Azurite does not listen:\n{log.read_text()}"
        time.sleep(0.05)
