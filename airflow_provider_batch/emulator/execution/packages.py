"""
Application packages: fetched once per node, unpacked, and announced in variables.

Source: reference of the service, section 5.3.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_batch.emulator.execution.archives import ArchiveError, unpack
from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled
from airflow_provider_batch.emulator.execution.layout import one_name
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed, no_room
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import PackageReference
from airflow_provider_batch.emulator.storage import blobs

_PREFIX = "AZ_BATCH_APP_PACKAGE_"
_NO_NAME = re.compile(r"[.\-#]")
#: which packages the node itself has, as its tasks know them
_MANIFEST = "volatile/packages.json"


@dataclass(frozen=True)
class PackageBlob:
    """
    Where a package is.

    :param application_id: as the application was made.
    :param version: the one that is meant when the reference names none.
    :param url: to read the zip file.
    """

    application_id: str
    version: str
    url: str


Locate = Callable[[PackageReference], PackageBlob | None]
"""Finds a package; None when there is none, or no version is the default one."""


def no_packages(_reference: PackageReference) -> PackageBlob | None:
    """An account without applications."""
    return None


class Packages:
    """
    The packages on all nodes.

    :param locate: finds them in the account; called without the engine's lock.
    """

    def __init__(self, locate: Locate, timeout_seconds: float) -> None:
        self._locate = locate
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._busy: dict[Path, threading.Lock] = {}

    def deploy(
        self, references: Sequence[PackageReference], node: Path, cancelled: Cancelled
    ) -> dict[str, str]:
        """
        Bring packages to a node, unless it has them.

        :param node: root directory of the node.
        :return: variables that tell where they are.
        :raises PreparationFailed: one of them cannot be had.
        """
        variables: dict[str, str] = {}
        for reference in references:
            variables.update(variables_of(reference, self._deployed(reference, node, cancelled)))
        return variables

    def deploy_to_node(
        self, references: Sequence[PackageReference], node: Path, cancelled: Cancelled
    ) -> None:
        """Bring the packages of a pool to a node, and announce them to every task there from now on."""
        variables = self.deploy(references, node, cancelled)
        manifest = node / _MANIFEST
        part = manifest.with_suffix(".part")
        part.write_text(json.dumps(variables), encoding="utf-8")
        part.replace(manifest)

    def _deployed(self, reference: PackageReference, node: Path, cancelled: Cancelled) -> Path:
        blob = self._locate(reference)
        if blob is None:
            raise _failed(reference, "There is no such package, or it is not active.")
        directory = node / "applications" / one_name(blob.application_id) / one_name(blob.version)
        with self._lock:
            busy = self._busy.setdefault(directory, threading.Lock())
        with busy:
            if not directory.is_dir():
                if cancelled():
                    raise Abandoned
                self._fetch(reference, blob, node, directory, cancelled)
        return directory

    def _fetch(
        self,
        reference: PackageReference,
        blob: PackageBlob,
        node: Path,
        directory: Path,
        cancelled: Cancelled,
    ) -> None:
        try:
            work = Path(tempfile.mkdtemp(dir=node / "volatile", prefix="package-"))
        except OSError as error:
            raise _failed(reference, error.strerror or "no directory", error) from None
        try:
            archive, content = work / "package.zip", work / "content"
            content.mkdir()
            blobs.download(blob.url, archive, timeout_seconds=self._timeout_seconds)
            unpack(archive, content, cancelled)
            if cancelled():
                raise Abandoned
            directory.parent.mkdir(parents=True, exist_ok=True)
            content.rename(directory)
        except blobs.BlobError as error:
            # The text of the error has the address, though masked: the code says enough.
            raise _failed(reference, error.code) from None
        except ArchiveError as error:
            raise _failed(reference, str(error)) from None
        except OSError as error:
            raise _failed(reference, error.strerror or "unknown", error) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _failed(reference: PackageReference, reason: str, error: OSError | None = None) -> PreparationFailed:
    what = f"application package {reference.application_id}"
    failure = None if error is None else no_room(error, what)
    return PreparationFailed(
        failure or failures.application_package_failed(reference.application_id, reference.version, reason)
    )


def node_variables(node: Path) -> Mapping[str, str]:
    """Return the variables for the packages that a node has from its pool."""
    try:
        variables: dict[str, str] = json.loads((node / _MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return variables


def variables_of(reference: PackageReference, directory: Path) -> dict[str, str]:
    """
    Return the variables of one package: in the given case, in upper and in lower case.

    A reference without a version has its variable without one.
    """
    words = [reference.application_id, *([] if reference.version is None else [reference.version])]
    name = _NO_NAME.sub("_", "_".join(words))
    return {f"{_PREFIX}{variant}": str(directory) for variant in (name, name.upper(), name.lower())}
