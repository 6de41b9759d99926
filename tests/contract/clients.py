"""The vendor SDK, sync and aio, behind one plain face, so that a contract test is written once."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from azure.batch import BatchClient
from azure.batch.aio import BatchClient as AioBatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.polling import LROPoller

from tests.contract.sdk_check import ModelCheck
from tests.emulator_process import EmulatorProcess

T = TypeVar("T")

IMAGE: dict[str, Any] = {
    "imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}
_numbers = itertools.count(1)


class SyncBatch:
    """The sync client: pages come as lists, pollers as their result, downloads as bytes."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.check = ModelCheck()
        self.client = BatchClient(
            emulator.url, _credential(emulator), per_retry_policies=[self.check], retry_total=0
        )

    def call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client to its end."""
        if operation.startswith("begin_"):
            options.setdefault("polling_interval", 0.05)
        result = getattr(self.client, operation)(*arguments, **options)
        if isinstance(result, LROPoller):
            result.result()
            assert result.status() == "Succeeded", result.status()
            return None
        if operation.startswith("download_"):
            return b"".join(result)
        return list(result) if operation.startswith("list_") else result

    def close(self) -> None:
        self.client.close()


class AioBatch:
    """The aio client with the same face; every call runs in a loop of its own."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.check = ModelCheck()
        self._loop = asyncio.new_event_loop()
        self.client = self._loop.run_until_complete(self._open(emulator))

    async def _open(self, emulator: EmulatorProcess) -> AioBatchClient:
        return AioBatchClient(
            emulator.url, _credential(emulator), per_retry_policies=[self.check], retry_total=0
        )

    def call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client to its end."""
        if operation.startswith("begin_"):
            options.setdefault("polling_interval", 0.05)
        return self._loop.run_until_complete(self._call(operation, arguments, options))

    async def _call(self, operation: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        result = getattr(self.client, operation)(*arguments, **options)
        if inspect.isawaitable(result):
            result = await result
        if operation.startswith("begin_"):
            await result.result()
            assert result.status() == "Succeeded", result.status()
            return None
        if operation.startswith("download_"):
            return b"".join([chunk async for chunk in _chunks(result)])
        return [item async for item in result] if operation.startswith("list_") else result

    def close(self) -> None:
        self._loop.run_until_complete(self.client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


Batch = SyncBatch | AioBatch


def wait_for(look: Callable[[], T], until: Callable[[T], bool] = bool, limit_seconds: float = 30) -> T:
    """Look again and again until what is seen is as wanted; fail when the limit is over."""
    deadline = time.monotonic() + limit_seconds
    while True:
        seen = look()
        if until(seen):
            return seen
        assert time.monotonic() < deadline, f"not reached within {limit_seconds} s: {seen}"
        time.sleep(0.03)


def new_id(kind: str) -> str:
    """An id that no other test uses."""
    return f"{kind}-{next(_numbers)}"


def completed(batch: Batch, job_id: str, task_id: str) -> Any:
    """The task, once it is completed."""
    return wait_for(lambda: batch.call("get_task", job_id, task_id), lambda task: task.state == "completed")


def pool_body(pool_id: str, **more: Any) -> dict[str, Any]:
    """The body of a small pool."""
    return {"id": pool_id, "vmSize": "STANDARD_D2S_V3", "virtualMachineConfiguration": IMAGE, **more}


def code_of(error: HttpResponseError) -> str:
    """The service's code of an error."""
    assert error.error is not None
    return str(error.error.code)


def property_of(error: HttpResponseError) -> str | None:
    """The property that an error names."""
    assert error.error is not None
    return next((detail.message for detail in error.error.details if detail.code == "PropertyName"), None)


def _credential(emulator: EmulatorProcess) -> AzureNamedKeyCredential:
    return AzureNamedKeyCredential(emulator.account_name, emulator.account_key)


async def _chunks(result: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in result:
        yield chunk


def batches(kind: str, emulator: EmulatorProcess) -> Iterator[Batch]:
    """The body of a fixture: a client of the wanted kind, closed afterwards."""
    batch: Batch = SyncBatch(emulator) if kind == "sync" else AioBatch(emulator)
    yield batch
    batch.close()
