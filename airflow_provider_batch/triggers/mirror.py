"""The trigger that is the whole of an eager member's Airflow task."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.ending import Ending
from airflow_provider_batch.domain.flow import drive_async
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.mirror import OUTPUT_SAVED_AFTER, MirrorPlan, find_task
from airflow_provider_batch.domain.outcome import ExitCodeRules
from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.domain.polling import REFUSAL_PATIENCE, Pace, is_refusal, is_transient
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.domain.watch import TaskHeldBackError, WatchOptions, watch
from airflow_provider_batch.exceptions import AzureBatchError
from airflow_provider_batch.links.portal import AzureBatchTaskLink, portal_urls
from airflow_provider_batch.triggers.end_events import end_task
from airflow_provider_batch.triggers.job_poller import Subscription, subscribe_patiently
from airflow_provider_batch.triggers.kill import end_batch_task, is_killed, is_still_ours
from airflow_provider_batch.triggers.launch_news import await_launch
from airflow_provider_batch.triggers.mirror_effects import MirrorEffects
from airflow_provider_batch.triggers.task_instance import CLAIM_KEY, get_xcom, set_xcom

__all__ = ["AzureBatchMirrorTrigger"]

#: Airflow ends a trigger that is late without telling it: our time is up a little earlier
_DEADLINE_MARGIN = timedelta(seconds=5)


class AzureBatchMirrorTrigger(BaseTrigger):
    """
    Watch the Batch task that launch planned for a member of a group, and end the member's Airflow task.

    Its arguments are short, since they are a part of the serialised DAG and shipped with every trigger; there
    is no template and no secret in them. When the triggerer restarts it runs again from the top: what it
    needs is in launch's XCom, in Batch, and in an XCom of its own task instance.

    :param launch: id of the group's launch task.
    :param definition: stands for the member as its author wrote it.
    :param poll_interval: greatest number of seconds between two polls.
    :param max_output_bytes: bytes of each stream that are shown.
    :param skip_on_exit_code: exit codes that skip the Airflow task.
    :param fail_on_exit_code: exit codes that fail the Airflow task without further retries.
    :param worker_endings: verdicts that end on a worker.
    :param push_result: whether the outcome becomes the task's return value.
    :param all_done: whether a parent that failed lets the member go.
    :param has_parents: whether other tasks than launch stand before it.
    """

    def __init__(
        self,
        launch: str,
        definition: str,
        poll_interval: float = 5.0,
        max_output_bytes: int = DEFAULT_CAP,
        skip_on_exit_code: Sequence[int] = (),
        fail_on_exit_code: Sequence[int] = (),
        worker_endings: Sequence[str] = (),
        push_result: bool = True,
        all_done: bool = False,
        has_parents: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.launch = launch
        self.definition = definition
        self.poll_interval = poll_interval
        self.max_output_bytes = max_output_bytes
        self.skip_on_exit_code = list(skip_on_exit_code)
        self.fail_on_exit_code = list(fail_on_exit_code)
        self.worker_endings = list(worker_endings)
        self.push_result = push_result
        self.all_done = all_done
        self.has_parents = has_parents
        self._ended = False
        self._claim: dict[str, Any] = {}
        self._launched: Launched | None = None
        self._submission: Submission | None = None
        self._save_from = 0.0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "launch": self.launch,
                "definition": self.definition,
                "poll_interval": self.poll_interval,
                "max_output_bytes": self.max_output_bytes,
                "skip_on_exit_code": self.skip_on_exit_code,
                "fail_on_exit_code": self.fail_on_exit_code,
                "worker_endings": self.worker_endings,
                "push_result": self.push_result,
                "all_done": self.all_done,
                "has_parents": self.has_parents,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Find the Batch task, watch it until it ends; yield one event."""
        try:
            event = await self._mirror()
        except AzureBatchError as error:
            # Raising would cost a worker start for nothing: the reason is here, and goes into the log here.
            self.log.error("%s", error)
            event = await self._event(Ending.of_error(error))
        except Exception as error:
            self.log.exception("The mirror of Airflow task %s failed", self._ti.task_id)
            event = await self._event(Ending.of_error(AzureBatchError(f"{type(error).__name__}: {error}")))
        self._ended = True
        yield event

    async def _mirror(self) -> TriggerEvent:
        started = asyncio.get_running_loop().time()
        # What a first try has kept is read when it can matter: see ``find_task``.
        claim = await self._read_claim() if self._try_number > 1 else None
        is_ours = claim is not None and claim.try_number == self._try_number
        may_be_stale = claim is not None and not is_ours
        launched = self._launched = await await_launch(
            self._ti, self.launch, since=started, may_be_stale=may_be_stale
        )
        if launched is None:
            return _for_worker(Refused(f"{self.launch} has planned nothing"))
        batch_job_id = claim.batch_job_id if claim and is_ours else launched.batch_job_id
        async with AsyncExitStack() as stack:
            subscription = await subscribe_patiently(
                stack, launched.azure_batch_conn_id, batch_job_id, self.poll_interval, self.log
            )
            perform = self._effects(subscription)
            found = await self._find(launched, perform)
            if isinstance(found, Refused):
                self.log.info("A worker goes on: %s.", found.reason)
                return _for_worker(found)
            self._submission = found
            await self._publish(launched, found)
            self._save_from = asyncio.get_running_loop().time() + OUTPUT_SAVED_AFTER
            saved = self._claim if "run" in self._claim else None
            try:
                outcome = await drive_async(watch(found, self._options(), saved), perform)
            except TaskHeldBackError as error:
                self.log.warning("%s; a worker submits it anew.", error)
                return _for_worker(Refused(str(error), (found.key,)))
        rules = ExitCodeRules(tuple(self.skip_on_exit_code), tuple(self.fail_on_exit_code))
        return await self._event(Ending.of_outcome(outcome, rules))

    async def _find(self, launched: Launched, perform: MirrorEffects) -> Submission | Refused:
        """Find the Batch task of this try; that the service gives no answer says nothing about it."""
        pace, failing_since = Pace(self.poll_interval), None
        time = asyncio.get_running_loop().time
        while True:
            claim = Claim.read(self._claim)
            flow = find_task(self._plan(launched), claim, is_unread=self._try_number == 1 and claim is None)
            try:
                return await drive_async(flow, perform)
            except AzureBatchError as error:
                failing_since = failing_since or time()
                self._check_patience(error, time() - failing_since)
                seconds = pace.wait_after(error, random.random())  # noqa: S311 - jitter, not a secret
                self.log.warning("No answer yet, which says nothing about the Batch task: %s", error)
                await asyncio.sleep(seconds)

    def _check_patience(self, error: AzureBatchError, seconds: float) -> None:
        deadline = self._deadline()
        if deadline is not None and datetime.now(timezone.utc) >= deadline:
            raise error
        if is_transient(error) or (is_refusal(error) and seconds <= REFUSAL_PATIENCE):
            return
        raise error

    # --- what Airflow knows ----------------------------------------------------------------------

    @property
    def _ti(self) -> Any:
        return self.task_instance

    @property
    def _try_number(self) -> int:
        return int(self._ti.try_number)

    async def _read_claim(self) -> Claim | None:
        """Read which Batch task this try, or an earlier one, has taken."""
        said = await get_xcom(self._ti, CLAIM_KEY)
        if (claim := Claim.read(said)) is not None:
            self._claim = dict(said)
            if claim.try_number != self._try_number:
                await self._forget_result()
            return claim
        if self._try_number == 1:
            return None
        # A try whose task had succeeded already when it was found has left its result, and no claim.
        result = await get_xcom(self._ti, "return_value")
        earlier = result if isinstance(result, Mapping) else {}
        claim = Claim.read({**earlier, "try_number": self._try_number - 1})
        if claim is not None:
            await self._save(claim.as_json())
            await self._forget_result()
        return claim

    async def _recall(self) -> Any:
        said = await get_xcom(self._ti, CLAIM_KEY)
        if Claim.read(said) is not None:
            self._claim = dict(said)
        return said

    async def _forget_result(self) -> None:
        """Whoever reads the result of this try must not meet that of an earlier one."""
        if self.push_result and await get_xcom(self._ti, "return_value") is not None:
            await set_xcom(self._ti, "return_value", None)

    def _plan(self, launched: Launched) -> MirrorPlan:
        return MirrorPlan(
            launched=launched,
            member_id=self._ti.task_id,
            map_index=self._ti.map_index,
            try_number=self._try_number,
            definition=self.definition,
            failure_satisfies=self.all_done,
            result_is_kept=self.push_result and Verdict.SUCCESS.value not in self.worker_endings,
            may_have_parents=self.has_parents,
        )

    def _options(self) -> WatchOptions:
        return WatchOptions(self.poll_interval, self.max_output_bytes, self._deadline(), may_be_blocked=False)

    def _deadline(self) -> datetime | None:
        ends = getattr(self, "timeout_after", None) or getattr(self._ti, "trigger_timeout", None)
        if ends is None:
            return None
        now = datetime.now(timezone.utc)
        margin = min(_DEADLINE_MARGIN, max(ends - now, timedelta()) / 10)
        return (ends - margin).astimezone(timezone.utc)  # type: ignore[no-any-return]

    async def _publish(self, launched: Launched, submission: Submission) -> None:
        """
        Write the link to the Batch task; those to job and pool are on launch's page too.

        Each link costs a request. A task that ends on a worker gets all: Airflow looks for them there.
        """
        if launched.account is None and not self.worker_endings:
            return
        urls = portal_urls(launched.account, submission.key, launched.batch_pool_id)
        wanted = urls if self.worker_endings else (AzureBatchTaskLink.stored_key,)
        for key in wanted:
            await set_xcom(self._ti, key, urls[key])

    async def _save(self, state: dict[str, Any]) -> None:
        self._claim.update(state)
        if "batch_task_id" in state:
            # Without the claim a later try would take the task for one that nobody has had.
            await set_xcom(self._ti, CLAIM_KEY, self._claim)
            return
        if asyncio.get_running_loop().time() < self._save_from or "batch_task_id" not in self._claim:
            return
        try:
            await set_xcom(self._ti, CLAIM_KEY, self._claim)
        except Exception as error:  # noqa: BLE001 - lost offsets repeat some lines, they decide nothing
            self.log.warning("The position in the output was not saved: %s", error)

    async def _event(self, ending: Ending) -> TriggerEvent:
        return await end_task(
            self._ti,
            ending,
            worker_endings=self.worker_endings,
            push_result=self.push_result,
            log=self.log,
        )

    # --- kill ------------------------------------------------------------------------------------

    async def on_kill(self) -> None:
        """
        End the Batch task when a person ended or cleared the Airflow task; the job when the run is over.

        Called by Airflow 3.3 and later; not on a restart of the triggerer, and not on a time-out.
        """
        await self._kill()

    async def cleanup(self) -> None:
        """Below Airflow 3.3, find out whether this is a kill, and then end the Batch task."""
        if not self._ended and await is_killed(self):
            await self._kill()

    async def _kill(self) -> None:
        launched = self._launched
        if self._ended or launched is None:
            return
        left = self._submission or Submission(
            self._unfound_key(launched), launched.batch_pool_id, shared_job=True
        )
        async with AsyncExitStack() as stack:
            subscription = await subscribe_patiently(
                stack, launched.azure_batch_conn_id, left.key.batch_job_id, self.poll_interval, self.log
            )
            await end_batch_task(self._ti, left, self._effects(subscription))

    def _unfound_key(self, launched: Launched) -> TaskKey:
        """Where the task is that this try was still looking for."""
        known = Claim.read(self._claim)
        if known is not None and known.batch_job_id == launched.batch_job_id:
            return known.key
        return launched.planned_key(self._ti.task_id, self._ti.map_index)

    def _effects(self, subscription: Subscription) -> MirrorEffects:
        return MirrorEffects(subscription, self.log, self._save, self._recall, self._still_ours)

    async def _still_ours(self, key: TaskKey) -> bool:
        return await is_still_ours(self._ti, key, self.log)


def _for_worker(refused: Refused) -> TriggerEvent:
    retire = [[key.batch_job_id, key.batch_task_id] for key in refused.retire]
    return TriggerEvent({"refused": refused.reason, "retire": retire})  # type: ignore[no-untyped-call]
