"""The trigger of one Batch task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.flow import Flow, drive_async
from airflow_provider_batch.domain.outcome import ExitCodeRules
from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.watch import WatchOptions, watch
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook
from airflow_provider_batch.triggers.effects import TriggerEffects
from airflow_provider_batch.triggers.end_events import end_task, is_for_worker
from airflow_provider_batch.triggers.job_poller import subscribe_patiently
from airflow_provider_batch.triggers.kill import end_batch_task, is_killed, is_still_ours
from airflow_provider_batch.triggers.mirror_effects import MirrorEffects
from airflow_provider_batch.triggers.patience import patiently
from airflow_provider_batch.triggers.resumption import not_too_soon
from airflow_provider_batch.triggers.task_instance import get_xcom, set_xcom

__all__ = ["AzureBatchTaskTrigger"]


class AzureBatchTaskTrigger(BaseTrigger):
    """
    Watch one Batch task, show its output in the task's log, and end the Airflow task.

    It ends the task itself where that is right and resumes on a worker where it is not. When the triggerer
    restarts, it runs again from the top: what it needs is in its arguments, in Batch, and in an XCom of its
    task instance (the offsets of the output).

    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param submission: the task to watch, as plain data; no secret is in it.
    :param poll_interval: greatest number of seconds between two polls.
    :param max_output_bytes: bytes of each stream that are shown.
    :param deadline: when to terminate the Batch task and fail, ISO 8601.
    :param skip_on_exit_code: exit codes that skip the Airflow task.
    :param fail_on_exit_code: exit codes that fail the Airflow task without further retries.
    :param worker_endings: verdicts that end on a worker.
    :param push_result: whether the outcome becomes the task's return value.
    :param deferred_at: when the operator deferred, ISO 8601.
    """

    def __init__(
        self,
        azure_batch_conn_id: str,
        submission: Mapping[str, Any],
        poll_interval: float = 5.0,
        max_output_bytes: int = DEFAULT_CAP,
        deadline: str | None = None,
        skip_on_exit_code: Sequence[int] = (),
        fail_on_exit_code: Sequence[int] = (),
        worker_endings: Sequence[str] = (),
        push_result: bool = True,
        deferred_at: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.azure_batch_conn_id = azure_batch_conn_id
        self.submission = dict(submission)
        self.poll_interval = poll_interval
        self.max_output_bytes = max_output_bytes
        self.deadline = deadline
        self.skip_on_exit_code = list(skip_on_exit_code)
        self.fail_on_exit_code = list(fail_on_exit_code)
        self.worker_endings = list(worker_endings)
        self.push_result = push_result
        self.deferred_at = deferred_at
        self._ended = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "azure_batch_conn_id": self.azure_batch_conn_id,
                "submission": self.submission,
                "poll_interval": self.poll_interval,
                "max_output_bytes": self.max_output_bytes,
                "deadline": self.deadline,
                "skip_on_exit_code": self.skip_on_exit_code,
                "fail_on_exit_code": self.fail_on_exit_code,
                "worker_endings": self.worker_endings,
                "push_result": self.push_result,
                "deferred_at": self.deferred_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch until the Batch task ends; yield one event."""
        try:
            saved = await self._saved()
            outcome = await self._drive(watch(self._submission(), self._options(), saved))
        except AzureBatchError as error:
            # Raising would cost a worker start for nothing: the reason is here, and goes into the log here.
            self.log.error("%s", error)
            ending = Ending.of_error(error)
        except Exception as error:
            self.log.exception("The watch of Batch task %s failed", self._submission().key)
            ending = Ending.of_error(AzureBatchError(f"{type(error).__name__}: {error}"))
        else:
            rules = ExitCodeRules(tuple(self.skip_on_exit_code), tuple(self.fail_on_exit_code))
            ending = Ending.of_outcome(outcome, rules)
        event = await self._event(ending)
        self._ended = True
        yield event

    async def on_kill(self) -> None:
        """
        Terminate the Batch task when a person ended or cleared the Airflow task.

        Called by Airflow 3.3 and later; not on a restart of the triggerer, and not on a time-out.
        """
        await self._kill()

    async def cleanup(self) -> None:
        """Below Airflow 3.3, find out whether this is a kill, and then terminate the Batch task."""
        if not self._ended and await is_killed(self):
            await self._kill()

    async def _kill(self) -> None:
        if self._ended:
            return
        async with AsyncExitStack() as stack:
            perform = await self._effects(stack)
            await end_batch_task(self.task_instance, self._submission(), perform)

    async def _drive(self, flow: Flow[Any]) -> Any:
        async with AsyncExitStack() as stack:
            return await drive_async(flow, await self._effects(stack))

    async def _effects(self, stack: AsyncExitStack) -> TriggerEffects | MirrorEffects:
        """A task that is one of many in its job shares its polls with the others."""
        submission = self._submission()
        if not submission.shared_job:
            hook = await stack.enter_async_context(AzureBatchAsyncHook(self.azure_batch_conn_id))
            port = await patiently(hook.get_conn, self.azure_batch_conn_id, self.log)
            # Every worker that defers a task imports this module.
            from airflow_provider_batch.hooks.prices import aprice_table

            prices = partial(aprice_table, await hook.get_connection(), log=self.log)
            return TriggerEffects(port, self.log, self._save, still_ours=self._still_ours, prices=prices)
        subscription = await subscribe_patiently(
            stack, self.azure_batch_conn_id, submission.key.batch_job_id, self.poll_interval, self.log
        )
        return MirrorEffects(subscription, self.log, self._save, still_ours=self._still_ours)

    async def _still_ours(self, key: TaskKey) -> bool:
        return self.task_instance is None or await is_still_ours(self.task_instance, key, self.log)

    async def _event(self, ending: Ending) -> TriggerEvent:
        event = await end_task(
            self.task_instance,
            ending,
            worker_endings=self.worker_endings,
            push_result=self.push_result,
            log=self.log,
        )
        if is_for_worker(event):
            await not_too_soon(self.task_instance, self.deferred_at)
        return event

    @property
    def _state_key(self) -> str:
        try_number = getattr(self.task_instance, "try_number", 0)
        return f"batch_output_try{try_number}"

    async def _saved(self) -> Mapping[str, Any] | None:
        if self.task_instance is None:
            return None
        try:
            saved = await get_xcom(self.task_instance, self._state_key)
        except Exception as error:  # noqa: BLE001 - without offsets some lines repeat, nothing else
            self.log.warning("The position in the output was not read: %s", error)
            return None
        return saved if isinstance(saved, Mapping) else None

    async def _save(self, state: dict[str, Any]) -> None:
        if self.task_instance is None:
            return
        try:
            await set_xcom(self.task_instance, self._state_key, state)
        except Exception as error:  # noqa: BLE001 - lost offsets repeat some lines, they decide nothing
            self.log.warning("The position in the output was not saved: %s", error)

    def _submission(self) -> Submission:
        return Submission(**{**self.submission, "key": TaskKey(**self.submission["key"])})

    def _options(self) -> WatchOptions:
        deadline = datetime.fromisoformat(self.deadline) if self.deadline else None
        return WatchOptions(self.poll_interval, self.max_output_bytes, deadline)
