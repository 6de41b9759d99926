"""The seam between the provider and Azure: what is asked of a client, and what fakes implement."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from airflow_provider_batch.domain.requests import Answer, Request

__all__ = ["AsyncBatchPort", "BatchPort"]


@runtime_checkable
class BatchPort(Protocol):
    """Sends requests and waits for the answers; safe to use from several threads."""

    def send(self, request: Request) -> Answer:
        """
        Send one request.

        :param request: what to send.
        :return: the answer of the service.
        :raises BatchServiceError: the service refused; the class and ``code`` say why.
        :raises BatchUnavailableError: there was no usable answer; the outcome of a write is unknown.
        """
        ...

    def close(self) -> None:
        """Give back connections and credentials; may be called twice."""
        ...


@runtime_checkable
class AsyncBatchPort(Protocol):
    """Sends requests without blocking the event loop; belongs to one loop."""

    async def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`BatchPort.send`.

        :param request: what to send.
        :return: the answer of the service.
        """
        ...

    async def close(self) -> None:
        """Give back connections and credentials; may be called twice."""
        ...
