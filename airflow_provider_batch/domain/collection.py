"""
Adding many tasks to a job: few requests, and each task once.

A collection request answers 200 whatever became of its tasks, so every entry of the answer is read:

==================================  ===================================================================
what the entry says                 what is done
==================================  ===================================================================
success, without an error           added
TaskExists                          decided at the end, by the owner of the task that exists
a server error, throttling,         the task is sent again after a pause, a limited number of times
nothing that can be understood,
or there is no entry
any other error                     raised, by the class of its code, when all entries are read
==================================  ===================================================================

Texts of the service are compared in lower case: recordings show capitals where its specification has none.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_batch.domain import ids, polling, requests
from airflow_provider_batch.domain.flow import Flow, Log, Random, Sleep
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey, json_text
from airflow_provider_batch.domain.service_errors import ErrorBody, error_class, read_error
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    AzureBatchError,
    BatchNotFoundError,
    BatchOwnershipError,
    BatchServiceError,
    BatchTaskLostError,
    BatchThrottledError,
    BatchUnavailableError,
)

__all__ = ["MAX_BYTES", "MAX_TASKS", "TRIES", "Added", "add_tasks"]

#: tasks in one request; the service's own maximum
MAX_TASKS = 100
#: bytes of one request; the service's maximum is 1 MB, and which megabyte that is it does not say
MAX_BYTES = 900_000
#: requests in a row that may leave tasks out; the pauses between them double from one second on
TRIES = 6

# A comma less than there are tasks.
_FRAME_BYTES = len('{"value":[]}') - len(",")
_NAMED_IDS = 3


@dataclass(frozen=True)
class Added:
    """
    What came of adding tasks; ``added`` and ``existed`` together are all tasks that were given.

    :param added: tasks that the service said it added.
    :param existed: tasks that the job had: known before, or added by a request whose answer was lost.
    :param requests: collection requests, without those that the client repeated by itself.
    """

    added: int
    existed: int
    requests: int


@dataclass(frozen=True)
class _Task:
    """
    A task on its way.

    :param batch_task_id: its id.
    :param owner: who our body says it belongs to.
    :param rest: JSON text of the body without ``dependsOn``.
    :param depends_on: the ``dependsOn`` that follows, as JSON text; one string for all tasks that share it,
        which may be ten thousand that depend on a thousand others.
    """

    batch_task_id: str
    owner: str | None
    rest: str = field(repr=False)
    depends_on: str = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.rest) + len(self.depends_on)

    @property
    def text(self) -> str:
        return f"{self.rest[:-1]}{self.depends_on}}}"


@dataclass
class _Reading:
    """What an answer says of the tasks that were sent; those that are in no list were added."""

    exist: list[_Task] = field(default_factory=list)
    missing: list[_Task] = field(default_factory=list)
    refused: list[tuple[_Task, ErrorBody]] = field(default_factory=list)
    why_missing: AzureBatchError | None = None


def add_tasks(
    batch_job_id: str, bodies: Sequence[Mapping[str, Any]], known: Collection[str] = ()
) -> Flow[Added]:
    """
    Flow: add tasks to a job, in the order given, each once.

    Safe to repeat after a crash at any point. A task that the service says exists is ours when it carries the
    owner that our body carries (``AIRFLOW_BATCH_OWNER`` in its environment). Owners are read once, after the
    last request: of few tasks one by one, of many from one list of the job. Tasks that are known are taken as
    ours; nothing is asked about them.

    The JSON text of all tasks is made before the first is sent, and once: a task that does not fit into a
    request is found while nothing is added yet. That of a ``dependsOn`` object which neighbours share is made
    once for all of them.

    :param batch_job_id: an open job.
    :param bodies: tasks as REST JSON with their ids, parents before children.
    :param known: ids of tasks that the job has; they are left out.
    :raises AzureBatchConfigurationError: two tasks have one id, or a task is too large for a request.
    :raises BatchServiceError: a task, or the request, was refused; the class is the code's, and the text
        names the task. Tasks of earlier requests, and others of this one, stay added.
    :raises BatchUnavailableError: tasks are missing after :data:`TRIES` requests in a row.
    :raises BatchOwnershipError: a task of one of the ids exists and is somebody else's.
    :raises BatchTaskLostError: a task existed when it was to be added and is gone now.
    """
    waiting = deque(_encode(bodies, known))
    exist: list[_Task] = []
    wanted, sent, failures = len(waiting), 0, 0
    most, largest, pace = MAX_TASKS, MAX_BYTES, polling.Pace(polling.QUICK)
    while waiting:
        chunk = _take(waiting, most, largest)
        request = requests.create_task_collection(batch_job_id, [task.text for task in chunk])
        sent += 1
        try:
            reading = yield from _send(request, chunk)
        except BatchServiceError as error:
            if not _is_too_large(error):
                raise
            largest = _smaller(request, chunk)
            waiting.extendleft(reversed(chunk))
            continue
        if reading.refused:
            raise _refusal(batch_job_id, reading.refused, len(chunk))
        exist += reading.exist
        # What is missing is sent again alone, before anything that may depend on it.
        waiting.extendleft(reversed(reading.missing))
        most = len(reading.missing) or MAX_TASKS
        if reading.why_missing is None:
            failures, pace = 0, polling.Pace(polling.QUICK)
            continue
        failures += 1
        if failures == TRIES:
            raise _gave_up(batch_job_id, reading, len(waiting)) from reading.why_missing
        yield from _pause(batch_job_id, reading.missing, reading.why_missing, pace)
    yield from _check_owners(batch_job_id, exist, len(bodies))
    return Added(wanted - len(exist), len(bodies) - wanted + len(exist), sent)


def _encode(bodies: Iterable[Mapping[str, Any]], known: Collection[str]) -> list[_Task]:
    # Ids of tasks that differ by case only are one id to the service.
    left_out = {batch_task_id.lower() for batch_task_id in known}
    seen: set[str] = set()
    depends_on, depends_on_text = None, ""
    tasks = []
    for body in bodies:
        batch_task_id = str(body["id"])
        if batch_task_id.lower() in seen:
            raise AzureBatchConfigurationError(
                f"two tasks of one job have the id {batch_task_id!r} (upper and lower case are the same)."
            )
        seen.add(batch_task_id.lower())
        if batch_task_id.lower() in left_out:
            continue
        owner = ids.named_value(body.get("environmentSettings"), ids.OWNER)
        rest = {name: value for name, value in body.items() if name != "dependsOn"}
        if body.get("dependsOn") is not depends_on:
            depends_on = body.get("dependsOn")
            depends_on_text = f',"dependsOn":{json_text(depends_on)}' if depends_on else ""
        task = _Task(batch_task_id, owner, json_text(rest), depends_on_text)
        if _FRAME_BYTES + task.size + 1 > MAX_BYTES:
            raise _too_large(task)
        tasks.append(task)
    return tasks


def _take(waiting: deque[_Task], most: int, largest: int) -> list[_Task]:
    """Take the tasks of the next request; one that is larger than ``largest`` goes alone."""
    chunk: list[_Task] = []
    size = _FRAME_BYTES
    while waiting and len(chunk) < most:
        size += waiting[0].size + 1
        if chunk and size > largest:
            break
        chunk.append(waiting.popleft())
    return chunk


# --- what the service answers --------------------------------------------------------------------


def _send(request: Request, chunk: list[_Task]) -> Flow[_Reading]:
    try:
        answer: Answer = yield request
    except AzureBatchError as error:
        if not polling.is_transient(error):
            raise
        return _Reading(missing=chunk, why_missing=error)
    return _read(chunk, answer.json.get("value"))


def _read(chunk: list[_Task], value: object) -> _Reading:
    entries = {
        lower(entry.get("taskId")): entry
        for entry in (value if isinstance(value, list) else ())
        if isinstance(entry, Mapping)
    }
    reading = _Reading()
    for task in chunk:
        entry = entries.get(task.batch_task_id.lower(), {})
        status, error = lower(entry.get("status")), read_error(entry.get("error"))
        if status == "success" and not entry.get("error"):
            continue
        if lower(error.code) == "taskexists":
            reading.exist.append(task)
        elif status in ("clienterror", "success") and error_class(error.code) is not BatchThrottledError:
            reading.refused.append((task, error))
        else:
            reading.missing.append(task)
            said = redact(error.message) or f"status {status!r}" if entry else "nothing is said of it"
            reading.why_missing = reading.why_missing or BatchUnavailableError(
                f"task {task.batch_task_id!r}: {error.code or 'no error code'}, {said}"
            )
    return reading


def _is_too_large(error: BatchServiceError) -> bool:
    # Without a code it was said by something in front of the service.
    return error.code == "RequestBodyTooLarge" or (error.code is None and error.status == 413)


def _smaller(request: Request, chunk: list[_Task]) -> int:
    """Return how large requests may be after one was too large."""
    if len(chunk) == 1:
        raise _too_large(chunk[0])
    return len(request.content or "") // 2


def _too_large(task: _Task) -> AzureBatchConfigurationError:
    sizes = {name: len(json_text(value)) for name, value in json.loads(task.text).items()}
    largest = max(sizes, key=lambda name: sizes[name])
    return AzureBatchConfigurationError(
        f"task {task.batch_task_id!r} has {task.size:,} bytes of JSON, more than Azure Batch takes in "
        f"one request (less than 1 MB); shrink its {largest}, which has {sizes[largest]:,} of them. "
        "Long inputs belong in a file that resourceFiles names."
    )


def _refusal(batch_job_id: str, refused: list[tuple[_Task, ErrorBody]], of: int) -> BatchServiceError:
    task, error = refused[0]
    message = f"task {task.batch_task_id!r} of job {batch_job_id!r}: {redact(error.message) or 'no message'}"
    if len(refused) > 1:
        others = _named([other for other, _ in refused[1:]])
        message += f" ({len(refused)} of the {of} tasks of this request were refused; the others: {others})"
    return (error_class(error.code) or BatchServiceError)(
        code=error.code,
        message=message,
        status=200,
        operation="create_task_collection",
        details=[(name, redact(value)) for name, value in error.details],
    )


def _gave_up(batch_job_id: str, reading: _Reading, waiting: int) -> BatchUnavailableError:
    return BatchUnavailableError(
        f"{len(reading.missing)} tasks could not be added to Batch job {batch_job_id} in {TRIES} requests "
        f"({_named(reading.missing)}); with those that come after them {waiting} are missing: "
        f"{reading.why_missing}"
    )


def _pause(batch_job_id: str, missing: list[_Task], cause: AzureBatchError, pace: polling.Pace) -> Flow[None]:
    seconds = pace.wait_after(cause, (yield Random()))
    yield Log(
        f"{len(missing)} tasks are not in Batch job {batch_job_id} yet ({_named(missing)}); they are sent "
        f"again in {seconds:.0f} s: {cause}",
        "WARNING",
    )
    yield Sleep(seconds)


def _named(tasks: Sequence[_Task]) -> str:
    names = ", ".join(task.batch_task_id for task in tasks[:_NAMED_IDS])
    more = len(tasks) - _NAMED_IDS
    return f"{names} and {more} more" if more > 0 else names


# --- whose the tasks are that exist --------------------------------------------------------------


def _check_owners(batch_job_id: str, exist: list[_Task], of: int) -> Flow[None]:
    """
    Check that the tasks which exist are ours.

    A list costs a request for each 1000 tasks of the job: it is read when that is less than one for each task
    that exists. What it does not show yet is read by itself.
    """
    listed: dict[str, str | None] = {}
    if len(exist) > of / requests.MAX_RESULTS + 1:
        listed = yield from _listed_owners(batch_job_id, {task.batch_task_id.lower() for task in exist})
    foreign = []
    for task in exist:
        name = task.batch_task_id.lower()
        owner = listed[name] if name in listed else (yield from _owner(batch_job_id, task))
        if owner != task.owner:
            foreign.append(task)
    if foreign:
        raise BatchOwnershipError(
            f"Batch job {batch_job_id} has {len(foreign)} tasks of ids that we need which this work did not "
            f"make ({_named(foreign)}); they are left alone. Delete them, or let the job have another id."
        )


def _listed_owners(batch_job_id: str, wanted: Collection[str]) -> Flow[dict[str, str | None]]:
    owners: dict[str, str | None] = {}
    first = requests.list_tasks(batch_job_id, ("id", "environmentSettings"))
    following: Request | None = first
    while following is not None:  # page by page: the environments of all tasks would be much to keep
        answer: Answer = yield following
        for task in answer.json.get("value", ()):
            if (name := lower(task.get("id"))) in wanted:
                owners[name] = ids.named_value(task.get("environmentSettings"), ids.OWNER)
        following = requests.next_page(first, answer)
    return owners


def _owner(batch_job_id: str, task: _Task) -> Flow[str | None]:
    key = TaskKey(batch_job_id, task.batch_task_id)
    try:
        found: Answer = yield requests.get_task(key, ("id", "environmentSettings"))
    except BatchNotFoundError as error:
        if error.code != "TaskNotFound":
            raise
        raise BatchTaskLostError(
            f"Batch task {key} existed when it was to be added, and is gone: somebody deletes tasks there."
        ) from error
    return ids.named_value(found.json.get("environmentSettings"), ids.OWNER)
