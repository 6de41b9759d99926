"""A pool that comes with a job and goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Spec

if TYPE_CHECKING:
    from airflow_provider_batch.specs.pool import PoolSpec


@dataclass(frozen=True, kw_only=True)
class AutoPoolSpec(Spec):
    """
    A pool that the service makes for one job and deletes when that job has ended.

    It costs the start of its nodes each time, and no two jobs share it; in return nothing of it is left, also
    when Airflow dies: the job's own time limit (``max_wall_clock_time``) ends it. Files on its nodes go with
    it.

    Example::

        JobSpec(
            auto_pool_specification=AutoPoolSpec(
                pool=PoolSpec(
                    vm_size="standard_d2s_v5", image=VmImage.ubuntu("22.04"), target_low_priority_nodes=4
                ),
                auto_pool_id_prefix="render-",
            )
        )

    :param pool: the pool, without an id, which the service makes.
    :param auto_pool_id_prefix: how that id begins; at most 20 letters, digits, hyphens and underscores.
    :param keep_alive: the pool outlives the job, and bills until you delete it: for a look at its nodes.
    :param pool_lifetime_option: ``job``; ``jobschedule`` is for the jobs of a job schedule only.
    """

    definition: ClassVar[str] = "BatchAutoPoolSpecification"

    pool: PoolSpec | Json
    auto_pool_id_prefix: str | None = None
    keep_alive: Flag | None = None
    pool_lifetime_option: str = "job"
