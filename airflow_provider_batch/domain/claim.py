"""What a try of an Airflow task says of the Batch task that it has taken, so that other tries know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission

__all__ = ["Claim"]


@dataclass(frozen=True)
class Claim:
    """
    The Batch task that a try has taken.

    :param try_number: the try.
    :param batch_job_id: the job of the task.
    :param batch_task_id: the task.
    :param etag: ETag of the try's last write to the task, or of its first look.
    :param stale_end: end time of the failure that an earlier try has answered for.
    """

    try_number: int
    batch_job_id: str
    batch_task_id: str
    etag: str | None = None
    stale_end: str | None = None

    @property
    def key(self) -> TaskKey:
        """Job and task as one value."""
        return TaskKey(self.batch_job_id, self.batch_task_id)

    @classmethod
    def read(cls, data: Any) -> Claim | None:
        """
        Read a claim from the XCom; None when it holds none.

        :param data: the XCom's value; other keys in it are the watch's.
        """
        if not isinstance(data, Mapping) or "batch_task_id" not in data:
            return None
        return cls(
            try_number=int(data["try_number"]),
            batch_job_id=str(data["batch_job_id"]),
            batch_task_id=str(data["batch_task_id"]),
            etag=data.get("etag"),
            stale_end=data.get("stale_end"),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what goes into the XCom."""
        return {
            "try_number": self.try_number,
            "batch_job_id": self.batch_job_id,
            "batch_task_id": self.batch_task_id,
            "etag": self.etag,
            "stale_end": self.stale_end,
        }

    def submission(self, batch_pool_id: str | None) -> Submission:
        """
        Return the task as what a watch takes.

        :param batch_pool_id: pool of the job.
        """
        return Submission(
            self.key, batch_pool_id, self.etag, adopted=True, stale_end=self.stale_end, shared_job=True
        )
