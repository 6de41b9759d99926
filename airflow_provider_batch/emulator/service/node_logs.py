"""Uploads a node's log files to a container, for those who ask for help."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import uuid
from datetime import datetime
from pathlib import Path

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.storage.blobs import BlobContainer, BlobError, upload
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.times import parse_time

_log = logging.getLogger(__name__)

#: a client waits meanwhile, for each file
_TIMEOUT_SECONDS = 5.0


class NodeLogs:
    """The operation on log files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def upload(self, pool_id: str, node_id: str, body: Json) -> Found:
        """
        Upload the log files of a node whose time range meets the wanted one.

        The answer counts the files that are wanted; of storage that refuses them or is not there, the
        emulator's log tells, as the service answers before it uploads.
        """
        start = parse_time(body["startTime"])
        end = parse_time(body["endTime"]) if "endTime" in body else None
        if end is not None and end < start:
            raise errors.invalid_property_value("endTime", body["endTime"], "It is before startTime")
        try:
            container = BlobContainer.from_url(body["containerUrl"])
        except ValueError as error:
            # The address holds a signature: it is not repeated.
            raise errors.invalid_property_value("containerUrl", None, str(error)) from None
        logs, place = self._logs(pool_id, node_id, start, end)
        for name, text in logs.items():
            _upload(container, f"{place}/{name}", text)
        return Found({"virtualDirectoryName": place, "numberOfFilesUploaded": len(logs)})

    def _logs(
        self, pool_id: str, node_id: str, start: datetime, end: datetime | None
    ) -> tuple[dict[str, str], str]:
        """Return the log files with their content, and the directory that they go to."""
        with self._engine.reading() as state:
            pool, node = state.pool(pool_id), state.node(pool_id, node_id)
            stories = {
                "agent-debug.log": (node.allocation_time, list(node.story)),
                "pool-debug.log": (pool.creation_time, list(pool.story)),
            }
            started = node.start_task_info
            if started is not None:
                line = f"{started.start_time.isoformat()} start task: {started.state.value}"
                stories["starttask.log"] = (started.start_time, [line])
        account = self._engine.account_name
        mark = hashlib.sha256(account.encode()).hexdigest()[:16].upper()
        place = f"{account}-{mark}/{pool.id}/{node.id}/{uuid.uuid4()}"
        now = self._engine.now()
        wanted = {
            name: "".join(f"{line}\n" for line in lines)
            for name, (since, lines) in stories.items()
            if start <= now and (end is None or end >= since)
        }
        return wanted, place


def _upload(container: BlobContainer, name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "log"
        file.write_text(text, encoding="utf-8")
        headers = {"x-ms-blob-content-type": "text/plain"}
        try:
            upload(container.blob_url(name), file, headers, timeout_seconds=_TIMEOUT_SECONDS)
        except BlobError as error:
            _log.warning("A log file could not be uploaded: %s", error)
