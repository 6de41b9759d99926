"""Connections that Airflow does not hand out at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["patiently"]

T = TypeVar("T")

#: seconds between tries to read the Airflow connection
CONNECTION_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)


async def patiently(connect: Callable[[], Awaitable[T]], azure_batch_conn_id: str, log: Any) -> T:
    """
    Connect; that Airflow does not hand out the connection now says nothing about the work in Batch.

    :param connect: reads the connection, and may be called again.
    :param azure_batch_conn_id: the connection, for the log.
    :param log: the Airflow task log.
    :raises AzureBatchError: at once: it is of the connection itself, or of the service.
    """
    for pause in CONNECTION_PAUSES:
        try:
            return await connect()
        except AzureBatchError:
            raise
        except Exception as error:  # noqa: BLE001 - tried again; the last time it is raised
            log.warning("Connection %s cannot be read: %s", azure_batch_conn_id, error)
            await asyncio.sleep(pause)
    return await connect()
