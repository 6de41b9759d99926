"""The addresses that bodies and headers carry; they start with the address under which the client came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

_PATH_SAFE = "!$&'()*+,;=:@-._~"


def api_version(query: str) -> str | None:
    """The ``api-version`` of a query string; None without any."""
    return next((value for name, value in parse_qsl(query) if name.lower() == "api-version"), None)


@dataclass(frozen=True)
class Links:
    """
    Addresses below one endpoint.

    :param endpoint: scheme, host and port, without a slash at the end.
    :param api_version: what the client asked in: a few properties are shown in some versions only.
    """

    endpoint: str
    api_version: str = "2025-06-01"

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> Links:
        """The endpoint that the client of an ASGI request used."""
        host = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "localhost"
        )
        version = api_version(scope["query_string"].decode("latin-1"))
        endpoint = f"{scope['scheme']}://{host}"
        return cls(endpoint) if version is None else cls(endpoint, version)

    def metadata(self, suffix: str) -> str:
        """Value of ``odata.metadata``."""
        return f"{self.endpoint}/$metadata#{suffix}"

    def pool(self, pool_id: str) -> str:
        """Address of a pool."""
        return f"{self.endpoint}/pools/{pool_id}"

    def node(self, pool_id: str, node_id: str) -> str:
        """Address of a node."""
        return f"{self.pool(pool_id)}/nodes/{node_id}"

    def node_file(self, pool_id: str, node_id: str, path: str) -> str:
        """Address of a file on a node."""
        return f"{self.node(pool_id, node_id)}/files/{quote(path, safe='/' + _PATH_SAFE)}"

    def job(self, job_id: str) -> str:
        """Address of a job."""
        return f"{self.endpoint}/jobs/{job_id}"

    def job_schedule(self, schedule_id: str) -> str:
        """Address of a job schedule."""
        return f"{self.endpoint}/jobschedules/{schedule_id}"

    def task(self, job_id: str, task_id: str) -> str:
        """Address of a task."""
        return f"{self.job(job_id)}/tasks/{task_id}"

    def task_file(self, job_id: str, task_id: str, path: str) -> str:
        """Address of a file of a task."""
        return f"{self.task(job_id, task_id)}/files/{quote(path, safe='/' + _PATH_SAFE)}"

    def created_job(self) -> str:
        """What the service answers as the address of a job that was just created, whatever its id."""
        return self.job("job-1")
