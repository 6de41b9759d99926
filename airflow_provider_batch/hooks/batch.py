"""
Hooks for the data plane of Azure Batch, sync for workers and async for the triggerer.

Whoever parses a DAG file imports this module, so that what a hook does is imported when it does it.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks import form
from airflow_provider_batch.version_compat import BaseHook, aget_connection, amask_secret, mask_secret

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_batch.client.account import AccountSettings
    from airflow_provider_batch.client.ports import AsyncBatchPort, BatchPort
    from airflow_provider_batch.domain.pool_report import PoolReport
    from airflow_provider_batch.domain.requests import Answer, Request
    from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["AzureBatchAsyncHook", "AzureBatchHook"]

DEFAULT_CONN_ID = "azure_batch_account_default"
# The Azure SDK takes a second to import: only what sends a request imports it.
_SESSION_MODULE = "airflow_provider_batch.client.session"
_ASYNC_SESSION_MODULE = "airflow_provider_batch.client.async_session"


class AzureBatchHook(BaseHook):
    """
    Send requests to the Batch account that a connection names.

    Safe to use from several threads. Nothing is read or sent before the first use.

    :param azure_batch_conn_id: id of a connection of type ``azure_batch_account``, or of the official
        provider's type ``azure_batch``.
    """

    conn_name_attr = "azure_batch_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = form.CONNECTION_TYPE
    hook_name = "Azure Batch"

    def __init__(self, azure_batch_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.azure_batch_conn_id = azure_batch_conn_id
        self._connection: BatchConnection | None = None
        self._session: BatchPort | None = None
        self._lock = threading.RLock()

    @property
    def connection(self) -> BatchConnection:
        """
        The connection's settings, read once; its secrets are masked in the logs from then on.

        :raises ConnectionFieldError: a field is missing or contradicts another one.
        """
        from airflow_provider_batch.hooks.connection import read_connection

        with self._lock:
            if self._connection is None:
                found = read_connection(self.get_connection(self.azure_batch_conn_id))
                mask_secret(list(found.secrets))
                self._connection = found
            return self._connection

    def get_conn(self) -> BatchPort:
        """
        Return the session with the account; one for the life of the hook, until it is closed.

        Pools with identities are created through the management plane, where the connection allows that.
        """
        from airflow_provider_batch.client.planes import BothPlanes
        from airflow_provider_batch.hooks.management import management_settings

        with self._lock:
            if self._session is None:
                session = import_module(_SESSION_MODULE).BatchSession(self.connection.account)
                self._session = BothPlanes(session, partial(management_settings, self.connection))
            return self._session

    def another_session(self) -> AzureBatchHook:
        """Return a hook with the settings of this one, read already, and a session of its own."""
        other = type(self)(self.azure_batch_conn_id)
        other._connection = self.connection
        return other

    def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`~airflow_provider_batch.client.ports.BatchPort.send`.

        :param request: what to send.
        """
        return self.get_conn().send(request)

    def report_of_pool(self, batch_pool_id: str) -> PoolReport:
        """
        Look at a pool: its allocation, nodes by state, busy slots, errors, and what its formula came to.

        :param batch_pool_id: the pool.
        :raises BatchNotFoundError: it does not exist.
        """
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.domain.pool_report import report_of_pool

        # It asks for nothing but requests.
        return drive(report_of_pool(batch_pool_id), self.send)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the session; a later use opens another one."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def __enter__(self) -> AzureBatchHook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def test_connection(self) -> tuple[bool, str]:
        """
        Ask the account for a pool, and explain what fails.

        :return: whether it works, and what was found.
        """
        from airflow_provider_batch.hooks import probe

        try:
            return probe.judge(self.connection, self.send(probe.PROBE))
        except AzureBatchError as error:
            return False, probe.explain(error, self._connection)
        finally:
            self.close()

    # Airflow 3 takes the form from the provider's metadata and never calls these.

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the form, for Airflow 2.11."""
        # Parts of Airflow 2's web server; they are absent from Airflow 3.
        looks, kinds = import_module("flask_appbuilder.fieldwidgets"), import_module("wtforms")
        widgets: dict[str, Any] = {}
        for name, field in form.CONN_FIELDS.items():
            shown = {"description": field["description"]}
            if "boolean" in field["schema"]["type"]:
                widgets[name] = kinds.BooleanField(field["label"], **shown)
            elif field["schema"].get("format") == "password":
                look = looks.BS3PasswordFieldWidget()
                widgets[name] = kinds.PasswordField(field["label"], widget=look, **shown)
            else:
                widgets[name] = kinds.StringField(field["label"], widget=looks.BS3TextFieldWidget(), **shown)
        return widgets

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the form shows Airflow's own fields, for Airflow 2.11."""
        return {name.replace("-", "_"): value for name, value in form.UI_FIELD_BEHAVIOUR.items()}


def _make_async_session(account: AccountSettings) -> AsyncBatchPort:
    session: AsyncBatchPort = import_module(_ASYNC_SESSION_MODULE).AsyncBatchSession(account)
    return session


class AzureBatchAsyncHook:
    """
    The twin of :class:`AzureBatchHook` for an event loop; it never blocks the loop.

    It belongs to one loop and is to be closed there, best by ``async with``.

    :param azure_batch_conn_id: id of a connection of type ``azure_batch_account``, or of the official
        provider's type ``azure_batch``.
    """

    def __init__(self, azure_batch_conn_id: str = DEFAULT_CONN_ID) -> None:
        self.azure_batch_conn_id = azure_batch_conn_id
        self._connection: BatchConnection | None = None
        self._session: AsyncBatchPort | None = None
        self._lock = asyncio.Lock()

    async def get_connection(self) -> BatchConnection:
        """
        Return the connection's settings, read once; its secrets are masked in the logs from then on.

        :raises ConnectionFieldError: a field is missing or contradicts another one.
        """
        from asgiref.sync import sync_to_async

        from airflow_provider_batch.hooks.connection import read_connection

        if self._connection is None:
            connection = await aget_connection(self.azure_batch_conn_id)
            # Airflow 3.0 masks the extras when they are read: a call that fails on the loop's own thread.
            found: BatchConnection = await sync_to_async(read_connection)(connection)
            await amask_secret(list(found.secrets))
            self._connection = found
        return self._connection

    async def get_conn(self) -> AsyncBatchPort:
        """Return the session with the account; one for the life of the hook, until it is closed."""
        async with self._lock:
            if self._session is None:
                connection = await self.get_connection()
                # In a thread, for what it imports and the certificate that it may read.
                self._session = await asyncio.to_thread(_make_async_session, connection.account)
            return self._session

    async def send(self, request: Request) -> Answer:
        """
        Send one request; see :meth:`~airflow_provider_batch.client.ports.BatchPort.send`.

        :param request: what to send.
        """
        session = await self.get_conn()
        return await session.send(request)

    async def close(self) -> None:
        """Close the session; a later use opens another one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> AzureBatchAsyncHook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def test_connection(self) -> tuple[bool, str]:
        """
        Ask the account for a pool, and explain what fails.

        :return: whether it works, and what was found.
        """
        from airflow_provider_batch.hooks import probe

        try:
            return probe.judge(await self.get_connection(), await self.send(probe.PROBE))
        except AzureBatchError as error:
            return False, probe.explain(error, self._connection)
        finally:
            await self.close()
