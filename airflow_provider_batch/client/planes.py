"""One port for both planes: what the data plane cannot do goes to the management plane."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from airflow_provider_batch.client.account import ManagementSettings
from airflow_provider_batch.client.ports import BatchPort
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import AzureBatchConfigurationError

__all__ = ["BothPlanes"]


class BothPlanes:
    """
    A :class:`~airflow_provider_batch.client.ports.BatchPort` that sends each request to the plane it is for.

    :param data: port to the data plane.
    :param management: gives the settings of the management plane when they are needed, or raises why there
        are none.
    """

    def __init__(self, data: BatchPort, management: Callable[[], ManagementSettings]) -> None:
        self._data = data
        self._management = management

    def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`~airflow_provider_batch.client.ports.BatchPort.send`.

        :param request: what to send.
        :raises AzureBatchConfigurationError: it is for the management plane, which cannot be asked.
        """
        if request.plane == "data":
            return self._data.send(request)
        try:
            settings = self._management()
        except AzureBatchConfigurationError as error:
            raise AzureBatchConfigurationError(
                "pool.identity: only the management plane of Azure gives a pool user-assigned identities. "
                f"{error} The pool was not created."
            ) from error
        # What it imports comes with an extra, and most pools do without.
        import_module("airflow_provider_batch.client.pool_creation").create_pool(settings, request.json)
        return Answer()

    def close(self) -> None:
        """Close the port to the data plane."""
        self._data.close()
