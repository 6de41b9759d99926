"""One session with a Batch account for all mirrors of a triggerer, and the answers that they share."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["SharedAccount", "start_apart"]

T = TypeVar("T")

#: Reads of all mirrors that run at once. A session holds 100 connections; the lists of the pollers and the
#: writes need some of them when a thousand mirrors read output.
READS_AT_ONCE = 48
#: greatest age of a connection that a newcomer is given, in seconds
CONNECTION_AGE = 300.0
#: seconds for which a connection is not read again although the service refuses it
REFUSED_AGE = 60.0
#: seconds for which an error answers others too
ERROR_AGE = 5.0
#: seconds after which nobody wants an answer any more
FORGET_AFTER = 300.0


def start_apart(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """
    Start a task in an empty context.

    Airflow keeps in the context which trigger runs, so that its log goes to its task: what serves many
    triggers would log as the one that happened to start it.

    :param coroutine: what the task does.
    """
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


def now() -> float:
    """Return the time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: float | None = None
    answer: Answer | AzureBatchError = field(default_factory=Answer)


class SharedAccount:
    """
    A Batch account as all mirrors of one loop use it; an ``AsyncBatchPort`` whose reads take turns.

    It makes no Airflow call by itself: :meth:`renew` does, for the trigger that calls it.

    :param hook: a hook whose connection was read; it is closed with this account.
    :param connection: that connection.
    """

    def __init__(self, hook: AzureBatchAsyncHook, connection: BatchConnection) -> None:
        self.azure_batch_conn_id = hook.azure_batch_conn_id
        self.connection = connection
        self.read_at = now()
        #: pollers that use it
        self.users = 0
        self._hook = hook
        self._sending: Counter[AzureBatchAsyncHook] = Counter()
        self._closings: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(READS_AT_ONCE)
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self._renewing = False
        self._refused_at = float("-inf")

    @property
    def url(self) -> str:
        """Address of the account."""
        return self.connection.account.account_url

    async def send(self, request: Request) -> Answer:
        """
        Send one request; a read waits for its turn.

        :param request: what to send.
        """
        if request.method != "GET":
            return await self.send_now(request)
        async with self._turns:
            return await self.send_now(request)

    async def send_now(self, request: Any) -> Answer:
        """
        Send one request without waiting for other ones.

        :param request: what to send.
        """
        hook = self._hook
        self._sending[hook] += 1
        try:
            return await hook.send(request)
        finally:
            self._sending[hook] -= 1
            self._close_if_replaced(hook)

    async def read(self, request: Request, max_age: float) -> Answer:
        """
        Return the answer to a read, perhaps one that somebody else got.

        One at a time asks the service, in its own coroutine: who is cancelled takes no answer from others.

        :param request: a read.
        :param max_age: greatest age of the answer in seconds.
        """
        wanted = now()
        kept = self._keep(request)
        async with kept.lock:
            error = kept.answer if isinstance(kept.answer, AzureBatchError) else None
            age = max_age if error is None else min(max_age, ERROR_AGE)
            if kept.asked is None or kept.asked < wanted - age:
                kept.asked = now()
                try:
                    kept.answer = await self.send(request)
                except AzureBatchError as problem:
                    kept.answer = problem
                except BaseException:
                    kept.asked = None
                    raise
            if isinstance(kept.answer, AzureBatchError):
                raise kept.answer.with_traceback(None)
            return kept.answer

    def _keep(self, request: Request) -> _Kept:
        before = now() - FORGET_AFTER
        old = [k for k, v in self._kept.items() if not v.lock.locked() and (v.asked or before) <= before]
        for known in old:
            del self._kept[known]
        key = (
            request.operation,
            request.path,
            *sorted(request.query.items()),
            *sorted(request.headers.items()),
        )
        return self._kept.setdefault(key, _Kept())

    def is_fresh(self) -> bool:
        """Tell whether a newcomer may use the connection without reading it again."""
        return now() - self.read_at <= CONNECTION_AGE

    def take(self, hook: AzureBatchAsyncHook, connection: BatchConnection) -> None:
        """
        Use a connection that was read anew, from the next request on.

        :param hook: a hook whose connection was read; it is closed with this account.
        :param connection: that connection, to the same address.
        """
        self.read_at = now()
        old, self._hook, self.connection = self._hook, hook, connection
        self._close_if_replaced(old)

    async def renew(self) -> bool:
        """
        Read the Airflow connection anew, after the service refused it.

        Of many who ask, one does it, and not more often than once a minute.

        :return: whether there is a new session now.
        """
        if self._renewing or now() - max(self.read_at, self._refused_at) < REFUSED_AGE:
            return False
        self._renewing = True
        try:
            hook = AzureBatchAsyncHook(self.azure_batch_conn_id)
            connection = await hook.get_connection()
        except Exception:
            self._refused_at = now()
            raise
        finally:
            self._renewing = False
        if connection.account.account_url != self.url:
            # Another account knows nothing of our job. Whoever comes now is served by that one.
            self._refused_at = now()
            return False
        self.take(hook, connection)
        return True

    def _close_if_replaced(self, hook: AzureBatchAsyncHook) -> None:
        if hook is self._hook or self._sending[hook]:
            return
        del self._sending[hook]
        closing = start_apart(hook.close())
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    async def close(self) -> None:
        """Close the session, when nobody uses it any more."""
        await self._hook.close()
        if self._closings:
            await asyncio.wait(self._closings)
