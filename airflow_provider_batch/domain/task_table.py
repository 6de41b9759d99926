"""
The tasks of one job as they were last seen, put together from whole lists, lists of changes and single looks.

A list of changes asks for what changed state since the list before. The service stamps these changes with its
own clock, which need not be ours; so the question is put in its time, which is told by the newest stamp seen
and by how long ago that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_batch.domain.flow import TasksById, utc
from airflow_provider_batch.domain.job_tasks import JobTasks

#: seconds that lists of changes overlap: answers of the service may lag, and its clocks may differ
OVERLAP = 120.0


@dataclass
class _Seen:
    task: Mapping[str, Any]
    changed: float
    asked: float
    version: int


class TaskTable:
    """
    What is known of the tasks of one job.

    All moments (``asked``, ``answered``) are seconds on one monotonic clock.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._versions = 0
        self._tasks: JobTasks | None = None
        self._listed: float | None = None
        #: the service's time is at least ours plus this
        self._ahead: float | None = None

    def __getitem__(self, batch_task_id: str) -> Mapping[str, Any] | None:
        """Return a task as last seen; None when no list showed it."""
        seen = self._seen.get(batch_task_id)
        return None if seen is None else seen.task

    def version(self, batch_task_id: str) -> int:
        """Return a number that is another one after each change of the task; 0 while it is not known."""
        seen = self._seen.get(batch_task_id)
        return 0 if seen is None else seen.version

    def tasks(self) -> TasksById:
        """Return all tasks by their id; the same object until one of them changes."""
        if self._tasks is None:
            self._tasks = JobTasks((task_id, seen.task) for task_id, seen in self._seen.items())
        return self._tasks

    def changes(self) -> str | None:
        """Return the filter for what changed since the last list; None when only a whole list can tell."""
        if self._listed is None or self._ahead is None:
            return None
        since = datetime.fromtimestamp(self._listed + self._ahead - OVERLAP, timezone.utc)
        return f"stateTransitionTime ge DateTime'{since.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'"

    def take_all(self, tasks: Mapping[str, Mapping[str, Any]], asked: float, answered: float) -> bool:
        """
        Take a whole list; tasks that it does not show are forgotten.

        :param tasks: the tasks.
        :param asked: when the list was asked for.
        :param answered: when its last page came.
        :return: whether anything is other than before.
        """
        self._ahead = None
        missing = [key for key, seen in self._seen.items() if key not in tasks and seen.asked < asked]
        for batch_task_id in missing:
            self.forget(batch_task_id)
        return self.take_changes(tasks, asked, answered) or bool(missing)

    def take_changes(self, tasks: Mapping[str, Mapping[str, Any]], asked: float, answered: float) -> bool:
        """Take a list of changes; see :meth:`take_all`."""
        changed = [key for key, task in tasks.items() if self.take(key, task, asked, answered)]
        self._listed = asked
        return bool(changed)

    def take(self, batch_task_id: str, task: Mapping[str, Any], asked: float, answered: float) -> bool:
        """Take a look at one task; see :meth:`take_all`."""
        changed = _changed(task)
        if changed:
            ahead = changed - answered
            self._ahead = ahead if self._ahead is None else max(ahead, self._ahead)
        known = self._seen.get(batch_task_id)
        if known is not None and _is_outdated(known, changed, asked):
            return False
        is_news = known is None or known.task != task
        self._versions += is_news
        version = self._versions if known is None or is_news else known.version
        self._seen[batch_task_id] = _Seen(task, changed, asked, version)
        if is_news:
            self._tasks = None
        return is_news

    def forget(self, batch_task_id: str) -> None:
        """Forget a task that does not exist any more."""
        if self._seen.pop(batch_task_id, None) is not None:
            self._tasks = None


def _changed(task: Mapping[str, Any]) -> float:
    stamp = task.get("stateTransitionTime")
    return utc(str(stamp)).timestamp() if stamp else 0.0


def _is_outdated(known: _Seen, changed: float, asked: float) -> bool:
    """Tell whether what is known is newer than what came; answers overtake each other, and lists lag."""
    if asked < known.asked:
        return changed <= known.changed
    # A clock that was set back must not keep us from ever seeing a change.
    return changed < known.changed and asked - known.asked < OVERLAP
