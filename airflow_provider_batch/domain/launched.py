"""What launch tells the members of its group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.requests import TaskKey

__all__ = ["Launched"]


@dataclass(frozen=True)
class Launched:
    """
    What launch tells the members, through its XCom; nothing in it belongs to a single member.

    :param batch_job_id: the job that it planned into, or the open one.
    :param generation: its generation.
    :param batch_pool_id: its pool; None when the service has not said which one it made for the job.
    :param azure_batch_conn_id: Airflow connection of the Batch account.
    :param account: ARM id of the account, for links; None when the connection does not tell.
    :param blocks: members whose tasks have numbers for ids: the first number and how many.
    :param plans_anew: launch was cleared, and has planned what is to run since; members that were cleared
        with it find their new work there. False when their job went on.
    """

    batch_job_id: str
    generation: int
    batch_pool_id: str | None
    azure_batch_conn_id: str
    account: str | None = None
    blocks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    plans_anew: bool = False

    def planned_key(self, member_id: str, map_index: int) -> TaskKey:
        """
        Return job and id of the task that launch planned for a member, if it planned one.

        :param member_id: the Airflow task.
        :param map_index: its map index.
        """
        offset = max(map_index, 0)
        if (block := self.blocks.get(member_id)) and offset < block[1]:
            return TaskKey(self.batch_job_id, str(block[0] + offset))
        return TaskKey(self.batch_job_id, ids.member_task_id(member_id, map_index))

    def as_json(self) -> dict[str, Any]:
        """Return what goes into the XCom."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Launched:
        """Read what :meth:`as_json` wrote."""
        return cls(**data)
