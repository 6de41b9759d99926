"""
Whether a worker still holds its Batch task, told from the ETags that it saw.

A worker that is killed can ask nothing of Airflow: the signal may have come in the middle of a request. So it
judges by Batch alone. A later try that takes a task over moves its ETag and nothing else; a node that moves
it (if the service does that at all) changes the state of the task too. What happened while the worker did not
look is not known: by then Airflow may have taken it for dead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_batch.domain.requests import Answer

__all__ = ["Hold"]

#: a worker that has looked at its task within this time is not taken for dead by Airflow
ALIVE = timedelta(seconds=60)


class Hold:
    """What a worker has seen of its task's ETag."""

    def __init__(self) -> None:
        self._etag: str | None = None
        self._changed: str | None = None
        self._seen: datetime | None = None
        self._is_lost = False

    def wrote(self, etag: str | None, now: datetime) -> None:
        """
        Note the ETag of our own write.

        :param etag: the ETag.
        :param now: the time.
        """
        self._etag, self._changed, self._seen, self._is_lost = etag, None, now, False

    def saw(self, answer: Answer, now: datetime) -> bool:
        """
        Note how the task is now.

        :param answer: the task, with its ``stateTransitionTime``.
        :param now: the time.
        :return: whether it is still ours; once lost is lost.
        """
        changed = str(answer.json.get("stateTransitionTime"))
        if self._etag is not None and answer.etag not in (None, self._etag):
            is_recent = self._seen is not None and now - self._seen <= ALIVE
            self._is_lost |= changed == self._changed or not is_recent
        self._etag, self._changed, self._seen = answer.etag or self._etag, changed, now
        return not self._is_lost
