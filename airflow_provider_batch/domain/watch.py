"""
Watching one Batch task to its end.

The result is decided from the task itself and from nothing else: not from counts, not from the job, not from
the output. A poll without an answer is no result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.domain import polling, report, requests, waiting
from airflow_provider_batch.domain.auto_pools import pool_of, scheduling_error
from airflow_provider_batch.domain.flow import (
    Flow,
    Log,
    Look,
    Now,
    Random,
    Save,
    Shared,
    Wait,
    shared,
    utc,
)
from airflow_provider_batch.domain.outcome import TASK_SELECT, TaskOutcome, read_outcome, run_of
from airflow_provider_batch.domain.output import OutputTail
from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.states import (
    JOB_CLOSED,
    TASK_RUNNING,
    TASK_WAITING,
    lower,
)
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.termination import end_job_of, terminate
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchDeadlineError,
    BatchNotFoundError,
    BatchPoolUnusableError,
    BatchTaskLostError,
)

#: seconds between two writes of the output offsets; after a restart at most this much output repeats
SAVE_EVERY = 30.0
#: what is read of a job whose task waits
JOB_SELECT = ("id", "state", "executionInfo", "maxParallelTasks")
#: seconds that a task may wait before the log says why, and between two looks at the reason
FIRST_LOOK = 10.0
LOOK_EVERY = 60.0
#: seconds until a pool that looks hopeless is looked at again; hopeless twice is hopeless
SECOND_LOOK = 5.0
#: lines of stderr in the report of a failure
REPORT_LINES = 20


@dataclass(frozen=True)
class WatchOptions:
    """
    How to watch.

    :param poll_interval: greatest number of seconds between two polls.
    :param max_output_bytes: bytes of each stream that are shown.
    :param deadline: when to terminate the Batch task and fail; None for no limit.
    :param may_be_blocked: whether the tasks that it depends on may hold it back; False when they are known to
        have let it go.
    """

    poll_interval: float = 5.0
    max_output_bytes: int = DEFAULT_CAP
    deadline: datetime | None = None
    may_be_blocked: bool = True


class TaskHeldBackError(AzureBatchError):
    """A task is not run though nothing that one can see holds it back; for its mirror, not for people."""


def watch(
    submission: Submission, options: WatchOptions, saved: Mapping[str, Any] | None = None
) -> Flow[TaskOutcome]:
    """
    Flow: show the task's output while it runs and return how it ended.

    Whatever ends the watch early (the deadline, a pool that cannot run tasks, credentials that stay refused)
    terminates the Batch task first, so that nothing runs on unseen. Only a cancellation does not: a triggerer
    that restarts watches on.

    :param submission: the task.
    :param options: how to watch.
    :param saved: what an earlier life of this watch saved.
    :raises BatchTaskLostError: the task was deleted, or its job ended before it ran.
    :raises BatchPoolUnusableError: the pool cannot run any task.
    :raises BatchDeadlineError: the deadline passed.
    """
    watched = _Watch(submission, options, saved)
    try:
        outcome = yield from watched.until_the_end()
    except BatchTaskLostError:
        if submission.own_job:
            yield from end_job_of(submission)
        raise
    except BatchDeadlineError:
        if (yield from terminate(submission, "its time ran out")):
            raise
        # It was not ours to end: perhaps it ended since the last look, and that end counts.
        ended = yield from watched.last_look()
        if ended is None:
            raise
        outcome = ended
    except Exception:
        # Whatever it was, a fault of ours included: a task that nobody watches must not run on.
        yield from terminate(submission, "the watch of it ended")
        raise
    if submission.end_job:
        yield from end_job_of(submission)
    return outcome


class _Watch:
    def __init__(
        self, submission: Submission, options: WatchOptions, saved: Mapping[str, Any] | None
    ) -> None:
        self.submission = submission
        self.key = submission.key
        self.options = options
        self.resumed = bool(saved)
        self.tail = OutputTail(self.key, cap=options.max_output_bytes, saved=saved)
        self.pace = polling.Pace(options.poll_interval)
        self.batch_pool_id = submission.batch_pool_id
        self.state: str | None = None
        self.task: Mapping[str, Any] = {}
        self.last_save: datetime | None = None
        self.next_look: datetime | None = None
        self.last_text: str | None = None
        self.hopeless_looks = 0
        self.idle_looks = 0
        self.has_parallel_limit = False
        self.refused_since: datetime | None = None
        self.unanswered = False

    def until_the_end(self) -> Flow[TaskOutcome]:
        if self.resumed:
            yield Log("The watch resumes after a restart; the last lines of output may repeat.")
        while True:
            now: datetime = yield Now()
            self._check_deadline(now)
            try:
                outcome = yield from self._poll(now)
            except BatchNotFoundError as error:
                raise BatchTaskLostError(
                    f"Batch task {self.key} does not exist any more ({error.code}): somebody deleted it."
                ) from error
            except AzureBatchError as error:
                yield from self._survive(error, now)
            else:
                if outcome is not None:
                    return (yield from self._finish(outcome))
                yield from self._pause((yield Random()), now)

    def last_look(self) -> Flow[TaskOutcome | None]:
        """Flow: take the end of the task if it came by itself; None otherwise, or when it cannot be seen."""
        try:
            answer: Answer = yield requests.get_task(self.key, TASK_SELECT)
        except AzureBatchError as error:
            yield Log(f"Batch task {self.key} could not be looked at: {error}", "WARNING")
            return None
        self.task = answer.json
        outcome = read_outcome(self.key, self.task)
        if outcome is None or self._is_stale(outcome):
            return None
        if outcome.failure is not None and outcome.failure.code == "TaskEnded":
            return None
        self.tail.enter(run_of(answer.json))
        return (yield from self._finish(outcome))

    def _poll(self, now: datetime) -> Flow[TaskOutcome | None]:
        answer: Answer = yield Look(self.key)
        if self.unanswered:
            yield Log("The Batch service answers again.")
        self.unanswered, self.refused_since = False, None
        task = self.task = answer.json
        outcome = read_outcome(self.key, task)
        if outcome is not None and self._is_stale(outcome):
            outcome, task = None, {**task, "state": "active", "executionInfo": {}}
        yield from self._note_state(task)
        if lower(task.get("state")) in TASK_WAITING:
            # It may show what is left of the run before: the next run begins when it leaves this state.
            yield from self._look(now)
            return None
        if (text := self.tail.enter(run_of(task))) is not None:
            yield Log(text)
        if outcome is not None:
            return outcome
        if (yield from self.tail.read()):
            self.pace.changed()
        yield from self._save(now)
        return None

    def _is_stale(self, outcome: TaskOutcome) -> bool:
        """Tell whether this end is the failure that an earlier try has answered for."""
        stale = self.submission.stale_end
        if stale is None or outcome.end_time is None:
            return False
        return utc(outcome.end_time) <= utc(stale)

    def _note_state(self, task: Mapping[str, Any]) -> Flow[None]:
        state = lower(task.get("state"))
        if state == self.state:
            return
        self.state = state
        self.pace.changed()
        self.last_text = None
        self.hopeless_looks = self.idle_looks = 0
        node = (task.get("nodeInfo") or {}).get("nodeId")
        where = f" on node {node}" if node and state == TASK_RUNNING else ""
        yield Log(f"Batch task {self.key} is {state}{where}.")

    def _look(self, now: datetime) -> Flow[None]:
        """Say why the task waits; give up when its job or its pool can never run it."""
        if self.next_look is None:
            self.next_look = now + timedelta(seconds=FIRST_LOOK)
        if now < self.next_look:
            return
        self.next_look = now + timedelta(seconds=LOOK_EVERY)
        try:
            text = yield from self._why_it_waits()
        except (BatchTaskLostError, BatchPoolUnusableError, TaskHeldBackError):
            raise
        except AzureBatchError as error:
            # An explanation is best effort: that it could not be had says nothing about the task.
            text = f"the reason cannot be seen ({error})"
        if text is not None and text != self.last_text:
            self.last_text = text
            yield Log(f"Waiting: {text}.")

    def _why_it_waits(self) -> Flow[str | None]:
        text = yield from self._job_trouble()
        if text is None and self.options.may_be_blocked:
            text = yield from waiting.blocked_by(self.key)
        if text is not None or not self.batch_pool_id:
            return text
        # The second look at a pool that looked hopeless must not see what the first one saw.
        # Nor at one that had idle nodes.
        second = SECOND_LOOK / 2 if self.hopeless_looks else LOOK_EVERY / 2
        max_age = second if self.hopeless_looks or self.idle_looks else LOOK_EVERY
        view = yield from shared(waiting.look_at_pool(self.batch_pool_id), max_age)
        self.hopeless_looks = self.hopeless_looks + 1 if view.hopeless else 0
        if self.hopeless_looks > 1:
            raise BatchPoolUnusableError(f"Batch task {self.key} cannot run: {view.text}")
        if view.hopeless:
            seen: datetime = yield Now()
            self.next_look = seen + timedelta(seconds=SECOND_LOOK)
        yield from self._check_not_held_back(view)
        return view.text

    def _check_not_held_back(self, view: waiting.PoolView) -> Flow[None]:
        """
        Give up on a task that nothing holds back, so far as one can see, and that is not run.

        Its parents are satisfied and nodes are idle, twice in a row. It is documented nowhere that the
        service lets a task go whose parent failed first and was then run again.
        """
        is_queued = self.state == "active" and not self.options.may_be_blocked
        can_run = bool(view.idle) and not self.has_parallel_limit
        self.idle_looks = self.idle_looks + 1 if is_queued and can_run else 0
        if self.idle_looks <= 1:
            return
        # What we know of the task may come from a list, and lists lag.
        answer: Answer = yield requests.get_task(self.key, ("id", "state"))
        if lower(answer.json.get("state")) == "active":
            raise TaskHeldBackError(
                f"Batch task {self.key} waits although its parents are satisfied and {view.text}"
            )

    def _job_trouble(self) -> Flow[str | None]:
        try:
            look = requests.get_job(self.key.batch_job_id, JOB_SELECT)
            job: Answer = yield Shared(look, LOOK_EVERY)
        except BatchNotFoundError as error:
            raise BatchTaskLostError(
                f"Batch job {self.key.batch_job_id} and its task do not exist any more ({error.code})."
            ) from error
        # Of a pool that the service makes for the job, it may have been silent when the job was created.
        self.batch_pool_id = self.batch_pool_id or pool_of(job.json)
        self.has_parallel_limit = int(job.json.get("maxParallelTasks") or -1) > 0
        state = lower(job.json.get("state"))
        if state in JOB_CLOSED:
            reason = (job.json.get("executionInfo") or {}).get("terminateReason") or "no reason given"
            if trouble := scheduling_error(job.json):
                raise BatchPoolUnusableError(
                    f"Batch task {self.key} cannot run: the pool of its job could not be made: {trouble}"
                )
            answer: Answer = yield requests.get_task(self.key, TASK_SELECT)
            if self._never_runs(state, answer.json):
                raise BatchTaskLostError(
                    f"Batch job {self.key.batch_job_id} is {state} ({reason}); its task "
                    f"{self.key.batch_task_id} has not run and never will."
                )
        if state in ("disabled", "disabling"):
            return f"job {self.key.batch_job_id} is {state}; its tasks wait until it is enabled"
        return None

    def _never_runs(self, job_state: str, task: Mapping[str, Any]) -> bool:
        """Tell whether a task of a job that ends or ended is left behind; one that runs is ended with it."""
        state = lower(task.get("state"))
        outcome = read_outcome(self.key, task)
        left = state in TASK_WAITING or (outcome is not None and self._is_stale(outcome))
        return state == "active" or (job_state == "completed" and left)

    def _finish(self, outcome: TaskOutcome) -> Flow[TaskOutcome]:
        yield from self.tail.read(at_the_end=True)
        yield Save(self.tail.state())
        # Every worker that runs a task imports this module, and one that defers it sees no end.
        from airflow_provider_batch.domain.job_end import why_ended
        from airflow_provider_batch.domain.task_figures import with_figures

        outcome = yield from with_figures(outcome, self.task)
        if outcome.succeeded:
            if self.tail.unavailable:
                yield Log(f"Output is not available from the node ({self.tail.unavailable}).", "WARNING")
            held = report.held(outcome)
            yield Log(report.summary(outcome) + (f"; held {held}" if held else ""))
            return outcome
        stderr = yield from self.tail.last_lines("stderr", REPORT_LINES)
        cause = yield from why_ended(outcome)
        yield Log(report.failure_report(outcome, stderr, self.tail.unavailable, cause), "ERROR")
        return outcome

    def _save(self, now: datetime) -> Flow[None]:
        if self.tail.run is None:
            return
        if self.last_save is None or (now - self.last_save).total_seconds() >= SAVE_EVERY:
            self.last_save = now
            yield Save(self.tail.state())

    def _survive(self, error: AzureBatchError, now: datetime) -> Flow[None]:
        """Wait after a poll that failed, or raise what waiting cannot cure."""
        if polling.is_refusal(error):
            self.refused_since = self.refused_since or now
            if (now - self.refused_since).total_seconds() > polling.REFUSAL_PATIENCE:
                raise error
        elif not polling.is_transient(error):
            raise error
        if not self.unanswered:
            yield Log(f"No answer to a poll, which says nothing about the Batch task: {error}", "WARNING")
        self.unanswered = True
        seconds = self.pace.wait_after(error, (yield Random()))
        yield Wait(self._until_deadline(seconds, now), self.key)

    def _pause(self, random: float, now: datetime) -> Flow[None]:
        yield Wait(self._until_deadline(self.pace.wait(random), now), self.key)

    def _until_deadline(self, seconds: float, now: datetime) -> float:
        if self.options.deadline is None:
            return seconds
        return max(0.0, min(seconds, (self.options.deadline - now).total_seconds()))

    def _check_deadline(self, now: datetime) -> None:
        deadline = self.options.deadline
        if deadline is not None and now >= deadline:
            raise BatchDeadlineError(
                f"Batch task {self.key} was {self.state or 'not seen'} when its time ran out at "
                f"{deadline.isoformat(timespec='seconds')} (execution_timeout of the Airflow task)."
            )
