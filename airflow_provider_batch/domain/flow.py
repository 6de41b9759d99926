"""
One flow, two drivers.

Everything that talks to the service is written once, as a generator that yields *effects* (a request, a
pause, a line to log) and receives their results. A worker drives it with :func:`drive`, a trigger with
:func:`drive_async`; the flow cannot tell which. An error of an effect is thrown into the flow at the
``yield``, so a flow catches a service error with a plain ``try``.

Example::

    def job_state(batch_job_id: str) -> Flow[str]:
        answer = yield requests.get_job(batch_job_id, select=("state",))
        return str(answer.json["state"])

    state = drive(job_state("j1"), perform=client.send)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from airflow_provider_batch.domain.job_tasks import JobTasks
from airflow_provider_batch.domain.outcome import LOOK_SELECT
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey, get_task, list_tasks, next_page
from airflow_provider_batch.exceptions import BatchNotFoundError

if TYPE_CHECKING:
    from airflow_provider_batch.domain.node_hours import Machine

T = TypeVar("T")

#: tasks of a job by their id, each with the properties of ``LOOK_SELECT``
TasksById: TypeAlias = JobTasks


@dataclass(frozen=True)
class Sleep:
    """Pause the flow; its result is None."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """Ask for the time; its result is an aware ``datetime`` in UTC. Flows never read a clock themselves."""


@dataclass(frozen=True)
class Log:
    """
    Write one event to the Airflow task log; its result is None.

    :param text: one or several lines; several stay one event, which is much cheaper in a triggerer.
    :param level: a level name of :mod:`logging`.
    """

    text: str
    level: str = "INFO"


@dataclass(frozen=True)
class Save:
    """Keep ``state`` (JSON) for a later run of the same try; its result is None."""

    state: dict[str, Any]


@dataclass(frozen=True)
class Recall:
    """Read what the last :class:`Save` of this task instance kept, of any try; None when there is none."""


@dataclass(frozen=True)
class StillOurs:
    """
    Ask whether a task whose ETag moved is still this try's; its result is a bool.

    :param key: the task.
    :param seen: the task as it is now; read before this is asked, so that a write that comes later moves its
        ETag once more.
    """

    key: TaskKey
    seen: Answer


@dataclass(frozen=True)
class Random:
    """Ask for a number in [0, 1); for jitter, so that a test decides it."""


@dataclass(frozen=True)
class Look:
    """
    See a task as it is; its result is an ``Answer`` with the properties of ``LOOK_SELECT``.

    Many watchers of one job may share the requests behind it, so it can be one poll old. What must be newer
    than something else asks with a request of its own.

    :param key: the task.
    """

    key: TaskKey


@dataclass(frozen=True)
class Wait:
    """
    Pause before the next :class:`Look` at a task; its result is None.

    :param seconds: longest pause; it ends earlier when somebody saw the task change meanwhile.
    :param key: the task.
    """

    seconds: float
    key: TaskKey


@dataclass(frozen=True)
class Snapshot:
    """
    See all tasks of a job; its result is a :data:`TasksById`, which is never older than the asking.

    :param batch_job_id: the job.
    """

    batch_job_id: str


@dataclass(frozen=True)
class Shared:
    """
    Read what others may have read just now; its result is the ``Answer``, theirs or a new one.

    For explanations, which many watchers want at the same time and which decide nothing by themselves.

    :param request: a read.
    :param max_age: greatest age of the answer in seconds.
    """

    request: Request
    max_age: float


@dataclass(frozen=True)
class Prices:
    """
    Ask what nodes cost an hour; its result is a ``PriceTable``, or None when nobody asked for costs.

    Prices that are not known within a few seconds are not in it; it is never an error.

    :param machines: what the nodes are.
    """

    machines: Collection[Machine]


Effect: TypeAlias = (
    Request
    | Sleep
    | Now
    | Log
    | Save
    | Recall
    | StillOurs
    | Random
    | Look
    | Wait
    | Snapshot
    | Shared
    | Prices
)
Flow: TypeAlias = Generator[Effect, Any, T]

__all__ = [
    "Effect",
    "Flow",
    "Log",
    "Look",
    "Now",
    "Prices",
    "Random",
    "Recall",
    "Save",
    "Shared",
    "Sleep",
    "Snapshot",
    "StillOurs",
    "TasksById",
    "Wait",
    "alone",
    "drive",
    "drive_async",
    "get_or_none",
    "pages",
    "pages_and_time",
    "shared",
    "tasks_of",
    "time_of",
    "utc",
]


def drive(flow: Flow[T], perform: Callable[[Effect], Any]) -> T:
    """
    Run a flow to its end on this thread.

    :param flow: the generator; not started yet.
    :param perform: does one effect and returns its result; what it raises is raised in the flow.
    :return: what the flow returns.
    """
    try:
        effect = next(flow)
        while True:
            try:
                result = perform(effect)
            except Exception as error:  # noqa: BLE001 - handed to the flow, which raises what it cannot use
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        flow.close()


async def drive_async(flow: Flow[T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """
    Run a flow to its end in an event loop; a cancellation closes the flow and passes through.

    :param flow: the generator; not started yet.
    :param perform: does one effect and returns its result; what it raises is raised in the flow.
    :return: what the flow returns.
    """
    try:
        effect = next(flow)
        while True:
            try:
                result = await perform(effect)
            except Exception as error:  # noqa: BLE001 - handed to the flow, which raises what it cannot use
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        flow.close()


def pages(request: Request) -> Flow[list[Mapping[str, Any]]]:
    """
    Flow: read a list to its end.

    :param request: request of the first page.
    :return: all elements of ``value``.
    """
    return _elements((yield from _all_pages(request)))


def pages_and_time(request: Request) -> Flow[tuple[list[Mapping[str, Any]], datetime]]:
    """
    Flow: read a list to its end, and see what time it is where the list comes from.

    :param request: request of the first page.
    :return: all elements of ``value``; the time when the first page was sent: what has changed while the
        others were read is later.
    """
    read = yield from _all_pages(request)
    return _elements(read), (yield from time_of(read[0]))


def time_of(answer: Answer) -> Flow[datetime]:
    """
    Flow: see what time it was where an answer comes from, when it was sent.

    Times that the service tells are compared with this: the clock of a worker may be wrong. It counts only
    where the answer does not say.

    :param answer: any answer of the service.
    """
    now: datetime = answer.date or (yield Now())
    return now


def _all_pages(request: Request) -> Flow[list[Answer]]:
    read: list[Answer] = []
    following: Request | None = request
    while following is not None:
        answer: Answer = yield following
        read.append(answer)
        following = next_page(request, answer)
    return read


def _elements(read: Iterable[Answer]) -> list[Mapping[str, Any]]:
    return [element for answer in read for element in answer.json.get("value", ())]


def get_or_none(request: Request) -> Flow[Answer | None]:
    """
    Flow: read a resource; None when it does not exist.

    :param request: a GET.
    """
    try:
        answer: Answer = yield request
    except BatchNotFoundError:
        return None
    return answer


def alone(effect: Effect) -> Effect:
    """
    Return what an effect comes to for somebody who watches alone and shares nothing.

    :param effect: any effect; only :class:`Look`, :class:`Wait` and :class:`Shared` come to another one.
    """
    match effect:
        case Look(key):
            return get_task(key, LOOK_SELECT)
        case Wait(seconds):
            return Sleep(seconds)
        case Shared(request):
            return request
    return effect


def tasks_of(batch_job_id: str, filter_: str | None = None) -> Flow[TasksById]:
    """
    Flow: list tasks of a job.

    :param batch_job_id: the job.
    :param filter_: OData filter; None for all tasks.
    """
    listed = yield from pages(list_tasks(batch_job_id, LOOK_SELECT, filter_))
    return JobTasks((str(task["id"]), task) for task in listed)


def shared(flow: Flow[T], max_age: float) -> Flow[T]:
    """
    Flow: the same flow, whose requests are all :class:`Shared`.

    :param flow: a flow that only reads.
    :param max_age: greatest age of an answer in seconds.
    """
    try:
        effect = next(flow)
        while True:
            try:
                result = yield Shared(effect, max_age) if isinstance(effect, Request) else effect
            except Exception as error:  # noqa: BLE001 - handed to the flow, which raises what it cannot use
                effect = flow.throw(error)
            else:
                effect = flow.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        flow.close()


def utc(text: str) -> datetime:
    """
    Read a time of the service, which has up to seven fraction digits.

    :param text: for example ``2022-09-06T23:44:11.5153711Z``.
    :return: the aware time; the seventh digit is dropped.
    """
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}+00:00")
