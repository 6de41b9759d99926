"""
One poller for all mirrors of a Batch job in a triggerer.

However many mirrors watch a job, one list of what changed is read in each interval, and one whole list now
and then. A mirror subscribes, and looks, waits and takes snapshots through its :class:`Subscription`::

    async with subscribe(azure_batch_conn_id, batch_job_id, poll_interval) as subscription:
        answer = await subscription.look(key)
        await subscription.wait(5.0, key)

The poller runs in a task of its own, apart from all triggers, and calls nothing of Airflow; what has to be
asked of Airflow (the connection) is asked by a subscriber, in the subscriber's own coroutine. Nobody waits on
what another one awaits: a trigger that is cancelled takes nothing with it.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from airflow_provider_batch.client.ports import AsyncBatchPort
from airflow_provider_batch.domain.flow import TasksById, drive_async, tasks_of
from airflow_provider_batch.domain.outcome import LOOK_SELECT
from airflow_provider_batch.domain.polling import Pace
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey, get_task
from airflow_provider_batch.domain.task_table import TaskTable
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchNotFoundError,
    BatchPermissionError,
)
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook
from airflow_provider_batch.hooks.connection import BatchConnection
from airflow_provider_batch.triggers.patience import patiently
from airflow_provider_batch.triggers.shared_account import SharedAccount, now, start_apart

__all__ = ["Subscription", "share_account", "subscribe", "subscribe_patiently"]

#: seconds between two whole lists; a deleted task is seen in one only
RECONCILE_EVERY = 300.0
#: newcomers within this many seconds share one whole list
GATHER = 0.5


@asynccontextmanager
async def subscribe(
    azure_batch_conn_id: str, batch_job_id: str, poll_interval: float
) -> AsyncIterator[Subscription]:
    """
    Share the poller of a job; the last one who leaves ends it and closes the session.

    Yield no trigger event inside the block: nobody promises to come back into it.

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param batch_job_id: the job.
    :param poll_interval: greatest number of seconds between two polls.
    """
    pollers = _pollers_of_this_loop()
    account = await pollers.account(azure_batch_conn_id)
    subscription = pollers.join(account, batch_job_id, poll_interval)
    try:
        yield subscription
    finally:
        await pollers.leave(subscription)


async def subscribe_patiently(
    stack: AsyncExitStack, azure_batch_conn_id: str, batch_job_id: str, poll_interval: float, log: Any
) -> Subscription:
    """
    Share the poller of a job; that Airflow does not hand out the connection now says nothing about a task.

    :param stack: leaves the poller when it is closed.
    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param batch_job_id: the job.
    :param poll_interval: greatest number of seconds between two polls.
    :param log: the Airflow task log.
    """

    async def join() -> Subscription:
        return await stack.enter_async_context(subscribe(azure_batch_conn_id, batch_job_id, poll_interval))

    return await patiently(join, azure_batch_conn_id, log)


@asynccontextmanager
async def share_account(azure_batch_conn_id: str) -> AsyncIterator[SharedAccount]:
    """
    Share the session of an account, and what others have read just now, without a poller of any job.

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    """
    pollers = _pollers_of_this_loop()
    account = await pollers.account(azure_batch_conn_id)
    pollers.hold(account)
    try:
        yield account
    finally:
        await pollers.let_go(account)


class Subscription:
    """One mirror's place at the poller of its job. Make one with :func:`subscribe`."""

    def __init__(self, poller: _JobPoller, poll_interval: float) -> None:
        self.poll_interval = poll_interval
        self._poller = poller
        self._alarm = asyncio.Event()
        self._is_new = True
        self._ask_anew = False
        self._looked: tuple[TaskKey, int] | None = None
        self._missed = False

    @property
    def batch_job_id(self) -> str:
        """The job."""
        return self._poller.batch_job_id

    @property
    def connection(self) -> BatchConnection:
        """The settings of the account's connection, as they were read last."""
        return self._poller.account.connection

    @property
    def port(self) -> AsyncBatchPort:
        """Sends requests through the session that all share; not to be closed."""
        return self._poller.account

    async def look(self, key: TaskKey) -> Answer:
        """
        Return a task as it was in the last poll; of headers, the answer has the ETag.

        :param key: a task of the job.
        :raises BatchNotFoundError: the task, or the job, does not exist.
        :raises AzureBatchError: the last poll failed; the poller goes on.
        """
        if self._is_new:
            await self.snapshot()
        await self._renew_if_refused()
        self._raise_if_failing()
        self._poller.keep_running()
        self._missed = False
        table = self._poller.table
        task = None if self._ask_anew else table[key.batch_task_id]
        if task is None:
            answer = await self._ask(key)
            task = table[key.batch_task_id] or answer.json
        self._looked = key, table.version(key.batch_task_id)
        return Answer(json=task, headers={"etag": task["eTag"]} if task.get("eTag") else {})

    async def _ask(self, key: TaskKey) -> Answer:
        asked = now()
        try:
            answer = await self._poller.account.send(get_task(key, LOOK_SELECT))
        except BatchNotFoundError:
            self._poller.table.forget(key.batch_task_id)
            raise
        self._ask_anew = False
        if self._poller.table.take(key.batch_task_id, answer.json, asked, now()):
            self._poller.changed()
        return answer

    async def wait(self, seconds: float, key: TaskKey) -> None:
        """
        Pause until the task is other than in the last look, the service answers again, or the time is over.

        :param seconds: longest pause.
        :param key: the task.
        """
        await asyncio.sleep(0)
        end = now() + seconds
        while (left := end - now()) > 0 and not self._has_news(key):
            await ring(self._alarm, left)

    def _has_news(self, key: TaskKey) -> bool:
        if self._missed and self._poller.error is None:
            return True
        if self._looked is None or self._looked[0] != key:
            return False
        return self._poller.table.version(key.batch_task_id) != self._looked[1]

    async def snapshot(self) -> TasksById:
        """
        Return all tasks of the job by their id, as they are now or later.

        :raises AzureBatchError: the job could not be listed.
        """
        await self._renew_if_refused()
        wanted = self._poller.want_whole_list()
        while self._poller.whole_list < wanted:
            self._raise_if_failing()
            await ring(self._alarm)
        self._is_new = False
        return self._poller.table.tasks()

    async def read(self, request: Request, max_age: float) -> Answer:
        """
        Return the answer to a read, perhaps one that another mirror of the account got.

        :param request: a read.
        :param max_age: greatest age of the answer in seconds.
        """
        return await self._poller.account.read(request, max_age)

    def wrote(self) -> None:
        """Say that the mirror wrote to its task: its next look sees what came of that."""
        self._ask_anew = True

    def notify(self) -> None:
        """Wake the mirror, which finds out itself what there is to see."""
        self._alarm.set()

    async def _renew_if_refused(self) -> None:
        if not isinstance(self._poller.error, (BatchAuthenticationError, BatchPermissionError)):
            return
        try:
            renewed = await self._poller.account.renew()
        except Exception as problem:  # noqa: BLE001 - Airflow's trouble says nothing about the task
            self._raise_if_failing(problem)
            return
        if renewed:
            self._poller.poll_now()

    def _raise_if_failing(self, cause: Exception | None = None) -> None:
        error = self._poller.error
        if error is not None:
            self._missed = True
            raise error.with_traceback(None) from cause


class _JobPoller:
    """
    Reads the tasks of one job for all its subscribers.

    :param account: the account, which it shares.
    :param batch_job_id: the job.
    """

    def __init__(self, account: SharedAccount, batch_job_id: str) -> None:
        self.account = account
        self.batch_job_id = batch_job_id
        self.table = TaskTable()
        self.subscriptions: dict[Subscription, None] = {}
        #: why the last poll failed; None when it was answered
        self.error: Exception | None = None
        #: number of the round whose whole list is in the table
        self.whole_list = 0
        self._round = 0
        self._whole_list_wanted = False
        self._whole_list_began = float("-inf")
        self._at_once = False
        self._alarm = asyncio.Event()
        self._pace = Pace(0.0)
        self._intervals: Counter[float] = Counter()
        self._task: asyncio.Task[None] | None = None

    def add(self, subscription: Subscription) -> None:
        self.subscriptions[subscription] = None
        self._intervals[subscription.poll_interval] += 1
        self._pace.interval = min(self._intervals)

    def remove(self, subscription: Subscription) -> None:
        del self.subscriptions[subscription]
        self._intervals[subscription.poll_interval] -= 1
        self._intervals += Counter()  # leaves out what nobody wants any more
        if self._intervals:
            self._pace.interval = min(self._intervals)

    def want_whole_list(self) -> int:
        """Ask for a whole list that begins after this call; return the number of its round."""
        self._whole_list_wanted = True
        self.keep_running()
        self._alarm.set()
        return self._round + 1

    def keep_running(self) -> None:
        """Start the poller, for the first time or after somebody who ended all tasks of the loop."""
        if self._task is None or self._task.done():
            self._task = start_apart(self._run())

    def poll_now(self) -> None:
        """Do not wait any longer."""
        self._at_once = True
        self._alarm.set()

    def changed(self) -> None:
        """A task was seen to change."""
        self._pace.changed()
        self._notify()

    def _notify(self) -> None:
        for subscription in self.subscriptions:
            subscription.notify()

    async def close(self) -> None:
        """End the poller."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001 - every subscriber raises it from its next look
                self.error = error
                self._notify()
                known = error if isinstance(error, AzureBatchError) else AzureBatchError(str(error))
                seconds = self._pace.wait_after(known, random.random())  # noqa: S311 - jitter
            else:
                seconds = self._pace.wait(random.random())  # noqa: S311 - jitter
            await self._pause(seconds)

    async def _poll(self) -> None:
        asked = now()
        filter_ = self.table.changes()
        whole = (
            self._whole_list_wanted or filter_ is None or asked - self._whole_list_began >= RECONCILE_EVERY
        )
        self._round += 1
        self._at_once = False
        if whole:
            self._whole_list_wanted = False
            self._whole_list_began = asked
        flow = tasks_of(self.batch_job_id, None if whole else filter_)
        try:
            tasks = await drive_async(flow, self.account.send_now)
        except Exception:
            self._whole_list_wanted |= whole
            raise
        if whole:
            changed = self.table.take_all(tasks, asked, now())
            self.whole_list = self._round
        else:
            changed = self.table.take_changes(tasks, asked, now())
        recovered, self.error = self.error is not None, None
        if changed:
            self._pace.changed()
        if changed or recovered or whole:
            self._notify()

    async def _pause(self, seconds: float) -> None:
        end = now() + seconds
        while (left := self._next_poll(end) - now()) > 0:
            await ring(self._alarm, left)

    def _next_poll(self, planned: float) -> float:
        if self._at_once:
            return float("-inf")
        # While the service does not answer, newcomers do not hurry it.
        if self._whole_list_wanted and self.error is None:
            return min(planned, self._whole_list_began + GATHER)
        return planned


class _Pollers:
    """The pollers and accounts of one event loop."""

    def __init__(self) -> None:
        self._accounts: dict[str, SharedAccount] = {}
        self._pollers: dict[tuple[SharedAccount, str], _JobPoller] = {}
        self._closings: set[asyncio.Task[None]] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def account(self, azure_batch_conn_id: str) -> SharedAccount:
        """Return the account of a connection; reads the connection unless somebody did so just now."""
        async with self._locks[azure_batch_conn_id]:
            known = self._accounts.get(azure_batch_conn_id)
            if known is not None and known.is_fresh():
                return known
            hook = AzureBatchAsyncHook(azure_batch_conn_id)
            connection = await hook.get_connection()
            known = self._accounts.get(azure_batch_conn_id)
            if known is None or known.url != connection.account.account_url:
                return SharedAccount(hook, connection)
            if known.connection.account == connection.account:
                known.read_at = now()
            else:
                known.take(hook, connection)
            return known

    def join(self, account: SharedAccount, batch_job_id: str, poll_interval: float) -> Subscription:
        """Take a place at the poller of a job, which is made when it is the first one."""
        poller = self._pollers.get((account, batch_job_id))
        if poller is None:
            poller = self._pollers[account, batch_job_id] = _JobPoller(account, batch_job_id)
            self.hold(account)
        subscription = Subscription(poller, poll_interval)
        poller.add(subscription)
        return subscription

    async def leave(self, subscription: Subscription) -> None:
        """Give the place back; with the last one, end the poller and, when it was the last, the session."""
        poller = subscription._poller
        poller.remove(subscription)
        if poller.subscriptions:
            return
        del self._pollers[poller.account, poller.batch_job_id]
        await self.let_go(poller.account, poller)

    def hold(self, account: SharedAccount) -> None:
        """Keep an account's session open."""
        account.users += 1
        self._accounts[account.azure_batch_conn_id] = account

    async def let_go(self, account: SharedAccount, poller: _JobPoller | None = None) -> None:
        """Say that an account is not needed any more by one who held it, and end that one's poller."""
        account.users -= 1
        if not account.users and self._accounts.get(account.azure_batch_conn_id) is account:
            del self._accounts[account.azure_batch_conn_id]
        closing = start_apart(_close(poller, None if account.users else account))
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)
        # Whoever leaves because it is cancelled may be cancelled again; the rest must be done all the same.
        await asyncio.shield(closing)


async def _close(poller: _JobPoller | None, account: SharedAccount | None) -> None:
    try:
        if poller is not None:
            await poller.close()
    finally:
        if account is not None:
            await account.close()


async def ring(alarm: asyncio.Event, seconds: float | None = None) -> None:
    """
    Wait until an event is set, or for so long, and clear it; the caller looks whether it was waited for.

    :param alarm: the event, which nobody else waits for.
    :param seconds: longest wait; None for no limit.
    """
    timer = None
    if seconds is not None:
        timer = asyncio.get_running_loop().call_later(seconds, alarm.set)
    try:
        await alarm.wait()
    finally:
        if timer is not None:
            timer.cancel()
    alarm.clear()


_OF_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pollers] = weakref.WeakKeyDictionary()


def _pollers_of_this_loop() -> _Pollers:
    return _OF_LOOPS.setdefault(asyncio.get_running_loop(), _Pollers())
